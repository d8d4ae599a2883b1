"""The plan of a signature of a TF1 format, from its graph."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.assets import asset_names, bind
from unihub.apis.lean.functions import (
    check_dtype,
    check_node,
    closure,
    copies,
    functions_of,
    rename_calls,
)
from unihub.apis.lean.names import FunctionNames, copying_order
from unihub.apis.lean.objects import FILLING, asset_path, dtypes_of, shape_of, unique_suffix
from unihub.apis.lean.plan import Asset, Declined, Fixed, Input, Plan, Table, Variable
from unihub.apis.lean.private import FunctionDef, op_definition
from unihub.apis.lean.saver import (
    checkpoint_keys,
    global_resources,
    initialized_nodes,
    initializers,
)

_REFERENCES = ("VariableV2", "Variable")
_VARIABLES = ("VarHandleOp", *_REFERENCES)
_TABLES = ("HashTableV2",)
_UNUSED_ATTRIBUTES = ("_class",)
_STRING = tf.string.as_datatype_enum
_RESOURCE = tf.resource.as_datatype_enum
# Graphs of TensorFlow 0.x, whose ops did not all mean what they mean now.
_OLDEST_PRODUCER = 21
# In the place of the index of an output.
_CONTROL = -1


def plan_signature(meta_graph: Any, signature: str, prefix: str, suffix: str) -> Plan:
    """The plan of one signature: its part of the graph as one function.

    Args:
        meta_graph: the MetaGraphDef.
        signature: its name.
        prefix: of the checkpoint.
        suffix: to make the functions' names unique.

    Raises:
        Declined: the signature needs more than variables and tables.
    """
    graph = meta_graph.graph_def
    if graph.versions.producer < _OLDEST_PRODUCER:
        raise Declined("the graph is older than TensorFlow 1.0")
    if graph.versions.min_consumer > tf.version.GRAPH_DEF_VERSION:
        raise Declined("the graph is for a newer TensorFlow")
    definition = meta_graph.signature_def[signature]
    part = _Part(meta_graph, f"__inference_signature{suffix}")
    part.bind_assets(asset_names(meta_graph), prefix)
    inputs = part.feed(definition.inputs)
    outputs = tuple(sorted(definition.outputs))
    fetched = [_tensor_name(definition.outputs[name]) for name in outputs]
    part.visit(fetched)
    tables = tuple(_table(meta_graph, name, prefix) for name in part.tables)
    variables = part.capture()
    part.fetch(definition.outputs)
    part.add_nodes(fetched)
    return Plan(
        name=part.function.signature.name,
        functions=part.functions(suffix),
        inputs=inputs,
        outputs=outputs,
        result=tuple(definition.outputs),
        captures=(*variables, *tables),
        positional=1 if len(inputs) == 1 else 0,
    )


def _table(meta_graph: Any, name: str, prefix: str) -> Table:
    """A table and the part of the graph that fills it, as one function."""
    suffix = unique_suffix()
    part = _Part(meta_graph, f"__inference_fill{suffix}", also=FILLING)
    key_dtype, value_dtype = dtypes_of(part.node(name))
    users = [
        node
        for node in initializers(meta_graph, part.nodes)
        if (name, 0) in map(_source, node.input)
    ]
    if [node.op in FILLING for node in users] != [True]:
        raise Declined(f"the table {name} is not filled once")
    assets = part.feed_assets(asset_names(meta_graph), prefix)
    part.visit([f"^{users[0].name}"])
    if part.tables != [name] or part.variables:
        raise Declined(f"the table {name} is filled from variables or tables")
    part.capture()
    part.add_nodes([users[0].name])
    part.function.signature.control_output.append("filled")
    part.function.control_ret["filled"] = part.names[users[0].name]
    return Table(name, key_dtype, value_dtype, part.functions(suffix), (*assets, None))


class _Part:
    """The part of a graph between some inputs and outputs, as it becomes a function."""

    def __init__(self, meta_graph: Any, name: str, also: FrozenSet[str] = frozenset()) -> None:
        self.meta_graph = meta_graph
        self.also = also
        self.nodes = {node.name: node for node in meta_graph.graph_def.node}
        self.library = {f.signature.name: f for f in meta_graph.graph_def.library.function}
        self.function = FunctionDef()
        self.function.signature.name = name
        self.function.attr["_construction_context"].s = b"kEagerRuntime"
        self.fed: Dict[Tuple[str, int], str] = {}
        # Of the files whose paths are constants, by those.
        self.paths: Dict[str, str] = {}
        self.variables: List[str] = []
        self.tables: List[str] = []
        self.called: Dict[str, None] = {}
        self.visited: Dict[str, Any] = {}
        # What the inputs, variables and tables are called in the function.
        self.values: Dict[str, str] = {}
        # And all other nodes.
        self.names: Dict[str, str] = {}
        self._names = FunctionNames()
        self._outputs: List[Tuple[str, str]] = []

    def feed(self, infos: Mapping[str, Any]) -> Tuple[Input, ...]:
        """Makes the inputs of a signature the function's own."""
        inputs = []
        for place, name in enumerate(sorted(infos)):
            info = infos[name]
            source = _source(_tensor_name(info))
            node = self.node(source[0])
            if source in self.fed or node.op in _VARIABLES:
                raise Declined(f"input {name} is no tensor of its own")
            if "dtype" in node.attr and node.attr["dtype"].type != info.dtype:
                raise Declined(f"input {name} has two dtypes")
            check_dtype(info.dtype, f"input {name}")
            if not info.HasField("tensor_shape"):
                raise Declined(f"input {name} tells no shape")
            shape = info.tensor_shape
            if node.op == "Placeholder" and not _is_shape_of(shape, node):
                raise Declined(f"input {name} has two shapes")
            self.fed[source] = self._names.argument(source[0])
            self.function.signature.input_arg.add(name=self.fed[source], type=info.dtype)
            # What TensorFlow makes of a function depends on them, to the last bits.
            noted = self.function.arg_attr[place].attr["_output_shapes"]
            noted.list.shape.add().CopyFrom(shape)
            inputs.append(Input(name, info.dtype, shape_of(info.tensor_shape)))
        return tuple(inputs)

    def bind_assets(self, assets: Mapping[str, str], prefix: str) -> None:
        """Has the function's constants hold the paths of files, as the full load has them."""
        self.paths = {_source(text)[0]: asset_path(name, prefix) for text, name in assets.items()}

    def feed_assets(self, assets: Mapping[str, str], prefix: str) -> Tuple[Fixed, ...]:
        """Makes the paths of files the function's inputs."""
        for text in assets:
            source = _source(text)
            self.fed[source] = self._names.argument(source[0])
            self.function.signature.input_arg.add(name=self.fed[source], type=_STRING)
        return tuple(Asset(asset_path(name, prefix)) for name in assets.values())

    def visit(self, tensors: Iterable[str]) -> None:
        """Collects the nodes that others need, up to the inputs and variables."""
        waiting = list(tensors)
        while waiting:
            name, index = source = _source(waiting.pop())
            if name in self.visited or source in self.fed:
                continue
            if index == _CONTROL and self._is_input(name):
                continue
            node = self.visited[name] = self.node(name)
            if node.op in _VARIABLES:
                self.variables.append(name)
                continue
            if node.op in _TABLES:
                self.tables.append(name)
                continue
            if node.op == "Placeholder":
                raise Declined(f"{name} is a {node.op}")
            for function in functions_of(node, self.library, self.also):
                self.called.update(dict.fromkeys(closure(self.library, function)))
            waiting.extend(node.input)

    def capture(self) -> Tuple[Variable, ...]:
        """Makes the variables and tables inputs of the function."""
        keys = checkpoint_keys(self.meta_graph, self.nodes, self.variables)
        if initialized_nodes(self.meta_graph, self.nodes) & set(self.variables):
            raise Declined("a variable is set once more after it is restored")
        shared = [self._shared_name(name) for name in self.variables]
        if len(set(shared)) < len(shared) or len(set(keys.values())) < len(keys):
            raise Declined("two variables are the same")
        # TensorFlow's function takes all of them, whether it reads them or not.
        lifted = {name: self._names.argument(name) for name in global_resources(self.meta_graph)}
        places = {name: place for place, name in enumerate(lifted)}
        self.variables.sort(key=lambda name: places.get(name, len(places)))
        for name in self.variables:
            check_dtype(self.node(name).attr["dtype"].type, f"variable {name}")
        for name in (*self.variables, *self.tables):
            own = lifted.get(name) or self._names.argument(f"unihub {name}")
            self.values[name] = own
            self.function.signature.input_arg.add(name=own, type=_RESOURCE)
        return tuple(
            Variable(
                keys[name],
                self.node(name).attr["dtype"].type,
                shape_of(self.node(name).attr["shape"].shape),
            )
            for name in self.variables
        )

    def fetch(self, infos: Mapping[str, Any]) -> None:
        """Makes the outputs of a signature the function's own."""
        if not infos:
            raise Declined("the signature has no outputs")
        for name in sorted(infos):
            info = infos[name]
            check_dtype(info.dtype, f"output {name}")
            source = _source(_tensor_name(info))
            own = self._names.argument(source[0])
            self.function.signature.output_arg.add(name=own, type=info.dtype)
            self._outputs.append((own, _tensor_name(info)))

    def add_nodes(self, fetched: Sequence[str]) -> None:
        """Adds the nodes to the function, in TensorFlow's order and by its names."""
        given = {name for name, _ in self.fed}
        lifted = {name for name in self.variables if self.node(name).op not in _REFERENCES}
        order = copying_order(self.visited, [_source(text)[0] for text in fetched], given | lifted)
        added = [name for name in order if name not in lifted and name not in self.tables]
        self.names = {name: self._names.node(name) for name in added}
        for name in added:
            self._add(self.visited[name])
        for own, text in self._outputs:
            self.function.ret[own] = self._value(text)
        self.function.signature.is_stateful = any(map(self._is_stateful, self.function.node_def))

    def functions(self, suffix: str) -> List[Any]:
        """The function and those that it calls, under unique names."""
        names = list(self.called)
        for node in self.function.node_def:
            rename_calls(node, self.called.keys(), suffix)
        return [self.function, *copies(self.library, names, suffix)]

    def node(self, name: str) -> Any:
        if name not in self.nodes:
            raise Declined(f"the node {name} is missing")
        return self.nodes[name]

    def _shared_name(self, name: str) -> Tuple[bytes, bytes]:
        attributes = self.node(name).attr
        shared, container = attributes.get("shared_name"), attributes.get("container")
        own = shared.s if shared is not None else b""
        return (container.s if container is not None else b""), own or name.encode()

    def _add(self, node: Any) -> None:
        added = self.function.node_def.add(
            name=self.names[node.name], op=node.op, device=node.device
        )
        if node.op in _REFERENCES:
            added.op = "ReadVariableOp"
            added.input.append(self.values[node.name])
            added.attr["dtype"].CopyFrom(node.attr["dtype"])
            return
        added.input.extend(filter(None, map(self._input, node.input)))
        for name, value in node.attr.items():
            if name not in _UNUSED_ATTRIBUTES:
                added.attr[name].CopyFrom(value)
        if node.name in self.paths and not bind(added, self.paths[node.name]):
            raise Declined(f"the path {node.name} is no constant")

    def _is_stateful(self, node: Any) -> bool:
        called = self.library.get(node.op)
        definition = op_definition(node.op) if called is None else called.signature
        return bool(definition.is_stateful)

    def _input(self, text: str) -> Optional[str]:
        name, index = _source(text)
        if index != _CONTROL:
            return self._value(text)
        # Inputs and variables are there before the function runs.
        is_captured = name in self.variables or name in self.tables
        return None if is_captured or self._is_input(name) else f"^{self.names[name]}"

    def _is_input(self, name: str) -> bool:
        return self.node(name).op == "Placeholder" and (name, 0) in self.fed

    def _value(self, text: str) -> str:
        """The name that a function has for the tensor that a graph calls NODE:INDEX."""
        name, index = source = _source(text)
        if source in self.fed:
            return self.fed[source]
        node = self.node(name)
        if node.op in _REFERENCES:
            return f"{self.names[name]}:value:0"
        if name in self.values:
            return self.values[name]
        called = self.library.get(node.op)
        definition = check_node(node, self.also) if called is None else called.signature
        return f"{self.names[name]}:{_output_names(node, definition)[index]}"


def _output_names(node: Any, definition: Any) -> List[str]:
    """The names that a function has for the outputs of a node: argument and place in it."""
    defaults = {attribute.name: attribute.default_value for attribute in definition.attr}
    names: List[str] = []
    for argument in definition.output_arg:
        count = 1
        if argument.number_attr:
            count = node.attr.get(argument.number_attr, defaults[argument.number_attr]).i
        elif argument.type_list_attr:
            types = node.attr.get(argument.type_list_attr, defaults[argument.type_list_attr])
            count = len(types.list.type)
        names.extend(f"{argument.name}:{place}" for place in range(count))
    return names


def _source(text: str) -> Tuple[str, int]:
    """The node that an input comes from, and which of its outputs it is."""
    if text.startswith("^"):
        return text[1:], _CONTROL
    name, _, index = text.partition(":")
    return name, int(index or 0)


def _is_shape_of(shape: Any, placeholder: Any) -> bool:
    """Whether a shape is that of a placeholder, as far as this has one."""
    own = placeholder.attr["shape"].shape if "shape" in placeholder.attr else None
    return own is None or not len(own.dim) or shape_of(own) == shape_of(shape)


def _tensor_name(info: Any) -> str:
    if info.WhichOneof("encoding") != "name" or not info.name:
        raise Declined("an input or output is not one tensor")
    name: str = info.name
    return name
