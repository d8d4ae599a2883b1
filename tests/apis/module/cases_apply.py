"""Scenarios of applying a module: inputs, signatures, outputs, shapes."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import spec
from apis.module.observe import attempt, infos, initialize, run, state_ops, tensor
from tensorflow.python.eager import context

v1 = tf.compat.v1
Observations = Dict[str, Any]


def scalar(hub: Any, tmp_path: Any) -> Observations:
    output = hub.Module(spec(hub, fns.scale))(3.0)
    return {"output": tensor(output), "value": run(output)}


VALUES = {
    "list": lambda: [[1, 2, 3.5]],
    "tuple": lambda: ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
    "float32_array": lambda: fns.ramp(2, 3),
    "float64_array": lambda: fns.ramp(2, 3).astype(np.float64),
    "int_array": lambda: np.ones([2, 3], np.int64),
    "int_list": lambda: [[1, 2, 3]],
    "no_rows": lambda: np.zeros([0, 3], np.float32),
    "tensor": lambda: tf.constant(fns.ramp(2, 3)),
    "list_of_tensors": lambda: [tf.constant([1.0, 2.0, 3.0]), tf.constant([4.0, 5.0, 6.0])],
    "resource_variable": lambda: v1.get_variable(
        "outside", initializer=fns.ramp(2, 3), use_resource=True
    ),
    "ref_variable": lambda: v1.get_variable(
        "outside", initializer=fns.ramp(2, 3), use_resource=False
    ),
    "of_unknown_rank": lambda: v1.placeholder_with_default(fns.ramp(2, 3), None),
    "of_unknown_width": lambda: v1.placeholder_with_default(fns.ramp(2, 3), [None, None]),
    "bool_array": lambda: np.ones([2, 3], bool),
    "int_tensor": lambda: tf.constant([[1, 2, 3]]),
    "float64_tensor": lambda: tf.constant(fns.ramp(2, 3).astype(np.float64)),
    "text": lambda: [["a", "b", "c"]],
    "object": lambda: object(),
    "none_in_list": lambda: [[1.0, None, 3.0]],
    "uneven_list": lambda: [[1.0, 2.0, 3.0], [4.0]],
    "wrong_rank": lambda: [1.0, 2.0, 3.0],
    "wrong_width": lambda: [[1.0, 2.0]],
    "sparse_tensor": lambda: tf.SparseTensor([[0, 0]], [1.0], [2, 3]),
    "ragged_tensor": lambda: tf.ragged.constant([[1.0], [2.0, 3.0]]),
    "indexed_slices": lambda: tf.IndexedSlices(tf.constant(fns.ramp(2, 3)), tf.constant([0, 1])),
    "tensor_array": lambda: v1.TensorArray(tf.float32, 2),
}


def converted(hub: Any, tmp_path: Any, value: str) -> Observations:
    """What becomes of each kind of value as the input of a dense signature."""
    module = hub.Module(spec(hub, fns.dense))

    def applied() -> Any:
        output = module(VALUES[value]())
        return {"output": tensor(output), "value": run(output)}

    return {"result": attempt(applied)}


TYPED = {
    "float16": [1.5, 2.0],
    "bfloat16": [1.5, 2.0],
    "float64": [1.5, 2.0],
    "int8": [-1, 2],
    "uint8": [1, 255],
    "uint16": [1, 65535],
    "int32": [-1, 2],
    "int64": [-1, 2 ** 40],
    "bool": [True, False],
    "string": ["ä", "b"],
    "complex64": [1 + 2j, 3.0],
}  # fmt: skip


def dtype(hub: Any, tmp_path: Any, dtype: str) -> Observations:
    module = hub.Module(spec(hub, fns.typed, dtype))
    output = module(TYPED[dtype])
    shown = tf.cast(output, tf.float32) if dtype == "bfloat16" else output
    return {
        "output": tensor(output),
        "value": run(shown),
        "input": infos(module.get_input_info_dict()),
    }


INPUTS = {
    "default": lambda: [[1.0, 2.0]],
    "sum": lambda: {"a": [[1.0, 2.0]], "b": np.float32([[3, 4]])},
    "pair": lambda: [[1.0, 2.0]],
    "constant": lambda: None,
    "identity": lambda: [[1.0, 2.0]],
    "nothing": lambda: [[1.0, 2.0]],
    "words": lambda: ["a", b"b"],
}


def signature(hub: Any, tmp_path: Any, name: str, as_dict: bool) -> Observations:
    module = hub.Module(spec(hub, fns.signatures))

    def applied() -> Any:
        output = module(INPUTS[name](), signature=name, as_dict=as_dict)
        return {"output": tensor(output), "value": run(output)}

    return {
        "result": attempt(applied),
        "inputs": infos(module.get_input_info_dict(name)),
        "outputs": infos(module.get_output_info_dict(name)),
    }


def signature_names(hub: Any, tmp_path: Any) -> Observations:
    module_spec = spec(hub, fns.signatures)
    return {
        "of_spec": sorted(module_spec.get_signature_names()),
        "of_module": sorted(hub.Module(module_spec).get_signature_names()),
        "default": infos(module_spec.get_input_info_dict()),
    }


def signature_unknown(hub: Any, tmp_path: Any) -> Observations:
    module_spec = spec(hub, fns.signatures)
    module = hub.Module(module_spec)
    return {
        "applied": attempt(lambda: module([[1.0, 2.0]], signature="absent")),
        "module_inputs": attempt(lambda: module.get_input_info_dict("absent")),
        "module_outputs": attempt(lambda: module.get_output_info_dict("absent")),
        "spec_inputs": attempt(lambda: module_spec.get_input_info_dict("absent")),
        "spec_tags": attempt(lambda: module_spec.get_input_info_dict(tags={"absent"})),
        "names_tags": attempt(lambda: module_spec.get_signature_names(tags={"absent"})),
    }


def signature_default_absent(hub: Any, tmp_path: Any) -> Observations:
    def named_only() -> None:
        hub.add_signature("named", outputs=tf.constant(1.0))

    module = hub.Module(hub.create_module_spec(named_only))
    return {
        "applied": attempt(lambda: module()),
        "inputs": attempt(lambda: module.get_input_info_dict()),
        "named": tensor(module(signature="named")),
    }


MISFITS = {
    "missing_key": lambda m: m({"a": [[1.0, 2.0]]}, signature="sum"),
    "extra_key": lambda m: m({"default": [[1.0, 2.0]], "more": 1.0}),
    "wrong_key": lambda m: m({"x": [[1.0, 2.0]]}),
    "no_dict_for_two": lambda m: m([[1.0, 2.0]], signature="sum"),
    "tuple_for_two": lambda m: m(([[1.0, 2.0]], [[1.0, 2.0]]), signature="sum"),
    "none_for_one": lambda m: m(),
    "none_value": lambda m: m({"default": None}),
    "input_for_none": lambda m: m([1.0], signature="constant"),
    "empty_dict_for_none": lambda m: tensor(m({}, signature="constant")),
    "dict_for_one": lambda m: tensor(m({"default": [[1.0, 2.0]]})),
    "empty_signature_name": lambda m: tensor(m([[1.0, 2.0]], signature="")),
    "wrong_dtype_in_dict": lambda m: m({"a": [["x", "y"]], "b": [[1.0, 2.0]]}, signature="sum"),
}


def misfit(hub: Any, tmp_path: Any, inputs: str) -> Observations:
    module = hub.Module(spec(hub, fns.signatures))
    return {"result": attempt(lambda: MISFITS[inputs](module))}


def sparse(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.sparse))
    value = tf.SparseTensor([[0, 1], [1, 0]], [1.0, 2.0], [2, 2])
    outputs = module(value, as_dict=True)
    return {
        "inputs": infos(module.get_input_info_dict()),
        "outputs": infos(module.get_output_info_dict()),
        "tensors": tensor(outputs),
        "value": run(outputs),
        "dense_refused": attempt(lambda: module([[1.0, 2.0]])),
        "dtype_refused": attempt(lambda: module(tf.SparseTensor([[0, 1]], [1], [2, 2]))),
        "value_refused": attempt(lambda: module(v1.SparseTensorValue([[0, 1]], [1.0], [2, 2]))),
    }


def ragged(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.ragged))
    outputs = module(tf.ragged.constant([[1.0], [2.0, 3.0], []]), as_dict=True)
    return {
        "inputs": infos(module.get_input_info_dict()),
        "outputs": infos(module.get_output_info_dict()),
        "tensors": tensor(outputs),
        "value": run(outputs),
        "dense_refused": attempt(lambda: module([[1.0, 2.0]])),
        "deeper_refused": attempt(lambda: module(tf.ragged.constant([[[1.0]], [[2.0], []]]))),
    }


SHAPES = {
    "unknown": (None, [[1.0, 2.0]]),
    "batch": ([None, 2], [[1.0, 2.0]]),
    "known": ([1, 2], [[1.0, 2.0]]),
    "partly": ([None, None, 2], [[[1.0, 2.0]]]),
    "vector": ([None], [1.0, 2.0]),
    "scalarless": ([0, 2], np.zeros([0, 2], np.float32)),
}


def shape(hub: Any, tmp_path: Any, of: str) -> Observations:
    """Shapes known before the application, and those inferred by it."""
    declared, value = SHAPES[of]
    module = hub.Module(spec(hub, fns.of_shape, declared))
    unfed = v1.placeholder(tf.float32, declared)
    outputs = module(value, as_dict=True)
    return {
        "inputs": infos(module.get_input_info_dict()),
        "outputs": infos(module.get_output_info_dict()),
        "inferred": tensor(outputs),
        "from_placeholder": tensor(module(unfed, as_dict=True)),
        "value": run(outputs),
    }


def shape_narrowed(hub: Any, tmp_path: Any) -> Observations:
    """Each application infers from its own input, wider or narrower than declared."""
    module = hub.Module(spec(hub, fns.of_shape, [None, None]))
    placeholders = [
        v1.placeholder(tf.float32, shape) for shape in (None, [3, None], [None, 4], [3, 4])
    ]
    return {
        "outputs": [tensor(module(x)) for x in placeholders],
        "refused": attempt(lambda: module(v1.placeholder(tf.float32, [None]))),
    }


def several_times(hub: Any, tmp_path: Any) -> Observations:
    """Applications share the state: a change of the variable shows in each."""
    module = hub.Module(spec(hub, fns.scale))
    with tf.name_scope("inner"):
        outputs = [module(1.0), module(2.0)]
    outputs.append(module(3.0))
    with v1.Session() as session:
        initialize(session)
        before = session.run(outputs)
        session.run(v1.assign(module.variables[0], 5.0))
        after = session.run(outputs)
    return {"outputs": [tensor(y) for y in outputs], "before": before, "after": after}


def chained(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.scale))
    output = module(module(module(1.0)))
    return {"output": tensor(output), "value": run(output)}


def two_modules_of_one_spec(hub: Any, tmp_path: Any) -> Observations:
    module_spec = spec(hub, fns.scale)
    first, second = hub.Module(module_spec), hub.Module(module_spec, name="other")
    outputs = [first(1.0), second(2.0)]
    with v1.Session() as session:
        initialize(session)
        session.run(v1.assign(first.variables[0], 7.0))
        values = session.run(outputs)
    return {"outputs": [tensor(y) for y in outputs], "values": values}


def wrong_graph(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.scale))
    with tf.Graph().as_default():
        elsewhere = attempt(lambda: module(1.0))
        foreign = tf.constant(1.0)
    return {"module": elsewhere, "input": attempt(lambda: module(foreign))}


def input_is_unused(hub: Any, tmp_path: Any) -> Observations:
    """An input that no output depends on need not have a value."""

    def module_fn() -> None:
        x = v1.placeholder(tf.float32, [], name="x")
        unused = v1.placeholder(tf.float32, [], name="unused")
        hub.add_signature(inputs={"x": x, "unused": unused}, outputs=x + 1.0)

    module = hub.Module(hub.create_module_spec(module_fn))
    output = module({"x": 1.0, "unused": v1.placeholder(tf.float32, [])})
    return {"value": run(output)}


def input_is_inner_tensor(hub: Any, tmp_path: Any) -> Observations:
    """A signature may start in the middle of the graph."""

    def module_fn() -> None:
        x = v1.placeholder(tf.float32, [], name="x")
        middle = tf.identity(x * 2.0, name="middle")
        y = middle + v1.get_variable("w", initializer=1.0)
        hub.add_signature("whole", x, {"default": y, "middle": middle})
        hub.add_signature("half", middle, y)

    module = hub.Module(hub.create_module_spec(module_fn))
    outputs = [module(1.0, signature="whole", as_dict=True), module(10.0, signature="half")]
    return {"tensors": [tensor(y) for y in outputs], "values": run(outputs)}


def placeholder_unfed(hub: Any, tmp_path: Any) -> Observations:
    """A placeholder that is in no signature keeps its default, or fails when run."""

    def module_fn() -> None:
        x = v1.placeholder(tf.float32, [], name="x")
        rate = v1.placeholder_with_default(0.5, [], name="rate")
        lost = v1.placeholder(tf.float32, [], name="lost")
        hub.add_signature(inputs=x, outputs=x * rate)
        hub.add_signature("lost", inputs=x, outputs=x * lost)

    module = hub.Module(hub.create_module_spec(module_fn))
    outputs = [module(4.0), module(4.0, signature="lost")]
    return {
        "value": run(outputs[0]),
        "fed": run(outputs[0], {"module_apply_default/rate:0": 2.0}),
        "lost": attempt(lambda: run(outputs[1])),
    }


def random(hub: Any, tmp_path: Any) -> Observations:
    """An operation's seed goes with it: each application draws the same."""
    module = hub.Module(spec(hub, fns.random))
    return {"values": run([module([3]), module([3])])}


def asserting(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.asserting))
    good, bad = module(1.0), module(-1.0)
    return {"good": run(good), "bad": attempt(lambda: run(bad))}


def python_function(hub: Any, tmp_path: Any) -> Observations:
    graphs: List[Any] = []
    output = hub.Module(spec(hub, fns.python, graphs))([1.0, 2.0])
    return {"output": tensor(output), "value": run(output)}


def queue(hub: Any, tmp_path: Any) -> Observations:
    """State that is no variable is shared by applications, not by instances."""
    module_spec = spec(hub, fns.queue)
    module, other = hub.Module(module_spec), hub.Module(module_spec)
    puts = [module(value, signature="put") for value in (5.0, 6.0)]
    other_put = other(9.0, signature="put")
    takes = [module(signature="take"), module(signature="take")]
    with v1.Session() as session:
        session.run(other_put)
        for put in puts:
            session.run(put)
        values = [session.run(take) for take in takes]
    return {"puts": [tensor(put) for put in puts], "values": values, "state": state_ops()}


def mutable_table(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.mutable_table))
    insert = module({"keys": [3, 4], "values": [0.5, 0.25]}, signature="insert")
    found = module([4, 5, 3], signature="find")
    with v1.Session() as session:
        session.run(insert)
        return {"value": session.run(found)}


def table_of_application(hub: Any, tmp_path: Any) -> Observations:
    """What is not state belongs to one application, whatever shared name it has."""
    module = hub.Module(spec(hub, fns.table_with_inputs))
    sizes = [module([3, 4]), module([5])]
    with v1.Session() as session:
        return {"sizes": [session.run(size) for size in sizes]}


def iterator(hub: Any, tmp_path: Any) -> Observations:
    """Applications take turns at one iterator, which is state of the module."""

    def applied() -> Any:
        module = hub.Module(spec(hub, fns.iterating, drop_collections=["iterators"]))
        outputs = [module(), module()]
        with v1.Session() as session:
            return [session.run(outputs[i]) for i in (0, 1, 0)]

    return {"values": attempt(applied)}


def eager(hub: Any, tmp_path: Any) -> Observations:
    module_spec = spec(hub, fns.scale)
    with context.eager_mode():
        return {"result": attempt(lambda: hub.Module(module_spec)(1.0))}


def function(hub: Any, tmp_path: Any) -> Observations:
    """A module whose graph calls a tf.function."""
    output = hub.Module(spec(hub, fns.function))([1.0, 2.0])
    return {"output": tensor(output), "value": run(output)}


def mapping(hub: Any, tmp_path: Any) -> Observations:
    output = hub.Module(spec(hub, fns.mapping))([1.0, 2.0, 3.0])
    return {"value": run(output)}
