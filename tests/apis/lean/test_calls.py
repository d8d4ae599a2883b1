"""A model's own __call__: the fast way beside the full load."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean import callable_models
from apis.lean.callable_models import MODELS as CALLABLE
from apis.lean.lean_loading import counted, full_object

from unihub.apis.lean import direct_call

# Whose calls are all left to the full object.
LEFT = ("any_number", "named", "without_result")

# Places of the calls that need nothing of TensorFlow's own object.
DIRECT = {
    "composite": [0],
    "constrained": [0, 1, 2, 3, 6, 9, 10, 11],
    "failing": [0, 2],
    "further": [0, 1, 2, 3, 4],
    "nothing": [0],
    "shapes": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    "structures": [0, 1, 2, 7, 8, 11],
    "texts": [0, 1, 2, 4, 5, 8],
    "unproven": [1, 3, 4],
    "values": [0, 1, 2, 3, 4, 5, 9, 10, 12, 22, 23],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("callable")


@pytest.fixture(scope="module", params=sorted(CALLABLE))
def model(request, folder):
    save, calls = CALLABLE[request.param]
    path = str(folder / request.param)
    save(path)
    return request.param, path, calls


def described(value):
    """A result in a form that shows its types, its structure and every bit."""
    if isinstance(value, (tf.RaggedTensor, tf.SparseTensor)):
        parts = tf.nest.flatten(value, expand_composites=True)
        return [type(value).__name__, *map(described, parts)]
    if isinstance(value, dict):
        return [type(value), [(name, described(part)) for name, part in value.items()]]
    if isinstance(value, (list, tuple)):
        return [type(value), *map(described, value)]
    if isinstance(value, tf.Tensor):
        bits = value.numpy().tolist() if value.dtype == tf.string else value.numpy().tobytes()
        return [type(value), value.dtype, value.shape.as_list(), bits]
    return value


def outcome(call, *given):
    try:
        return described(call(*given))
    # Whatever TensorFlow raises is to be raised by both.
    except Exception as error:
        text = re.sub(r"0x[0-9a-f]+|__\w+_\d+\w*|\{\{.*?\}\}|Op:\w+|\[.*?\]", "", str(error))
        return type(error), text.partition("\n")[0]


def test_each_call_gives_what_the_full_object_gives(model):
    name, path, calls = model
    lean, loads = counted(path)
    assert (lean is None) == (name in LEFT)
    if lean is None:
        return
    full = full_object(path)
    for place, call in enumerate(calls):
        assert (place, outcome(call, lean)) == (place, outcome(call, full))
    assert loads.count == 0


def test_which_calls_run_directly(model):
    name, path, calls = model
    found = []
    for place, call in enumerate(calls):
        lean, _ = counted(path)
        if lean is None:
            continue
        outcome(call, lean)
        if lean._lean_call._lean_function.own is None:
            found.append(place)
    assert found == DIRECT.get(name, [])


@pytest.fixture
def structures(folder):
    path = str(folder / "structures")
    if not tf.io.gfile.exists(path):
        CALLABLE["structures"][0](path)
    return path


def test_the_functions_are_those_that_tensorflow_makes(structures):
    """What TensorFlow makes of them, to the last bits, depends on all that is in them."""
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    lean, full = counted(structures)[0], full_object(structures)
    inputs = callable_models.inputs()
    lean(inputs)
    call = lean._lean_call._lean_function._direct
    *_, route = call._routes.values()
    found = context.get_function_def(route.name)
    assert route.name.endswith(call._traces[route.trace].name)
    concrete = full.__call__.get_concrete_function(inputs)
    expected = context.get_function_def(concrete.name)
    for ours, theirs in ((found, expected), (_inner(context, found), _inner(context, expected))):
        places = range(len(tf.nest.flatten(inputs)))
        assert [ours.arg_attr[n].attr["_output_shapes"] for n in places] == [
            theirs.arg_attr[n].attr["_output_shapes"] for n in places
        ]
        assert sorted(map(_essence, ours.node_def)) == sorted(map(_essence, theirs.node_def))
        assert ours.attr == theirs.attr
        assert len(ours.control_ret) == len(theirs.control_ret)
        assert ours.signature.is_stateful == theirs.signature.is_stateful


def test_the_function_for_pythons_values_is_that_of_tensorflow(folder):
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    path = str(folder / "texts")
    if not tf.io.gfile.exists(path):
        CALLABLE["texts"][0](path)
    lean, full = counted(path)[0], full_object(path)
    given = (["a", "bcd"], tf.constant(True))
    lean(*given)
    call = lean._lean_call._lean_function._direct
    *_, route = call._of_values.values()
    found = context.get_function_def(route.name)
    expected = context.get_function_def(full.__call__.get_concrete_function(*given).name)
    assert sorted(map(_essence, found.node_def)) == sorted(map(_essence, expected.node_def))
    assert [str(one.attr["_output_shapes"]) for one in found.arg_attr.values()] == [
        str(one.attr["_output_shapes"]) for one in expected.arg_attr.values()
    ]
    assert found.signature.is_stateful == expected.signature.is_stateful


def test_functions_for_pythons_values_are_forgotten(folder):
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    path = str(folder / "texts")
    if not tf.io.gfile.exists(path):
        CALLABLE["texts"][0](path)
    lean, loads = counted(path)
    for number in range(100):
        assert lean([str(number)], True)[2].numpy() == [str(number).encode()]
    call = lean._lean_call._lean_function._direct
    assert (len(call._of_values), loads.count) == (direct_call._MOST_OF_VALUES, 0)
    assert sum(context.has_function(name) for name in call._names) == len(call._names)
    assert len(call._names) <= direct_call._MOST_OF_VALUES + len(call._routes) + 1


def _inner(context, function):
    (name,) = [node.attr["f"].func.name for node in function.node_def if "f" in node.attr]
    return context.get_function_def(name)


def _essence(node):
    """Of a node what is not a name, or the default of an attribute."""
    shown = {
        name: str(value)
        for name, value in node.attr.items()
        if not name.startswith("_") and not value.HasField("func") and value.ByteSize() > 2
    }
    left = ("T", "Tin", "Tout", "dtype", "transpose_a", "value")
    return node.op, len(node.input), node.device, [(n, shown[n]) for n in left if n in shown]


def test_later_calls_are_served_by_a_trace_as_in_the_full_object(folder):
    """TensorFlow calls what it traced for unknown sizes, where it traced for such."""
    path = str(folder / "shapes")
    if not tf.io.gfile.exists(path):
        CALLABLE["shapes"][0](path)
    results = []
    for model in (counted(path)[0], full_object(path)):
        before = model(tf.ones([3, 3])).numpy()
        tf.function(lambda x, model=model: model(x), input_signature=[tf.TensorSpec([None, 3])])(
            tf.ones([3, 3])
        )
        results.append((before, model(tf.ones([5, 3])).numpy(), model(tf.ones([2, 5])).numpy()))
    assert results[0] == results[1]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_input_gives_what_the_full_object_gives(any_pair, data):
    lean, full = any_pair
    sizes = data.draw(st.lists(st.integers(0, 4), max_size=3))
    dtype = tf.as_dtype(data.draw(st.sampled_from(["float32"] * 6 + ["float64", "int32"])))
    value = tf.cast(tf.reshape(tf.range(tf.reduce_prod(sizes)), sizes), dtype)
    given_as = data.draw(st.sampled_from([tf.identity] * 4 + [lambda x: x.numpy(), tf.Variable]))
    value = given_as(value)
    named = data.draw(
        st.dictionaries(
            st.sampled_from(["mode", "power", "flag", "shift"]),
            st.sampled_from([None, True, False, 1, 2, 0.5, 1.0, 2.5, "plain", "other"]),
            max_size=3,
        )
    )
    assert outcome(lambda m: m(value, **named), lean) == outcome(lambda m: m(value, **named), full)


@pytest.fixture(scope="module", params=["shapes", "values"])
def any_pair(request, folder):
    path = str(folder / f"{request.param}-any")
    CALLABLE[request.param][0](path)
    return counted(path)[0], full_object(path)
