"""Why a loaded object's own call is refused, and that all else of the object is as it was."""

from __future__ import annotations

import inspect
from collections import namedtuple

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS

import unihub
from unihub.apis.inputs import WrongInputs
from unihub.apis.own_call import call_explained

pytestmark = pytest.mark.usefixtures("eager")

needs_tf2 = pytest.mark.skipif(
    tf.__version__.startswith("1."), reason="TensorFlow 1.15 has another tf.saved_model.load"
)

X = np.random.RandomState(0).uniform(-1, 1, (2, 3)).astype(np.float32)


def path(name):
    return str(MODELS / name)


@pytest.fixture(params=[True, False], ids=["fast", "full"])
def load(request):
    return lambda name: unihub.load(path(name), fast=request.param)


def ids(**changes):
    return {"ids": np.ones(2, np.int32), "weights": np.ones(2, np.float32), **changes}


# The model, the arguments, and what the error says.
REFUSED = {
    "size": ("tf2_reusable", [X[:, :2]], {}, "wrong-input-shape", "float32[2,2]"),
    "no batch": ("tf2_reusable", [X[0]], {}, "wrong-input-shape", "m(tf.expand_dims(x, axis=0))"),
    "dtype": ("tf2_reusable", [[[1, 2, 3]]], {}, None, None),
    "whole numbers": (
        "tf2_reusable",
        [X.astype(np.int32)],
        {},
        "wrong-input-dtype",
        'm(tf.cast(x, "float32"))',
    ),
    "one text": ("tf2_text", ["hello"], {}, "wrong-input-shape", "m(tf.expand_dims(x, axis=0))"),
    "a list of texts": ("tf2_text", [["a", "b"]], {}, None, None),
    "nested texts": (
        "tf2_text",
        [[["a", "b"]]],
        {},
        "wrong-input-shape",
        "m(tf.reshape(x, (-1,)))",
    ),
    "numbers for texts": (
        "tf2_text",
        [[1, 2]],
        {},
        "wrong-input-dtype",
        "m(tf.strings.as_string(x))",
    ),
    "a dict": ("tf2_reusable", [{"x": X}], {}, "wrong-input-structure", "m(inputs['x'])"),
    "no dict": (
        "tf2_dict",
        [X],
        {},
        "wrong-input-structure",
        "m({'ids': tf.zeros([1], tf.int32), 'weights': tf.zeros([1])})",
    ),
    "a name": (
        "tf2_dict",
        [{"id": [1], "weights": [1.0]}],
        {},
        "wrong-input-names",
        "'id' is named 'ids'",
    ),
    "in a dict": (
        "tf2_dict",
        [ids(ids=tf.constant([1.0, 2.0]))],
        {},
        "wrong-input-dtype",
        "m({'ids': tf.cast(ids, \"int32\"), 'weights': weights})",
    ),
    "a tuple": ("tf2_list", [(X, X)], {}, "wrong-input-structure", "m(list(x))"),
    "a keyword": ("tf2_reusable", [X], {"trainig": True}, "wrong-arguments", "m(x, training=True)"),
    "a value": (
        "tf2_reusable",
        [X],
        {"training": 2},
        "wrong-arguments",
        "training=True or training=False",
    ),
    "too many": ("tf2_reusable", [X, True, 3], {}, "wrong-arguments", "3 are given by position"),
    "nothing": ("tf2_reusable", [], {}, "wrong-arguments", "m(tf.zeros([1, 3]))"),
    "parts by name": (
        "tf2_dict",
        [],
        ids(),
        "wrong-arguments",
        "m(dict(ids=ids, weights=weights))",
    ),
    "twice": ("tf2_reusable", [X], {"x": X}, "wrong-arguments", "by position and by name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_three_lines(load, case):
    name, args, kwargs, code, text = REFUSED[case]
    model = load(name)
    if code is None:
        # TensorFlow converts it.
        model(*args, **kwargs)
        return
    with pytest.raises((ValueError, TypeError)) as refused:
        model(*args, **kwargs)
    error = refused.value
    assert (error.code, len(str(error).splitlines())) == (code, 3)
    assert text in str(error)
    assert path(name) in str(error)
    # The raw lines are not printed above; who wants them finds them.
    assert error.__suppress_context__
    # TensorFlow 1.15 asserts that nothing is missing.
    assert type(error.__context__) in (ValueError, TypeError, AssertionError)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_floats_of_another_precision_are_cast_as_in_a_layer(load, training, dtype):
    x = X.astype(dtype)
    expected = load("tf2_reusable")(tf.cast(x, tf.float32), training=training)
    for given in (x, tf.constant(x)):
        np.testing.assert_array_equal(load("tf2_reusable")(given, training=training), expected)
        np.testing.assert_array_equal(load("tf2_reusable")(x=given, training=training), expected)
    layer = unihub.KerasLayer(path("tf2_reusable"))
    np.testing.assert_array_equal(layer(x), load("tf2_reusable")(x))


def test_floats_in_a_nest_are_cast_where_they_are_taken(load):
    wanted = load("tf2_dict")(ids())["scores"]
    given = load("tf2_dict")(ids(weights=np.ones(2)))["scores"]
    np.testing.assert_array_equal(given, wanted)


def test_what_is_cast_has_gradients(load):
    x = tf.constant(X, tf.float64)
    model = load("tf2_reusable")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x)
    assert tape.gradient(y, x).dtype == tf.float64


def test_a_refusal_while_a_function_is_traced(load):
    model = load("tf2_reusable")
    with pytest.raises(ValueError, match="wrong-input-shape"):
        tf.function(lambda x: model(x))(X[:, :2])
    with pytest.raises(ValueError, match="wrong-input-shape"):
        tf.function(model)(tf.constant(X[:, :2]))
    np.testing.assert_array_equal(tf.function(model)(tf.constant(X)), model(X))


def test_an_error_of_the_model_itself_passes():
    def failing(x):
        raise ValueError("the model says so")

    with pytest.raises(ValueError, match=r"^the model says so$"):
        call_explained(failing, (X,), {}, "model")


class Several(tf.Module):
    """A __call__ of two tensors, a Python value and an argument by name only."""

    @tf.function
    def __call__(self, left, right, scale=1.0, *, shift=None):
        return left * tf.cast(right, tf.float32) * scale + (0.0 if shift is None else shift)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    module, folder = Several(), str(tmp_path_factory.mktemp("several"))
    left, right = tf.TensorSpec([None, 3], tf.float32), tf.TensorSpec([None, 1], tf.int32)
    module.__call__.get_concrete_function(left, right)
    module.__call__.get_concrete_function(left, right, 2.0)
    module.__call__.get_concrete_function(left, right, 2.0, shift=tf.TensorSpec([], tf.float32))
    tf.saved_model.save(module, folder)
    return folder


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
def test_arguments_are_compared_with_the_nearest_trace(several, fast):
    model, right = unihub.load(several, fast=fast), np.ones((2, 1), np.int32)
    np.testing.assert_array_equal(model(X, right, 2.0, shift=np.float64(1)), 2 * X + 1)
    for args, kwargs, text in (
        ((X, X), {}, 'm(left=left, right=tf.cast(tf.round(right), "int32"))'),
        ((X[0], right), {"scale": 2.0}, "right=right, scale=2.0)"),
        ((X, right, 3.0), {}, "scale=3.0 was not traced"),
        ((X, right, 3.0), {}, "it takes scale=1.0 or scale=2.0."),
        ((X, right, 2.0), {"shift": "far"}, "input 'shift' of"),
        ((X,), {}, "'right' is missing"),
        ((X, right), {"scael": 2.0}, "m(left, right, scale=2.0)"),
        ((X, right), {"elsewhere": 2.0}, "m(left, right)"),
    ):
        with pytest.raises((ValueError, TypeError)) as refused:
            model(*args, **kwargs)
        assert text in str(refused.value)


def test_a_typo_in_the_arguments_of_a_layer(several):
    layer = unihub.KerasLayer(lambda x, scale=1.0: x * scale, arguments={"sacle": 2.0})
    with pytest.raises((ValueError, TypeError), match="'sacle' is unknown") as refused:
        layer(X)
    assert refused.value.do == "unihub.KerasLayer(handle, arguments={'scale': 2.0})"


def test_a_typo_in_the_arguments_beside_a_signature(load):
    choice = {"signature": "serving_default", "signature_outputs_as_dict": True}
    layer = unihub.KerasLayer(path("tf2_signatures_only"), arguments={"rihgt": 1}, **choice)
    with pytest.raises(ValueError, match=r"wrong-input-names.*'rihgt'"):
        layer({"left": X, "right": X})


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
def test_any_number_of_inputs_goes_by_position(fast, tmp_path):
    root, spec = tf.Module(), tf.TensorSpec([None, 3])
    root.__call__ = tf.function(lambda *several: tf.add_n(several))
    for count in (2, 3):
        root.__call__.get_concrete_function(*[spec] * count)
    tf.saved_model.save(root, str(tmp_path / "m"))
    model = unihub.load(tmp_path / "m", fast=fast)
    for args, line in (
        ([X], "m(x0, tf.zeros([1, 3]))"),
        ([X, tf.ones([2, 3], tf.int32)], 'm(x0, tf.cast(x1, "float32"))'),
        ([X, X, tf.ones([2, 4])], "m(x0, x1, tf.zeros([1, 3]))  # with a float32[?,3] of yours"),
        ([[X, X]], "m(*inputs)"),
    ):
        with pytest.raises(WrongInputs) as refused:
            model(*args)
        assert refused.value.do == line


@needs_tf2
def test_the_full_object_is_as_tensorflow_loads_it(tmp_path):
    ours = unihub.load(path("tf2_reusable"), fast=False)
    own = tf.saved_model.load(path("tf2_reusable"))
    # tensorflow_hub's mark, which its load sets as well.
    own._is_hub_module_v1 = ours._is_hub_module_v1
    assert sorted(vars(ours)) == sorted(vars(own))
    # A copy is refused, in the words of LoadedNotCopied.
    assert set(dir(ours)) - {"__copy__", "__deepcopy__"} == set(dir(own))
    assert type(ours).__mro__[1:] == type(own).__mro__[1:]
    assert type(ours.__call__) is type(own.__call__)
    assert inspect.signature(ours) == inspect.signature(own)
    assert inspect.signature(type(ours).__call__) == inspect.signature(type(own).__call__)
    saved = []
    for name, model in (("ours", ours), ("own", own)):
        root = tf.Module()
        root.model = model
        root.run = tf.function(model, input_signature=[tf.TensorSpec([None, 3])])
        tf.saved_model.save(root, str(tmp_path / name))
        saved.append(tf.saved_model.load(str(tmp_path / name)))
    for again in saved:
        np.testing.assert_array_equal(again.run(X), own(X))
        np.testing.assert_array_equal(again.model(X), own(X))
    again = tf.saved_model.load(path("tf2_reusable"))
    with pytest.raises(ValueError, match="Could not find matching"):
        again(X[:, :2])


def test_parts_explain_themselves_as_the_whole_does(load):
    m = load("tf2_sub_objects")
    for call, code in (
        (lambda: m.encoder(X[:, :2]), "wrong-input-shape"),
        (lambda: m.encoder(), "wrong-arguments"),
        (lambda: m.decoder("hello"), "wrong-input-dtype"),
    ):
        with pytest.raises((ValueError, TypeError)) as refused:
            call()
        error = refused.value
        assert (error.code, len(str(error).splitlines())) == (code, 3)
        outputs = eval(error.do, {"m": m, "tf": tf, "x": X[:, :2]})
        assert outputs.shape[0] == 1
    assert m.encoder(X.astype(np.float64)).dtype == tf.float32


def test_functions_explain_themselves(load, tmp_path):
    obj = tf.Module()
    obj.half = tf.function(lambda x: x / 2.0, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(obj, str(tmp_path / "m"))
    m = unihub.load(str(tmp_path / "m"), fast=False)
    with pytest.raises((ValueError, TypeError)) as refused:
        m.half([["a"]])
    assert refused.value.do.startswith("m.half(")
    # In a function, too, and where it is saved again.
    assert tf.function(lambda x: m.half(x))(tf.ones([2])).shape == (2,)
    tf.saved_model.save(m, str(tmp_path / "again"))
    again = tf.compat.v1.saved_model.load_v2(str(tmp_path / "again"))
    assert again.half(tf.ones([2])).shape == (2,)


Pair = namedtuple("Pair", "a b")


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
def test_a_namedtuple_is_told_by_its_name_and_fields(fast, tmp_path):
    root = tf.Module()
    spec = Pair(tf.TensorSpec([None], tf.float32, "a"), tf.TensorSpec([None], tf.int32, "b"))
    root.__call__ = tf.function(lambda x: x.a + tf.cast(x.b, tf.float32), input_signature=[spec])
    tf.saved_model.save(root, str(tmp_path / "m"))
    m = unihub.load(tmp_path / "m", fast=fast)
    x = {"a": tf.ones([2]), "b": tf.ones([2], tf.int32)}
    assert m(Pair(**x)).numpy().tolist() == [2.0, 2.0]
    for given in (x, (x["a"], x["b"]), Pair(x["a"], x["a"])):
        with pytest.raises(WrongInputs, match="wrong-input") as refused:
            m(given)
        names = {"m": m, "x": given, "tf": tf}
        exec(f"{refused.value.do.replace('m(', 'y = m(', 1)}", names)
        assert names["y"].numpy().tolist() == [2.0, 2.0]
