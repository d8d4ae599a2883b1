"""What is to be done to run one signature without the rest of its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence, Tuple, Union

Shape = Optional[Tuple[Optional[int], ...]]


class Declined(Exception):
    """It cannot be shown that the fast way gives what the full load gives."""


@dataclass(frozen=True)
class Input:
    """One input of a signature, in the order in which its function takes them."""

    name: str
    dtype: int
    shape: Shape


@dataclass(frozen=True)
class Variable:
    """One variable that the signature reads.

    Attributes:
        key: name of its tensor in the checkpoint.
        dtype: number of its tf.DType.
        shape: as its TensorShapeProto.
        node: its place in the object graph; None in the TF1 formats.
    """

    key: str
    dtype: int
    shape: Any
    node: Optional[int] = None


@dataclass(frozen=True)
class Constant:
    """A captured tensor whose value the graph holds, as its TensorProto."""

    value: Any


@dataclass(frozen=True)
class Plan:
    """One signature as functions and the variables that they read.

    Attributes:
        name: of the function that is the signature.
        functions: FunctionDefs, that one and all that it calls, named uniquely.
        inputs: of the signature.
        outputs: their names, in the order in which the function gives them.
        result: the same names, in the order of the dict that is returned.
        captures: what the function takes after the inputs.
    """

    name: str
    functions: Sequence[Any]
    inputs: Tuple[Input, ...]
    outputs: Tuple[str, ...]
    result: Tuple[str, ...]
    captures: Tuple[Union[Variable, Constant], ...]

    @property
    def variables(self) -> Tuple[Variable, ...]:
        """Those of the captures that are variables, each once."""
        found = [capture for capture in self.captures if isinstance(capture, Variable)]
        return tuple({variable.key: variable for variable in found}.values())
