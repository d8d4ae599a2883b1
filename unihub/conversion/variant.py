"""One MetaGraph of the original, made ready to be taken apart."""

from __future__ import annotations

import re
from typing import Any, Dict, FrozenSet, Iterator, List, Tuple

import tensorflow as tf

from unihub.apis.module.compat import MetaGraphDef
from unihub.apis.module.marker import read_attachments
from unihub.apis.module.tensors import component_names
from unihub.apis.module.variant import with_unique_functions
from unihub.conversion import compat
from unihub.conversion.conditions import resolve_constant_conditions
from unihub.conversion.nodes import Nodes
from unihub.conversion.original import Original
from unihub.conversion.partitions import Slice

_KEYS = tf.compat.v1.GraphKeys
_INTERNAL_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")

# Where an op was placed, and with what, binds only the machine that trained it.
_PLACEMENT = ("_class", "_output_shapes", "_xla_compile_id", "_XlaCompile", "_XlaScope")
_OLD_TABLE_OP = re.compile(r"(HashTable|LookupTable(Find|Size|Import)|InitializeTable\w*?)(V2)?$")


class Variant:
    """One MetaGraph and what conversion asks of it.

    Attributes:
        tags: in alphabetical order.
        original: the same MetaGraph in a session.
        nodes: its NodeDefs by name, without placement, constant conds resolved.
        library: its functions by name.
    """

    def __init__(self, meta_graph: MetaGraphDef, checkpoint: str, handle: str) -> None:
        self.meta_graph = meta_graph
        self.tags: Tuple[str, ...] = tuple(sorted(meta_graph.meta_info_def.tags))
        self.original = Original(meta_graph, checkpoint, handle)
        self.graph_def = with_unique_functions(meta_graph.graph_def)
        self.library = {one.signature.name: one for one in self.graph_def.library.function}
        self.nodes: Nodes = resolve_constant_conditions(
            {node.name: _unplaced(node) for node in self.graph_def.node},
            self._fed_anywhere(),
            self.original.run,
        )

    @property
    def signatures(self) -> Dict[str, Any]:
        """The SignatureDefs by name, TensorFlow's own left out."""
        found = self.meta_graph.signature_def
        return {name: found[name] for name in sorted(found) if name not in _INTERNAL_SIGNATURES}

    @property
    def attachments(self) -> Dict[str, bytes]:
        """The attached messages by key, serialized."""
        return read_attachments(self.meta_graph)

    def names(self, key: str) -> List[str]:
        """The names of the tensors and ops in a graph collection."""
        if key not in self.meta_graph.collection_def:
            return []
        return list(self.meta_graph.collection_def[key].node_list.value)

    @property
    def update_ops(self) -> List[str]:
        """The names of the ops to run in each training step."""
        return list(dict.fromkeys(n.partition(":")[0] for n in self.names(_KEYS.UPDATE_OPS)))

    @property
    def losses(self) -> List[str]:
        """The names of the regularization losses' tensors."""
        return self.names(_KEYS.REGULARIZATION_LOSSES)

    @property
    def collected_variables(self) -> List[str]:
        """The names of the variables' ops, in the order of the collection."""
        return [name for name, _ in self._variable_defs(_KEYS.GLOBAL_VARIABLES)]

    @property
    def trainable_variables(self) -> FrozenSet[str]:
        """The names of the trainable variables' ops."""
        return frozenset(name for name, _ in self._variable_defs(_KEYS.TRAINABLE_VARIABLES))

    @property
    def slices(self) -> Dict[str, Slice]:
        """The parts of partitioned variables, by their ops' names."""
        return {
            name: Slice(
                name,
                info.full_name,
                tuple(info.full_shape),
                tuple(info.var_offset),
                tuple(info.var_shape),
            )
            for name, definition in self._variable_defs(_KEYS.GLOBAL_VARIABLES)
            for info in [definition.save_slice_info_def]
            if definition.HasField("save_slice_info_def")
            and tuple(info.full_shape) != tuple(info.var_shape)
        }

    @property
    def asset_paths(self) -> Dict[str, str]:
        """The files of assets, by the names of the constants that hold their paths."""
        return {
            name.partition(":")[0]: tf.compat.as_str_any(
                self.nodes[name.partition(":")[0]].attr["value"].tensor.string_val[0]
            )
            for name in self.names(_KEYS.ASSET_FILEPATHS)
            if name.partition(":")[0] in self.nodes
        }

    def _variable_defs(self, key: str) -> Iterator[Tuple[str, Any]]:
        if key in self.meta_graph.collection_def:
            for text in self.meta_graph.collection_def[key].bytes_list.value:
                definition = compat.VariableDef.FromString(text)
                yield definition.variable_name.partition(":")[0], definition

    def _fed_anywhere(self) -> FrozenSet[str]:
        return frozenset(
            name
            for signature in self.signatures.values()
            for info in signature.inputs.values()
            for name in component_names(info)
        )


def _unplaced(node: Any) -> Any:
    free = type(node)()
    free.CopyFrom(node)
    free.device = ""
    for name in _PLACEMENT:
        free.attr.pop(name, None)
    old_table = _OLD_TABLE_OP.match(node.op)
    if old_table and not old_table.group(3):
        free.op = f"{node.op}V2"
    return free
