"""Models on Apache Beam: a ModelHandler for its RunInference."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Optional, Sequence

import numpy as np

from unihub.engines.elements import columns_of_elements, rows_of_results
from unihub.engines.errors import NoInferenceArguments
from unihub.engines.packages import needed
from unihub.engines.predictor import Predictor

with needed("apache_beam", extra="beam"):
    from apache_beam.ml.inference import base

# Beam cuts the batches: what it gives is called with at once.
_ANY_SIZE = 1 << 20
# What is for a Predictor, of all keyword arguments.
_OF_PREDICTOR = ("signature", "inputs", "outputs", "pad", "resize", "on_bad", "tags", "sha256")


class ModelHandler(base.ModelHandler[Any, base.PredictionResult, Predictor]):  # type: ignore[misc]
    """A model of any format, for `apache_beam.ml.inference.base.RunInference`.

    Elements are what one row of the inputs is: a dict by the inputs' names; or, where there is
    one input, an array, a tensor, a number, text, or the bytes of an image. The handler is
    pickled as a `unihub.Predictor` is, and each worker process loads the model, its weights
    shared by all of the machine: ``large_model`` and ``model_copies`` are for what else a model
    takes.

    Args:
        handle: of the model, as for `unihub.load`.
        as_dict: True for a dict of outputs also where there is one.
        min_batch_size, max_batch_size, max_batch_duration_secs, max_batch_weight,
            element_size_fn, batch_length_fn, batch_bucket_boundaries, large_model, model_copies,
            env_vars: as for Beam's ModelHandler.
        signature, inputs, outputs, pad, resize, on_bad, tags, sha256: as for `unihub.Predictor`.

    Returns:
        For each element a PredictionResult, whose inference is the row of the only output, or
        a dict by their names; None for a bad row, for ``on_bad="null"``.

    Source: https://beam.apache.org/documentation/ml/about-ml.

    Example:
        >>> from unihub.engines.beam import ModelHandler
        >>> rows | RunInference(ModelHandler("path/to/model", max_batch_size=64))
    """

    def __init__(self, handle: Any, *, as_dict: bool = False, **kwargs: Any) -> None:
        own = {name: kwargs.pop(name) for name in _OF_PREDICTOR if name in kwargs}
        super().__init__(**kwargs)
        self._as_dict = as_dict
        self._options = {**own, "batch_size": kwargs.get("max_batch_size") or _ANY_SIZE}
        self._predictor = Predictor(handle, **self._options)

    def load_model(self) -> Predictor:
        """Loads the model in this process."""
        return self._predictor.load()

    def run_inference(
        self,
        batch: Sequence[Any],
        model: Predictor,
        inference_args: Optional[Dict[str, Any]] = None,
    ) -> Iterable[Any]:
        """Predicts a batch.

        Args:
            batch: of elements.
            model: what `load_model` gave, or what stands for it in another process.
            inference_args: none.

        Returns:
            A PredictionResult for each element.
        """
        self.validate_inference_args(inference_args)
        names = list(self._predictor.chosen.signature.inputs)
        results = model.predict(columns_of_elements(batch, names))
        for example, inference in zip(batch, rows_of_results(results, self._as_dict)):
            yield base.PredictionResult(example, inference, self._predictor.handle)

    def validate_inference_args(self, inference_args: Optional[Dict[str, Any]]) -> None:
        """Raises NoInferenceArguments where there are any: a signature takes its inputs alone."""
        if inference_args:
            raise NoInferenceArguments(given=", ".join(inference_args))

    def update_model_path(self, model_path: Optional[str] = None) -> None:
        """Takes another model from now on, with the same choices.

        Args:
            model_path: its handle; None for no other.
        """
        if model_path:
            self._predictor = Predictor(model_path, **self._options)

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        """The bytes of the values of a batch."""
        return sum(map(_bytes_of, batch))

    def get_metrics_namespace(self) -> str:
        """The namespace of the metrics."""
        return "unihub"


def _bytes_of(element: Any) -> int:
    if isinstance(element, Mapping):
        return sum(map(_bytes_of, element.values()))
    if isinstance(element, (str, bytes)):
        return len(element)
    return int(np.asarray(element).nbytes)
