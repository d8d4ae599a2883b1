"""The converted model, loaded afresh, beside the original."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from unihub.conversion import part as parts
from unihub.conversion.build import Converted, Source
from unihub.conversion.example_inputs import Inputs
from unihub.conversion.functions import Structure, component_names_of
from unihub.conversion.report import Check
from unihub.conversion.variant import Variant
from unihub.errors import first_line

# Relative to the greatest magnitude. TF2 fuses and reorders what TF1 computes
# one by one, so that the last digits differ.
_TOLERANCE = {tf.float64: 1e-6, tf.float16: 2e-2, tf.bfloat16: 1e-1}
_USUAL_TOLERANCE = 1e-4

# What TensorFlow raises in TF1 mode for conds and loops that TF2 wrote.
_NOT_DIFFERENTIABLE = (tf.errors.InvalidArgumentError, ValueError, LookupError)
_NO_GRADIENTS = "the original has no gradients in TF1 mode"


class Comparison:
    """Compares a loaded model with the original.

    Attributes:
        checks: what was compared so far.
        gradients, unconnected: names of the trainable variables that have and
            that, in the original as well, do not have gradients.
    """

    def __init__(
        self, source: Source, converted: Converted, loaded: Any, inputs: Mapping[str, Inputs]
    ) -> None:
        self._source = source
        self._converted = converted
        self._loaded = loaded
        self._inputs = inputs
        self.checks: List[Check] = []
        self.gradients: Tuple[str, ...] = ()
        self.unconnected: Tuple[str, ...] = ()
        # The files travel, and each model returns the paths of its own.
        self._paths = {
            path.encode(): asset.asset_path.numpy()
            for path, asset in zip(converted.state.assets, getattr(loaded, "assets", ()))
        }
        # Gradients that TF1 mode cannot run spoil the graph that they are in.
        self._differentiated = {v.tags: v.original.afresh() for v in source.variants}

    def run(self) -> None:
        """Makes all comparisons; those that change variables come last."""
        self._weights("weights")
        for name in self._converted.structures:
            self._inference(name)
        self._weights("weights after inference")
        self._losses()
        self._gradients()
        for original in self._differentiated.values():
            original.close()
        for name in self._converted.structures:
            self._training(name)

    def _call(self, name: str, training: bool) -> Dict[str, Any]:
        attribute = self._converted.callables.get(name)
        function = self._loaded if attribute is None else getattr(self._loaded, attribute)
        inputs = self._inputs[name]
        argument = next(iter(inputs.values())) if len(inputs) == 1 else inputs
        outputs = function(argument, training=training)
        names = list(self._converted.structures[name].output_specs)
        return {names[0]: outputs} if len(names) == 1 else outputs

    def _original(self, variant: Variant, name: str, fetches: Sequence[str] = ()) -> List[Any]:
        structure = Structure(variant.signatures[name])
        feeds = variant.original.feeds(name, self._inputs[name])
        found = variant.original.run([list(structure.outputs), list(fetches)], feeds)
        outputs: List[Any] = found[0]
        return [self._with_own_paths(output) for output in outputs]

    def _with_own_paths(self, output: Any) -> Any:
        # A string alone comes as one, strings as an array of objects.
        if isinstance(output, bytes):
            return self._with_own_path(output)
        if not isinstance(output, np.ndarray) or output.dtype.kind != "O":
            return output
        own = [self._with_own_path(text) for text in output.ravel()]
        return np.array(own, object).reshape(output.shape)

    def _with_own_path(self, text: bytes) -> bytes:
        # A graph may have joined a path with more; one may begin as another does.
        for path in sorted(self._paths, key=len, reverse=True):
            if path in text:
                return text.replace(path, self._paths[path])
        return text

    def _weights(self, what: str) -> None:
        state = self._converted.state
        expected = {name: variable.numpy() for name, variable in state.variables.items()}
        found = {_name(variable): variable.numpy() for variable in self._loaded.variables}
        same = sorted(expected) == sorted(found) and all(
            _bits(value) == _bits(found[name]) for name, value in expected.items()
        )
        self.checks.append(Check(what, same, remark=f"{len(found)} variables, bit by bit"))

    def _inference(self, name: str) -> None:
        expected = self._original(self._source.inference, name)
        part = self._converted.inference[name]
        structure = self._converted.structures[name]
        called = _components(self._call(name, training=False), structure)
        self._outputs(f"inference, {self._shown(name)}", expected, called, part.undetermined)
        served = self._loaded.signatures[name](**self._named(name))
        served = _components(served, structure)
        self._outputs(f"signatures[{name!r}]", expected, served, part.undetermined)

    def _shown(self, name: str) -> str:
        attribute = self._converted.callables.get(name)
        return "m(…)" if attribute is None else f"m.{attribute}(…)"

    def _named(self, name: str) -> Dict[str, Any]:
        structure = self._converted.structures[name]
        names = component_names_of(structure)
        return dict(zip(names, structure.components(self._inputs[name])))

    def _outputs(
        self, what: str, expected: Sequence[Any], found: Sequence[Any], random: Sequence[bool]
    ) -> None:
        compared = [
            difference(mine, np.asarray(theirs))
            for mine, theirs, drawn in zip(expected, found, random)
            if not drawn
        ]
        remark = f"{len(compared)} of {len(expected)} tensors"
        if len(compared) < len(expected):
            remark += ", the others draw random numbers or read what update ops write"
        self.checks.append(_check(what, compared, remark))

    def _losses(self) -> None:
        names = self._source.last.losses
        expected = self._source.last.original.run(names)
        found = [loss().numpy() for loss in self._loaded.regularization_losses]
        same = len(found) == len(names)
        compared = [difference(mine, theirs) for mine, theirs in zip(expected, found)]
        check = _check("regularization losses", compared, f"{len(found)} of {len(names)}")
        self.checks.append(check if same else Check(check.what, False, None, check.remark))

    def _gradients(self) -> None:
        variables = list(self._loaded.trainable_variables)
        if not variables:
            self.checks.append(Check("gradients", True, remark="no variable is trainable"))
            return
        for training in (False, True):
            parts_by_name = self._converted.training if training else self._converted.inference
            random = parts_by_name[self._source.signature].undetermined
            what = f"gradients, {'training' if training else 'inference'}"
            connected = self._connected(what, variables, training)
            self.gradients = _picked(variables, connected)
            self.unconnected = _picked(variables, [not one for one in connected])
            if not all(random):
                keep = [not drawn for drawn in random]
                remark = f"{sum(keep)} of {len(keep)} tensors" if any(random) else "all tensors"
                try:
                    expected, found = self._both_gradients(variables, training, keep)
                except _NOT_DIFFERENTIABLE as error:
                    remark = f"not compared: {_NO_GRADIENTS}: {first_line(error)}"
                    self.checks.append(Check(f"{what}, values", True, None, remark))
                    continue
                pairs = [(a, b) for a, b in zip(expected, found) if a is not None]
                self.checks.append(_check(f"{what}, values", _together(pairs), remark))

    def _connected(self, what: str, variables: Sequence[Any], training: bool) -> List[bool]:
        name = self._source.signature
        keep = [True] * len(self._converted.inference[name].outputs)
        variant = self._converted.trainers[name] if training else self._source.inference
        found = self._loaded_gradients(name, variables, training, keep)
        connected = [one is not None for one in found]
        try:
            tensors = self._gradient_tensors(variant, name, training, keep, variables)
        except _NOT_DIFFERENTIABLE as error:
            remark = f"{sum(connected)} of {len(variables)} variables; {_NO_GRADIENTS}: "
            self.checks.append(
                Check(f"{what}, presence", any(connected), None, remark + first_line(error))
            )
            return connected
        members = self._converted.state.members
        differently = [
            _name(variable)
            for variable, theirs in zip(variables, found)
            if any(tensors.get(one) is not None for one in members[_name(variable)])
            != (theirs is not None)
        ]
        remark = f"{sum(connected)} of {len(variables)} variables"
        if differently:
            remark = f"not as in the original: {', '.join(differently)}"
        self.checks.append(Check(f"{what}, presence", not differently, remark=remark))
        return connected

    def _both_gradients(
        self, variables: Sequence[Any], training: bool, keep: Sequence[bool]
    ) -> Tuple[List[Any], List[Any]]:
        """Of the sum of some outputs and, in training, the losses."""
        name = self._source.signature
        variant = self._converted.trainers[name] if training else self._source.inference
        return (
            self._original_gradients(variant, name, variables, training, keep),
            self._loaded_gradients(name, variables, training, keep),
        )

    def _original_gradients(
        self,
        variant: Variant,
        name: str,
        variables: Sequence[Any],
        training: bool,
        keep: Sequence[bool],
    ) -> List[Optional[np.ndarray]]:
        state = self._converted.state
        original = self._differentiated[variant.tags]
        members = [state.members[_name(variable)] for variable in variables]
        tensors = self._gradient_tensors(variant, name, training, keep, variables)
        feeds = original.feeds(name, self._inputs[name])
        values = original.run({k: t for k, t in tensors.items() if t is not None}, feeds)
        found: List[Optional[np.ndarray]] = []
        for variable, names in zip(variables, members):
            pieces = [values.get(one) for one in names]
            if all(piece is None for piece in pieces):
                found.append(None)
            elif len(names) == 1:
                found.append(pieces[0])
            else:
                whole = np.zeros(variable.shape, variable.dtype.as_numpy_dtype)
                for one, piece in zip(names, pieces):
                    if piece is not None:
                        whole[state.slices[one].where] = piece
                found.append(whole)
        return found

    def _gradient_tensors(
        self,
        variant: Variant,
        name: str,
        training: bool,
        keep: Sequence[bool],
        variables: Sequence[Any],
    ) -> Dict[str, Any]:
        """The original's gradients as tensors of its graph, by the names of variables' ops."""
        original = self._differentiated[variant.tags]
        outputs = [
            tensor
            for tensor, kept in zip(Structure(variant.signatures[name]).outputs, keep)
            if kept and _is_real(original.graph.get_tensor_by_name(tensor).dtype)
        ]
        losses = variant.losses if training else []
        known = {op.name for op in original.graph.get_operations()}
        members = self._converted.state.members
        flat = [one for v in variables for one in members[_name(v)] if one in known]
        return dict(zip(flat, original.gradients([*outputs, *losses], flat)))

    def _loaded_gradients(
        self, name: str, variables: Sequence[Any], training: bool, keep: Sequence[bool]
    ) -> List[Any]:
        saved = [variable.read_value() for variable in self._loaded.variables]
        with tf.GradientTape() as tape:
            outputs = _tensors(self._call(name, training), self._converted.structures[name])
            ys = [one for one, kept in zip(outputs, keep) if kept and _is_real(one.dtype)]
            if training:
                ys += [loss() for loss in self._loaded.regularization_losses]
        found = [
            None if one is None else tf.convert_to_tensor(one).numpy()
            for one in tape.gradient(ys, variables)
        ]
        for variable, value in zip(self._loaded.variables, saved):
            variable.assign(value)
        return found

    def _training(self, name: str) -> None:
        """One training call, and one run of the train graph with its update ops."""
        variant = self._converted.trainers[name]
        part = self._converted.training[name]
        before = {_name(one): one.read_value() for one in self._loaded.variables}
        updates = [variant.original.graph.get_operation_by_name(n) for n in part.control_outputs]
        structure = Structure(variant.signatures[name])
        values = variant.original.snapshot(self._converted.state.members)
        expected = self._original(variant, name, updates)
        what = f"training, {self._shown(name)}"
        outputs = _components(self._call(name, training=True), structure)
        self._outputs(what, expected, outputs, part.undetermined)
        if updates:
            self._moved(name, variant, before)
        variant.original.restore(values)
        for variable in self._loaded.variables:
            variable.assign(before[_name(variable)])

    def _moved(self, name: str, variant: Variant, before: Mapping[str, Any]) -> None:
        part = self._converted.training[name]
        state = self._converted.state
        fed = set(part.inputs)
        random = parts.draws_random_numbers(variant, part.control_outputs, fed)
        compared, moved = [], 0
        for variable in self._loaded.variables:
            whole = _name(variable)
            if state.members[whole] != (whole,) or whole not in variant.nodes:
                continue
            expected = variant.original.value_of(whole)
            moved += int(_bits(variable.numpy()) != _bits(before[whole].numpy()))
            compared.append(difference(expected, variable.numpy()))
        what = f"variables after a training call, {self._shown(name)}"
        remark = f"{len(part.control_outputs)} update ops, {moved} variables moved"
        if random:
            self.checks.append(Check(what, True, remark=f"{remark}; not compared: random numbers"))
        else:
            self.checks.append(_check(what, compared, remark))


def difference(expected: Any, found: Any) -> Tuple[float, bool]:
    """The greatest difference relative to the greatest magnitude, and whether it is small."""
    mine, theirs = np.asarray(expected), np.asarray(found)
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return float("inf"), False
    if mine.dtype.kind not in "fc" and tf.as_dtype(mine.dtype) != tf.bfloat16:
        same = bool(np.all(mine == theirs))
        return (0.0 if same else float("inf")), same
    wide = np.complex128 if mine.dtype.kind == "c" else np.float64
    mine_wide, theirs_wide = mine.astype(wide), theirs.astype(wide)
    if not np.array_equal(np.isfinite(mine_wide), np.isfinite(theirs_wide)):
        return float("inf"), False
    finite = np.isfinite(mine_wide)
    if not finite.any():
        return 0.0, True
    scale = max(float(np.max(np.abs(mine_wide[finite]))), 1e-12)
    worst = float(np.max(np.abs(mine_wide[finite] - theirs_wide[finite]))) / scale
    return worst, worst <= _TOLERANCE.get(tf.as_dtype(mine.dtype), _USUAL_TOLERANCE)


def _together(pairs: Sequence[Tuple[Any, Any]]) -> List[Tuple[float, bool]]:
    """Differences of gradients, relative to the greatest of all of them.

    One that is zero but for rounding would otherwise be all difference.
    """
    scale = max([float(np.max(np.abs(one), initial=0)) for one, _ in pairs] or [0.0])
    found = []
    for mine, theirs in pairs:
        if theirs is None or mine.shape != theirs.shape:
            found.append((float("inf"), False))
            continue
        if not np.array_equal(np.isfinite(mine), np.isfinite(theirs)):
            found.append((float("inf"), False))
            continue
        gap = np.abs(np.where(np.isfinite(mine), mine, 0) - np.where(np.isfinite(mine), theirs, 0))
        worst = float(np.max(gap, initial=0)) / max(scale, 1e-12) if np.isfinite(scale) else 0.0
        limit = _TOLERANCE.get(tf.as_dtype(mine.dtype), _USUAL_TOLERANCE)
        found.append((worst, worst <= limit))
    return found


def _check(what: str, compared: Sequence[Tuple[float, bool]], remark: str) -> Check:
    worst = max((one for one, _ in compared), default=None)
    return Check(what, all(passed for _, passed in compared), worst, remark)


def _components(outputs: Mapping[str, Any], structure: Structure) -> List[Any]:
    return [one.numpy() for one in _tensors(outputs, structure)]


def _tensors(outputs: Mapping[str, Any], structure: Structure) -> List[Any]:
    ordered = [outputs[name] for name in structure.output_specs]
    tensors: List[Any] = tf.nest.flatten(ordered, expand_composites=True)
    return tensors


def _picked(variables: Sequence[Any], flags: Iterable[bool]) -> Tuple[str, ...]:
    return tuple(_name(variable) for variable, flag in zip(variables, flags) if flag)


def _is_real(dtype: Any) -> bool:
    real: bool = dtype.base_dtype.is_floating
    return real


def _bits(value: np.ndarray) -> Any:
    return value.tolist() if value.dtype == object else value.tobytes()


def _name(variable: Any) -> str:
    name: str = variable.name.partition(":")[0]
    return name
