"""Models on Ray: a class for `Dataset.map_batches`."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Sequence, Union

import numpy as np

from unihub.engines.packages import needed
from unihub.engines.predictor import predictor_of
from unihub.engines.tasks import NotKept, Task, do
from unihub.errors import listed, nearest

with needed("ray", extra="ray"):
    import ray
    import ray.data

# A part whose worker dies so often is to blame itself; Spark says so after as many.
_MOST_DEATHS = 4


class BatchPredictor:
    """A model of any format, in actors that `ray.data.Dataset.map_batches` starts.

    Each actor loads the model once, before the first batch comes; the actors of a machine share
    the weights. Batches are dicts of NumPy arrays, pandas frames or pyarrow tables, as the
    ``batch_format`` says, and come back as they came.

    Args:
        model: a `unihub.Predictor`, which is sent to the actors as a small value; or a handle.
        keep: columns of the batch that go to the result as well; True for all.
        **options: with a handle, as for `unihub.Predictor`.

    Raises:
        NotKept: a batch has no column of a name in ``keep``.
        WrongType: there are options with a Predictor.

    Source: https://docs.ray.io/en/latest/data/batch_inference.html.

    Example:
        >>> from unihub.engines.ray import BatchPredictor
        >>> predictor = unihub.Predictor("path/to/text_embedding")
        >>> rows.map_batches(BatchPredictor, fn_constructor_args=(predictor,), concurrency=2)
    """

    def __init__(self, model: Any, keep: Union[bool, Sequence[str]] = (), **options: Any) -> None:
        self._predictor = predictor_of(model, options)
        self._keep = keep
        self._predictor.load()

    def __call__(self, batch: Any) -> Any:
        """Predicts a batch.

        Args:
            batch: a dict of NumPy arrays, a pandas frame or a pyarrow table.

        Returns:
            Of the same kind: the columns that are kept, and those of the outputs.
        """
        is_arrow = hasattr(batch, "column_names")
        kept = self._kept(batch.column_names if is_arrow else list(batch))
        results = self._predictor(batch)
        if isinstance(batch, Mapping):
            made = {name: _with_nulls(values) for name, values in results.items()}
            return {**{name: batch[name] for name in kept}, **made}
        if is_arrow:
            for place, name in enumerate(kept):
                results = results.add_column(place, name, batch.column(name))
            return results
        # By the rows' order: an index may have one value twice, and join() doubles those rows.
        return batch[kept].assign(**results)

    def _kept(self, names: Sequence[str]) -> Sequence[str]:
        kept = list(names) if self._keep is True else list(self._keep or ())
        handle, outputs = self._predictor.handle, self._predictor.chosen.outputs
        for name in kept:
            if name in outputs:
                renamed = {outputs[name]: f"{name}_predicted"}
                raise NotKept(
                    name=name,
                    reason="an output has that name, too.",
                    remedy=f"BatchPredictor({handle!r}, keep={self._keep!r}, outputs={renamed!r})",
                )
            if name not in names:
                better = nearest(name, names)
                raise NotKept(
                    name=name,
                    reason=f"the columns are {listed(names)}.",
                    remedy=f"BatchPredictor({handle!r}, keep=[{better!r}])",
                )
        return kept


def _with_nulls(values: Any) -> Any:
    """Masked values as None, which Ray takes for null."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    nulls = np.ma.getmaskarray(values).reshape(len(values), -1).any(1)
    column = np.empty(len(values), object)
    for row, value in enumerate(values.data):
        column[row] = None if nulls[row] else value
    return column


def run_tasks(tasks: Sequence[Task], options: Sequence[str]) -> None:
    """Has tasks done by actors, one for each CPU of the cluster.

    An actor that dies is started again, and its task given once more.

    Args:
        tasks: to do.
        options: arguments of `ray.init`, as ``--num-cpus 4``; values are JSON, or text.
    """
    is_own = not ray.is_initialized()
    if is_own:
        ray.init(**_arguments(options))
    try:
        number = min(len(tasks), max(1, int(ray.cluster_resources().get("CPU", 1))))
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_MOST_DEATHS)(_Worker)
        free = [actor.remote() for _ in range(number)]
        running: Dict[Any, Any] = {}
        for task in tasks:
            if not free:
                free += _ended(running)
            worker = free.pop()
            running[worker.do.remote(task)] = worker
        while running:
            _ended(running)
    finally:
        if is_own:
            ray.shutdown()


class _Worker:
    def do(self, task: Task) -> None:
        do(task)


def _ended(running: Dict[Any, Any]) -> Sequence[Any]:
    """The workers that have nothing to do any more, when there is one."""
    ready, _ = ray.wait(list(running))
    ray.get(ready)
    return [running.pop(one) for one in ready]


def _arguments(options: Sequence[str]) -> Dict[str, Any]:
    """Keyword arguments of ``--name value``, ``--name=value`` and ``--name``."""
    found: Dict[str, Any] = {}
    name = ""
    for option in options:
        if option.startswith("--"):
            name, equals, value = option[2:].partition("=")
            name = name.replace("-", "_")
            found[name] = _value(value) if equals else True
        else:
            found[name] = _value(option)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
