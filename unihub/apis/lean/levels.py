"""Functions of one model that become as much of it as is asked of them."""

from __future__ import annotations

import functools
import logging
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.lean import files
from unihub.apis.lean.direct import DirectCall, DirectFunction, Wrapper
from unihub.apis.lean.plan import Capture, Declined, Part, Pruned, Variable
from unihub.apis.lean.private import is_anyone_listening, load_around
from unihub.apis.lean.routes import Route, Routes
from unihub.apis.lean.store import Store
from unihub.apis.lean.threads import at_top_level
from unihub.apis.own_call import call_explained, let_go
from unihub.apis.request import Origin

_log = logging.getLogger(__name__)

# These are of the moment, and no property of the inputs that a full load would explain.
_PASSING = (tf.errors.CancelledError, tf.errors.ResourceExhaustedError)
# In the place of outputs, of which None may be one.
MISSING = object()

# Of each function of a signature or __call__; None for one that TensorFlow has to run.
Captures = List[Optional[Sequence[Capture]]]
Tensors = List[Optional[List[Any]]]


@dataclass(frozen=True)
class Source:
    """Where an object comes from.

    Attributes:
        handle: as the caller wrote it.
        wanted: what was loaded at first, in words.
        store: of its files.
        load_full: loads the full object; takes ``load=``, what to call in the place
            of tf.saved_model.load.
        origin: how to load it again; None for what is not copied.
    """

    handle: str
    wanted: str
    store: Store
    load_full: Callable[..., Any]
    origin: Optional[Origin] = None


class Model:
    """The state that the functions of one lean object share: their variables, and the full object.

    Until more than direct calls is wanted, the variables are those of the store. From
    then on they are tf.Variables, the same ones for all functions and the full object.
    """

    # What a signature and what a __call__ is made.
    _kinds: Callable[[], Tuple[Any, Any]] = staticmethod(lambda: (LeveledSignature, LeveledCall))

    def __init__(self, source: Source) -> None:
        self._source = source
        # They hold the model: the other way round they would outlive their last user.
        self._functions: weakref.WeakSet[LeveledFunction] = weakref.WeakSet()
        self._pruned: List[Pruned] = []
        self._full: Any = None
        self._lock = threading.RLock()

    def function(self, signature: Optional[str], meta_graph: Any = None) -> LeveledFunction:
        """A signature, or the model's own __call__.

        Args:
            signature: its name; None for the __call__.
            meta_graph: the MetaGraphDef, which is changed; read anew by default.

        Raises:
            Declined: it needs more than is sure to give what the full object gives.
            ModelChanged: the model's files are not those that were loaded.
        """
        with self._lock:
            if self.is_full:
                raise Declined("the full object is there already")
            if meta_graph is None:
                self._check_files()
            direct = self._source.store.function(signature, meta_graph)
            function: LeveledFunction = self._kinds()[signature is None](self, signature, direct)
            function.tensors = self._tensors(function.captures())
            self._functions.add(function)
            return function

    @property
    def handle(self) -> str:
        """As the caller wrote it."""
        return self._source.handle

    @property
    def origin(self) -> Optional[Origin]:
        """How to load it again; None for what is not copied."""
        return self._source.origin

    @property
    def has_variables(self) -> bool:
        """Whether there are tf.Variables, which others may write to."""
        return self.is_full or bool(self._variables())

    @property
    def has_objects(self) -> bool:
        """Whether it is a TF2 SavedModel."""
        return self._source.store.files.has_objects

    @property
    def is_full(self) -> bool:
        """Whether the full object is loaded."""
        return self._full is not None

    def full(self) -> Any:
        """The full object, loaded once."""
        if self._full is None:
            with self._lock:
                if self._full is None:
                    at_top_level(self._load_full)
        return self._full

    def complete(self, function: LeveledFunction) -> Any:
        """TensorFlow's own function in the place of one, loaded once."""
        if function.own is None:
            with self._lock:
                if function.own is None:
                    at_top_level(lambda: self._load_complete(function))
        return function.own

    def _load_complete(self, function: LeveledFunction) -> None:
        if not self.has_objects:
            return self._load_full()
        try:
            function.own = self._load_part(Part(function.signature))
        except Declined as reason:
            _log.debug("%s: full load: %s", self._source.handle, reason)
            self._load_full()
        return None

    def _load_part(self, part: Part) -> Any:
        """TensorFlow's own functions for part of the model.

        Raises:
            Declined: it needs more than variables and constants.
            ModelChanged: the model's files are not those that were loaded.
        """
        # Most processes only call.
        from unihub.apis.lean.pruned import load_pruned

        self._check_files()
        model = self._source.store.files
        pruned = load_pruned(
            model.meta_graph(), model.content(), model.prefix, part, self._variables(), self._read
        )
        self._pruned.append(pruned)
        for one in self._functions:
            if one.tensors is not None:
                one.tensors = self._with_variables(one.captures(), one.tensors)
        return pruned.function

    def _load_full(self) -> None:
        self._check_files()
        known = self._variables()
        full = self._source.load_full(load=self._load_rest) if known else self._source.load_full()
        for function in self._functions:
            # One that TensorFlow has called stays: it has its traces.
            if function.own is None:
                function.own = function.of(full)
                function.tensors = function.tensors_of(function.own) if self.has_objects else None
            function.watch()
        self._full = full
        # The full object alone keeps its variables, as TensorFlow's loader has it.
        self._pruned.clear()

    def _load_rest(self, path: str, tags: Sequence[str]) -> Any:
        from unihub.apis.lean.pruned import load_rest

        store, known = self._source.store, self._variables()
        try:
            return load_rest(path, tags, store.files.meta_graph(), store.files.prefix, known)
        except Declined as reason:
            _log.debug("%s: values are kept by hand: %s", self._source.handle, reason)
        # Loading sets the variables as they are in the checkpoint.
        paths = {place: path for pruned in self._pruned for place, path in pruned.paths.items()}
        values = {place: variable.read_value() for place, variable in known.items()}
        loaded = load_around(path, tags, {paths[place]: v for place, v in known.items()})
        for place, variable in known.items():
            variable.assign(values[place])
        return loaded["root"]

    def _tensors(self, captures: Captures) -> Tensors:
        tensors = self._source.store.tensors([some or () for some in captures])
        return self._with_variables(captures, tensors)

    def _variables(self) -> Dict[int, Any]:
        return {place: v for pruned in self._pruned for place, v in pruned.variables.items()}

    def _read(self, variables: Sequence[Variable]) -> List[Any]:
        (handles,) = self._source.store.tensors([variables])
        return [
            tf.raw_ops.ReadVariableOp(resource=handle, dtype=variable.dtype)
            for handle, variable in zip(handles, variables)
        ]

    def _with_variables(self, captures: Captures, tensors: Sequence[Optional[Any]]) -> Tensors:
        """The captured tensors, with tf.Variables where there are such."""
        variables = self._variables()
        return [
            [
                variables[capture.node].handle
                if isinstance(capture, Variable) and capture.node in variables
                else tensor
                for capture, tensor in zip(some, its)
            ]
            if some is not None and its is not None
            else None
            for some, its in zip(captures, tensors)
        ]

    def _check_files(self) -> None:
        source, model = self._source, self._source.store.files
        files.check_unchanged(source.handle, source.wanted, model.path, model.stamp)


class LeveledFunction:
    """A function of a model. Where nobody listens it runs directly.

    For whoever listens, and for an unusual input, TensorFlow's own function is loaded,
    with as little of the model as it needs; the variables stay the same from then on.

    Attributes:
        own: TensorFlow's own function; None before it is loaded.
        tensors: what its direct functions capture; None where it has none any more.
    """

    def __init__(self, model: Model, signature: Optional[str], direct: Any) -> None:
        self.model = model
        self.signature = signature
        self.own: Any = None
        self.tensors: Optional[Tensors] = None
        self._direct = direct

    def captures(self) -> Captures:
        """The captures of its functions; None for one that is not direct."""
        raise NotImplementedError

    def of(self, full: Any) -> Any:
        """The same function of the full object."""
        raise NotImplementedError

    def functions_of(self, own: Any) -> List[Any]:
        """TensorFlow's ConcreteFunctions for the direct functions."""
        raise NotImplementedError

    def watch(self) -> None:
        """Is told when a variable of the full object, which its own function reads, is gone."""

    def complete(self) -> Any:
        """TensorFlow's own function, loaded once."""
        return self.model.complete(self)

    def captured(self) -> Optional[Tensors]:
        """The tensors that its direct functions capture; None where TensorFlow's own is to run."""
        if self._direct.reads_in_place and self.model.has_variables:
            return None
        return self.tensors

    def tensors_of(self, own: Any) -> Optional[Tensors]:
        """The tensors that TensorFlow's own function captures; None where it differs in kind."""
        functions = self.functions_of(own)
        if self.tensors is None or len(functions) != len(self.tensors):
            return None
        found: Tensors = []
        for function, before in zip(functions, self.tensors):
            after = None if before is None else list(function.captured_inputs)
            if before is not None and after is not None and _dtypes(before) != _dtypes(after):
                return None
            found.append(after)
        return found


class LeveledSignature(LeveledFunction):
    """A signature, called with its inputs by name."""

    _direct: DirectFunction

    def __call__(self, **inputs: Any) -> Dict[str, Any]:
        outputs = self.direct(inputs)
        if outputs is MISSING:
            outputs = self.complete()(**inputs)
        return {name: outputs[name] for name in self._direct.result}

    @property
    def sole_input(self) -> Optional[str]:
        """The name of the input that can be given by position."""
        return self._direct.sole_input

    def direct(self, inputs: Mapping[str, Any], output: Optional[str] = None) -> Any:
        """Runs the function directly, where that comes to the same.

        Args:
            inputs: by name.
            output: name of the one to return; by default a dict of all.

        Returns:
            The outputs; MISSING where TensorFlow's own function is needed.
        """
        captured = self.captured()
        if captured is None or is_anyone_listening():
            return MISSING
        tensors = self._direct.accepted(inputs)
        if tensors is None:
            return MISSING
        try:
            return self._direct([*tensors, *(captured[0] or ())], output)
        except _PASSING:
            raise
        except tf.errors.OpError:
            # TensorFlow's own function fails too, and says where.
            return MISSING

    def captures(self) -> Captures:
        return [self._direct.captures]

    def of(self, full: Any) -> Any:
        return full.signatures[self.signature]

    def functions_of(self, own: Any) -> List[Any]:
        return [own]


class LeveledCall(LeveledFunction):
    """A model's own __call__."""

    _direct: DirectCall

    def __init__(self, model: Model, signature: Optional[str], direct: DirectCall) -> None:
        super().__init__(model, signature, direct)
        self._routes = Routes(direct)
        # Of each of TensorFlow's functions, which live as long as this one.
        self._traced: Dict[int, weakref.WeakSet[Wrapper]] = {}
        self._watched: List[Any] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outputs = self._directly(args, kwargs)
        if outputs is not MISSING:
            return outputs
        before: Sequence[Optional[Route]] = [self._routes.known(args, kwargs)]
        leaves = self._direct.reads_in_place or not tf.executing_eagerly()
        if self.tensors is not None and leaves:
            # What is traced now may serve later calls with other shapes, but for those of
            # which TensorFlow would have had a trace before.
            self.tensors = None
            before = self._routes.kinds()
        own = self.complete()
        self._routes.takes_values = False
        self._trace_as_before(own, before)
        return self._called(own, args, kwargs)

    def _called(self, own: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The outputs of TensorFlow's own function."""
        return call_explained(own, args, kwargs, self.model.handle)

    def _directly(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The outputs of a direct function; MISSING where TensorFlow's own is needed."""
        captured = self.captured()
        if captured is None or is_anyone_listening():
            return MISSING
        found = self._routes.find(args, kwargs)
        if found is None:
            return MISSING
        route, tensors = found
        function = route.wrapper
        try:
            return function.pack(function.run([*tensors, *(captured[function.trace] or ())]))
        except _PASSING:
            raise
        except tf.errors.OpError:
            # TensorFlow's own function fails too, and says where.
            return MISSING

    def _trace_as_before(self, own: Any, routes: Sequence[Optional[Route]]) -> None:
        """Has TensorFlow's function traced already for calls as those that ran directly.

        It tells those who listen of the variables that are in a function as it traces
        it, and not again as it calls it; and it prefers the trace for just these inputs.
        """
        traced = self._traced.setdefault(id(own), weakref.WeakSet())
        # It may be called by others than this object too.
        let_go(own)
        for route in routes:
            if route is not None and route.wrapper not in traced:
                args, kwargs = route.example
                traced.add(route.wrapper)
                try:
                    at_top_level(functools.partial(own.get_concrete_function, *args, **kwargs))
                except Exception as error:
                    # That call failed, and its caller was told.
                    _log.debug("no trace for an earlier call: %s", error)

    def captures(self) -> Captures:
        return self._direct.captures

    def watch(self) -> None:
        if not self.model.has_objects:
            return
        routes = self._routes
        # TensorFlow calls what it has traced by then, and traces no more.
        self._watched = [
            weakref.ref(variable, lambda _: routes.close())
            for function in self.functions_of(self.own)
            for variable in function.variables
        ]

    def of(self, full: Any) -> Any:
        return full.__call__

    def functions_of(self, own: Any) -> List[Any]:
        return list(own.concrete_functions)

    def leave(self) -> None:
        """Calls no function directly any more."""
        self.tensors = None


def _dtypes(tensors: Sequence[Any]) -> List[Any]:
    return [tensor.dtype for tensor in tensors]
