"""Handlers of Beam that load a model in each worker: the usual way, unihub's, and none."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from apache_beam.ml.inference.base import ModelHandler as Handler

from benchmarks import sharing
from benchmarks.engines import BEAM
from benchmarks.memory import NOTHING
from unihub.engines.beam import ModelHandler


class Usual(Handler[Any, Any, Any]):  # type: ignore[misc]
    """Loads as Beam's own examples do."""

    def __init__(self, is_nothing: bool) -> None:
        super().__init__(max_batch_size=1)
        self._is_nothing = is_nothing

    def load_model(self) -> Any:
        return sharing.nothing() if self._is_nothing else sharing.usual()

    def run_inference(
        self, batch: Sequence[Any], model: Any, inference_args: Any = None
    ) -> Iterable[Any]:
        sharing.met(model(sharing.inputs()))
        return batch


class Ours(ModelHandler):
    """A ModelHandler whose workers meet."""

    def run_inference(
        self, batch: Sequence[Any], model: Any, inference_args: Any = None
    ) -> Iterable[Any]:
        given = sharing.inputs()
        (found,) = super().run_inference([{n: v[0] for n, v in given.items()}], model)
        rows = found.inference
        sharing.met({name: value[None] for name, value in rows.items()})
        return batch


def handler(arm: str, path: str) -> Any:
    """The handler of an arm."""
    if arm == sharing.OURS[BEAM]:
        return Ours(path, max_batch_size=1, as_dict=True)
    return Usual(arm == NOTHING)
