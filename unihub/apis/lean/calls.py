"""The plan of a model's own __call__, from the object graph of a TF2 SavedModel."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from unihub.apis.lean.functions import closure, renamed
from unihub.apis.lean.objects import captures_of, check_root, child_ids
from unihub.apis.lean.plan import Capture, Declined
from unihub.apis.lean.structures import Tensor, decoded, leaves, packer, plain, tensors

_log = logging.getLogger(__name__)

CALL = "__call__"
# Of those that TensorFlow takes as they are, the plain ones.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Arguments:
    """How a __call__ takes its arguments.

    Attributes:
        names: of those that can be given by position.
        keywords: of those that can only be given by name.
        defaults: of both.
        takes_more: whether it takes further ones by name.
        is_constrained: whether it was written with an input_signature.
    """

    names: Tuple[str, ...]
    keywords: Tuple[str, ...]
    defaults: Mapping[str, Any]
    takes_more: bool
    is_constrained: bool

    def bound(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Optional[Tuple[Tuple[Any, ...], Dict[str, Any]]]:
        """The bound arguments of a call, all that has a name of its own by position.

        Returns:
            None where TensorFlow would refuse it, or may understand something else.
        """
        if len(args) > len(self.names):
            return None
        given = {**self.defaults, **dict(zip(self.names, args)), **kwargs}
        known = (*self.names, *self.keywords)
        further = [name for name in given if name not in known]
        if further and not (self.takes_more and all(map(_is_plain, further))):
            return None
        if any(name not in given for name in known):
            return None
        if any(name in kwargs for name in self.names[: len(args)]):
            return None
        positional = tuple(given[name] for name in self.names)
        return positional, {name: given[name] for name in (*self.keywords, *further)}


@dataclass(frozen=True)
class Trace:
    """One of the functions that a __call__ was traced to.

    Attributes:
        name: of the function.
        inputs: its arguments by position, and those by name.
        result: what it returns.
        stateful: whether TensorFlow takes the function for one with a state.
        arguments: dtypes of all that the function takes, as numbers.
        results: dtypes of what it gives.
        captures: what it takes after the inputs.
    """

    name: str
    inputs: Any
    result: Any
    stateful: bool
    arguments: Tuple[int, ...]
    results: Tuple[int, ...]
    captures: Tuple[Capture, ...]


@dataclass(frozen=True)
class Unproven:
    """A function of a __call__ that is left to TensorFlow.

    Attributes:
        inputs: its arguments; None where they are not understood.
    """

    inputs: Any


@dataclass(frozen=True)
class CallPlan:
    """A __call__ as functions and what they capture.

    Attributes:
        functions: FunctionDefs, of all traces and all that they call, named uniquely.
        arguments: how it is called.
        traces: in the order in which TensorFlow tries them.
    """

    functions: Sequence[Any]
    arguments: Arguments
    traces: Tuple[Any, ...]


def plan_call(meta_graph: Any, prefix: str, suffix: str) -> CallPlan:
    """The plan of a model's own __call__.

    Args:
        meta_graph: the MetaGraphDef; its functions are renamed in place.
        prefix: of the checkpoint.
        suffix: to make the functions' names unique.

    Raises:
        Declined: none of its functions is sure to give what the full object gives.
    """
    function = call_function(meta_graph.object_graph_def)
    arguments = _arguments(function.function_spec)
    library = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    used: Dict[str, None] = {}
    traces = []
    for name in function.concrete_functions:
        traces.append(_trace(meta_graph, library, name, prefix, suffix, used))
    if arguments.is_constrained:
        traces = [_constrained(function, traces)]
    if not any(isinstance(trace, Trace) for trace in traces):
        raise Declined("no function of the call is sure to give the same")
    functions = [renamed(library[name], set(used), suffix) for name in used]
    return CallPlan(functions, arguments, tuple(traces))


def call_function(objects: Any) -> Any:
    """The SavedFunction that a root object's __call__ is.

    Raises:
        Declined: the root object or its __call__ is of an unusual kind.
    """
    check_root(objects)
    children = child_ids(objects.nodes[0])
    node = objects.nodes[children[CALL]] if CALL in children else None
    if node is None or node.WhichOneof("kind") != "function":
        raise Declined("the call is no function")
    return node.function


def _trace(
    meta_graph: Any,
    library: Mapping[str, Any],
    name: str,
    prefix: str,
    suffix: str,
    used: Dict[str, None],
) -> Any:
    concrete = meta_graph.object_graph_def.concrete_functions[name]
    inputs = None
    try:
        inputs = decoded(concrete.canonicalized_input_signature)
        if not _is_call(inputs):
            raise Declined(f"{name} has unusual inputs")
        result = decoded(concrete.output_signature)
        packer(result)
        names = closure(library, name)
        captures = captures_of(meta_graph, concrete.bound_inputs, prefix)
        signature = library[name].signature
        arguments = tuple(argument.type for argument in signature.input_arg)
        results = tuple(argument.type for argument in signature.output_arg)
        own = arguments[: len(arguments) - len(captures)]
        if tuple(tensor.dtype for tensor in tensors(inputs)) != own:
            raise Declined(f"{name} has other inputs than its signature")
        if not results or tuple(tensor.dtype for tensor in tensors(result)) != results:
            raise Declined(f"{name} has other outputs than its signature")
    except Declined as reason:
        _log.debug("left to TensorFlow: %s: %s", name, reason)
        return Unproven(inputs)
    used.update(dict.fromkeys(names))
    return Trace(
        name=name + suffix,
        inputs=inputs,
        result=result,
        stateful=signature.is_stateful,
        arguments=arguments,
        results=results,
        captures=captures,
    )


def _is_call(inputs: Any) -> bool:
    return (
        isinstance(inputs, tuple)
        and len(inputs) == 2
        and isinstance(inputs[0], tuple)
        and isinstance(inputs[1], dict)
    )


def _arguments(spec: Any) -> Arguments:
    if spec.jit_compile == spec.JitCompile.Value("ON"):
        raise Declined("the call is compiled by XLA")
    if spec.fullargspec.WhichOneof("kind") != "named_tuple_value":
        raise Declined("the call's arguments are not written down")
    fields = {
        pair.key: pair.value
        for pair in spec.fullargspec.named_tuple_value.values
        if pair.key != "annotations"
    }
    structures = {name: decoded(value) for name, value in fields.items()}
    values = {name: plain(structure) for name, structure in structures.items()}
    names = list(values["args"])
    if spec.is_method or names[:1] == ["self"]:
        names = names[1:]
    given = structures["defaults"] if values["defaults"] else ()
    defaults = dict(zip(names[len(names) - len(given) :], given))
    if values["kwonlydefaults"]:
        defaults.update(structures["kwonlydefaults"])
    keywords = values["kwonlyargs"] or ()
    if values["varargs"] or len(given) > len(names):
        raise Declined("the call takes any number of arguments")
    if not all(map(_is_plain, (*names, *keywords))):
        raise Declined("the call's arguments have unusual names")
    return Arguments(
        names=tuple(names),
        keywords=tuple(keywords),
        defaults=defaults,
        takes_more=values["varkw"] is not None,
        is_constrained=spec.input_signature.WhichOneof("kind") not in (None, "none_value"),
    )


def _constrained(function: Any, traces: Sequence[Any]) -> Any:
    """The only function of a call with its input_signature in the place of its inputs.

    TensorFlow calls the function with this in the place of the given tensors.

    Raises:
        Declined: the input_signature is not just what the only function takes.
    """
    wanted = decoded(function.function_spec.input_signature)
    (trace,) = traces if len(traces) == 1 else (None,)
    if trace is None or trace.inputs is None or not isinstance(wanted, tuple):
        raise Declined("the input_signature is that of several functions")
    positional, named = trace.inputs
    rest = positional[len(wanted) :]
    if positional[: len(wanted)] != wanted or any(isinstance(x, Tensor) for x in leaves(rest)):
        raise Declined("the input_signature is not the function's")
    if any(tensor.name and not _is_plain(tensor.name) for tensor in tensors(wanted)):
        raise Declined("a tensor of the input_signature has an unusual name")
    return replace(trace, inputs=((*wanted, *rest), named))


def _is_plain(name: object) -> bool:
    """Whether TensorFlow leaves a name for what is in a graph as it is."""
    return isinstance(name, str) and _PLAIN.fullmatch(name) is not None
