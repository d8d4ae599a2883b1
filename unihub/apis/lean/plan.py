"""The plan of running one signature without the rest of its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence, Tuple, Union

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
        shape: of it; no TensorShapeProto, which would keep the whole SavedModel in memory.
        node: its place in the object graph; None in the TF1 formats.
    """

    key: str
    dtype: int
    shape: Shape
    node: Optional[int] = None


@dataclass(frozen=True)
class Constant:
    """A captured tensor whose value the graph holds, as its TensorProto."""

    value: Any


@dataclass(frozen=True)
class Asset:
    """A captured string: the path of a file in the model's folder."""

    path: str


Fixed = Union[Constant, Asset]


@dataclass(frozen=True)
class Table:
    """A lookup table that nothing writes to once it is filled.

    Attributes:
        name: what tells it from the model's other tables.
        key_dtype: number of a tf.DType.
        value_dtype: the same.
        functions: FunctionDefs; the first one fills the table.
        captures: what that one takes; None for the table itself.
    """

    name: str
    key_dtype: int
    value_dtype: int
    functions: Sequence[Any]
    captures: Tuple[Optional[Fixed], ...]


Capture = Union[Variable, Constant, Asset, Table]


@dataclass(frozen=True)
class Plan:
    """One signature as functions and what they capture.

    Attributes:
        name: of the function that is the signature.
        functions: FunctionDefs, that one and all that it calls, named uniquely.
        inputs: of the signature.
        outputs: their names, in the order in which the function gives them.
        result: the same names, in the order of the dict that is returned.
        captures: what the function takes after the inputs.
        positional: how many of the inputs can be given by position.
        shapes: of the outputs, where they are written down.
    """

    name: str
    functions: Sequence[Any]
    inputs: Tuple[Input, ...]
    outputs: Tuple[str, ...]
    result: Tuple[str, ...]
    captures: Tuple[Capture, ...]
    positional: int = 0
    shapes: Tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Part:
    """The part of a model to load by TensorFlow: a signature, else its losses, else its __call__.

    Attributes:
        signature: its name.
        losses: places of functions in the object graph.
        traces: names of the functions of the __call__ that are wanted; None for all.
    """

    signature: Optional[str] = None
    losses: Tuple[int, ...] = ()
    traces: Optional[Tuple[str, ...]] = None


@dataclass(frozen=True)
class Pruned:
    """Part of a model as TensorFlow loads it.

    Attributes:
        root: the loaded object, which keeps the variables alive.
        function: the ConcreteFunction of the signature, the losses as a list, or the __call__.
        variables: its tf.Variables, by place in the object graph of the whole model.
        paths: of these in the whole model ("root.a.kernel").
    """

    root: Any
    function: Any
    variables: Mapping[int, Any]
    paths: Mapping[int, str]
