"""Keras 3's backends beside the matrix, as data: a layer runs on each, a model in TensorFlow.

``unihub matrix``, the layers, the doctor, check and the documentation all read `BACKENDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

_TF_DATA = "data.map(unihub.load(handle))"


@dataclass(frozen=True)
class Backend:
    """The abilities of a KerasLayer on one of Keras 3's backends, and what it cannot do.

    Attributes:
        name: the value of KERAS_BACKEND, and of the package.
        is_lifted: whether the call is a pure function, of Keras variables of the layer's own.
        call: how the model is called.
        weights: whose they are.
        apart: what stays in TensorFlow, in front of the model; "" for nothing.
    """

    name: str
    is_lifted: bool
    call: str
    weights: str
    apart: str


BACKENDS: Tuple[Backend, ...] = (
    Backend(
        "tensorflow",
        False,
        "by its own functions",
        "the loaded object's own variables",
        "",
    ),
    Backend(
        "jax",
        True,
        "as a pure function that XLA compiles: jit, grad, vmap",
        "Keras variables of the layer, which begin as the model's",
        f"text and tables: {_TF_DATA}; variables of 64 bits, without jax_enable_x64",
    ),
    Backend(
        "torch",
        True,
        "as a pure function in autograd, on shared memory",
        "Keras variables of the layer, which begin as the model's",
        f"text: {_TF_DATA}",
    ),
)

NAMES = tuple(backend.name for backend in BACKENDS)
LIFTED = tuple(backend.name for backend in BACKENDS if backend.is_lifted)


def text() -> str:
    """A line of text for each: what it does."""
    lines = ["A KerasLayer of Keras 3 runs on these backends, KERAS_BACKEND:"]
    for backend in BACKENDS:
        apart = f"; apart: {backend.apart}" if backend.apart else ""
        lines.append(f"  {backend.name}: called {backend.call}; weights: {backend.weights}{apart}")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """The same as a table in Markdown."""
    lines = [
        "| `KERAS_BACKEND` | called | weights | what stays in TensorFlow |",
        "| --- " * 4 + "|",
    ]
    for backend in BACKENDS:
        apart = backend.apart.replace(_TF_DATA, f"`{_TF_DATA}`") or "nothing"
        lines.append(f"| `{backend.name}` | {backend.call} | {backend.weights} | {apart} |")
    return "\n".join(lines) + "\n"
