"""Lean loading, beside the full load, for the tests of it."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

import numpy as np
import pytest
import tensorflow as tf

from unihub import formats
from unihub.apis.lean import inference as fast
from unihub.apis.lean.capability import may_be_lean
from unihub.apis.request import Request
from unihub.apis.saved_model import load_meta_graph, load_saved_model
from unihub.formats import selection
from unihub.matrix import Operation

# Of a node: what it was made from, and for control dependencies that are made while tracing.
IRRELEVANT = ("_output_shapes", "_read_only_resource_inputs", "_collective_manager_ids")


def request_for(path: Any, **choices: Any) -> Request:
    """What dispatch makes of load(path, **choices)."""
    model = formats.read_saved_model(path)
    tags = choices.pop("tags", None)
    return Request(
        handle=os.fspath(path),
        model=model,
        meta_graph=selection.choose_meta_graph(model, os.fspath(path), tags=tags),
        tags_given=tags is not None,
        operation=Operation.INFERENCE,
        **choices,
    )


class FullLoads:
    """The full load of a request, which counts how often it is called."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.count = 0

    def __call__(self, load: Optional[Callable[..., Any]] = None) -> Any:
        self.count += 1
        request = self.request
        return load_meta_graph(request.handle, request.model, request.meta_graph, None, load)


def lean_or_none(request: Request, load_full: Callable[..., Any]) -> Optional[Any]:
    """As api="load" does: the lean object where it may be one."""
    return fast.load_lean(request, load_full) if may_be_lean(request) else None


def lean_object(path: Any, **choices: Any) -> Optional[Any]:
    """The lean object of a path; None where it is left to the full load."""
    request = request_for(path, **choices)
    return lean_or_none(request, FullLoads(request))


def counted(path: Any, **choices: Any) -> Any:
    """The lean object, and the counter of its full loads."""
    request = request_for(path, **choices)
    full = FullLoads(request)
    return lean_or_none(request, full), full


def full_object(path: Any, **choices: Any) -> Any:
    """What load gives without the fast way."""
    return load_saved_model(request_for(path, **choices, fast=False))


def path_of(lean: Any) -> str:
    """The folder that a lean object was loaded from."""
    return lean._lean_model._source.store.files.path


def graph_of(context: Any, name: str) -> dict:
    """All that is in a function of the runtime but the names of functions, in its order.

    What TensorFlow makes of a function, to the last bits of the results, depends on it.
    """
    registry = pytest.importorskip("tensorflow.python.framework.op_def_registry")
    function = context.get_function_def(name)
    signature = function.signature
    nodes, called = [], []
    for node in function.node_def:
        definition = registry.get(node.op)
        attributes = {one.name: str(one.default_value) for one in getattr(definition, "attr", ())}
        names = [] if definition else [node.op]
        for key, value in sorted(node.attr.items(), key=lambda item: item[0]):
            functions = [value.func] if value.HasField("func") else value.list.func
            names += [one.name for one in functions]
            if not functions and key not in IRRELEVANT:
                attributes[key] = str(value)
        called += [graph_of(context, one) for one in names]
        op = node.op if definition else "called"
        nodes.append((node.name, op, node.device, list(node.input), sorted(attributes.items())))
    return {
        "inputs": [(argument.name, argument.type) for argument in signature.input_arg],
        "outputs": [(argument.name, argument.type) for argument in signature.output_arg],
        "returned": sorted(function.ret.items()),
        "done": (sorted(function.control_ret.items()), list(signature.control_output)),
        "stateful": signature.is_stateful,
        "attributes": sorted((key, str(value)) for key, value in function.attr.items()),
        "inputs' attributes": {
            signature.input_arg[place].name: str(argument.attr["_output_shapes"])
            for place, argument in sorted(function.arg_attr.items())
            if "_output_shapes" in argument.attr
        },
        "nodes": nodes,
        "called": called,
    }


def without_handles(graph: dict) -> dict:
    """What graph_of gives, without how the handles of variables and tables reach the function.

    Reference variables and tables are nodes of TensorFlow's function, it takes resource
    variables that it does not use, and what an input was made from is in it without use.
    What a lean object runs takes the handles that it needs.
    """
    nodes = []
    sources = {name: inputs for name, _, _, inputs, _ in graph["nodes"]}
    used, waiting = set(), [text for _, text in (*graph["returned"], *graph["done"][0])]
    while waiting:
        name = waiting.pop().lstrip("^").partition(":")[0]
        if name not in used:
            used.add(name)
            waiting += sources.get(name, ())
    for name, op, device, inputs, attributes in graph["nodes"]:
        if name not in used:
            continue
        inputs = [text.replace(":ref:0", ":value:0") for text in inputs]
        if op in ("ReadVariableOp", "VariableV2"):
            op, inputs, attributes = "variable", [], []
        elif op.startswith("LookupTable"):
            inputs = inputs[1:]
        if op != "HashTableV2":
            nodes.append((name, op, device, inputs, attributes))
    resource = tf.resource.as_datatype_enum
    return {
        **graph,
        "inputs": [(name, dtype) for name, dtype in graph["inputs"] if dtype != resource],
        "nodes": nodes,
    }


def inputs_of(signature: Any, seed: int = 0) -> dict:
    """Some inputs that a signature takes: unknown sizes are 2."""
    random = np.random.RandomState(seed)
    made = {}
    for name, info in signature.inputs.items():
        shape = () if info.shape is None else info.shape
        sizes = [2 if size is None else size for size in shape]
        dtype = tf.as_dtype(info.dtype)
        if dtype == tf.string:
            made[name] = tf.constant(np.full(sizes, "seven words of text are in here now"))
        elif dtype.is_integer:
            made[name] = tf.cast(tf.constant(random.randint(0, 2, sizes)), dtype)
        elif dtype.is_bool:
            made[name] = tf.constant(random.randint(0, 2, sizes) > 0)
        else:
            made[name] = tf.cast(tf.constant(random.uniform(0.1, 1, sizes)), dtype)
    return made


def forwards(model, x):
    """The derivative of the outputs along all ones, by forward accumulation."""
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = model(x)
    return accumulator.jvp(y)


def second(model, x):
    """The second derivative of the squared outputs."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(model(x) ** 2)
        first = tape.gradient(y, x)
    return outer.gradient(first, x)
