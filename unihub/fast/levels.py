"""One signature that becomes as much of its model as is asked of it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.fast import files
from unihub.fast.direct import Captured
from unihub.fast.plan import Declined, Variable
from unihub.fast.private import SavedModel, load_around, no_tape
from unihub.fast.pruned import Pruned, load_pruned

_log = logging.getLogger("unihub.fast")

# These are of the moment, and no property of the inputs that a full load would explain.
_PASSING = (tf.errors.CancelledError, tf.errors.ResourceExhaustedError)


@dataclass(frozen=True)
class Source:
    """Where a signature comes from.

    Attributes:
        handle: as the caller wrote it.
        path: folder of the model.
        tags: of the MetaGraph.
        signature: its name.
        has_objects: whether it is a TF2 SavedModel.
        stamp: of the files when they were read.
        load_full: loads the full object; takes ``load=``, what to call in the place
            of tf.saved_model.load.
    """

    handle: str
    path: str
    tags: Tuple[str, ...]
    signature: str
    has_objects: bool
    stamp: files.Stamp
    load_full: Callable[..., Any]


class LeveledFunction:
    """A signature, called with its inputs by name.

    Eagerly and without a tape it runs ``direct``. For a graph, a tape or an unusual
    input TensorFlow's own function is loaded, pruned to this signature, and
    ``full()`` loads the whole object; the variables stay the same ones from then on.
    """

    def __init__(self, captured: Captured, source: Source) -> None:
        self._direct: Optional[Captured] = captured
        self._result = captured.function.result
        self._source = source
        self._complete: Optional[Callable[..., Any]] = None
        self._pruned: Optional[Pruned] = None
        self._full: Any = None
        self._lock = threading.RLock()

    def __call__(self, **inputs: Any) -> Dict[str, Any]:
        outputs: Optional[Dict[str, Any]] = self.direct(inputs)
        if outputs is None:
            outputs = self.complete()(**inputs)
        return {name: outputs[name] for name in self._result}

    def direct(self, inputs: Mapping[str, Any], output: Optional[str] = None) -> Any:
        """Runs the function directly, where that comes to the same.

        Args:
            inputs: by name.
            output: name of the one to return; by default a dict of all.

        Returns:
            The outputs; None where TensorFlow's own function is needed.
        """
        direct = self._direct
        if direct is None or not no_tape() or not tf.executing_eagerly():
            return None
        tensors = direct.function.accepted(inputs)
        if tensors is None:
            return None
        try:
            return direct.function(tensors + direct.tensors, output)
        except _PASSING:
            raise
        except tf.errors.OpError:
            # TensorFlow's own function fails too, and says where.
            return None

    @property
    def is_full(self) -> bool:
        """Whether the full object is loaded."""
        return self._full is not None

    def complete(self) -> Callable[..., Any]:
        """TensorFlow's own function for the signature, loaded once."""
        if self._complete is None:
            with self._lock:
                if self._complete is None:
                    _as_at_top_level(self._load_complete)
        assert self._complete is not None
        return self._complete

    def full(self) -> Any:
        """The full object, loaded once."""
        if self._full is None:
            with self._lock:
                if self._full is None:
                    _as_at_top_level(self._load_full)
        return self._full

    def _load_complete(self) -> None:
        source = self._source
        if not source.has_objects:
            return self._load_full()
        self._check_files()
        with open(files.graph_file(source.path), "rb") as file:
            (meta_graph,) = SavedModel.FromString(file.read()).meta_graphs
        try:
            self._pruned = load_pruned(meta_graph, source.signature, self._values())
        except Declined as reason:
            _log.debug("%s: full load: %s", source.handle, reason)
            return self._load_full()
        return self._go_on_with(self._pruned.function)

    def _load_full(self) -> None:
        self._check_files()
        pruned = self._pruned
        if pruned is None:
            full = self._source.load_full()
        else:
            full = self._source.load_full(load=_loading_around(pruned.variables))
        self._go_on_with(full.signatures[self._source.signature])
        self._full = full

    def _values(self) -> Mapping[int, Any]:
        assert self._direct is not None
        return {
            capture.node: tf.raw_ops.ReadVariableOp(resource=handle, dtype=capture.dtype)
            for capture, handle in zip(self._direct.function.captures, self._direct.tensors)
            if isinstance(capture, Variable) and capture.node is not None
        }

    def _go_on_with(self, function: Any) -> None:
        """Makes the direct function read TensorFlow's own variables, if it can."""
        direct, captures = self._direct, list(function.captured_inputs)
        same = (
            direct is not None
            and self._source.has_objects
            and [tensor.dtype for tensor in captures] == [tensor.dtype for tensor in direct.tensors]
        )
        self._direct = Captured(direct.function, captures) if same and direct else None
        self._complete = function

    def _check_files(self) -> None:
        source = self._source
        files.check_unchanged(source.handle, source.signature, source.path, source.stamp)


def _loading_around(variables: Mapping[str, Any]) -> Callable[..., Any]:
    def load(path: str, tags: Any) -> Any:
        # Loading sets the variables as they are in the checkpoint.
        values = {name: variable.read_value() for name, variable in variables.items()}
        loaded = load_around(path, tags, variables)
        for name, variable in variables.items():
            variable.assign(values[name])
        return loaded

    return load


def _as_at_top_level(action: Callable[[], None]) -> None:
    """Runs an action where no graph, tape, scope or device of the caller is in force."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(action).result()
