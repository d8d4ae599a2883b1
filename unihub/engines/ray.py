"""Models on Ray: a class for `Dataset.map_batches`."""

from __future__ import annotations

from typing import Any, Mapping, Sequence, Union

import numpy as np

from unihub.engines.packages import needed
from unihub.engines.predictor import Predictor

with needed("ray", extra="ray"):
    import ray.data  # noqa: F401


class BatchPredictor:
    """A model of any format, in actors that `ray.data.Dataset.map_batches` starts.

    Each actor loads the model once, before the first batch comes; the actors of a machine share
    the weights. Batches are dicts of NumPy arrays, pandas frames or pyarrow tables, as the
    ``batch_format`` says, and come back as they came.

    Args:
        model: a `unihub.Predictor`, which is sent to the actors as a small value; or a handle.
        keep: columns of the batch that go to the result as well; True for all.
        **options: with a handle, as for `unihub.Predictor`.

    Source: https://docs.ray.io/en/latest/data/batch_inference.html.

    Example:
        >>> from unihub.engines.ray import BatchPredictor
        >>> predictor = unihub.Predictor("path/to/text_embedding")
        >>> rows.map_batches(BatchPredictor, fn_constructor_args=(predictor,), concurrency=2)
    """

    def __init__(self, model: Any, keep: Union[bool, Sequence[str]] = (), **options: Any) -> None:
        self._predictor = model if isinstance(model, Predictor) else Predictor(model, **options)
        self._keep = keep
        self._predictor.load()

    def __call__(self, batch: Any) -> Any:
        """Predicts a batch.

        Args:
            batch: a dict of NumPy arrays, a pandas frame or a pyarrow table.

        Returns:
            Of the same kind: the columns that are kept, and those of the outputs.
        """
        results = self._predictor(batch)
        if isinstance(batch, Mapping):
            kept = {name: batch[name] for name in self._kept(list(batch))}
            return {**kept, **{name: _with_nulls(values) for name, values in results.items()}}
        if hasattr(batch, "column_names"):
            for place, name in enumerate(self._kept(batch.column_names)):
                results = results.add_column(place, name, batch.column(name))
            return results
        return batch[self._kept(list(batch.columns))].join(results)

    def _kept(self, names: Sequence[str]) -> Sequence[str]:
        if self._keep is True:
            return list(names)
        return list(self._keep or ())


def _with_nulls(values: Any) -> Any:
    """What is masked as None, which Ray takes for null."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    nulls = np.ma.getmaskarray(values).reshape(len(values), -1).any(1)
    column = np.empty(len(values), object)
    for row, value in enumerate(values.data):
        column[row] = None if nulls[row] else value
    return column
