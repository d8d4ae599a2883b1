"""The request of one call of `unihub.load`, once all defaults are filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, List, Mapping, Optional, Tuple

from unihub.formats.model import MetaGraph, SavedModel, read_ops
from unihub.matrix.values import Operation


@dataclass(frozen=True)
class Origin:
    """How an object was loaded, by which it is copied and sent to other processes.

    Attributes:
        handle, folder, loaded: as the caller wrote it; its folder; that or the converted one.
        choices: the arguments of the load.
        stamp, load: what tells its files from others in their place; `unihub.load`.
        edited: names of the attributes that were set or deleted since.
    """

    handle: str
    folder: str
    loaded: str
    choices: Mapping[str, Any]
    stamp: Tuple[Any, ...]
    load: Callable[..., Any]
    edited: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class Request:
    """The request that a route is given.

    Attributes:
        handle: as the caller wrote it.
        model: what was read from the folder that the handle resolved to.
        meta_graph: the one of the model's MetaGraphs to use.
        tags_given: whether the caller chose it.
        operation: INFERENCE or FINE_TUNING.
        training: False when a TF1 format is fine-tuned to be evaluated.
        signature, output_key, as_dict: as the caller gave them, if at all.
        options: tf.saved_model.LoadOptions or None.
        fast: whether what a call needs may be loaded without the rest of the model.
        weights: "mmap" to share them between processes, or None.
        arguments: further keyword arguments, for the API that serves.
        origin: how to load it again; None for what is not copied.
    """

    handle: str
    model: SavedModel
    meta_graph: MetaGraph
    tags_given: bool = False
    operation: Operation = Operation.INFERENCE
    training: Optional[bool] = None
    signature: Optional[str] = None
    output_key: Optional[str] = None
    as_dict: Optional[bool] = None
    options: Any = None
    fast: bool = True
    weights: Optional[str] = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    origin: Optional[Origin] = None

    def ops(self) -> Tuple[str, ...]:
        """Names of the ops that the chosen MetaGraph uses, read from its file."""
        return read_ops(self.model.path, self.meta_graph.tags)

    @property
    def variables_digest(self) -> Optional[str]:
        """As `formats.files.variables_digest` of the model; None where it was not taken."""
        origin = self.origin
        if origin is None or origin.folder != self.model.path:
            return None
        digest: str = origin.stamp[-1]
        return digest

    @property
    def fine_tuning(self) -> bool:
        return self.operation is Operation.FINE_TUNING
