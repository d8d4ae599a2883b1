"""A loaded object for a layer or for training: what these ask of it, and no more.

It tells what it takes, lists its variables and goes into the graphs that are traced. All
else is the full object's, which is loaded around the same variables.
"""

from __future__ import annotations

import functools
import inspect
import logging
from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Sequence, Type

import tensorflow as tf

from unihub.apis.lean import files
from unihub.apis.lean.calls import Arguments, call_function
from unihub.apis.lean.in_graphs import Call, Model
from unihub.apis.lean.levels import LeveledCall, LeveledSignature, Source
from unihub.apis.lean.loaded import (
    ABSENT,
    LeanCall,
    LeanCallableObject,
    LeanFunction,
    LeanSignature,
    LeanSignatures,
)
from unihub.apis.lean.objects import captures_of, check_only_variables, child_ids, concrete_function
from unihub.apis.lean.plan import Declined, Variable
from unihub.apis.lean.private import ListWrapper, is_anyone_listening
from unihub.apis.lean.pruned import check_paths
from unihub.apis.lean.store import Files, store_of
from unihub.apis.lean.structures import Literal, Tensor, decoded
from unihub.apis.request import Request
from unihub.formats.saved_model import saved_model_file

_log = logging.getLogger(__name__)

_VARIABLES = ("trainable_variables", "variables")
_LOSSES = "regularization_losses"
_LISTS = (*_VARIABLES, _LOSSES)
_LIST = "trackable_list_wrapper"
# What says of an object which inputs it takes. Only functions have these.
_TRACED = (
    "structured_input_signature",
    "structured_outputs",
    "concrete_functions",
    "input_signature",
)

# Places in the object graph of what is in a list of the root object; None where it has none.
Lists = Mapping[str, Optional[Sequence[int]]]


def load(
    request: Request, load_full: Callable[..., Any], kind: Type[FrozenObject]
) -> Optional[Any]:
    """Loads what a layer needs of a model.

    Args:
        request: for which `capability.may_be_lean`; without a signature, it is for the
            object's own call.
        load_full: loads the full object; given ``load=``, it calls that in the place of
            tf.saved_model.load.
        kind: FrozenObject for a layer, TrainedObject for a caller.

    Returns:
        What passes for the full object to these; None where it is to be loaded.
    """
    if is_anyone_listening(while_loading=True):
        return None
    try:
        return _build(request, load_full, kind)
    except Declined as reason:
        _log.debug("%s: full load for a layer: %s", request.handle, reason)
    # The full load says better what is wrong with the files.
    except tf.errors.OpError as error:
        _log.debug("%s: full load for a layer: %s", request.handle, error)
    return None


def _build(
    request: Request, load_full: Callable[..., Any], kind: Type[FrozenObject]
) -> FrozenObject:
    path, signature = request.model.path, request.signature
    model_files = Files(
        path=path,
        tags=request.meta_graph.tags,
        has_objects=True,
        is_mapped=False,
        stamp=files.stamp(path, request.variables_digest),
    )
    with saved_model_file(path) as file:
        meta_graph = model_files.meta_graph()
        # The stamp, which a later full load goes by, is that of this very content.
        file.check_unchanged()
    store = store_of(model_files)
    # Declined before the weights are read, if it is.
    planned = store.function(signature, meta_graph)
    objects = meta_graph.object_graph_def
    names = (
        list(call_function(objects).concrete_functions)
        if signature is None
        else [concrete_function(objects, signature)]
    )
    lists = {name: _list_of(objects, name) for name in _LISTS}
    wanted = "its own __call__" if signature is None else f"signature {signature!r}"
    source = Source(request.handle, wanted, store, load_full, request.origin)
    model = Model(source, names if signature is None else (), lists[_LOSSES] or ())
    _share(model, meta_graph, lists, names, model_files.prefix)
    function = model.function(signature, meta_graph)
    # The store keeps none alive.
    del planned
    concrete = [objects.concrete_functions[name] for name in names]
    accepted = [_specs(decoded(one.canonicalized_input_signature)) for one in concrete]
    signatures = LeanSignatures(model, _signature_names(objects))
    call = None
    if isinstance(function, LeveledSignature):
        outputs = _specs(decoded(concrete[0].output_signature))
        signatures._lean_found[signature] = _FrozenSignature(function, accepted[0], outputs)
    elif isinstance(function, Call):
        call = kind.call(function, accepted)
        function.explains = not kind.is_for_layers
    return kind(model, signatures, call, _known(model, lists), request.handle)


def _known(model: Model, lists: Lists) -> Dict[str, Optional[Sequence[Any]]]:
    """The lists that the object has of its variables and losses; None for one that it has not."""

    def loss(place: int) -> Any:
        return model.losses()[place]()

    known: Dict[str, Optional[Sequence[Any]]] = {}
    for name, places in lists.items():
        if places is None:
            known[name] = None
        elif name == _LOSSES:
            known[name] = [functools.partial(loss, place) for place in range(len(places))]
        else:
            known[name] = [model.shared(place) for place in places]
    return known


def _share(model: Model, meta_graph: Any, lists: Lists, names: Sequence[str], prefix: str) -> None:
    """Makes the variables that are listed, and those that functions read."""
    objects = meta_graph.object_graph_def
    every = [p for p, node in enumerate(objects.nodes) if node.WhichOneof("kind") == "variable"]
    # What the full load around these variables asks for.
    check_only_variables(prefix, len(every))
    check_paths(objects, every)
    read = {p for name in names for p in objects.concrete_functions[name].bound_inputs}
    read.update(place for name in _VARIABLES for place in lists[name] or ())
    wanted = [place for place in every if place in read]
    if any(objects.nodes[place].variable.name.endswith("/") for place in wanted):
        raise Declined("a variable has the name of a scope")
    captures: Sequence[Any] = captures_of(meta_graph, every, prefix)
    found: Dict[int, Variable] = dict(zip(every, captures))
    model.share({place: found[place] for place in wanted}, objects.nodes)


def _list_of(objects: Any, name: str) -> Optional[List[int]]:
    """Places of what is in a list that the root object has; None where it has none.

    Raises:
        Declined: it is something else.
    """
    children = child_ids(objects.nodes[0])
    if any(traced in children for traced in _TRACED):
        raise Declined("the root object has a part of an unusual name")
    if name not in children:
        return None
    node = objects.nodes[children[name]]
    if node.user_object.identifier != _LIST:
        raise Declined(f"{name} is no list")
    parts = child_ids(node)
    if sorted(parts) != sorted(map(str, range(len(parts)))):
        raise Declined(f"{name} has other parts than a list has")
    places = [parts[str(i)] for i in range(len(parts))]
    kind = "function" if name == _LOSSES else "variable"
    if any(objects.nodes[place].WhichOneof("kind") != kind for place in places):
        raise Declined(f"{name} holds something else")
    return places


def _signature_names(objects: Any) -> List[str]:
    children = child_ids(objects.nodes[0])
    if "signatures" not in children:
        raise Declined("the object graph has no signatures")
    return list(child_ids(objects.nodes[children["signatures"]]))


def _specs(structure: Any) -> Any:
    """A structure with TensorFlow's specs, and Python's own values."""
    if isinstance(structure, dict):
        return {name: _specs(part) for name, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(map(_specs, structure))
    if isinstance(structure, Literal):
        return structure.value
    assert isinstance(structure, Tensor)
    return tf.TensorSpec(structure.shape, structure.dtype, structure.name or None)


@dataclass(frozen=True)
class _Traced:
    """One of the functions of a call, as far as a layer asks for it."""

    structured_input_signature: Any


class _FrozenFunction(LeanFunction):
    __slots__ = ()
    _lean_absent: ClassVar[FrozenSet[str]] = ABSENT

    def _maybe_initialize_trackable(self) -> None:
        """TensorFlow's way to prepare what it tracks: its own function does so itself."""

    def __getattr__(self, name: str) -> Any:
        function = object.__getattribute__(self, "_lean_function")
        if name in self._lean_absent and function.own is None:
            raise AttributeError(f"{self._lean_claims.__name__!r} object has no attribute {name!r}")
        return super().__getattr__(name)


class _FrozenCall(_FrozenFunction, LeanCall):
    """The model's own __call__.

    Args:
        function: that it is.
        accepted: the inputs of each function that it was traced to.
    """

    __slots__ = ("_lean_accepted",)
    _lean_absent = ABSENT.union(("structured_input_signature", "structured_outputs"))

    def __init__(self, function: LeveledCall, accepted: Sequence[Any]) -> None:
        super().__init__(function)
        object.__setattr__(self, "_lean_accepted", accepted)

    @property
    def concrete_functions(self) -> Any:
        if self._lean_function.own is not None:
            return self._lean_own().concrete_functions
        return list(map(_Traced, self._lean_accepted))

    @property
    def __signature__(self) -> inspect.Signature:
        return _signature_of(self._lean_function._direct.arguments)


class _FrozenSignature(_FrozenFunction, LeanSignature):
    """A signature.

    Args:
        function: that it is.
        accepted: its inputs.
        outputs: of it.
    """

    __slots__ = ("_lean_accepted", "_lean_outputs")

    def __init__(self, function: LeveledSignature, accepted: Any, outputs: Any) -> None:
        super().__init__(function)
        object.__setattr__(self, "_lean_accepted", accepted)
        object.__setattr__(self, "_lean_outputs", outputs)

    @property
    def structured_input_signature(self) -> Any:
        return self._lean_accepted

    @property
    def structured_outputs(self) -> Any:
        return self._lean_outputs


class FrozenObject(LeanCallableObject):
    """The full object to whoever asks for more than a layer does.

    Args:
        model: that is called.
        signatures: its signatures.
        call: its own __call__; None where the full object is to give it.
        known: its lists of variables and losses; None for one that it has not.
        handle: of the model.
    """

    __slots__ = ("_lean_known",)
    is_for_layers: ClassVar[bool] = True
    _lean_absent = ABSENT.union(_TRACED)
    call: ClassVar[Callable[..., LeanCall]] = _FrozenCall

    def __init__(
        self,
        model: Model,
        signatures: LeanSignatures,
        call: Optional[LeanCall],
        known: Dict[str, Optional[Sequence[Any]]],
        handle: str,
    ) -> None:
        super().__init__(model, signatures, None, handle)
        object.__setattr__(self, "_lean_call", call)
        object.__setattr__(self, "_lean_known", known)

    def __getattr__(self, name: str) -> Any:
        if not self._lean_model.is_full:
            if name == "_is_hub_module_v1":
                return False
            if name in self._lean_known:
                known = self._lean_known[name]
                if known is None:
                    raise AttributeError(
                        f"{self._lean_claims.__name__!r} object has no attribute {name!r}"
                    )
                return known
        return super().__getattr__(name)


class TrainedObject(FrozenObject):
    """The full object to whoever asks for more than is needed to train it."""

    __slots__ = ()
    is_for_layers = False
    call = staticmethod(lambda function, accepted: LeanCall(function))

    def __getattr__(self, name: str) -> Any:
        known, model = self._lean_known, self._lean_model
        if name not in _LISTS or model.is_full or known[name] is None:
            return super().__getattr__(name)
        if not isinstance(known[name], ListWrapper):
            known[name] = ListWrapper(model.losses() if name == _LOSSES else list(known[name]))
        return known[name]

    def _lean_full(self) -> Any:
        full, known = super()._lean_full(), object.__getattribute__(self, "_lean_known")
        # The caller may hold the lists that were given out, and have changed them.
        for name in [name for name, given in known.items() if isinstance(given, ListWrapper)]:
            setattr(full, name, known[name])
            known.pop(name, None)
        return full


def _signature_of(arguments: Arguments) -> inspect.Signature:
    """The inspect.Signature of such a call."""
    one = inspect.Parameter
    kinds: List[Any] = [(name, one.POSITIONAL_OR_KEYWORD) for name in arguments.names]
    kinds.extend((name, one.KEYWORD_ONLY) for name in arguments.keywords)
    parameters = [
        one(name, kind, default=_default(arguments, name, one.empty)) for name, kind in kinds
    ]
    if arguments.takes_more:
        parameters.append(one("kwargs", one.VAR_KEYWORD))
    return inspect.Signature(parameters)


def _default(arguments: Arguments, name: str, none: Any) -> Any:
    return _specs(arguments.defaults[name]) if name in arguments.defaults else none
