"""The store that lean objects of one model share, for as long as one of them uses it."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from dataclasses import astuple, dataclass
from typing import Any, Dict, List, MutableMapping, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis.lean import files
from unihub.apis.lean.calls import plan_call
from unihub.apis.lean.direct import DirectCall, DirectFunction
from unihub.apis.lean.files import read_values
from unihub.apis.lean.objects import filled_table, fixed_tensor, plan_signature
from unihub.apis.lean.plan import Capture, Declined, Table, Variable
from unihub.apis.lean.private import DecodeError, SavedModel, variable_handle
from unihub.formats.saved_model import saved_model_file

_log = logging.getLogger(__name__)
_UNIQUE = itertools.count()


@dataclass(frozen=True)
class Files:
    """The files of one MetaGraph.

    Attributes:
        path: folder of the model.
        tags: of the MetaGraph.
        has_objects: whether it is a TF2 SavedModel.
        is_mapped: whether its weights are mapped from a file that processes share.
        stamp: of the files when they were read.
    """

    path: str
    tags: Tuple[str, ...]
    has_objects: bool
    is_mapped: bool
    stamp: files.Stamp

    @property
    def prefix(self) -> str:
        """Of the checkpoint."""
        return files.checkpoint_prefix(self.path)

    def content(self) -> bytes:
        """The serialized SavedModel.

        Raises:
            Declined: it is in another encoding, or not on this machine.
        """
        files.check_encoding(self.path)
        with saved_model_file(self.path) as file:
            return bytes(file.content)

    def meta_graph(self) -> Any:
        """The MetaGraphDef.

        Raises:
            Declined: it cannot be told which one it is, or it is damaged.
        """
        try:
            saved_model = SavedModel.FromString(self.content())
        except DecodeError:
            raise Declined("saved_model.pb is damaged") from None
        tags = set(self.tags)
        found = [g for g in saved_model.meta_graphs if set(g.meta_info_def.tags) == tags]
        if len(found) != 1:
            raise Declined("several MetaGraphs have the same tags")
        return found[0]


class Store:
    """Functions and variables of a model, for those who do not write to them.

    It keeps none of them alive.
    """

    def __init__(self, model: Files) -> None:
        self.files = model
        self._functions: MutableMapping[Optional[str], Any] = weakref.WeakValueDictionary()
        self._handles: MutableMapping[Tuple[str, str], Any] = weakref.WeakValueDictionary()
        self._lock = threading.RLock()

    def function(self, signature: Optional[str], meta_graph: Any = None) -> Any:
        """The functions of a signature, or of the model's own __call__.

        Args:
            signature: its name; None for the __call__.
            meta_graph: the MetaGraphDef, which is changed; read anew by default.

        Raises:
            Declined: it needs more than is sure to give what the full object gives.
        """
        with self._lock:
            found = self._functions.get(signature)
            if found is None:
                found = self._planned(signature, meta_graph or self.files.meta_graph())
                self._functions[signature] = found
            return found

    def tensors(self, captures: Sequence[Sequence[Capture]]) -> List[List[Any]]:
        """The tensors that functions take after their inputs, for each of them.

        Raises:
            Declined: a variable is not in the checkpoint as the graph has it.
        """
        with self._lock:
            # Held while they are put together: the store itself holds none.
            handles = self._variables(
                [one for some in captures for one in some if isinstance(one, Variable)]
            )
            return [[self._tensor(one, handles) for one in some] for some in captures]

    def _planned(self, signature: Optional[str], meta_graph: Any) -> Any:
        suffix = f"_unihub_{next(_UNIQUE)}"
        prefix = self.files.prefix
        if signature is None:
            call = plan_call(meta_graph, prefix, suffix)
            return DirectCall(call, *self._for_mapped(call.functions))
        if self.files.has_objects:
            plan = plan_signature(meta_graph, signature, prefix, suffix)
        else:
            # Only the TF1 formats have a graph without objects.
            from unihub.apis.lean import graphs

            plan = graphs.plan_signature(meta_graph, signature, prefix, suffix)
        return DirectFunction(plan, *self._for_mapped(plan.functions))

    def _for_mapped(self, functions: Sequence[Any]) -> Tuple[Any, ...]:
        """Whether functions read in place, changed for it, and what follows their first call."""
        if not self.files.is_mapped:
            return ()
        from unihub.apis.lean.mapped import give_back, read_in_place

        return read_in_place(functions), give_back

    def _variables(self, variables: Sequence[Variable]) -> Dict[str, Any]:
        wanted = {variable.key: variable for variable in variables}
        found = {key: self._handles.get(("variable", key)) for key in wanted}
        missing = [wanted[key] for key, handle in found.items() if handle is None]
        for variable, value in zip(missing, self._values(missing)):
            handle = variable_handle(variable.dtype, variable.shape)
            tf.raw_ops.AssignVariableOp(resource=handle, value=value)
            self._handles["variable", variable.key] = found[variable.key] = handle
        return found

    def _values(self, variables: Sequence[Variable]) -> Sequence[Any]:
        if not self.files.is_mapped or not variables:
            return read_values(variables, self.files.prefix)
        from unihub.apis.lean.mapped import mapped_values

        return mapped_values(variables, self.files.prefix)

    def _tensor(self, capture: Capture, handles: Dict[str, Any]) -> Any:
        if isinstance(capture, Variable):
            return handles[capture.key]
        if not isinstance(capture, Table):
            return fixed_tensor(capture)
        table = self._handles.get(("table", capture.name))
        if table is None:
            table = self._handles["table", capture.name] = filled_table(capture)
        return table


_STORES: MutableMapping[Tuple[Any, ...], Store] = weakref.WeakValueDictionary()


def store_of(model: Files) -> Store:
    """The one store of a model's files, as they are now."""
    # The path as it is spelled too: it is in the paths of assets.
    key = (os.path.realpath(model.path), *astuple(model))
    store = _STORES.get(key)
    if store is None:
        store = _STORES[key] = Store(model)
    return store
