"""A model's own __call__: the fast way beside the full load."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.callable_models import MODELS as CALLABLE
from apis.lean.lean_loading import counted, full_object, graph_of

from unihub.apis.lean import routes

# Whose calls are all left to the full object.
LEFT = ("any_number", "named", "without_result")

# Places of the calls that need nothing of TensorFlow's own object.
DIRECT = {
    "composite": [0],
    "constrained": [0, 1, 2, 3, 6, 9, 10, 11],
    "equal": [1, 3, 5, 7],
    "failing": [0, 2],
    "further": [0, 1, 2, 3, 4],
    "mixed": [2, 3, 4, 7, 8],
    "named_specs": [0, 1, 2],
    "nothing": [0],
    "ordered": [0, 1, 2, 3, 4, 5],
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


def test_the_functions_are_those_that_tensorflow_makes(model):
    """What TensorFlow makes of them, to the last bits, depends on all that is in them."""
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    name, path, calls = model
    for place in DIRECT.get(name, []):
        lean, full = counted(path)[0], full_object(path)
        for each in (lean, full):
            outcome(calls[place], each)
        (route,) = routes_of(lean)
        (traced,) = full.__call__._variable_creation_config.function_cache.values()
        assert graph_of(context, route.wrapper.name) == graph_of(context, traced.name)


def routes_of(lean):
    found = lean._lean_call._lean_function._routes
    return [*found._routes.values(), *found._of_values.values()]


def test_functions_for_pythons_values_are_forgotten(folder):
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    path = str(folder / "texts")
    if not tf.io.gfile.exists(path):
        CALLABLE["texts"][0](path)
    lean, loads = counted(path)
    for number in range(100):
        assert lean([str(number)], True)[2].numpy() == [str(number).encode()]
    kept = routes_of(lean)
    assert (len(kept), loads.count) == (routes._MOST_OF_VALUES, 0)
    assert all(context.has_function(route.wrapper.name) for route in kept)
    direct = lean._lean_call._lean_function._direct
    assert len(direct._wrappers) == routes._MOST_OF_VALUES


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


CALLS = [
    lambda m, x: m(x),
    lambda m, x: m(True),
    lambda m, x: m(1),
    lambda m, x: m(1.0),
    lambda m, x: m(0.0),
    lambda m, x: m(-0.0),
    lambda m, x: m(x, 1),
    lambda m, x: m(x, True),
    lambda m, x: recorded(m, x),
    lambda m, x: recorded(m, True),
    lambda m, x: recorded(m, 1),
    lambda m, x: tf.function(lambda x: m(x))(x),
    lambda m, x: tf.function(lambda x: m(x), input_signature=[tf.TensorSpec([None])])(x),
    lambda m, x: m.v,
]


def recorded(model, x):
    with tf.GradientTape() as tape:
        found = model(x)
    return found, len(tape.watched_variables())


@settings(max_examples=25)
@given(calls=st.lists(st.tuples(st.sampled_from(range(len(CALLS))), st.integers(1, 2)), max_size=6))
@example(calls=[(0, 2), (12, 1), (0, 2)])
def test_what_was_called_before_counts_as_in_the_full_object(history, calls):
    """TensorFlow serves a call by what it has traced for an equal one, or for any size."""
    lean, full = counted(history)[0], full_object(history)
    for place, size in calls:
        x = tf.ones([size])
        found, expected = (outcome(CALLS[place], model, x) for model in (lean, full))
        if place != CALLS.index(CALLS[-1]):
            assert found == expected


@pytest.fixture(scope="module")
def history(folder):
    """Its traces for one and for any size, and for Python values, show in the result."""
    v = tf.Variable(2.0)

    @tf.function
    def call(x, flag=False):
        kind = 100.0 if x.shape.rank is None else float(sum(n or 10 for n in x.shape) + 20)
        return tf.reduce_sum(x * v) + kind + (1000.0 if flag is True else 2000.0 if flag else 0.0)

    module = tf.Module()
    module.v, module.__call__ = v, call
    for spec in (tf.TensorSpec([1]), tf.TensorSpec([None]), tf.TensorSpec([])):
        call.get_concrete_function(spec)
        call.get_concrete_function(spec, 1)
    tf.saved_model.save(module, str(folder / "history"))
    return str(folder / "history")


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
