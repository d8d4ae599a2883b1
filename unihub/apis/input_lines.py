"""How a model is called, for messages and the lines that they advise."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import Any, Mapping, Optional

import tensorflow as tf

from unihub.apis.traces import dtype_of, sequence_like, shape_of
from unihub.formats.model import TensorInfo

# What says of one input what it is to be.
SPECS = (tf.TypeSpec, TensorInfo)
# In the place of inputs: all are there, or one is not.
_ALL, _NONE = object(), object()
_NAMEDTUPLE = "from collections import namedtuple; "


@dataclass(frozen=True)
class Call:
    """How a model is called, for messages and the lines that they advise.

    Attributes:
        model: what is called, in words: a handle, or a signature of one.
        name: of what is called, in a line to paste.
        ops: where that line finds cast, reshape and the like.
        keras: whose Input declares an input; "" where the call is in no Keras model.
        by_keyword: whether inputs with names are given as keywords, and not as a dict.
        by_position: whether they are given in their order, as any number is taken.
        layer: a line that makes a Keras layer of the model.
        outside: what calls it where a layer cannot.
        before, after: other arguments, which go before the inputs or behind them.
    """

    model: str
    name: str = "m"
    ops: str = "tf"
    keras: str = ""
    by_keyword: bool = False
    by_position: bool = False
    layer: str = "unihub.KerasLayer(handle)"
    outside: str = ""
    before: str = ""
    after: str = ""

    def line(
        self,
        accepted: Any,
        changed: Optional[Mapping[str, str]] = None,
        given: Any = _ALL,
        renamed: Optional[Mapping[str, str]] = None,
    ) -> str:
        """A call with all inputs, by the names of `variables`.

        Args:
            accepted: nest of TypeSpec.
            changed: by its variable, what is to stand in the place of some.
            given: the inputs of the call; all that are accepted by default.
            renamed: by its name, what stands for an input that was given by another.
        """
        names = variables(accepted, given)
        start = "" if "namedtuple(" not in _written(names, {}) else _NAMEDTUPLE
        if isinstance(names, dict):
            names.update(renamed or {})
            if self.by_position:
                written = (_written(part, changed or {}) for part in names.values())
                return f"{start}{self.name}({', '.join(written)}{self.after})"
            if self.by_keyword and all(map(is_name, names)):
                parts = (f"{name}={_written(part, changed or {})}" for name, part in names.items())
                return f"{start}{self.name}({', '.join(parts)}{self.after})"
        values = f"{self.before}{_written(names, changed or {})}{self.after}"
        return f"{start}{self.name}({values})"

    def functional(self, accepted: Any) -> str:
        """The same call as a pure function of the model, on arrays of other frameworks."""
        made = self.layer.replace("KerasLayer", "functional", 1)
        made = made.replace(", signature_outputs_as_dict=True", "")
        inputs = _written(variables(accepted), {})
        return f"f, weights, state = {made}; f(weights, state, {inputs})[0]"


def variables(accepted: Any, given: Any = _ALL, name: str = "") -> Any:
    """A nest like ``accepted`` of what stands for the inputs in a line to paste.

    That is the name of an input and its place in it, and made-up code for what was not given.
    """
    if isinstance(accepted, Mapping):
        return {
            key: variables(part, _part(given, key), _place(name, key))
            for key, part in sorted(accepted.items())
        }
    if isinstance(accepted, (list, tuple)):
        parts = enumerate(accepted)
        name = name or "x"
        written = [variables(p, _part(given, i), f"{name}[{i}]") for i, p in parts]
        return sequence_like(accepted, written)
    if not isinstance(accepted, SPECS):
        return repr(accepted)
    name = name or "x"
    return made_up(accepted, name) if given is _NONE or isinstance(given, Mapping) else name


def made_up(spec: Any, otherwise: str) -> str:
    """Code for a value of the kind that is accepted; ``otherwise`` where none can be told."""
    # Most calls are taken.
    from unihub.inspection.examples import tensor_code, value_code
    from unihub.inspection.parsed_inputs import UNKNOWN

    if isinstance(spec, TensorInfo):
        code = tensor_code(spec)
    elif isinstance(spec, tf.TypeSpec):
        shape = shape_of(spec)
        sizes = None if shape.rank is None else tuple(shape.as_list())
        kind = "" if isinstance(spec, tf.TensorSpec) else type(spec).__name__
        code = value_code(dtype_of(spec).name, sizes, kind)
    else:
        return repr(spec)
    return otherwise if UNKNOWN in code else code


def made_up_nest(accepted: Any) -> str:
    """Code for a nest of values of the kinds that are accepted."""
    return _written(variables(accepted, {}), {})


def is_name(name: Any) -> bool:
    """Whether an input's name can be one in Python."""
    return str(name).isidentifier() and not keyword.iskeyword(str(name))


def _place(name: str, key: Any) -> str:
    if name:
        return f"{name}[{key!r}]"
    return str(key) if is_name(key) else f"inputs[{key!r}]"


def _part(given: Any, key: Any) -> Any:
    if given is _ALL:
        return _ALL
    if isinstance(given, Mapping):
        return given.get(key, _NONE)
    is_there = isinstance(given, (list, tuple)) and isinstance(key, int) and key < len(given)
    return given[key] if is_there else _NONE


def _written(names: Any, changed: Mapping[str, str]) -> str:
    if isinstance(names, Mapping):
        entries = (f"{name!r}: {_written(part, changed)}" for name, part in names.items())
        return "{{{}}}".format(", ".join(entries))
    if hasattr(names, "_fields"):
        made = f"namedtuple({type(names).__name__!r}, {' '.join(names._fields)!r})"
        return f"{made}({', '.join(_written(part, changed) for part in names)})"
    if isinstance(names, (list, tuple)):
        brackets = "({},)" if isinstance(names, tuple) and len(names) == 1 else "[{}]"
        brackets = "({})" if isinstance(names, tuple) and len(names) > 1 else brackets
        return brackets.format(", ".join(_written(part, changed) for part in names))
    return changed.get(names, str(names))
