"""Variables, tables and assets of the original as objects of TF2."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from unihub.conversion import errors
from unihub.conversion.nodes import REFERENCE_VARIABLES, data_inputs
from unihub.conversion.part import TABLES
from unihub.conversion.partitions import Slice, gaps, joined
from unihub.conversion.variant import Variant
from unihub.errors import listed

# Gives, in the graph of a function, the tensor that stands for a node.
Binding = Callable[[Any], Any]

_FROM_FILE = ("InitializeTableFromTextFileV2", "InitializeTableFromTextFile")
_FROM_TENSORS = (
    "InitializeTableV2",
    "InitializeTable",
    "LookupTableImportV2",
    "LookupTableImport",
)


class State:
    """State that the functions of a converted model share.

    Attributes:
        variables: by name, in the order of the original's collection.
        members: for each variable the ops that it was, in the original.
        tables: the lookup tables.
        assets: the files, by path.
        slices: the parts of joined variables, by their ops' names.
    """

    def __init__(self, handle: str, variants: Iterable[Variant]) -> None:
        self._handle = handle
        self._variants = tuple(variants)
        self.variables: Dict[str, tf.Variable] = {}
        self.members: Dict[str, Tuple[str, ...]] = {}
        self.tables: List[Any] = []
        self.assets: Dict[str, Any] = {}
        self.slices: Dict[str, Slice] = {}
        self._tables_by_content: Dict[Tuple[Any, ...], Any] = {}
        self._trainable = frozenset().union(*(v.trainable_variables for v in variants))
        for variant in self._variants:
            self.slices.update(variant.slices)

    def add_collected(self) -> None:
        """Makes all variables of the collections, and all assets, whether used or not."""
        for variant in self._variants:
            for name in variant.collected_variables:
                self._add_variable(variant, name)
        self.add_assets()

    def add_assets(self) -> None:
        """Makes all assets."""
        for variant in self._variants:
            for path in variant.asset_paths.values():
                self._asset(path)

    def bindings(self, variant: Variant, names: Iterable[str]) -> Dict[str, Binding]:
        """How each of some state nodes is had in a function's graph."""
        return {name: self._binding(variant, name) for name in names}

    def in_original_order(self) -> List[str]:
        """The names of the variables, those of the collections first and in their order."""
        order = [
            self._whole(name) for variant in self._variants for name in variant.collected_variables
        ]
        return [one for one in dict.fromkeys([*order, *self.variables]) if one in self.variables]

    def _binding(self, variant: Variant, name: str) -> Binding:
        node = variant.nodes[name]
        if node.op in TABLES:
            table = self._table(variant, name)
            return lambda graph: graph.capture(table.resource_handle)
        if name in variant.asset_paths:
            asset = self._asset(variant.asset_paths[name])
            return lambda graph: graph.capture(asset.asset_path)
        variable = self._add_variable(variant, name)
        if name in self.slices:
            return _slice_of(variable, self.slices[name])
        return lambda graph: graph.capture(variable.handle)

    def _whole(self, name: str) -> str:
        return name.rpartition("/")[0] if name in self.slices else name

    def _add_variable(self, variant: Variant, name: str) -> tf.Variable:
        name = _canonical(variant, name)
        whole = self._whole(name)
        if whole not in self.variables:
            self.members[whole] = self._members(name)
            value = self._value(variant, whole)
            trainable = self._is_trainable(whole)
            self.variables[whole] = tf.Variable(value, trainable=trainable, name=whole)
            self._check_same(whole)
        return self.variables[whole]

    def _members(self, name: str) -> Tuple[str, ...]:
        if name not in self.slices:
            return (name,)
        whole = self._whole(name)
        parts = {one: part for one, part in self.slices.items() if self._whole(one) == whole}
        reason = gaps(list(parts.values()))
        if any(whole in variant.nodes for variant in self._variants):
            reason = "another op has the name of the whole."
        if reason:
            raise errors.PartitionsNotJoined(handle=self._handle, variable=whole, reason=reason)
        return tuple(sorted(parts, key=lambda one: parts[one].offset))

    def _value(self, variant: Variant, whole: str) -> np.ndarray:
        values = [self._value_of_op(variant, name) for name in self.members[whole]]
        if self.members[whole] == (whole,):
            return values[0]
        return joined([self.slices[name] for name in self.members[whole]], values)

    def _value_of_op(self, variant: Variant, name: str) -> np.ndarray:
        try:
            return variant.original.value_of(name)
        except tf.errors.FailedPreconditionError:
            known = variant.original.checkpointed_names()
            raise errors.VariableWithoutValue(
                handle=self._handle, variable=name, found=listed(known)
            ) from None

    def _is_trainable(self, whole: str) -> bool:
        flags = {name in self._trainable for name in self.members[whole]}
        if len(flags) > 1:
            raise errors.PartitionsNotJoined(
                handle=self._handle, variable=whole, reason="only some of them are trainable."
            )
        return flags.pop()

    def _check_same(self, whole: str) -> None:
        """That a variable is the same one in both graphs."""
        kinds = defaultdict(list)
        for variant in self._variants:
            for name in self.members[whole]:
                if name in variant.nodes:
                    attributes = variant.nodes[name].attr
                    shape = tf.TensorShape(attributes["shape"].shape)
                    kinds[name].append((variant, tf.as_dtype(attributes["dtype"].type), shape))
        for name, found in kinds.items():
            first, last = found[0], found[-1]
            if first[1] != last[1] or not first[2].is_compatible_with(last[2]):
                raise errors.TrainGraphDiffers(
                    handle=self._handle,
                    tags=list(last[0].tags),
                    reason=f"the variable {name!r} is {last[1].name}{last[2]} there and "
                    f"{first[1].name}{first[2]} here.",
                )

    def _asset(self, path: str) -> Any:
        if path not in self.assets:
            self.assets[path] = tf.saved_model.Asset(path)
        return self.assets[path]

    def _table(self, variant: Variant, name: str) -> Any:
        found = _initializer(variant, name)
        if found is None:
            using = [node.name for node in variant.nodes.values() if name in _input_nodes(node)]
            raise errors.TableWithoutContents(handle=self._handle, table=name, found=listed(using))
        op = variant.original.graph.get_operation_by_name(found.name)
        table = variant.original.graph.get_operation_by_name(name)
        dtypes = table.get_attr("key_dtype"), table.get_attr("value_dtype")
        make = self._from_file if found.op in _FROM_FILE else self._from_tensors
        content, initializer = make(variant, op, dtypes)
        key = (*dtypes, *content)
        if key not in self._tables_by_content:
            default = b"" if dtypes[1] == tf.string else 0
            self._tables_by_content[key] = tf.lookup.StaticHashTable(
                initializer, tf.constant(default, dtypes[1])
            )
            self.tables.append(self._tables_by_content[key])
        return self._tables_by_content[key]

    def _from_file(self, variant: Variant, op: Any, dtypes: Tuple[Any, Any]) -> Any:
        path = tf.compat.as_str_any(variant.original.run(op.inputs[1]))
        numbers = {name: op.get_attr(name) for name in ("key_index", "value_index")}
        size = op.get_attr("vocab_size")
        delimiter = tf.compat.as_str_any(op.get_attr("delimiter"))
        content = (path, *numbers.values(), size, delimiter)
        initializer = tf.lookup.TextFileInitializer(
            path,
            dtypes[0],
            numbers["key_index"],
            dtypes[1],
            numbers["value_index"],
            vocab_size=None if size < 0 else size,
            delimiter=delimiter,
        )
        return content, initializer

    def _from_tensors(self, variant: Variant, op: Any, dtypes: Tuple[Any, Any]) -> Any:
        keys, values = variant.original.run(list(op.inputs)[1:])
        content = tuple(str(one.tolist()) for one in (keys, values))
        return content, tf.lookup.KeyValueTensorInitializer(keys, values, *dtypes)


def file_names(state: State) -> Tuple[str, ...]:
    """The names of the assets' files."""
    return tuple(sorted({os.path.basename(path) for path in state.assets}))


def is_reference(variant: Variant, name: str) -> bool:
    """Whether a variable was a reference variable."""
    return name in variant.nodes and variant.nodes[name].op in REFERENCE_VARIABLES


def _slice_of(variable: tf.Variable, part: Slice) -> Binding:
    def read(graph: Any) -> Any:
        handle = graph.capture(variable.handle)
        whole = tf.raw_ops.ReadVariableOp(resource=handle, dtype=variable.dtype)
        return tf.slice(whole, part.offset, part.size)

    return read


def _canonical(variant: Variant, name: str) -> str:
    """The first op among those that share one variable."""
    shared = variant.nodes[name].attr["shared_name"].s if name in variant.nodes else b""
    if not shared:
        return name
    aliases = [
        other
        for other, node in variant.nodes.items()
        if node.op == variant.nodes[name].op and node.attr["shared_name"].s == shared
    ]
    collected = [one for one in aliases if one in variant.collected_variables]
    return (collected or aliases)[0]


def _initializer(variant: Variant, name: str) -> Optional[Any]:
    for node in variant.nodes.values():
        is_initializer = node.op in (*_FROM_FILE, *_FROM_TENSORS)
        if is_initializer and data_inputs(node)[:1] == [f"{name}:0"]:
            return node
    return None


def _input_nodes(node: Any) -> List[str]:
    return [one.partition(":")[0] for one in data_inputs(node)]
