"""The lean object of a callable model passes for the full one."""

from __future__ import annotations

import copy
import inspect
import pickle
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import tensorflow as tf
from conftest import MODELS, SHARED_MODELS

import unihub
from unihub import formats, runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import counted, forwards, full_object, graph_of, second

from unihub.apis.lean.calls import Trace

FOLDER = MODELS / "tf2_reusable"
X = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.fixture
def lean_and_loads():
    return counted(FOLDER)


@pytest.fixture
def full():
    return full_object(FOLDER)


def test_what_does_not_load_the_full_object(lean_and_loads, full):
    lean, loads = lean_and_loads
    assert callable(lean)
    assert lean
    assert lean == lean
    assert len({lean, lean}) == 1
    assert weakref.ref(lean)() is lean
    assert isinstance(lean, tf.Module) == isinstance(full, tf.Module)
    assert [c.__name__ for c in lean.__class__.__mro__] == [c.__name__ for c in type(full).__mro__]
    assert repr(lean).endswith("m(inputs) is its own __call__; loaded for its call>")
    assert inspect.signature(lean) == inspect.signature(full)
    assert type(full.__call__) is lean.__call__.__class__
    assert inspect.signature(lean.__call__) == inspect.signature(full.__call__)
    assert not hasattr(lean, "__name__")
    assert "<div" in lean._repr_html_()
    assert not hasattr(lean, "_ipython_canary_method_should_not_exist_")
    module = tf.Module()
    module.inner = lean
    assert module.variables == ()
    assert len(lean.__call__.concrete_functions) == len(full.__call__.concrete_functions)
    assert loads.count == 0


@pytest.mark.parametrize(
    "way",
    [
        lambda m: m(X, training=True),
        lambda m: tf.function(m)(X),
        lambda m: tf.function(m.__call__)(X),
        lambda m: tf.function(lambda x: m(x, training=False))(X),
        lambda m: tf.function(lambda x: m(x), jit_compile=True)(X),
        lambda m: m.__call__(X),
        lambda m: m.__call__.get_concrete_function(tf.TensorSpec([None, 3]))(X),
        lambda m: tf.stack(list(tf.data.Dataset.from_tensors(X).map(m))),
        lambda m: tf.map_fn(lambda row: m(row[None])[0], X),
        lambda m: tf.vectorized_map(lambda row: m(row[None])[0], X),
        lambda m: tf.py_function(m, [X], tf.float32),
        lambda m: tf.distribute.OneDeviceStrategy("CPU:0").run(m, (X,)),
        lambda m: unihub.KerasLayer(m)(X),
        lambda m: copy.copy(m)(X),
        lambda m: tf.function(lambda x: tf.gradients(m(x), x)[0])(X),
        lambda m: forwards(m, X),
        lambda m: second(m, X),
    ],
)
def test_ways_to_call(lean_and_loads, full, way):
    lean, _ = lean_and_loads
    assert way(lean).numpy().tolist() == way(full).numpy().tolist()


def test_gradients_by_its_variables(lean_and_loads, full):
    lean, loads = lean_and_loads
    found = []
    for model in (lean, full):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(model(X) ** 2)
        watched = {variable.name: variable for variable in tape.watched_variables()}
        names = sorted(watched)
        gradients = tape.gradient(total, [watched[name] for name in names])
        found.append((names, [gradient.numpy().tolist() for gradient in gradients]))
    assert found[0] == found[1]
    assert loads.count == 0
    assert {id(v) for v in lean.variables} >= {id(v) for v in tape_of(lean)}
    assert loads.count == 1


def tape_of(model):
    with tf.GradientTape() as tape:
        model(X)
    return tape.watched_variables()


def test_what_training_writes_is_seen_by_all_its_functions(lean_and_loads, full):
    lean, loads = lean_and_loads
    before = lean(X).numpy().tolist(), lean.signatures["serving_default"](X)
    for model in (lean, full):
        model(X, training=True)
    assert lean(X).numpy().tolist() == full(X).numpy().tolist() != before[0]
    outputs = [m.signatures["serving_default"](X)["output_0"] for m in (lean, full)]
    assert outputs[0].numpy().tolist() == outputs[1].numpy().tolist()
    assert loads.count == 0
    again, _ = counted(FOLDER)
    assert again(X).numpy().tolist() == before[0]
    for model in (lean, full):
        for variable in model.variables:
            variable.assign(variable * 2)
    assert lean(X).numpy().tolist() == full(X).numpy().tolist()
    outputs = [m.signatures["serving_default"](X)["output_0"] for m in (lean, full)]
    assert outputs[0].numpy().tolist() == outputs[1].numpy().tolist()


def test_the_variables_are_read_once():
    lean, loads = counted(FOLDER)
    call = lean._lean_call._lean_function
    signature = lean.signatures["serving_default"]._lean_function
    read = [id(tensor) for tensor in signature.tensors[0]]
    assert set(read) <= {id(tensor) for some in call.tensors if some for tensor in some}
    other, _ = counted(FOLDER, signature="serving_default")
    assert [id(tensor) for tensor in other._lean_function.tensors[0]] == read
    assert loads.count == 0


def test_all_goes_with_the_last_who_uses_it(tmp_path):
    # What other tests have left is not of this copy.
    lean, _ = counted(shutil.copytree(FOLDER, tmp_path / "model"))
    lean(X)
    lean.signatures["serving_default"](X)
    call = lean._lean_call._lean_function
    handle = weakref.ref(next(some for some in call.tensors if some)[0])
    names = [route.wrapper.name for route in call._routes._routes.values()]
    names += [trace.name for trace in call._direct.traces if isinstance(trace, Trace)]
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    assert len(names) > 1
    assert all(map(context.has_function, names))
    del lean, call
    assert handle() is None
    assert not any(map(context.has_function, names))


def test_in_threads(full):
    lean, loads = counted(FOLDER)
    expected = full(X).numpy().tolist()
    ready = threading.Barrier(4)

    def call(place):
        ready.wait()
        found = [lean(X).numpy().tolist() for _ in range(10)]
        if place % 2:
            found.append(tf.function(lambda x: lean(x), autograph=False)(X).numpy().tolist())
            found.append(lean.signatures["serving_default"](X)["output_0"].numpy().tolist())
        return found

    with ThreadPoolExecutor(4) as threads:
        found = [result for results in threads.map(call, range(4)) for result in results]
    assert found == [expected] * len(found)
    assert loads.count == 0


def test_it_is_saved_as_the_full_object(lean_and_loads, full, tmp_path):
    lean, loads = lean_and_loads
    found = {}
    for name, model in (("lean", lean), ("full", full)):
        tf.saved_model.save(model, str(tmp_path / name / "itself"))
        tf.saved_model.save(model, str(tmp_path / name / "named"), signatures=model.signatures)
        module = tf.Module()
        module.inner, module.call = model, model.__call__
        module.signature = model.signatures["serving_default"]
        tf.saved_model.save(module, str(tmp_path / name / "parts"))
        itself, named, parts = (
            tf.saved_model.load(str(tmp_path / name / part))
            for part in ("itself", "named", "parts")
        )
        checkpoint = tf.train.Checkpoint(model=model).write(str(tmp_path / f"{name}-checkpoint"))
        found[name] = [
            itself(X).numpy().tolist(),
            sorted(v.name for v in itself.variables),
            named.signatures["serving_default"](X)["output_0"].numpy().tolist(),
            parts.inner(X).numpy().tolist(),
            parts.call(X).numpy().tolist(),
            parts.signature(x=X)["output_0"].numpy().tolist(),
            sorted(map(str, tf.train.list_variables(checkpoint))),
        ]
    assert found["lean"] == found["full"]
    assert loads.count == 1


def test_it_is_pickled_no_more_than_the_full_object(lean_and_loads, full):
    errors = []
    for model in (lean_and_loads[0], full):
        with pytest.raises(Exception) as caught:
            pickle.dumps(model)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


def test_attributes(lean_and_loads, full):
    lean, loads = lean_and_loads
    assert sorted(dir(lean)) == sorted(dir(full))
    assert sorted(vars(lean)) == sorted(vars(full))
    assert not hasattr(lean, "nothing")
    lean.note = "kept"
    assert vars(lean)["note"] == "kept"
    del lean.note
    assert not hasattr(lean, "note")
    assert lean(X).numpy().tolist() == full(X).numpy().tolist()
    lean.__call__ = lambda x: "mine"
    assert lean(X) == "mine"
    assert lean.__call__(X) == "mine"
    assert loads.count == 1


def test_what_was_saved_with_the_function_is_found(tmp_path):
    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None])])
        def __call__(self, x):
            return x + 1.0

    tf.saved_model.save(Model(), str(tmp_path))
    for model in (counted(tmp_path)[0], full_object(tmp_path)):
        traces = [name for name in dir(model.__call__) if name.startswith("trace_")]
        for name in traces:
            assert getattr(model.__call__, name)(tf.constant([1.0])).numpy().tolist() == [2.0]


def test_an_output_is_chosen_from_signatures_only(lean_and_loads):
    for choices in ({"output_key": "x"}, {"as_dict": True}):
        with pytest.raises(ValueError, match="output-key-without-signature"):
            counted(FOLDER, **choices)


def callable_folders():
    folders = [*MODELS.iterdir()]
    if SHARED_MODELS.is_dir():
        folders += SHARED_MODELS.iterdir()
    for folder in sorted(path for path in folders if path.is_dir()):
        (graph, *more) = formats.read_saved_model(folder).meta_graphs
        if graph.object_graph is not None and graph.object_graph.callable and not more:
            yield pytest.param(folder, id=folder.name)


@pytest.mark.parametrize("folder", list(callable_folders()))
def test_every_callable_model(folder):
    lean, loads = counted(folder)
    assert lean is not None
    full = full_object(folder)
    proven = [some is not None for some in lean._lean_call._lean_function.captures()]
    trace = full.__call__.concrete_functions[proven.index(True)]
    given = tf.nest.map_structure(_some_value, trace.structured_input_signature)
    args, kwargs = given
    for part in (slice(None), slice(0, 1)):
        cut = tf.nest.map_structure(
            lambda x, part=part: x[part] if tf.is_tensor(x) and x.shape.rank else x, args
        )
        found, expected = lean(*cut, **kwargs), full(*cut, **kwargs)
        tf.nest.assert_same_structure(found, expected)
        assert [x.numpy().tobytes() for x in tf.nest.flatten(found)] == [
            x.numpy().tobytes() for x in tf.nest.flatten(expected)
        ]
    call = lean._lean_call._lean_function
    assert call.own is None
    assert loads.count == 0
    context = pytest.importorskip("tensorflow.python.eager.context").context()
    traced = full.__call__._variable_creation_config.function_cache.values()
    # All calls of a function with an input_signature are served by one.
    names = dict.fromkeys(route.wrapper.name for route in call._routes._routes.values())
    assert [graph_of(context, name) for name in names] == [
        graph_of(context, concrete.name) for concrete in traced
    ]


def _some_value(spec):
    if not isinstance(spec, tf.TensorSpec):
        return spec
    sizes = [3 if size is None else size for size in spec.shape] if spec.shape.rank else []
    if spec.dtype == tf.string:
        return tf.fill(sizes, "seven words of text are in here")
    return tf.cast(tf.random.stateless_uniform(sizes, [1, 2], 0, 2), spec.dtype)
