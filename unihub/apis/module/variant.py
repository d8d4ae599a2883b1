"""One graph variant of a module: its MetaGraphDef, and what state and apply ask of it."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.module.attributes import check_attributes
from unihub.apis.module.compat import MetaGraphDef
from unihub.apis.module.errors import NoSuchSignature, OpsMissing
from unihub.apis.module.marker import read_attachments
from unihub.apis.surroundings import register_ops
from unihub.errors import listed, nearest
from unihub.inspection.lacking import MissingOps
from unihub.runtime.tensorflow import op_definition

DEFAULT_SIGNATURE = "default"

# Attributes of a function that name other ones, by which gradients find them.
_NAMING_ATTRIBUTES = ("forward_function_name", "backward_function_name")


class GraphVariant:
    """A MetaGraphDef with its tags.

    Attributes:
        meta_graph: what was read or built; it is not to be changed.
        tags: the set of tags that names it.
        attachments: its attached messages by key, each serialized.
    """

    def __init__(self, meta_graph: MetaGraphDef) -> None:
        self.meta_graph = meta_graph
        self.tags: FrozenSet[str] = frozenset(meta_graph.meta_info_def.tags)
        self.attachments: Dict[str, bytes] = read_attachments(meta_graph)
        self._graph_def: Optional[Any] = None
        self._state_ops: Optional[List[str]] = None

    @property
    def graph_def(self) -> Any:
        """The graph to import; it is not to be changed."""
        if self._graph_def is None:
            self._graph_def = with_unique_functions(self.meta_graph.graph_def)
        return self._graph_def

    @property
    def signature_names(self) -> List[str]:
        return list(self.meta_graph.signature_def)

    def signature(self, name: Optional[str]) -> Any:
        """The SignatureDef of that name; None stands for "default".

        Raises:
            NoSuchSignature: if there is none.
        """
        name = DEFAULT_SIGNATURE if name is None else name
        if name not in self.meta_graph.signature_def:
            names = sorted(self.signature_names)
            raise NoSuchSignature(
                signature=repr(name),
                tags=tags_text(self.tags),
                signatures=listed(names),
                nearest=repr(nearest(name, names)),
            )
        return self.meta_graph.signature_def[name]

    @property
    def state_ops(self) -> List[str]:
        """The names of the ops that hold variables, tables and other state."""
        if self._state_ops is None:
            self._state_ops = [node.name for node in self.graph_def.node if holds_state(node.op)]
        return self._state_ops

    def check_readable(self) -> None:
        """Makes sure that this TensorFlow can read the graph.

        Raises:
            OpsMissing: for ops that neither it nor a package that is installed has.
            AttributesMissing: for attributes of ops that it does not have.
        """
        info = self.meta_graph.meta_info_def
        used = {op.name for op in info.stripped_op_list.op}
        try:
            register_ops("the module", used, info.tensorflow_version)
        except MissingOps as error:
            raise OpsMissing(**error.facts) from None
        check_attributes(self.meta_graph)

    def part(self, collections: Iterable[str], nodes: Optional[Sequence[Any]] = None) -> Any:
        """A MetaGraphDef to import, with some of the collections.

        Args:
            collections: the keys of those to keep.
            nodes: the NodeDefs to keep; all where None.
        """
        part = MetaGraphDef()
        part.meta_info_def.CopyFrom(self.meta_graph.meta_info_def)
        if nodes is None:
            part.graph_def.CopyFrom(self.graph_def)
        else:
            part.graph_def.versions.CopyFrom(self.graph_def.versions)
            part.graph_def.library.CopyFrom(self.graph_def.library)
            part.graph_def.node.extend(nodes)
        for key in collections:
            if key in self.meta_graph.collection_def:
                part.collection_def[key].CopyFrom(self.meta_graph.collection_def[key])
        # import_meta_graph would otherwise add a Saver for all variables of the graph.
        part.saver_def.filename_tensor_name = "no_saver"
        part.saver_def.save_tensor_name = "no_saver"
        part.saver_def.restore_op_name = "no_saver"
        return part


def with_unique_functions(graph_def: Any) -> Any:
    """The graph with function names that no other content has.

    The functions are bodies of v2 control flow, of tf.function and Defun. TensorFlow
    numbers their names from one in each process, so that two modules, or a module and
    the program that uses it, have different functions of the same name. A graph cannot
    hold both.

    Returns:
        A copy; the graph itself if it has no functions.
    """
    if not graph_def.library.function:
        return graph_def
    content = graph_def.library.SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest()[:12]
    names = {
        function.signature.name: f"{function.signature.name}_{digest}"
        for function in graph_def.library.function
    }
    renamed = tf.compat.v1.GraphDef()
    renamed.CopyFrom(graph_def)
    _rename_in_nodes(renamed.node, names)
    for function in renamed.library.function:
        function.signature.name = names[function.signature.name]
        _rename_in_nodes(function.node_def, names)
        for attribute in _NAMING_ATTRIBUTES:
            if attribute in function.attr:
                value = function.attr[attribute]
                name = tf.compat.as_str_any(value.s)
                value.s = tf.compat.as_bytes(names.get(name, name))
    for gradient in renamed.library.gradient:
        gradient.function_name = names.get(gradient.function_name, gradient.function_name)
        gradient.gradient_func = names.get(gradient.gradient_func, gradient.gradient_func)
    return renamed


def holds_state(op_type: str) -> bool:
    """Whether ops of this type hold state: stateful, and without inputs."""
    definition = op_definition(op_type)
    return definition is not None and definition.is_stateful and not definition.input_arg


def tags_text(tags: Iterable[str]) -> str:
    """A set of tags, as one would write it in code."""
    quoted = ", ".join(repr(tag) for tag in sorted(tags))
    return f"{{{quoted}}}" if quoted else "set()"


def scoped_shared_names(meta_graph: MetaGraphDef, scope: str) -> None:
    """Puts the names by which ops share resources into a scope.

    Without it, two instances of a module would share one variable.
    """
    prefix = tf.compat.as_bytes(f"{scope}/")
    for node in meta_graph.graph_def.node:
        if "shared_name" in node.attr and node.attr["shared_name"].s:
            node.attr["shared_name"].s = prefix + node.attr["shared_name"].s


def split_scope(scope: str) -> Tuple[str, str]:
    """A scope's parent, with a slash at its end unless it is the root, and its own name."""
    parent, slash, name = scope.rpartition("/")
    return parent + slash, name


def _rename_in_nodes(nodes: Iterable[Any], names: Mapping[str, str]) -> None:
    for node in nodes:
        # A Defun of TF1 is called by an op of its name.
        if node.op in names:
            node.op = names[node.op]
        for value in node.attr.values():
            kind = value.WhichOneof("value")
            references = {"func": [value.func], "list": value.list.func}.get(kind, ())
            for reference in references:
                reference.name = names.get(reference.name, reference.name)
