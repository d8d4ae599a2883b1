"""The converted model in memory: one object with the Reusable SavedModel interface."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import tensorflow as tf

from unihub.apis.keras.reusable import ReusableModel
from unihub.conversion import errors
from unihub.conversion.functions import (
    Structure,
    callable_of,
    check_differentiable,
    identifier,
    loss_of,
    signature_of,
    tensor_specs,
    trace,
)
from unihub.conversion.part import Part, Place, extract, missing_inputs
from unihub.conversion.state import State, is_reference
from unihub.conversion.variant import Variant
from unihub.errors import UnihubError, listed
from unihub.inspection.convertible import SignatureInputMissing

# What the interface, or tf.Module, calls so.
_TAKEN = frozenset(
    (
        "variables",
        "trainable_variables",
        "non_trainable_variables",
        "regularization_losses",
        "signatures",
        "tables",
        "assets",
        "attached_messages",
        "name",
        "name_scope",
        "submodules",
        "with_name_scope",
        "graph_debug_info",
        "tensorflow_version",
        "tensorflow_git_version",
    )
)


@dataclass(frozen=True)
class Source:
    """A model that is converted.

    Attributes:
        handle: as the caller wrote it.
        inference, training: the graphs; training is None where there is none.
        signature: the name of the one that ``__call__`` becomes.
        keep_all_variables: whether variables that nothing uses are kept.
    """

    handle: str
    inference: Variant
    training: Optional[Variant]
    signature: str
    keep_all_variables: bool

    @property
    def variants(self) -> Tuple[Variant, ...]:
        return tuple(one for one in (self.inference, self.training) if one is not None)

    @property
    def last(self) -> Variant:
        """The graph to train by."""
        return self.training or self.inference


@dataclass(frozen=True)
class Converted:
    """A converted model and how it was made.

    Attributes:
        root: the object to save.
        signatures: the ConcreteFunctions to save as signatures.
        structures: of each signature.
        inference, training: the part that each signature is made of.
        trainers: the graph that each signature's training mode is of.
        losses: the part that gives the regularization losses.
        callables: from each signature but the chosen one to its attribute.
        differentiable: the signatures that can be trained.
        remarks: what a user should know.
    """

    root: Any
    signatures: Dict[str, Any]
    state: State
    structures: Dict[str, Structure]
    inference: Dict[str, Part]
    training: Dict[str, Part]
    trainers: Dict[str, Variant]
    losses: Part
    callables: Dict[str, str]
    differentiable: Tuple[str, ...]
    remarks: Tuple[str, ...]


def build(source: Source, attached_messages: Optional[str]) -> Converted:
    """Converts a model in memory; nothing is written.

    Args:
        source: what to convert.
        attached_messages: path of the file of attached messages, or None.

    Raises:
        UnihubError: one class per cause, where it cannot be converted.
    """
    return _Building(source).run(attached_messages)


class _Building:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._state = State(source.handle, source.variants)
        self._names = list(source.inference.signatures)
        self._remarks: List[str] = []
        self._trainers: Dict[str, Variant] = {}

    def run(self, attached_messages: Optional[str]) -> Converted:
        structures = {
            name: Structure(self._source.inference.signatures[name]) for name in self._names
        }
        self._trainers = {name: self._trainer(name, structures[name]) for name in self._names}
        inference = {name: self._inference_part(name, structures[name]) for name in self._names}
        training = {
            name: self._training_part(name, structures[name], inference[name])
            for name in self._names
        }
        losses = self._losses_part()
        root = ReusableModel()
        signatures: Dict[str, Any] = {}
        callables: Dict[str, str] = {}
        differentiable: List[str] = []
        for name in self._names:
            functions = self._functions(name, structures[name], inference[name], training[name])
            differentiable += [name] if self._is_differentiable(name, functions) else []
            call = callable_of(structures[name], *functions)
            callables[name] = self._attribute(name, callables)
            setattr(root, callables[name], call)
            signatures[name] = signature_of(structures[name], functions[0])
        self._complete(root, losses, attached_messages)
        callables.pop(self._source.signature)
        return Converted(
            root,
            signatures,
            self._state,
            structures,
            inference,
            training,
            self._trainers,
            losses,
            callables,
            tuple(differentiable),
            tuple(self._all_remarks(structures)),
        )

    def _place(self, signature: str) -> Place:
        return Place(self._source.handle, signature)

    def _trainer(self, name: str, structure: Structure) -> Variant:
        trainer = self._source.last
        if trainer is self._source.inference:
            return trainer
        reason = _difference(structure, trainer.signatures.get(name))
        if not reason:
            return trainer
        if name == self._source.signature:
            raise errors.TrainGraphDiffers(
                handle=self._source.handle,
                tags=list(trainer.tags),
                reason=f"of the signature {name!r} {reason}.",
            )
        self._remarks.append(f"signature {name!r} has no training mode: {reason}")
        return self._source.inference

    def _inference_part(self, name: str, structure: Structure) -> Part:
        return self._part(self._source.inference, name, structure, structure.outputs, ())

    def _training_part(self, name: str, structure: Structure, inference: Part) -> Part:
        trainer = self._trainers[name]
        update_ops = trainer.update_ops
        if trainer is self._source.inference and not update_ops:
            return inference
        here = Structure(trainer.signatures[name])
        missing = missing_inputs(trainer, update_ops, set(here.inputs))
        if missing:
            others = [
                other
                for other in self._names
                if not missing_inputs(
                    trainer, update_ops, set(Structure(trainer.signatures[other]).inputs)
                )
            ]
            if name != self._source.signature and self._source.signature in others:
                self._remarks.append(
                    f"signature {name!r} has no training mode: its update ops need "
                    f"the inputs of {self._source.signature!r}"
                )
                self._trainers[name] = self._source.inference
                return inference
            raise errors.UpdateOpInputs(
                handle=self._source.handle,
                signature=name,
                placeholders=listed(sorted({one for names in missing.values() for one in names})),
                ops=listed(missing),
                example=(others or [name])[0],
            )
        return self._part(trainer, name, here, here.outputs, update_ops)

    def _part(
        self,
        variant: Variant,
        name: str,
        structure: Structure,
        outputs: Sequence[str],
        update_ops: Sequence[str],
    ) -> Part:
        place = self._place(name)
        missing = missing_inputs(variant, outputs, set(structure.inputs))
        if missing:
            raise SignatureInputMissing(
                handle=place.handle,
                signature=name,
                placeholders=listed(sorted({one for names in missing.values() for one in names})),
            )
        return extract(variant, structure.inputs, outputs, update_ops, self._state.slices, place)

    def _losses_part(self) -> Part:
        variant = self._source.last
        missing = missing_inputs(variant, variant.losses, set())
        for loss, placeholders in missing.items():
            raise errors.LossInputs(
                handle=self._source.handle, loss=loss, placeholders=listed(placeholders)
            )
        place = Place(self._source.handle, "regularization losses")
        return extract(variant, (), variant.losses, (), self._state.slices, place)

    def _functions(
        self, name: str, structure: Structure, inference: Part, training: Part
    ) -> Tuple[Any, Any]:
        specs = tensor_specs(structure)
        infer = trace(
            inference, self._state.bindings(self._source.inference, inference.state), specs
        )
        if training is inference:
            return infer, infer
        trainer = self._trainers[name]
        return infer, trace(training, self._state.bindings(trainer, training.state), specs)

    def _is_differentiable(self, name: str, functions: Sequence[Any]) -> bool:
        try:
            for function in functions:
                check_differentiable(function, self._place(name))
        except UnihubError as error:
            if name == self._source.signature:
                raise
            self._remarks.append(f"signature {name!r} is for inference only: {error.why}")
            return False
        return True

    def _attribute(self, name: str, taken: Dict[str, str]) -> str:
        if name == self._source.signature:
            return "__call__"
        attribute = identifier(name)
        while attribute in _TAKEN or attribute in taken.values() or attribute.startswith("__"):
            attribute = f"{attribute.strip('_')}_signature"
        return attribute

    def _complete(self, root: Any, losses: Part, attached_messages: Optional[str]) -> None:
        variant = self._source.last
        root.regularization_losses = []
        if losses.outputs:
            function = trace(losses, self._state.bindings(variant, losses.state), ())
            check_differentiable(function, Place(self._source.handle, "regularization losses"))
            root.regularization_losses = [
                loss_of(function, place) for place in range(len(losses.outputs))
            ]
        if self._source.keep_all_variables:
            self._state.add_collected()
        self._state.add_assets()
        variables = [self._state.variables[name] for name in self._state.in_original_order()]
        root.variables = variables
        root.trainable_variables = [one for one in variables if one.trainable]
        root.tables = self._state.tables
        root.assets = list(self._state.assets.values())
        if attached_messages is not None:
            root.attached_messages = tf.saved_model.Asset(attached_messages)

    def _all_remarks(self, structures: Dict[str, Structure]) -> List[str]:
        remarks = list(self._remarks)
        variants = self._source.variants
        members = self._state.members
        references = [
            whole
            for whole, names in members.items()
            if any(is_reference(variant, name) for variant in variants for name in names)
        ]
        joined = [whole for whole, names in members.items() if names != (whole,)]
        if references:
            remarks.append(f"{len(references)} reference variables are resource variables now")
        if joined:
            remarks.append(f"partitioned variables are joined: {listed(joined)}")
        if not self._source.keep_all_variables:
            unused = [
                name
                for variant in variants
                for name in variant.collected_variables
                if not any(name in names for names in members.values())
            ]
            if unused:
                names = listed(dict.fromkeys(unused))
                remarks.append(f"variables that no signature uses are left out: {names}")
        for name, structure in structures.items():
            changed = [one for one in structure.input_specs if identifier(one) != one]
            if changed:
                shown = ", ".join(f"{one!r} is {identifier(one)!r}" for one in changed)
                remarks.append(f"inputs of signature {name!r} are renamed: {shown}")
        return remarks


def attached_messages_json(variants: Sequence[Variant]) -> Optional[str]:
    """The attached messages of graphs as JSON, or None where there are none.

    It is ``[{"tags": […], "messages": {key: the message in base64}}]``.
    """
    found = [
        {
            "tags": list(variant.tags),
            "messages": {
                key: base64.b64encode(value).decode("ascii")
                for key, value in sorted(variant.attachments.items())
            },
        }
        for variant in variants
        if variant.attachments
    ]
    return json.dumps(found, indent=2) + "\n" if found else None


def _difference(structure: Structure, definition: Any) -> str:
    """How a signature of the train graph differs; empty if it does not."""
    if definition is None:
        return "there is none in the train graph"
    other = Structure(definition)
    for what, here, there in (
        ("inputs", structure.input_specs, other.input_specs),
        ("outputs", structure.output_specs, other.output_specs),
    ):
        mine: Set[Any] = {(name, _kind(spec)) for name, spec in here.items()}
        if mine != {(name, _kind(spec)) for name, spec in there.items()}:
            return f"the {what} are {listed(there)} there and {listed(here)} here"
    return ""


def _kind(spec: Any) -> Tuple[str, Any]:
    (first, *_) = tf.nest.flatten(spec, expand_composites=True)
    return type(spec).__name__, spec.dtype if isinstance(spec, tf.TensorSpec) else first.dtype
