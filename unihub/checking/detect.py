"""Holds what a script does against the rules."""

from __future__ import annotations

import ast
import os
from importlib.util import find_spec
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from unihub.checking import judgement, kerases, op_needs
from unihub.checking.around import around
from unihub.checking.findings import Finding, Place, finding, judged
from unihub.checking.models import Model, model_at_hand
from unihub.checking.names import (
    TENSORFLOW_HUB,
    UNIHUB,
    HubName,
    hub_name,
    public_name,
    tensorflow_name,
)
from unihub.checking.source import Source
from unihub.checking.targets import Target
from unihub.checking.values import (
    Call,
    Function,
    Kind,
    Made,
    Mode,
    Named,
    Reference,
    SignatureChosen,
    Summary,
)
from unihub.dropin import hub_names
from unihub.errors import listed, nearest
from unihub.formats.model import FormatError
from unihub.matrix.values import Format, Runtime
from unihub.runtime import installed
from unihub.runtime.op_packages import installing

_KEPT_IN_0_16 = ("KerasLayer", "load", "resolve")
_ESTIMATOR_NAMES = ("LatestModuleExporter", "register_module_for_export")
_GRAPH_COLUMNS = (
    "image_embedding_column",
    "sparse_text_embedding_column",
    "text_embedding_column",
)
_REFUSED_FINE_TUNING = {
    Format.TF1_HUB: "tf1-hub-fine-tuning-in-tf2",
    Format.TF1_SAVED_MODEL: "tf1-saved-model-fine-tuning-in-tf2",
}
_COLLECTIONS = {
    "regularization_losses": "REGULARIZATION_LOSSES",
    "update_ops": "UPDATE_OPS",
    "REGULARIZATION_LOSSES": "REGULARIZATION_LOSSES",
    "UPDATE_OPS": "UPDATE_OPS",
}
_READ_REGULARIZERS = (
    "losses.get_regularization_losses",
    "losses.get_regularization_loss",
    "losses.get_total_loss",
)
_TFHUB_DEV = ("https://tfhub.dev/", "http://tfhub.dev/")


class _Parameters(NamedTuple):
    """Where a function of tensorflow_hub takes its arguments."""

    handle: str
    trainable: Optional[int]
    tags: Optional[int]


_PARAMETERS = {
    "Module": _Parameters("spec", 1, 3),
    "load": _Parameters("handle", None, 1),
    "KerasLayer": _Parameters("handle", 1, None),
}
_CALLED = {Kind.MODULE: "hub.Module", Kind.LOADED: "hub.load", Kind.HUB_LAYER: "hub.KerasLayer"}

Found = Tuple[ast.AST, Finding]


def findings_in(source: Source, summary: Summary, target: Target) -> List[Found]:
    """Detects what a script does that its installation does not take, and where."""
    checker = _Checker(source, summary, target)
    found: Dict[Tuple[int, int, str], Found] = {}
    for node, one in checker.findings():
        place = (one.place.file_line, one.place.column, f"{one.place.cell} {one.rule}")
        found.setdefault((getattr(node, "lineno", 0), *place[1:]), (node, one))
    return [found[place] for place in sorted(found)]


class _Checker:
    def __init__(self, source: Source, summary: Summary, target: Target) -> None:
        self._source = source
        self._summary = summary
        self._target = target
        self._folder = os.path.dirname(os.path.abspath(source.path))
        self._models: Dict[Any, Union[Model, FormatError, None]] = {}
        self._keras = target.keras
        if summary.legacy_keras:
            self._keras = installed.keras_chosen(target.tensorflow, None, "1")

    def findings(self) -> Iterator[Found]:
        yield from self._imports()
        for reference in self._summary.references:
            # A name that was imported by itself is told of at its import.
            if not isinstance(reference.node, ast.Name):
                yield from self._name(reference.node, reference.path)
            yield from self._estimator(reference)
        for call in self._summary.calls:
            yield from self._hub_call(call)
            yield from self._collection(call)
            yield from self._lambda(call)
        if self._summary.imports:
            for node in () if self._target.is_tensorflow_1 else self._summary.contrib:
                yield self._found("contrib-gone", node)
            for call in (*self._summary.calls, *self._summary.of_models):
                for rule, doubt, facts in around(call, self._target, self._keras):
                    yield self._found(rule, call.node, doubt, **facts)
        yield from self._applications()
        yield from self._combinations()
        yield from self._texts()

    def _found(self, rule: str, node: ast.AST, doubt: Any = False, **facts: Any) -> Found:
        place, code = self._place_of(node)
        return node, finding(rule, place, code, doubt, **facts)

    def _place_of(self, node: ast.AST) -> Tuple[Place, str]:
        """Where a node is, and its line of source."""
        lines, line = self._source.lines, getattr(node, "lineno", 1)
        code = lines[line - 1].rstrip("\r\n") if line <= len(lines) else ""
        return self._source.place(node), code

    def _library(self, path: str) -> str:
        found = hub_name(path)
        assert found is not None
        return UNIHUB if self._summary.installs_unihub else found.library

    def _imports(self) -> Iterator[Found]:
        told = False
        for one in self._summary.imports:
            if self._library(one.path) != TENSORFLOW_HUB:
                continue
            reason = self._import_failure()
            if reason and not told:
                told = True
                release = self._target.tensorflow_hub or "(none is installed)"
                yield self._found("hub-import-fails", one.node, release=release, reason=reason)
            if isinstance(one.node, ast.ImportFrom):
                yield from self._name(one.node, one.path)

    def _import_failure(self) -> str:
        target = self._target
        if not target.tensorflow_hub:
            return "pip finds no tensorflow-hub here"
        if target.hub_release < (0, 16) and target.tensorflow_release >= (2, 16):
            return "it reads tf.compat.v1.estimator, which left TensorFlow with 2.16"
        # Up to 0.12 it compared versions by distutils.
        if target.hub_release >= (0, 13) and not target.pkg_resources:
            return "it imports pkg_resources, which left setuptools with 82"
        return ""

    def _name(self, node: ast.AST, path: str) -> Iterator[Found]:
        name = hub_name(path)
        if name is None:
            return
        if self._library(path) == UNIHUB:
            yield from self._own_name(node, name)
        elif not name.name or (name.name.startswith("__") and not name.submodule):
            if name.submodule in hub_names.INTERNAL_SUBMODULES:
                yield self._internal(node, name.submodule)
        elif name.submodule and name.name not in hub_names.SUBMODULES.get(name.submodule, ()):
            yield self._internal(node, f"{name.submodule}.{name.name}")
        elif name.name in hub_names.NAMES:
            if self._target.hub_release >= (0, 16) and name.name not in _KEPT_IN_0_16:
                release = self._target.tensorflow_hub
                yield self._found("removed-name", node, name=name.name, release=release)
        elif name.name != "__version__":
            yield self._unknown(node, name.name, TENSORFLOW_HUB, hub_names.NAMES)

    def _own_name(self, node: ast.AST, name: HubName) -> Iterator[Found]:
        import unihub

        # Under unihub.install() tensorflow_hub's own submodules are served as well.
        if name.library != UNIHUB or not name.name or name.name.startswith("__"):
            return
        is_module = find_spec(f"unihub.{name.name}") is not None
        if not is_module and name.name not in unihub.__all__:
            yield self._unknown(node, name.name, UNIHUB, tuple(unihub.__all__))

    def _unknown(self, node: ast.AST, name: str, library: str, names: Tuple[str, ...]) -> Found:
        facts = {"name": name, "library": library, "nearest": nearest(name, names)}
        return self._found("unknown-name", node, **facts)

    def _internal(self, node: ast.AST, name: str) -> Found:
        public = "load, KerasLayer, Module and the rest of hub.__all__"
        return self._found("internal-name", node, name=name, public=public)

    def _estimator(self, reference: Reference) -> Iterator[Found]:
        name = public_name(reference.path)
        gone = self._target.tensorflow_release >= (2, 16)
        if name in _ESTIMATOR_NAMES and gone and self._library(reference.path) == UNIHUB:
            tensorflow = self._target.tensorflow
            facts = {"name": f"hub.{name}", "tensorflow": tensorflow}
            yield self._found("estimator-gone", reference.node, **facts)

    def _hub_call(self, call: Call) -> Iterator[Found]:
        name = public_name(call.path)
        if name in _PARAMETERS:
            yield from self._loading(name, call)
        if call.mode is Mode.GRAPH:
            return
        if name in _GRAPH_COLUMNS and not self._has_estimator():
            yield self._found("column-in-eager-mode", call.node, name=name)
        if name == "create_module_spec" and not self._made_in_graph():
            yield self._found("tf1-hub-creation-in-tf2", call.node)

    def _has_estimator(self) -> bool:
        return any("stimator" in call.path for call in self._summary.calls)

    def _made_in_graph(self) -> bool:
        return any(
            call.mode is Mode.GRAPH and public_name(call.path) == "Module"
            for call in self._summary.calls
        )

    def _loading(self, name: str, call: Call) -> Iterator[Found]:
        handle = call.literal(_PARAMETERS[name].handle, 0)
        shown = repr(handle) if isinstance(handle, str) else "handle"
        if name == "Module" and call.mode is Mode.EAGER:
            where = f"TensorFlow {self._target.tensorflow}, outside of any tf.Graph"
            yield self._found("module-in-eager-mode", call.node, handle=shown, where=where)
        if name == "KerasLayer" and self._trains(name, call):
            signature = call.literal("signature")
            if signature is not None:
                yield self._found("trainable-with-signature", call.node, signature=signature)
        model = self._model(handle)
        if isinstance(model, FormatError):
            yield self._unreadable(call.node, handle, model)
            return
        yield from self._fine_tuning(name, call, shown, model)
        yield from self._unusable(name, call, model)
        yield from self._ops(name, call, shown, model)
        is_keras_3 = self._keras is installed.Keras.KERAS3 and call.mode is Mode.EAGER
        if name == "KerasLayer" and is_keras_3 and self._library(call.path) == UNIHUB:
            for rule, facts in kerases.on_backend(self._summary.keras_backend, shown, model):
                yield self._found(rule, call.node, **facts)
        if model is not None and model.certain:
            yield from self._tags(name, call, handle, model)
            yield from self._signature(call.node, call.literal("signature"), handle, model)
            if name == "KerasLayer" and self._needs_signature(call, model):
                example = nearest("serving_default", model.signatures)
                remedy = (
                    f"hub.KerasLayer(handle, signature={example!r}, signature_outputs_as_dict=True)"
                )
                facts = {"handle": handle, "format": model.format.label, "parts": "signatures"}
                if not model.signatures:
                    remedy, facts["parts"] = judgement.part_to_call(handle, model), "parts"
                facts.update(evidence=model.evidence, remedy=remedy)
                yield self._found("signature-required", call.node, **facts)

    def _model(self, handle: Any) -> Union[Model, FormatError, None]:
        if not isinstance(handle, str):
            return None
        if handle not in self._models:
            try:
                self._models[handle] = model_at_hand(handle, self._folder)
            except FormatError as error:
                self._models[handle] = error
        return self._models[handle]

    def _model_of(self, made: Made) -> Tuple[Any, Optional[Model]]:
        name = public_name(made.call.path)
        handle = made.call.literal(_PARAMETERS[name].handle, 0)
        model = self._model(handle)
        return handle, None if isinstance(model, FormatError) else model

    def _unreadable(self, node: ast.AST, handle: Any, error: FormatError) -> Found:
        facts = {"handle": handle, "reason": error.why, "remedy": error.do}
        return self._found("model-unreadable", node, **facts)

    def _ops(self, name: str, call: Call, shown: str, model: Optional[Model]) -> Iterator[Found]:
        handle = call.literal(_PARAMETERS[name].handle, 0)
        try:
            need = op_needs.need_of(handle, model)
        except FormatError as error:
            yield self._unreadable(call.node, handle, error)
            return
        if need is None:
            return
        modules = self._summary.modules
        # unihub's hub.Module leaves that to the script, as tensorflow_hub does.
        imported_by_unihub = self._library(call.path) == UNIHUB and name != "Module"
        facts = {"call": f"hub.{name}({shown})", "evidence": need.evidence}
        facts.update(package=need.package)
        # The release that leaves TensorFlow as it is.
        facts["installing"] = installing(need.package, self._target.tensorflow)
        if not imported_by_unihub and not op_needs.imports(modules, need.package):
            doubt = not need.certain or op_needs.may_import_more(modules, self._folder)
            yield self._found("op-package-not-imported", call.node, doubt, **facts)
        elif self._target.name == "here" and find_spec(need.package) is None:
            yield self._found("op-package-not-installed", call.node, not need.certain, **facts)

    def _trains(self, name: str, call: Call) -> bool:
        if name == "load":
            return bool(call.literal("op") == "fine_tuning")
        return call.literal("trainable", _PARAMETERS[name].trainable) is True

    def _fine_tuning(
        self, name: str, call: Call, shown: str, model: Optional[Model]
    ) -> Iterator[Found]:
        if not self._trains(name, call):
            return
        if name == "Module":
            yield from self._train_graph(call, shown, model)
        elif model is not None and model.saved is not None:
            yield from self._judged(name, call, shown, model)
        elif model is not None and model.format is not Format.TF2_SAVED_MODEL:
            facts = {"handle": shown.strip("'"), "evidence": model.evidence}
            doubt = not model.certain
            if call.mode is Mode.EAGER:
                yield self._found(_REFUSED_FINE_TUNING[model.format], call.node, doubt, **facts)
            elif name == "KerasLayer":
                facts.update(handle=shown, format=model.format.label)
                yield self._found("keras-layer-trainable-tf1-format", call.node, doubt, **facts)

    def _judged(self, name: str, call: Call, shown: str, model: Model) -> Iterator[Found]:
        """The judge's verdict on fine-tuning a model that is at hand."""
        signature = call.literal("signature")
        if signature is not None and model.format is Format.TF2_SAVED_MODEL:
            # That is told of each model, at hand or not.
            return
        in_graph = Runtime.TF1 if self._target.is_tensorflow_1 else Runtime.TF1_COMPAT
        runtime = Runtime.TF2 if call.mode is Mode.EAGER else in_graph
        handle = call.literal(_PARAMETERS[name].handle, 0)
        verdict = judgement.of_fine_tuning(handle, model, runtime)
        if verdict.refusal is not None:
            doubt = name == "KerasLayer" and judgement.trains_nothing(verdict.refusal)
            yield call.node, judged(*self._place_of(call.node), verdict.refusal, doubt)
        elif name == "KerasLayer" and "keras" not in dict(verdict.code):
            facts = {"handle": shown, "format": model.format.label, "evidence": model.evidence}
            yield self._found("keras-layer-trainable-tf1-format", call.node, **facts)

    def _unusable(self, name: str, call: Call, model: Optional[Model]) -> Iterator[Found]:
        """Findings on a model at hand that cannot be called, whoever calls it."""
        eager = call.mode is Mode.EAGER and name != "Module"
        if model is not None and eager and not self._trains(name, call):
            handle = call.literal(_PARAMETERS[name].handle, 0)
            error = judgement.unusable(handle, model, call.literal("signature"))
            if error is not None:
                yield call.node, judged(*self._place_of(call.node), error)

    def _train_graph(self, call: Call, shown: str, model: Optional[Model]) -> Iterator[Found]:
        known = model is not None and model.certain
        if call.has("tags", _PARAMETERS["Module"].tags) or (
            known and model is not None and not model.has_train_graph
        ):
            return
        evidence = f"found: {model.evidence}" if known and model else "the model is not at hand"
        facts = {"handle": shown, "evidence": evidence}
        yield self._found("trainable-without-train-graph", call.node, not known, **facts)

    def _tags(self, name: str, call: Call, handle: str, model: Model) -> Iterator[Found]:
        position = _PARAMETERS[name].tags
        found = ", ".join(str(sorted(tags)) for tags in model.tags)
        example = repr(sorted(model.tags[0]))
        facts = {"handle": handle, "tags": found, "call": f"hub.{name}", "example": example}
        wanted = call.literal("tags", position)
        if wanted is not None:
            wanted_set = frozenset([wanted] if isinstance(wanted, str) else wanted)
            if wanted_set not in model.tags:
                shown = str(sorted(map(str, wanted_set)))
                yield self._found("unknown-tags", call.node, wanted=shown, **facts)
            return
        if call.has("tags", position):
            return
        # What each takes for want of tags: tensorflow_hub the untagged MetaGraph of the
        # TF1 Hub format, else the only one; unihub also the one tagged "serve".
        evident = [frozenset(), frozenset({"serve"})] if self._library(call.path) == UNIHUB else []
        if model.format is Format.TF1_HUB:
            evident.append(frozenset())
        if len(model.tags) > 1 and not any(tags in model.tags for tags in evident):
            yield self._found("missing-tags", call.node, **facts)

    def _signature(self, node: ast.AST, wanted: Any, handle: Any, model: Model) -> Iterator[Found]:
        if isinstance(wanted, str) and model.certain and wanted not in model.signatures:
            facts = {"handle": handle, "wanted": wanted, "found": listed(model.signatures)}
            facts["remedy"] = f"use {nearest(wanted, model.signatures)!r}"
            if not model.signatures:
                kind = (
                    "m = unihub.load({0!r}); m(inputs)" if model.callable else "unihub inspect {0}"
                )
                facts["remedy"] = kind.format(handle)
            yield self._found("unknown-signature", node, **facts)

    def _needs_signature(self, call: Call, model: Model) -> bool:
        if call.has("signature") or model.callable:
            return False
        return model.format is not Format.TF1_HUB

    def _applications(self) -> Iterator[Found]:
        for applied in self._summary.applied:
            handle, model = self._model_of(applied.owner)
            if model is None:
                continue
            if applied.owner.kind is Kind.MODULE:
                wanted = applied.call.literal("signature")
                yield from self._signature(applied.node, wanted, handle, model)
            tensorflow_hub = self._library(applied.owner.call.path) == TENSORFLOW_HUB
            if applied.owner.kind is Kind.LOADED and tensorflow_hub:
                yield from self._not_callable(applied.node, handle, model)
        for chosen in self._summary.signatures:
            handle, model = self._model_of(chosen.owner)
            if model is not None:
                yield from self._signature(chosen.node, chosen.name, handle, model)
                yield from self._module_signature(chosen, model)

    def _module_signature(self, chosen: SignatureChosen, model: Model) -> Iterator[Found]:
        call = chosen.owner.call
        as_module = call.mode is Mode.GRAPH and call.literal("api") != "load"
        is_tf1 = model.format is not Format.TF2_SAVED_MODEL
        if as_module and is_tf1 and self._library(call.path) == UNIHUB:
            facts = {"format": model.format.label, "evidence": model.evidence}
            facts["signature"] = chosen.name
            doubt = not model.certain
            yield self._found("module-without-signatures", chosen.node, doubt, **facts)

    def _not_callable(self, node: ast.AST, handle: Any, model: Model) -> Iterator[Found]:
        by_name = not model.certain and model.format is Format.TF2_SAVED_MODEL
        if model.callable or by_name:
            return
        facts = {"handle": handle, "format": model.format.label, "evidence": model.evidence}
        name = nearest("default", model.signatures) or "default"
        facts["loaded"] = "signatures"
        facts["remedy"] = (
            f'm.signatures["{name}"](inputs); or import unihub as hub, whose load gives an '
            "object to call"
        )
        if model.saved is not None and not model.signatures:
            facts.update(loaded="parts", remedy=judgement.part_to_call(handle, model))
        yield self._found("loaded-not-callable", node, not model.certain, **facts)

    def _collection(self, call: Call) -> Iterator[Found]:
        collection = _collection_read(call)
        if not collection:
            return
        made = {public_name(other.path) for other in self._summary.calls if hub_name(other.path)}
        fills_none = made & {"load", "KerasLayer"} and not made & {"Module", *_GRAPH_COLUMNS}
        if fills_none:
            yield self._found("collections-not-filled", call.node, collection=collection)

    def _lambda(self, call: Call) -> Iterator[Found]:
        if not call.path.endswith(("layers.Lambda", "tf_keras.Lambda")) or not call.node.args:
            return
        value = call.args[0] if call.args else None
        within = value.node if isinstance(value, Function) else call.node.args[0]
        inside = set(map(id, ast.walk(within)))
        used = [one.owner for one in self._summary.applied if id(one.node) in inside]
        used += [value] if isinstance(value, Made) else []
        for made in used:
            if made.kind in (Kind.MODULE, Kind.LOADED):
                what = f"result of {_CALLED[made.kind]}"
                yield self._found("model-in-lambda", call.node, what=what)

    def _combinations(self) -> Iterator[Found]:
        for combined in self._summary.combined:
            library = self._library(combined.layer.call.path)
            layer = kerases.of_layer(library, combined.layer.call.mode, self._keras)
            model = kerases.of_model(combined.library, self._keras, self._target)
            if layer is model or self._target.is_tensorflow_1:
                continue
            facts = {
                "layer": kerases.WORDS[layer],
                "model": kerases.WORDS[model],
                "reason": f"tf.keras is {kerases.WORDS[self._keras]} here",
                "remedy": kerases.remedy(library, follows_tensorflow=model is self._keras),
            }
            yield self._found("keras-layer-of-other-keras", combined.node, **facts)

    def _texts(self) -> Iterator[Found]:
        if not self._summary.imports:
            return
        for text in self._summary.texts:
            one_word = len(text.value.split()) == 1
            if one_word and text.value.startswith(_TFHUB_DEV) and text.value not in _TFHUB_DEV:
                if self._model_is_cached(text.value):
                    continue
                yield self._found("tfhub-dev-handle", text.node, handle=text.value)

    def _model_is_cached(self, handle: str) -> bool:
        model = self._model(handle)
        return isinstance(model, Model) and model.certain


def _collection_read(call: Call) -> str:
    name = tensorflow_name(call.path)
    if name in _READ_REGULARIZERS:
        return "REGULARIZATION_LOSSES"
    if name not in ("get_collection", "get_collection_ref"):
        return ""
    key = call.args[0] if call.args else call.keywords.get("key") or call.keywords.get("name")
    if isinstance(key, Named):
        return _COLLECTIONS.get(key.path.rpartition(".")[2], "")
    literal = call.literal("key", 0)
    return _COLLECTIONS.get(literal, "") if isinstance(literal, str) else ""
