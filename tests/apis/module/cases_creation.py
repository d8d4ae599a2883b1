"""Scenarios of create_module_spec, add_signature and attach_message."""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np
import tensorflow as tf
from apis.module.module_fns import exported
from apis.module.observe import attempt, collections, infos, tensor, variables

v1 = tf.compat.v1
Keys = v1.GraphKeys
Observations = Dict[str, Any]


def _signed(hub: Any, build: Callable[[], Any]) -> Callable[[], None]:
    def module_fn() -> None:
        build()
        hub.add_signature(outputs=tf.constant(1.0))

    return module_fn


def _collected(key: str) -> Callable[[], Any]:
    return lambda: v1.add_to_collection(key, tf.constant(1.0, name="kept"))


def _variable_in_cond() -> Any:
    return v1.cond(
        tf.constant(True), lambda: v1.get_variable("w", initializer=1.0) * 1.0, lambda: 0.0
    )


def _failing() -> None:
    raise LookupError("from the module_fn")


BUILT = {
    "summaries": _collected(Keys.SUMMARIES),
    "losses": _collected(Keys.LOSSES),
    "local_variables": lambda: v1.get_variable(
        "w", initializer=1.0, collections=[Keys.LOCAL_VARIABLES]
    ),
    "global_step": v1.train.create_global_step,
    "own_collection": _collected("mine"),
    "train_op": _collected(Keys.TRAIN_OP),
    "queue_runners": lambda: v1.train.input_producer(["a"]),
    "regularization_losses": _collected(Keys.REGULARIZATION_LOSSES),
    "update_ops": _collected(Keys.UPDATE_OPS),
    "model_variables": lambda: v1.get_variable(
        "w", initializer=1.0, collections=[Keys.MODEL_VARIABLES, Keys.GLOBAL_VARIABLES]
    ),
    "unserializable": lambda: v1.add_to_collection("mine", object()),
    "tuple_key": lambda: v1.add_to_collection(("mine",), tf.constant(1.0)),
    "variable_in_cond": _variable_in_cond,
    "failing": _failing,
    "regularization_by_nothing": lambda: None,
}
DROPPED = (
    Keys.SUMMARIES,
    Keys.LOSSES,
    Keys.LOCAL_VARIABLES,
    Keys.GLOBAL_STEP,
    "mine",
    Keys.TRAIN_OP,
    Keys.QUEUE_RUNNERS,
    Keys.REGULARIZATION_LOSSES,
)


def created(hub: Any, tmp_path: Any, of: str) -> Observations:
    """What a module_fn may leave in its graph, and what only if it is dropped."""
    module_fn = _signed(hub, BUILT[of])

    def used(drop: Any) -> Any:
        module = hub.Module(
            hub.create_module_spec(module_fn, drop_collections=drop), trainable=True
        )
        module()
        return {"variables": variables(module.variables), "collections": collections()}

    with tf.Graph().as_default():
        as_it_is = attempt(lambda: used(None))
    with tf.Graph().as_default():
        dropped = attempt(lambda: used(list(DROPPED)))
    return {"as_it_is": as_it_is, "dropped": dropped}


def created_without_signature(hub: Any, tmp_path: Any) -> Observations:
    return {"result": attempt(lambda: hub.create_module_spec(lambda: None))}


def created_with_arguments(hub: Any, tmp_path: Any) -> Observations:
    """tags_and_args: tags as sets or lists, arguments by name, each tag set once."""

    def module_fn(value: float = 1.0) -> None:
        hub.add_signature(outputs=tf.constant(value))

    def tags_of(tags_and_args: Any) -> Any:
        module_spec = hub.create_module_spec(module_fn, tags_and_args=tags_and_args)
        return sorted(sorted(tags) for tags in module_spec.get_tags())

    return {
        "none": attempt(lambda: tags_of(None)),
        "empty": attempt(lambda: tags_of([])),
        "lists": attempt(lambda: tags_of([(["a", "b"], {"value": 2.0}), ([], {})])),
        "repeated": attempt(lambda: tags_of([({"a"}, {}), ({"a"}, {"value": 2.0})])),
        "unknown_argument": attempt(lambda: tags_of([(set(), {"absent": 2.0})])),
        "not_pairs": attempt(lambda: tags_of([{"a"}])),
        "not_callable": attempt(lambda: hub.create_module_spec("module_fn")),
    }


def created_in_fresh_graph(hub: Any, tmp_path: Any) -> Observations:
    """The module_fn's graph is its own; the caller's stays as it was."""
    tf.constant(1.0, name="mine")
    seen = []

    def module_fn() -> None:
        seen.append(len(v1.get_default_graph().get_operations()))
        seen.append(v1.get_variable_scope().name)
        seen.append(bool(v1.get_variable_scope().use_resource))
        hub.add_signature(outputs=tf.constant(1.0))

    with tf.name_scope("names"), v1.variable_scope("outer", use_resource=False):
        hub.create_module_spec(module_fn)
    operations = [op.name for op in v1.get_default_graph().get_operations()]
    return {"seen": seen, "operations": operations, "collections": collections()}


def created_from_outer_tensor(hub: Any, tmp_path: Any) -> Observations:
    outside = tf.constant(1.0)

    def module_fn() -> None:
        hub.add_signature(outputs=outside + 1.0)

    return {"result": attempt(lambda: hub.create_module_spec(module_fn).get_tags())}


def _sparse() -> Any:
    return v1.sparse_placeholder(tf.float32)


ADDED = {
    "python_output": lambda hub, x: hub.add_signature(inputs=x, outputs=1.0),
    "array_input": lambda hub, x: hub.add_signature(inputs=np.float32(1), outputs=x),
    "list_of_tensors": lambda hub, x: hub.add_signature(inputs=x, outputs=[x, x]),
    "nested_dict": lambda hub, x: hub.add_signature(inputs={"a": {"b": x}}, outputs=x),
    "variable_output": lambda hub, x: hub.add_signature(
        inputs=x, outputs=v1.get_variable("w", initializer=1.0)
    ),
    "ref_variable_output": lambda hub, x: hub.add_signature(
        inputs=x, outputs=v1.get_variable("w", initializer=1.0, use_resource=False)
    ),
    "variable_input": lambda hub, x: hub.add_signature(
        inputs=v1.get_variable("w", initializer=1.0), outputs=x
    ),
    "indexed_slices": lambda hub, x: hub.add_signature(inputs=x, outputs=tf.IndexedSlices(x, x)),
    "tensor_array": lambda hub, x: hub.add_signature(
        inputs=x, outputs=v1.TensorArray(tf.float32, 1)
    ),
    "operation": lambda hub, x: hub.add_signature(inputs=x, outputs=x.op),
    "none_in_dict": lambda hub, x: hub.add_signature(inputs={"a": None}, outputs=x),
    "sparse_output": lambda hub, x: hub.add_signature(inputs=_sparse(), outputs=_sparse()),
    "no_arguments": lambda hub, x: hub.add_signature(),
    "empty_name": lambda hub, x: hub.add_signature("", x, x),
    "name_none": lambda hub, x: hub.add_signature(None, x, x),
    "colon_in_name": lambda hub, x: hub.add_signature("a:b", x, x),
    "space_in_name": lambda hub, x: hub.add_signature("a b", x, x),
    "slash_in_name": lambda hub, x: hub.add_signature("a/b", x, x),
    "number_as_name": lambda hub, x: hub.add_signature(7, x, x),
    "number_as_key": lambda hub, x: hub.add_signature(inputs={7: x}, outputs=x),
    "odd_keys": lambda hub, x: hub.add_signature(inputs={"a b": x}, outputs={"c:d": x, "": x}),
    "twice": lambda hub, x: (
        hub.add_signature(inputs={"a": x}, outputs=x),
        hub.add_signature(inputs={"b": x}, outputs={"other": x}),
    ),
    "one_tensor_twice": lambda hub, x: hub.add_signature(inputs={"a": x, "b": x}, outputs=x),
    "by_position": lambda hub, x: hub.add_signature("named", x, x * 2.0),
    "outputs_of_one_operation": lambda hub, x: hub.add_signature(
        inputs=dict(zip("ab", tf.unstack(v1.placeholder(tf.float32, [2])))), outputs=x
    ),
}


def signature_added(hub: Any, tmp_path: Any, of: str) -> Observations:
    def module_fn() -> None:
        ADDED[of](hub, v1.placeholder(tf.float32, [], name="x"))

    def described() -> Any:
        module_spec = hub.create_module_spec(module_fn)
        return {
            name: [
                infos(module_spec.get_input_info_dict(name)),
                infos(module_spec.get_output_info_dict(name)),
            ]
            for name in module_spec.get_signature_names()
        }

    return {"result": attempt(described)}


def signature_with_odd_name(hub: Any, tmp_path: Any, name: str) -> Observations:
    """The name of a signature becomes part of names in the graph, as far as it can."""

    def module_fn() -> None:
        hub.add_signature(name, outputs=tf.constant(1.0, name="one"))

    module = hub.Module(hub.create_module_spec(module_fn))
    return {"result": attempt(lambda: tensor(module(signature=name)))}


def signature_outside_module_fn(hub: Any, tmp_path: Any) -> Observations:
    """It belongs to the graph that is the default, and to no other."""
    hub.add_signature(outputs=tf.constant(1.0))
    return {
        "spec": attempt(lambda: hub.create_module_spec(lambda: None)),
        "visible": collections(),
    }


def _attached(hub: Any, **messages: int) -> Callable[..., None]:
    def module_fn(tagged: int = 0) -> None:
        for key, value in messages.items():
            hub.attach_message(key, tf.train.Int64List(value=[value, tagged]))
        hub.add_signature(outputs=tf.constant(1.0))

    return module_fn


def attached_messages(hub: Any, tmp_path: Any) -> Observations:
    """From the spec, from the module, and again after export."""
    module_spec = hub.create_module_spec(_attached(hub, first=1, second=2))
    module = hub.Module(exported(hub, module_spec, tmp_path / "m"))
    message = tf.train.Int64List
    return {
        "spec": list(module_spec.get_attached_message("first", message).value),
        "module": list(module.get_attached_message("second", message).value),
        "same_type": type(module.get_attached_message("first", message)) is message,
        "absent": module_spec.get_attached_message("third", message),
        "required": attempt(lambda: module.get_attached_message("third", message, required=True)),
        "required_of_spec": attempt(
            lambda: module_spec.get_attached_message("third", message, required=True)
        ),
        "present_and_required": list(
            module.get_attached_message("first", message, required=True).value
        ),
        "collections": collections(),
    }


def attached_by_tags(hub: Any, tmp_path: Any) -> Observations:
    """Each graph variant has its own messages."""
    module_spec = hub.create_module_spec(
        _attached(hub, info=1), tags_and_args=[(set(), {}), ({"t"}, {"tagged": 5})]
    )
    message = tf.train.Int64List
    return {
        "default": list(module_spec.get_attached_message("info", message).value),
        "tagged": list(module_spec.get_attached_message("info", message, tags={"t"}).value),
        "module": list(
            hub.Module(module_spec, tags=["t"]).get_attached_message("info", message).value
        ),
        "unknown_tags": attempt(
            lambda: module_spec.get_attached_message("info", message, tags={"u"})
        ),
    }


def attached_twice(hub: Any, tmp_path: Any) -> Observations:
    def module_fn() -> None:
        for value in (1, 2):
            hub.attach_message("info", tf.train.Int64List(value=[value]))
        hub.add_signature(outputs=tf.constant(1.0))

    module_spec = hub.create_module_spec(module_fn)
    return {"value": list(module_spec.get_attached_message("info", tf.train.Int64List).value)}


KEYS = ("a", "Z9_", "", "9a", "_a", "a-b", "a.b", "a b", "ä", "a\n")


def attached_under(hub: Any, tmp_path: Any) -> Observations:
    """Which keys are refused."""

    def accepted(key: str) -> Any:
        module_spec = hub.create_module_spec(_attached(hub, **{key: 1}))
        return list(module_spec.get_attached_message(key, tf.train.Int64List).value)

    return {repr(key): attempt(lambda key=key: accepted(key)) for key in KEYS}


def attached_something_else(hub: Any, tmp_path: Any) -> Observations:
    def module_fn() -> None:
        hub.attach_message("info", {"not": "a message"})

    return {"result": attempt(lambda: hub.create_module_spec(module_fn))}
