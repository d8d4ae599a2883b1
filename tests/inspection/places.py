"""Models that write a file from one place each, and the ways in which a model is loaded.

Made, loaded and called with the TensorFlow that runs: what acts is seen, not supposed.
"""

from __future__ import annotations

import functools
import gc
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

import tensorflow as tf
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import saved_model_pb2

import unihub

v1 = tf.compat.v1
IS_TF2 = tf.executing_eagerly()
FLOATS = [tf.TensorSpec([None], tf.float32)]
# How the names of nodes begin that write.
ACTING = "acting_"
NODE, TENSOR = "acting/WriteFile", "acting/tensor:0"
INIT_SIGNATURE = "__saved_model_init_op"
TRAIN_SIGNATURE = "__saved_model_train_op"


Change = Callable[[Any], None]


def patch(path: str, change: Change) -> None:
    file = Path(path, "saved_model.pb")
    message = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    change(message.meta_graphs[0])
    file.write_bytes(message.SerializeToString())


# What is put into a MetaGraph, so that one place of it runs the node that writes.


def in_collection(name: str, value: str = NODE) -> Change:
    def change(graph: Any) -> None:
        graph.collection_def[name].Clear()
        graph.collection_def[name].node_list.value.append(value)

    return change


def in_signature(name: str, value: str = NODE) -> Change:
    def change(graph: Any) -> None:
        graph.signature_def[name].outputs[name].name = value

    return change


def before(name_of: Callable[[Any], str]) -> Change:
    """Before a node, which is told by the MetaGraph."""

    def change(graph: Any) -> None:
        name = name_of(graph).split(":")[0]
        (node,) = [node for node in graph.graph_def.node if node.name == name]
        node.input.append(f"^{NODE}")

    return change


def of_variable(collection: str, field: str) -> Callable[[Any], str]:
    def name_of(graph: Any) -> str:
        (content,) = graph.collection_def[collection].bytes_list.value
        name: str = getattr(variable_pb2.VariableDef.FromString(content), field)
        return name

    return name_of


def evaluated(target: str, graph: Any) -> None:
    """What TensorFlow's shape inference evaluates, though nothing depends on it."""
    evaluated_nodes(graph.graph_def.node, target)


def evaluated_of_shape(target: str, graph: Any) -> None:
    """The same with the shape of what the caller gives."""
    nodes = graph.graph_def.node
    given = nodes.add(name="early/given", op="Placeholder")
    given.attr["dtype"].type = 1
    for size in (2, 3):
        given.attr["shape"].shape.dim.add(size=size)
    shape = nodes.add(name="early/shape", op="Shape", input=["early/given"])
    shape.attr["T"].type = 1
    shape.attr["out_type"].type = 3
    evaluated_nodes(nodes, target, size="early/shape")


def evaluated_in_call(target: str, graph: Any) -> None:
    """The same in a function, with a constant that a node gives to it."""
    constant(graph.graph_def.node, "early/size", [2, 3], tf.int32)
    function = graph.graph_def.library.function.add()
    function.signature.name = "early_function"
    function.signature.input_arg.add(name="size").type = 3
    function.signature.output_arg.add(name="reshaped").type = 1
    evaluated_nodes(function.node_def, target, ":output:0", "size")
    function.ret["reshaped"] = "early/reshape:output:0"
    call = graph.graph_def.node.add(name="early/call", op="PartitionedCall", input=["early/size"])
    call.attr["Tin"].list.type.append(3)
    call.attr["Tout"].list.type.append(1)
    call.attr["f"].func.name = "early_function"


def evaluated_nodes(nodes: Any, target: str, suffix: str = "", size: str = "") -> None:
    if not size:
        constant(nodes, "early/size", [2, 3], tf.int32)
        size = f"early/size{suffix}"
    acting = nodes.add(name="early/acting", op="DebugIdentity", input=[size])
    acting.attr["T"].type = 3
    acting.attr["tensor_name"].s = b"n:0"
    acting.attr["debug_urls"].list.s.append(f"file://{target}".encode())
    constant(nodes, "early/value", [1.0] * 6, tf.float32)
    source = f"early/value{suffix}", f"early/acting{suffix}"
    reshape = nodes.add(name="early/reshape", op="Reshape", input=source)
    reshape.attr["T"].type = 1
    reshape.attr["Tshape"].type = 3


def constant(nodes: Any, name: str, value: Any, dtype: tf.DType) -> None:
    node = nodes.add(name=name, op="Const")
    node.attr["dtype"].type = dtype.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype))


def all_of(*changes: Change) -> Change:
    def change(graph: Any) -> None:
        for one in changes:
            one(graph)

    return change


# What Estimators, hub.Module and others keep in a graph, and run when it is called or trained.
_OPS = ("init_op", "local_init_op", "ready_op", "ready_for_local_init_op", "train_op", "any_op")
_TENSORS = ("losses", "regularization_losses", "summaries", "global_step")

TF1_PLACES: Dict[str, Change] = {
    "saved_model_main_op": in_collection("saved_model_main_op"),
    "legacy_init_op": in_collection("legacy_init_op"),
    "table_initializer": in_collection("table_initializer"),
    "init_signature": in_signature(INIT_SIGNATURE),
    "restore": before(lambda graph: graph.saver_def.restore_op_name),
    "restoring": before(lambda graph: "save/RestoreV2"),
    "file_name": before(lambda graph: graph.saver_def.filename_tensor_name),
    "save": before(lambda graph: graph.saver_def.save_tensor_name),
    **{
        f"{collection}.{field}": before(of_variable(collection, field))
        for collection in ("variables", "local_variables")
        for field in ("initializer_name", "initial_value_name", "snapshot_name")
    },
    "the_signature": before(lambda graph: "y"),
    "update_ops": in_collection("update_ops"),
    "other_collections": all_of(
        *(in_collection(name) for name in _OPS), *(in_collection(name, TENSOR) for name in _TENSORS)
    ),
    "other_signatures": all_of(
        in_collection("saved_model_train_op"),
        in_signature(TRAIN_SIGNATURE),
        in_signature("another", TENSOR),
    ),
}
EVALUATED: Dict[str, Callable[[str, Any], None]] = {
    "evaluated": evaluated,
    "evaluated_of_shape": evaluated_of_shape,
    "evaluated_in_call": evaluated_in_call,
}


def make_tf1(path: str, target: str, with_local: bool = False) -> None:
    """A TF1 SavedModel with a node that writes, and that nothing runs."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], "x")
        weight = v1.get_variable("weight", initializer=2.0, use_resource=True)
        state = weight
        if with_local:
            local = v1.get_variable(
                "local", initializer=1.0, use_resource=True, collections=["local_variables"]
            )
            state = weight * local
        with tf.name_scope("acting"):
            acting = tf.io.write_file(target, "acted", name="WriteFile")
            with tf.control_dependencies([acting]):
                tf.constant(1.0, name="tensor")
        y = tf.identity(x * state, "y")
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        builder = v1.saved_model.Builder(path)
        signature = v1.saved_model.predict_signature_def({"x": x}, {"default": y})
        signatures = {"serving_default": signature, "default": signature}
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def make_hub(path: str, target: str, with_local: bool = False) -> None:
    """As `make_tf1`, in TF1 Hub format."""
    make_tf1(path, target, with_local)
    patch(path, lambda graph: graph.meta_info_def.ClearField("tags"))
    Path(path, "tfhub_module.pb").write_bytes(b"\x08\x03")


class Acting(tf.Module):
    """A model with a function for each place, which writes."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target
        self.weight = tf.Variable(2.0)
        self.resource = Resource(self.act)
        self.saveable = Saveable(self.act)
        self.legacy = LegacySaveable(self.act)
        self.regularization_losses = [tf.function(lambda: self.act("loss"), input_signature=[])]

    def act(self, place: str, result: Any = 0.0) -> Any:
        """Writes, and gives the result."""
        done = tf.io.write_file(self._target, "acted", name=ACTING + place)
        with tf.control_dependencies([done]):
            return tf.nest.map_structure(tf.identity, result)

    @tf.function(input_signature=FLOATS)
    def __call__(self, x: Any) -> Any:
        value = tf.raw_ops.ReadVariableOp(resource=self.resource.resource_handle, dtype=tf.float32)
        return self.same(x) * self.weight + value + self.act("call")

    @tf.custom_gradient
    def same(self, x: Any) -> Any:
        return tf.identity(x), lambda dy: self.act("gradient", dy)

    @tf.function(input_signature=FLOATS)
    def method(self, x: Any) -> Any:
        return x + self.act("method")

    @tf.function(input_signature=FLOATS)
    def served(self, x: Any) -> Any:
        return {"default": x + self.act("signature")}


class Resource(tf.saved_model.experimental.TrackableResource if IS_TF2 else object):
    """With all that TensorFlow calls of a resource."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self._act = act

    def _create_resource(self) -> Any:
        handle = tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="acting")
        return self._act("_create_resource", handle)

    def _initialize(self) -> Any:
        value = self._act("_initialize")
        tf.raw_ops.AssignVariableOp(resource=self.resource_handle, value=value)
        return value

    def _destroy_resource(self) -> Any:
        return self._act("_destroy_resource")


class Saveable(tf.Module):
    """Saves and restores itself, as Trackables do."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self._act = act

    def _serialize_to_tensors(self) -> Any:
        return {"state": self._act("_serialize_to_tensors")}

    def _restore_from_tensors(self, restored: Any) -> Any:
        return self._act("_restore_from_tensors", restored["state"])


class LegacySaveable(tf.Module):
    """As TensorFlow had it before 2.9, and still reads."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self._act = act

    def _gather_saveables_for_checkpoint(self) -> Any:
        from tensorflow.python.training.saving import saveable_object

        act = self._act

        class OfState(saveable_object.SaveableObject):
            def __init__(self, name: str) -> None:
                tensor = act("save_function")
                super().__init__(tensor, [saveable_object.SaveSpec(tensor, "", name)], name)

            def restore(self, restored_tensors: Any, restored_shapes: Any) -> Any:
                return act("restore_function", restored_tensors[0])

        return {"state": OfState}


TF2_PLACES = (
    "call",
    "method",
    "gradient",
    "loss",
    "signature",
    "_create_resource",
    "_initialize",
    "_destroy_resource",
    "_serialize_to_tensors",
    "_restore_from_tensors",
    "save_function",
    "restore_function",
)


def make_tf2(path: str, target: str) -> None:
    """A TF2 SavedModel with a node that writes in each of TF2_PLACES."""
    module = Acting(target)
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    signatures = {"serving_default": module.served}
    tf.saved_model.save(module, path, signatures=signatures, options=options)


def acting_in(place: str) -> Change:
    """Has the nodes of all other places do nothing."""

    def change(graph: Any) -> None:
        found = set()
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                name = node.name
                found.add(name)
                if node.op == "WriteFile" and name != ACTING + place:
                    control = [one for one in node.input if one.startswith("^")]
                    node.Clear()
                    node.name, node.op = name, "NoOp"
                    node.input.extend(control)
        if place and ACTING + place not in found:
            raise AssertionError(f"nothing stands in the place {place}")

    return change


class Spare(tf.Module):
    """An object of each kind, and a function that writes, whatever it is given."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target
        self.weight = tf.Variable(2.0)
        self.resource = Resource(lambda place, result=0.0: tf.identity(result))
        self.spare = tf.function(self.act)
        for given in ((), (tf.TensorSpec([], tf.string),), FLOATS):
            self.spare.get_concrete_function(*given)

    def act(self, *inputs: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(self._target, "acted")]):
            return tf.constant(0.0)


def make_spare(path: str, target: str) -> None:
    tf.saved_model.save(Spare(target), path)


def spare_as(kind: str, name: str) -> Change:
    """Has the first object of a kind carry the spare function under a name."""

    def change(graph: Any) -> None:
        nodes = graph.object_graph_def.nodes
        (index,) = [c.node_id for c in nodes[0].children if c.local_name == "spare"]
        holder = next(node for node in nodes if node.WhichOneof("kind") == kind)
        children = [child for child in holder.children if child.local_name != name]
        del holder.children[:]
        holder.children.extend(children)
        holder.children.add(node_id=index, local_name=name)

    return change


def methods() -> Iterator[Tuple[str, str]]:
    """The methods of what TensorFlow makes of a saved object, by its kind in the proto."""
    from tensorflow.python.ops.resource_variable_ops import ResourceVariable
    from tensorflow.python.saved_model.function_deserialization import RestoredFunction
    from tensorflow.python.trackable.autotrackable import AutoTrackable
    from tensorflow.python.trackable.resource import RestoredResource

    classes = {
        "user_object": AutoTrackable,
        "function": RestoredFunction,
        "variable": ResourceVariable,
        "resource": RestoredResource,
    }
    for kind, of_kind in classes.items():
        for name in sorted(dir(of_kind)):
            is_dunder = name.startswith("__") and name.endswith("__")
            if callable(getattr(of_kind, name, None)) and not is_dunder:
                yield kind, name


def evaluated_in_function(target: str, graph: Any) -> None:
    """In the function of ``method``, which nobody calls."""
    (function,) = [
        function
        for function in graph.graph_def.library.function
        if function.signature.name.startswith("__inference_method_")
    ]
    evaluated_nodes(function.node_def, target, ":output:0")


def counted_from_the_end(graph: Any) -> None:
    """Names all functions by negative indices, as Python takes them for those of a list."""
    nodes = graph.object_graph_def.nodes
    for node in nodes:
        for child in node.children:
            if nodes[child.node_id].WhichOneof("kind") == "function":
                child.node_id -= len(nodes)


def depended_on(graph: Any) -> None:
    """Has what creates a resource be a dependency, as TensorFlow does, and no child."""
    for node in graph.object_graph_def.nodes:
        for child in node.children:
            if child.local_name == "_create_resource":
                node.dependencies.add(node_id=child.node_id, local_name=child.local_name)
                child.local_name = "created"


# How a model is loaded: what is given back can be called.


def in_graph(path: str, **how: Any) -> Any:
    with tf.Graph().as_default() as graph:
        session = v1.Session()
        model = unihub.load(path, on_unsafe="ignore", **how)
        unihub.initialize(session)

    def call(x: Any) -> Any:
        with graph.as_default():
            return session.run(model([1.0]))

    return call


def plain(path: str, out: str, **how: Any) -> Any:
    return unihub.load(path, on_unsafe="ignore", **how)


def as_layer(path: str, out: str, **how: Any) -> Any:
    return unihub.KerasLayer(path, **how)


def converted(path: str, out: str) -> Any:
    unihub.convert(path, out)


def validated(path: str, out: str) -> Any:
    unihub.validate(path)


Way = Callable[[str, str], Any]
GRAPH_WAYS: Dict[str, Way] = {
    "module in a graph": lambda path, out: in_graph(path, api="module"),
    "load in a graph": lambda path, out: in_graph(path, api="load", signature="serving_default"),
}
TF2_WAYS: Dict[str, Way] = {
    "fast": plain,
    "full": functools.partial(plain, fast=False),
    "mmap": functools.partial(plain, weights="mmap"),
    "KerasLayer": as_layer,
    "load in a graph": lambda path, out: in_graph(path, api="load"),
    "validate": validated,
}
TF1_WAYS: Dict[str, Way] = {
    "fast": functools.partial(plain, signature="serving_default"),
    "full": functools.partial(plain, signature="serving_default", fast=False),
    "mmap": functools.partial(plain, signature="serving_default", weights="mmap"),
    "KerasLayer": functools.partial(as_layer, signature="serving_default", output_key="default"),
    "convert": converted,
    "validate": validated,
    **GRAPH_WAYS,
}


def acted(way: Way, path: str, target: str, out: str) -> Tuple[bool, bool]:
    """Whether loading a model wrote, and whether a call of it did then."""
    if os.path.exists(target):
        raise AssertionError(f"{target} is there already")
    model = None
    try:
        model = way(path, out)
    except Exception as error:
        print(f"    {type(error).__name__}: {str(error)[:300]}")
    at_load = os.path.exists(target)
    in_call = False
    if model is not None and not at_load:
        try:
            model(tf.constant([1.0]))
        except Exception as error:
            print(f"    {type(error).__name__}: {str(error)[:300]}")
        in_call = os.path.exists(target)
    del model
    gc.collect()
    return at_load or (not in_call and os.path.exists(target)), in_call
