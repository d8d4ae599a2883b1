"""What one call of `unihub.load` asks for, once everything evident is filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

from unihub.formats.model import MetaGraph, SavedModel, read_ops
from unihub.matrix.values import Operation


@dataclass(frozen=True)
class Request:
    """What a route is given.

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

    def ops(self) -> Tuple[str, ...]:
        """Names of the ops that the chosen MetaGraph uses, read from its file."""
        return read_ops(self.model.path, self.meta_graph.tags)

    @property
    def fine_tuning(self) -> bool:
        return self.operation is Operation.FINE_TUNING
