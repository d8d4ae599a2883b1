"""One cell of the matrix, by words."""

from __future__ import annotations

from enum import Enum
from typing import Any, Type, TypeVar, Union

from unihub.errors import UnknownChoice, listed, nearest
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Cell, Format, Operation, Runtime
from unihub.runtime import current_runtime

_Choice = TypeVar("_Choice", bound=Enum)

# Words that people say for a choice, and that are spelt otherwise.
_ALSO_CALLED = {
    "train": "fine_tuning",
    "training": "fine_tuning",
    "trainable": "fine_tuning",
    "tuning": "fine_tuning",
    "eval": "inference",
    "evaluation": "inference",
    "predict": "inference",
    "prediction": "inference",
    "serving": "inference",
    "save": "creation",
    "export": "creation",
}


def support(
    format: Union[str, Format],
    runtime: Union[str, Runtime, None] = None,
    operation: Union[str, Operation] = Operation.INFERENCE,
) -> Cell:
    """One cell of the matrix, a format in a TensorFlow: what it offers, or why it is refused.

    Args:
        format: "tf1_hub", "tf2_saved_model" or "tf1_saved_model".
        runtime: "tf1", "tf1_compat" or "tf2"; by default the present one.
        operation: "inference", "fine_tuning" or "creation".

    Returns:
        The cell, with ``status``, ``routes``, ``refusal``, ``note``, ``source``.

    Raises:
        UnknownChoice: for any other word.

    Source: https://www.tensorflow.org/hub/model_compatibility.

    Example:
        >>> unihub.support("tf1_hub", "tf2", "fine_tuning").status.value
        'refused'
    """
    row = chosen(Format, format, "format", "unihub.support({example!r})")
    call = f"unihub.support({row.value!r}, {{argument}}={{example!r}})"
    column = current_runtime() if runtime is None else chosen(Runtime, runtime, "runtime", call)
    return CELLS[row, column, chosen(Operation, operation, "operation", call)]


def chosen(
    choices: Type[_Choice], value: Any, argument: str, line: str = "{argument}={example!r}"
) -> _Choice:
    """The member that a word names; hyphens do for underscores.

    Args:
        choices: the members to choose from.
        value: a word, or a member itself.
        argument: that the word was given for.
        line: what to write instead, with ``{example!r}`` in the place of the word.

    Raises:
        UnknownChoice: names the choices and the nearest.
    """
    if isinstance(value, choices):
        return value
    names = [str(choice.value) for choice in choices]
    word = str(value).replace("-", "_").lower()
    if word in names:
        return choices(word)
    example = _ALSO_CALLED.get(word) or nearest(word, names)
    raise UnknownChoice(
        argument=argument,
        value=value,
        choices=listed(names),
        remedy=line.format(argument=argument, example=example),
    )
