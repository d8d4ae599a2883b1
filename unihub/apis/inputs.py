"""Inputs that do not fit what a model takes: how they differ, and the line that mends it.

Signatures, layers and a loaded object's own call all say it by these errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, List, Mapping, Optional, Tuple

import numpy as np
import tensorflow as tf

from unihub.apis import fitting
from unihub.apis.input_lines import SPECS, Call, is_name, made_up, variables
from unihub.apis.traces import dtype_of, shape_of
from unihub.errors import UnihubError, first_line, listed, nearest
from unihub.formats.model import TensorInfo

_KINDS = (
    (tf.RaggedTensor, tf.RaggedTensorSpec, "ragged "),
    (tf.SparseTensor, tf.SparseTensorSpec, "sparse "),
)


class WrongInputs(UnihubError, ValueError, TypeError):
    """The inputs are not what the model takes.

    TensorFlow raises ValueError for a callable and TypeError for a signature.
    """


class WrongInputNames(WrongInputs):
    """The inputs have other names than the model's."""

    code = "wrong-input-names"
    what = "{model} was called with the inputs {given}."
    why = "it takes {accepted}. (missing: {missing}; unknown: {unknown})"
    do = "{fix}"


class WrongInputStructure(WrongInputs):
    """A tensor is given where a dict or list is taken, or the reverse."""

    code = "wrong-input-structure"
    what = "{model} takes inputs of another structure."
    why = "received: {received}. accepted: {accepted}."
    do = "{fix}"


class WrongInputDtype(WrongInputs):
    """An input has another dtype, and is not of floating-point numbers."""

    code = "wrong-input-dtype"
    what = "input {name} of {model} is {received}."
    why = "it is to be {accepted}; only floating-point inputs are cast."
    do = "{fix}"


class WrongInputShape(WrongInputs):
    """An input has too many or too few axes, or another size."""

    code = "wrong-input-shape"
    what = "input {name} of {model} is {received}."
    why = "it is to be {accepted}; ? stands for any size."
    do = "{fix}"


class WrongInputValue(WrongInputs):
    """An input cannot be made a tensor of the dtype that the model takes."""

    code = "wrong-input-value"
    what = "input {name} of {model} cannot be made a tensor."
    why = "it is to be {accepted}, and TensorFlow says: {reason}"
    do = "{fix}"


class SymbolicInput(WrongInputs):
    """A tensor that stands for a Keras model's input, where only values will do."""

    code = "symbolic-input"
    what = "input {name} of {model} is a symbolic tensor of Keras."
    why = "a loaded object runs on values; in a Keras model a layer calls it. (found: {found})"
    do = "{layer}(x)"


class OutsideTensorFlow(WrongInputs, RuntimeError):
    """JAX or PyTorch wants to compute with the outputs, and not TensorFlow."""

    code = "outside-tensorflow"
    what = "input {name} of {model} is {found}."
    why = "a loaded object computes in TensorFlow, where {framework} sees no gradients."
    do = "{fix}"


@dataclass(frozen=True)
class Leaf:
    """One input, in its place.

    Attributes:
        name: as messages show it.
        variable: that stands for it in a line to paste.
        value: given.
        spec: TypeSpec of what is accepted, or a Python value.
    """

    name: str
    variable: str
    value: Any
    spec: Any


def mismatch(inputs: Any, accepted: Any, call: Call) -> Optional[WrongInputs]:
    """The error that says how ``inputs`` differ from ``accepted``; None when they fit.

    Python values fit where TensorFlow makes fitting tensors of them, and
    floating-point tensors where they can be cast.

    Args:
        inputs: nest of tensors and Python values.
        accepted: nest of TypeSpec.
        call: that they were given to.
    """
    both_named = isinstance(inputs, Mapping) and isinstance(accepted, Mapping)
    if both_named and inputs.keys() != accepted.keys():
        return wrong_names(inputs, accepted, call)
    if not _same_structure(inputs, accepted):
        return wrong_structure(inputs, accepted, call)
    for leaf in leaves(inputs, accepted):
        found = leaf_mismatch(leaf, accepted, call)
        if found is not None:
            return found
    return None


def wrong_names(
    inputs: Mapping[str, Any], accepted: Mapping[str, Any], call: Call
) -> WrongInputNames:
    """The error for inputs of other names than those of ``accepted``."""
    missing = sorted(name for name in accepted if name not in inputs)
    unknown = sorted((name for name in inputs if name not in accepted), key=str)
    renamed, left = {}, list(missing)
    for name in unknown[: len(missing)]:
        meant = nearest(name, left)
        left.remove(meant)
        renamed[meant] = name if is_name(name) else f"inputs[{name!r}]"
    fix = call.line(accepted, given=inputs, renamed=renamed)
    if renamed:
        fix += f"  # {unknown[0]!r} is named {next(iter(renamed))!r}"
    taken = ", ".join(f"{name}: {described(spec)}" for name, spec in sorted(accepted.items()))
    return WrongInputNames(
        model=call.model,
        given=listed(sorted(inputs, key=str)),
        accepted=taken or "no inputs",
        missing=listed(missing),
        unknown=listed(unknown),
        fix=fix,
    )


def wrong_structure(
    inputs: Any, accepted: Any, call: Call, fix: Optional[str] = None
) -> WrongInputStructure:
    """The error for inputs that are nested otherwise than ``accepted``."""
    fields = getattr(accepted, "_fields", None)
    if fix is None and fields and isinstance(inputs, Mapping) and {*fields} == {*inputs}:
        made = f"namedtuple({type(accepted).__name__!r}, {' '.join(fields)!r})(**x)"
        line = f"{call.name}({call.before}{made}{call.after})"
        fix = f"from collections import namedtuple; {line}"
    elif fix is None and isinstance(inputs, Mapping) and not isinstance(accepted, Mapping):
        fix = f"{call.name}({call.before}inputs[{min(inputs, default='x')!r}]{call.after})"
    if fix is None and isinstance(accepted, Mapping) and not isinstance(inputs, Mapping):
        fix = _of_parts(inputs, accepted, call)
    if fix is None and isinstance(accepted, SPECS) and isinstance(inputs, (list, tuple)):
        # The same call again would be the same error.
        sole = "x[0]" if len(inputs) == 1 else None
        leaf = Leaf("", "x", inputs, accepted)
        fix = call.line(accepted, {"x": sole}) if sole else _like(leaf, accepted, call)
    return WrongInputStructure(
        model=call.model,
        received=described(inputs),
        accepted=described(accepted),
        fix=fix or call.line(accepted, given=inputs),
    )


def _of_parts(value: Any, accepted: Mapping[str, Any], call: Call) -> Optional[str]:
    """A call with the parts of what was given, where the inputs are those of one tensor."""
    found = fitting.parts_of_sole(accepted, value)
    if found is None:
        return None
    before, parts = found
    names = variables(accepted)
    return before + call.line(accepted, {names[n]: p for n, p in zip(sorted(accepted), parts)})


def leaf_mismatch(leaf: Leaf, accepted: Any, call: Call) -> Optional[WrongInputs]:
    """The error that says how one input differs from what is accepted in its place."""
    spec, x = leaf.spec, leaf.variable

    def line(changed: str) -> str:
        return call.line(accepted, {x: changed})

    if not isinstance(spec, tf.TypeSpec):
        return None
    value: Any = leaf.value
    if type(value).__name__ == "KerasTensor":
        return SymbolicInput(name=leaf.name, model=call.model, found=str(value), layer=call.layer)
    other = _of_others(value)
    if other is not None:
        return OutsideTensorFlow(
            name=leaf.name,
            model=call.model,
            framework=other[0],
            found=other[1],
            fix=call.functional(accepted),
        )
    if not is_tensor(value):
        # An array has a dtype of its own; Python numbers become what the model takes.
        hint = None if isinstance(value, (np.ndarray, np.generic)) else dtype_of(spec)
        try:
            value = tf.convert_to_tensor(value, dtype_hint=hint)
        except (ValueError, TypeError, tf.errors.OpError) as error:
            return wrong_value(leaf, accepted, call, error)
    about = {
        "name": leaf.name,
        "model": call.model,
        "received": described(value),
        "accepted": described(spec),
    }
    code: Optional[str] = fitting.typed(leaf.value, x, dtype_of(spec))
    declared = _declared(spec, call)
    if _kind(value) != _kind(spec):
        code = fitting.other_kind(value, str(code), spec, call)
        fix = line(code) if code is not None else _like(leaf, accepted, call)
        return wrong_structure(value, spec, call, fix + declared)
    given, wanted = dtype_of(value), dtype_of(spec)
    is_other = given != wanted and not (given.is_floating and wanted.is_floating)
    shape, sizes = value.shape, shape_of(spec)
    if not is_other and shape.is_compatible_with(sizes):
        return None
    code = fitting.other_dtype(value, str(code), spec, call)
    note = ""
    if code is not None and not shape.is_compatible_with(sizes):
        # A line that mends the dtype alone would be answered by the shape, and back.
        fitted = fitting.reshaped(code, shape, sizes, call)
        if fitted is not None and shape.rank < sizes.rank:
            note = "  # if the batch is missing"
        code = fitted or (code if is_other else None)
    if code is not None:
        fix = line(code) + note
    else:
        several = fitting.other_call(value, x, spec, call) if accepted is spec else None
        fix = several or _like(leaf, accepted, call)
    return (WrongInputDtype if is_other else WrongInputShape)(fix=fix + declared, **about)


def _of_others(value: Any) -> Optional[Tuple[str, str]]:
    """The framework that traces a value or has gradients of it, and what the value is there."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    if package == "jax" and any(each.__name__ == "Tracer" for each in kind.__mro__):
        return "JAX", "traced by JAX, in jit, grad or vmap"
    if package == "torch" and value.requires_grad:
        return "PyTorch", "a tensor of PyTorch that requires gradients"
    return None


def wrong_value(leaf: Leaf, accepted: Any, call: Call, error: Exception) -> WrongInputValue:
    """The error for an input that is no tensor and cannot be made one."""
    x, value = leaf.variable, leaf.value
    made = fitting.other_value(value, x, leaf.spec)
    fix = None if made is None else call.line(accepted, {x: made})
    if fix is None and accepted is leaf.spec:
        fix = fitting.other_call(value, x, leaf.spec, call)
    return WrongInputValue(
        name=leaf.name,
        model=call.model,
        accepted=described(leaf.spec),
        reason=first_line(error),
        fix=fix or _like(leaf, accepted, call),
    )


def _like(leaf: Leaf, accepted: Any, call: Call) -> str:
    """A call with a made-up value in the place of one that nothing makes fit."""
    made = made_up(leaf.spec, leaf.variable)
    return f"{call.line(accepted, {leaf.variable: made})}  # with a {described(leaf.spec)} of yours"


def described(nest: Any) -> str:
    """A nest of tensors, of TypeSpec or of Python values in words."""
    if isinstance(nest, Mapping):
        entries = (f"{name!r}: {described(value)}" for name, value in sorted(nest.items()))
        return "{{{}}}".format(", ".join(entries))
    if hasattr(nest, "_fields"):
        named = (f"{field}={described(part)}" for field, part in zip(nest._fields, nest))
        return f"{type(nest).__name__}({', '.join(named)})"
    if isinstance(nest, (list, tuple)):
        if nest and not any(map(_is_described, tf.nest.flatten(nest))):
            kinds = sorted({type(part).__name__ for part in nest})
            return f"{type(nest).__name__} of {len(nest)} {', '.join(kinds)}"
        brackets = "({})" if isinstance(nest, tuple) else "[{}]"
        return brackets.format(", ".join(map(described, nest)))
    if isinstance(nest, TensorInfo):
        return str(nest)
    if not _is_described(nest):
        return type(nest).__name__
    shape = shape_of(nest)
    sizes = "..." if shape.rank is None else ",".join(map(_size, shape.as_list()))
    return f"{_kind(nest)}{dtype_of(nest).name}[{sizes}]"


def leaves(inputs: Any, accepted: Any) -> List[Leaf]:
    """The inputs one by one, each with what is accepted in its place."""
    if isinstance(accepted, (Mapping, list, tuple)):
        return list(_leaves(inputs, accepted, variables(accepted), ""))
    name = getattr(accepted, "name", None) or "inputs"
    return [Leaf(repr(name), "x", inputs, accepted)]


def _leaves(inputs: Any, accepted: Any, names: Any, name: str) -> Iterator[Leaf]:
    if isinstance(accepted, (Mapping, list, tuple)):
        named = isinstance(accepted, Mapping)
        for key in sorted(accepted) if named else range(len(accepted)):
            place = f"{name}[{key!r}]" if name else repr(key)
            yield from _leaves(inputs[key], accepted[key], names[key], place)
    else:
        yield Leaf(name, names, inputs, accepted)


def _same_structure(inputs: Any, accepted: Any) -> bool:
    """Whether two nests correspond; a list may stand for a tuple, and values for a tensor."""
    if isinstance(accepted, Mapping):
        return (
            isinstance(inputs, Mapping)
            and inputs.keys() == accepted.keys()
            and all(_same_structure(inputs[name], accepted[name]) for name in accepted)
        )
    if isinstance(accepted, (list, tuple)):
        return (
            isinstance(inputs, (list, tuple))
            # TensorFlow compares namedtuples by their names.
            and _named_as(inputs) == _named_as(accepted)
            and len(inputs) == len(accepted)
            and all(map(_same_structure, inputs, accepted))
        )
    if isinstance(inputs, (list, tuple)):
        return not any(map(is_tensor, tf.nest.flatten(inputs)))
    return not isinstance(inputs, Mapping)


def _named_as(sequence: Any) -> Any:
    fields = getattr(sequence, "_fields", None)
    return None if fields is None else (type(sequence).__name__, fields)


def same_classes(inputs: Any, accepted: Any) -> bool:
    """Whether nests that correspond do so to the class: no list stands for a tuple."""
    if isinstance(accepted, Mapping):
        return all(same_classes(inputs[name], accepted[name]) for name in accepted)
    if isinstance(accepted, (list, tuple)):
        same = isinstance(inputs, list) == isinstance(accepted, list)
        return same and all(map(same_classes, inputs, accepted))
    return True


def _declared(spec: Any, call: Call) -> str:
    if not call.keras:
        return ""
    shape = shape_of(spec)
    sizes = tuple(shape.as_list()[1:]) if shape.rank else ()
    kind = f", {_kind(spec).strip()}=True" if _kind(spec) else ""
    return f'; in a model: {call.keras}.Input(shape={sizes}, dtype="{dtype_of(spec).name}"{kind})'


def _is_described(value: Any) -> bool:
    return is_tensor(value) or isinstance(value, SPECS)


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor, of any kind."""
    # TensorFlow 1.15 says no to a RaggedTensor.
    return bool(tf.is_tensor(value)) or isinstance(value, tf.RaggedTensor)


def _size(size: Optional[int]) -> str:
    return "?" if size is None else str(size)


def _kind(value: Any) -> str:
    for tensor, spec, kind in _KINDS:
        if isinstance(value, (tensor, spec)):
            return kind
    return ""
