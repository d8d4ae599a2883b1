"""Rows that come one by one, as columns and back."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Sequence

from unihub.engines.frames import Result


def columns_of_elements(batch: Sequence[Any], inputs: Sequence[str]) -> Dict[str, List[Any]]:
    """The columns of rows.

    Args:
        batch: dicts by name, or values of the only input.
        inputs: the names of the inputs; the first is that of a value by itself.
    """
    if all(isinstance(element, Mapping) for element in batch):
        names: Dict[str, None] = {}
        for element in batch:
            names.update(dict.fromkeys(element))
        return {name: [_value(element.get(name)) for element in batch] for name in names}
    return {inputs[0]: [_value(element) for element in batch]}


def _value(element: Any) -> Any:
    # A tensor, whoever made it.
    return element.numpy() if hasattr(element, "numpy") else element


def rows_of_results(results: Mapping[str, Result], as_dict: bool = False) -> Iterator[Any]:
    """The rows of what `Predictor.predict` gives.

    Args:
        results: by column.
        as_dict: whether the only column is in a dict, too.

    Yields:
        The value of the only column, or a dict of them; None for a row that is null.
    """
    columns = {name: result[0] for name, result in results.items()}
    nulls = next(iter(results.values()))[3]
    for row in range(len(next(iter(columns.values())))):
        if nulls is not None and nulls[row]:
            yield None
        elif len(columns) == 1 and not as_dict:
            yield next(iter(columns.values()))[row]
        else:
            yield {name: values[row] for name, values in columns.items()}
