"""What one call of `unihub.load` asks for, once everything evident is filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional

from unihub.formats import MetaGraph, SavedModel
from unihub.matrix import Operation


@dataclass(frozen=True)
class Request:
    """What a route is given.

    Attributes:
        handle: as the caller wrote it.
        model: what was read from the folder that the handle resolved to.
        meta_graph: the one of the model's MetaGraphs to use.
        tags_given: whether the caller chose it.
        operation: INFERENCE or FINE_TUNING.
        signature, output_key, as_dict: as the caller gave them, if at all.
        options: tf.saved_model.LoadOptions or None.
        arguments: further keyword arguments, for the API that serves.
    """

    handle: str
    model: SavedModel
    meta_graph: MetaGraph
    tags_given: bool = False
    operation: Operation = Operation.INFERENCE
    signature: Optional[str] = None
    output_key: Optional[str] = None
    as_dict: Optional[bool] = None
    options: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fine_tuning(self) -> bool:
        return self.operation is Operation.FINE_TUNING
