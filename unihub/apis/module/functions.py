"""The functions of a module's graph: bodies of v2 control flow, tf.function, Defun.

TensorFlow numbers their names from one in each process, so that two modules,
or a module and the program that uses it, have different functions of the same
name. A graph cannot hold both.
"""

from __future__ import annotations

import hashlib
from typing import Any, Iterable, Mapping

import tensorflow as tf

# Attributes of a function that name other ones, by which gradients find them.
_NAMING_ATTRIBUTES = ("forward_function_name", "backward_function_name")


def with_unique_functions(graph_def: Any) -> Any:
    """The graph with function names that no other content has.

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
