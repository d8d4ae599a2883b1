"""Every signature of every model: the fast way beside the full load."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS, ROOT, SHARED_MODELS
from fixtures.expected import expected_file, read_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from unihub import formats, runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import (
    counted,
    full_object,
    graph_of,
    inputs_of,
    lean_object,
    path_of,
    request_for,
    without_handles,
)

# Which signatures are left to the full load, and why.
LEFT = {
    "tf1_hub_image train": "draws random numbers",
    "tf1_hub train": "draws random numbers",
    "tf1_hub_partitioned": "a variable in parts",
    "tf1_hub_sparse": "a composite input",
    "tf1_saved_model_pbtxt": "in text format",
    "cosmic_rim__likelihood_1569678366": "draws random numbers",
    "rstudio_tfdeploy__tensorflow-mnist-pbtxt": "in text format",
    "tf_rust__regression_savedmodel/train": "writes to its variables",
}
# TensorFlow takes many seconds to build these.
SLOW_GRADIENTS = ("basic_pitch__nmp", "mlcommons_tiny__kws_ref_model")


def signatures():
    folders = [*MODELS.iterdir(), *(ROOT / "unihub" / "demo" / "models").iterdir()]
    if SHARED_MODELS.is_dir():
        folders += SHARED_MODELS.iterdir()
    for folder in sorted(path for path in folders if path.is_dir()):
        for graph in formats.read_saved_model(folder).meta_graphs:
            names = list(graph.signatures)
            if folder.parent == SHARED_MODELS:
                # Large: one of each is enough.
                left = [name for name in names if label(folder, graph.tags, name) in LEFT]
                names = [*left, *(name for name in names[:1] if name not in left)]
            for name in names:
                yield pytest.param(folder, graph.tags, name, id=label(folder, graph.tags, name))


def label(folder, tags, name):
    variant = " train" if "train" in tags else " gpu" if "gpu" in tags else ""
    return f"{folder.name}{variant}/{name}"


def left_to_the_full_load(folder, tags, name):
    names = (label(folder, tags, name), label(folder, tags, name).partition("/")[0])
    return any(found in LEFT for found in names)


def outcome(call):
    """What a call gives, in a form that two calls can be compared in."""
    try:
        result = call()
    except Exception as error:
        return type(error)
    return [
        (name, value.dtype, value.shape.as_list(), content(value)) for name, value in result.items()
    ]


def content(value):
    return value.numpy().tolist() if value.dtype == tf.string else value.numpy().tobytes()


def gradients(model, inputs):
    """Of the sum of all outputs, by the inputs and by the variables of the full object."""
    watched = [value for value in inputs.values() if value.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = model(inputs)
        floating = [tf.reduce_sum(v) for v in outputs.values() if v.dtype.is_floating]
        total = tf.add_n(floating) if floating else None
    if total is None:
        return []
    sources = watched + list(getattr(model, "variables", []))
    return [
        gradient if gradient is None else tf.convert_to_tensor(gradient).numpy().tobytes()
        for gradient in tape.gradient(total, sources)
    ]


def outcome_of_gradients(model, inputs):
    try:
        return gradients(model, inputs)
    # TensorFlow has no gradient of some loops, and says so in its own ways.
    except (AttributeError, LookupError, tf.errors.InvalidArgumentError) as error:
        return type(error)


@pytest.mark.parametrize(("folder", "tags", "name"), list(signatures()))
def test_all_that_can_be_seen_is_what_the_full_load_gives(folder, tags, name):
    choices = {"tags": tags, "signature": name, "as_dict": True}
    lean, loads = counted(folder, **choices)
    assert (lean is None) == left_to_the_full_load(folder, tags, name)
    if lean is None:
        return
    full = full_object(folder, **choices)
    inputs = inputs_of(request_for(folder, tags=tags).meta_graph.signatures[name])
    expected = outcome(lambda: full(inputs))
    assert outcome(lambda: lean(inputs)) == expected
    assert loads.count == 0 or isinstance(expected, type)
    if folder.name not in SLOW_GRADIENTS:
        assert outcome_of_gradients(lean, inputs) == outcome_of_gradients(full, inputs)
    traced = tf.function(lambda x: lean(x))
    if isinstance(expected, type):
        assert outcome(lambda: traced(inputs)) == outcome(
            lambda: tf.function(full.__call__)(inputs)
        )
    else:
        assert outcome(lambda: traced(inputs)) == expected
    assert outcome(lambda: lean(inputs)) == expected
    assert loads.count <= 1


# TensorFlow copies the loops of TensorFlow 1 in any order.
UNORDERED = ("tf1_hub_control_flow",)


@pytest.mark.parametrize(("folder", "tags", "name"), list(signatures()))
def test_the_function_is_the_one_that_tensorflow_makes(folder, tags, name):
    """What TensorFlow makes of it, to the last bits, depends on all that is in it."""
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    choices = {"tags": tags, "signature": name, "as_dict": True}
    lean, _ = counted(folder, **choices)
    if lean is None or folder.name in UNORDERED:
        return
    full = full_object(folder, **choices)
    found = graph_of(context, lean._lean_function._direct.name)
    expected = graph_of(context, full.signatures[name].name)
    if not request_for(folder, tags=tags).meta_graph.object_graph:
        found, expected = without_handles(found), without_handles(expected)
    assert found == expected


SIGNATURES = [
    (MODELS / "tf2_signatures_only", "serving_default"),
    (MODELS / "tf1_saved_model_pb", "serving_default"),
    (MODELS / "tf1_hub_image", "default"),
    (MODELS / "keras2_saved_model", "serving_default"),
    (MODELS / "keras3_export", "serve"),
]
IDS = [folder.name for folder, _ in SIGNATURES]


@pytest.fixture(scope="module", params=SIGNATURES, ids=IDS)
def pair(request):
    folder, name = request.param
    lean, full = (load(folder, signature=name, as_dict=True) for load in (lean_object, full_object))
    return lean, full, request_for(folder).meta_graph.signatures[name]


@settings(max_examples=25)
@given(data=st.data())
def test_any_input_gives_what_the_full_object_gives(pair, data):
    lean, full, signature = pair
    inputs = {}
    for name, info in signature.inputs.items():
        rank = len(info.shape)
        sizes = [
            data.draw(st.integers(0, 3))
            if size is None or data.draw(st.integers(0, 9)) == 0
            else size
            for size in info.shape
        ]
        if data.draw(st.integers(0, 9)) == 0:
            sizes = sizes[: max(rank - 1, 0)]
        dtypes = [info.dtype] * 8 + ["float64", "int32"]
        dtype = tf.as_dtype(data.draw(st.sampled_from(dtypes)))
        values = np.random.RandomState(data.draw(st.integers(0, 9))).uniform(-9, 9, sizes)
        if not dtype.is_floating:
            values = values.astype("int64")
        value = tf.constant(values, dtype)
        inputs[name] = data.draw(st.sampled_from([value, value, value, value.numpy()]))
    assert outcome(lambda: lean(inputs)) == outcome(lambda: full(inputs))


def test_the_answers_of_the_fixtures(pair):
    lean, _, signature = pair
    folder = path_of(lean)
    for case in read_cases(expected_file(folder.rpartition("/")[2])):
        if case.signature == signature.name:
            outputs = lean({name: tf.constant(value) for name, value in case.inputs.items()})
            for name, value in case.outputs.items():
                np.testing.assert_allclose(outputs[name], value, rtol=1e-4, atol=1e-5)


def test_in_a_dataset(pair):
    lean, full, signature = pair
    inputs = inputs_of(signature)
    expected = outcome(lambda: full(inputs))
    found = list(tf.data.Dataset.from_tensors(inputs).repeat(3).map(lambda x: lean(x)))
    assert [outcome(lambda x=x: x) for x in found] == [expected] * 3


def test_in_threads(pair):
    _, full, signature = pair
    lean, loads = counted(path_of(pair[0]), signature=signature.name, as_dict=True)
    inputs = inputs_of(signature)
    expected = outcome(lambda: full(inputs))
    ready = threading.Barrier(4)

    def call(place):
        ready.wait()
        found = [outcome(lambda: lean(inputs)) for _ in range(10)]
        if place % 2:
            found += [outcome(lambda: tf.function(lambda x: lean(x))(inputs))]
            found += [outcome(lambda: lean.signatures[signature.name](**inputs))]
        return found

    with ThreadPoolExecutor(4) as threads:
        found = [result for results in threads.map(call, range(4)) for result in results]
    assert found == [expected] * len(found)
    # The graphs of TensorFlow 1 are not taken apart.
    assert loads.count == (1 if "tf1" in path_of(lean) else 0)


def test_inputs_are_given_as_the_full_object_takes_them():
    lean = lean_object(MODELS / "tf1_saved_model_pb", signature="project")
    full = full_object(MODELS / "tf1_saved_model_pb", signature="project")
    for x in (tf.ones([2, 3]), np.ones([2, 3], "float32"), [[1, 2, 3]], tf.Variable([[1.0, 2, 3]])):
        assert lean(x).numpy().tolist() == full(x).numpy().tolist()
        assert lean({"x": x}).numpy().tolist() == full(x=x).numpy().tolist()


WRONG = [
    ((), {}),
    ((tf.ones([2, 3]), tf.ones([2, 3])), {}),
    ((), {"y": tf.ones([2, 3])}),
    ((tf.ones([2, 3], tf.int64),), {}),
    ((tf.ones([3]),), {}),
    ((tf.ones([2, 4]),), {}),
    (("text",), {}),
    ((tf.sparse.from_dense([[1.0]]),), {}),
    ((None,), {}),
]


@pytest.mark.parametrize(
    "folder", [MODELS / "tf1_saved_model_pb", MODELS / "tf2_reusable"], ids=lambda path: path.name
)
def test_wrong_inputs_are_refused_as_by_the_full_object(folder):
    name = "project" if folder.name.startswith("tf1") else "serving_default"
    lean, full = lean_object(folder, signature=name), full_object(folder, signature=name)
    for args, kwargs in WRONG:
        errors = []
        for model in (lean, full):
            with pytest.raises(Exception) as caught:
                model(*args, **kwargs)
            errors.append((type(caught.value), *getattr(caught.value, "facts", {}).items()))
        assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "choices",
    [{"output_key": "sum"}, {"as_dict": True}, {}, {"output_key": "product"}],
    ids=str,
)
def test_the_output_is_chosen_as_from_the_full_object(choices):
    folder = MODELS / "tf1_saved_model_pb"
    signature = request_for(folder).meta_graph.signatures["serving_default"]
    inputs = inputs_of(signature)
    lean, full = lean_object(folder, **choices), full_object(folder, **choices)
    tf.nest.map_structure(np.testing.assert_array_equal, lean(inputs), full(inputs))


def test_what_is_left_to_the_full_load():
    folder = MODELS / "tf2_reusable"
    options = tf.saved_model.LoadOptions()
    assert lean_object(folder, signature="serving_default", options=options) is None
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        assert lean_object(folder, signature="serving_default") is None
    with tf.Graph().as_default():
        assert lean_object(folder, signature="serving_default") is None
    assert tf.function(
        lambda: [lean_object(folder, signature="serving_default")], autograph=False
    )() == [None]


def test_the_same_signature_twice_shares_its_weights():
    folder = MODELS / "tf2_reusable"
    first, second = (lean_object(folder, signature="serving_default") for _ in range(2))
    assert first is not second
    assert first._lean_function._direct is second._lean_function._direct
    assert first._lean_function.tensors[0][0] is second._lean_function.tensors[0][0]
    x = tf.ones([1, 3])
    before = second(x).numpy().tolist()
    for variable in first.variables:
        variable.assign(variable + 1)
    assert second(x).numpy().tolist() == before
    assert first(x).numpy().tolist() != before


def test_functions_leave_the_runtime_with_the_object(tmp_path):
    # Another folder than any object has that an earlier test left.
    folder = str(tmp_path / "model")
    shutil.copytree(str(MODELS / "tf1_saved_model_pb"), folder)
    context = pytest.importorskip("tensorflow.python.eager.context").context()

    def load():
        lean = lean_object(folder, signature="project")
        lean(tf.ones([1, 3]))
        return lean._lean_function._direct.name

    names = [load() for _ in range(30)]
    assert len(set(names)) == 30
    assert not any(context.has_function(name) for name in names)
