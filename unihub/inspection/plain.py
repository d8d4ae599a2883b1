"""The facts of a model as text, for a terminal, and as JSON."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

from unihub.errors import counted, printable, size
from unihub.inspection.facts import CallableInfo, MetaGraphInfo, ModelFacts, RemoteFacts
from unihub.inspection.security import ADVICE
from unihub.inspection.structures import Fields, Listed, Spec, Unknown, show
from unihub.inspection.uses import Use
from unihub.inspection.variables import Variable
from unihub.matrix.values import Runtime

USES = "What can be done with it"
NEXT = "To see what the model is:"

_MOST_NAMES = 12
_FLAG = re.compile(r"\b(\w+): (True|False)\b")
_SHOWN_VALUES = (Fields, Listed, Spec, Unknown)

# A heading, and what is below it; the text is indented by two for each level.
Section = Tuple[str, List[Any]]


def as_text(info: ModelFacts, variables: bool = False) -> str:
    """Everything about a model, as text of a few screens at most.

    Args:
        variables: each of them by name too, however many there are.
    """
    lines = [line for section in sections(info, variables) for line in _lines(section, 0)]
    return printable("\n".join(lines), keep="\n")


def uses_text(info: ModelFacts) -> str:
    """Lines of what can be done with a model, alone."""
    lines = _lines((f"{USES}: {info.handle}", list(_of_uses(info))), 0)
    return printable("\n".join(lines), keep="\n")


def remote_text(info: RemoteFacts) -> str:
    """Tells what is known of a model that is not here."""
    lines = [f"{printable(info.handle)}: {info.kind}, not downloaded"]
    lines += [f"  {name}: {text}" for name, text in remote_facts(info)]
    return "\n".join([*lines, NEXT, f"  {info.next}"])


def as_rich(info: ModelFacts, variables: bool = False) -> Any:
    """The same for a rich console, with headings and grave findings marked."""
    from rich.text import Text

    text = Text()
    colours = {"critical:": "bold red", "high:": "red", "medium:": "yellow"}
    for line in as_text(info, variables).splitlines():
        style = "bold" if line and not line.startswith(" ") else ""
        words = line.split(None, 1)
        text.append(f"{line}\n", style=colours.get(words[0] if words else "", style))
    return text


def as_json(value: Any, variables: bool = False) -> Any:
    """A value of this package as dicts, lists, numbers and strings."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, _SHOWN_VALUES):
        return show(value)
    names = _field_names(value)
    if names:
        return {
            name: _SPECIAL[name](value, variables)
            if name in _SPECIAL
            else as_json(getattr(value, name), variables)
            for name in names
        }
    if isinstance(value, Mapping):
        return {key: as_json(item, variables) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item, variables) for item in value]
    return value


def _field_names(value: Any) -> Sequence[str]:
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    names: Sequence[str] = getattr(value, "_fields", ())
    return names


def _variables_as_json(graph: MetaGraphInfo, by_name: bool) -> Any:
    trainable = graph.trainable_variables
    found = {
        "count": len(graph.variables),
        "bytes": total_bytes(graph.variables),
        "trainable_count": len(trainable),
        "trainable_bytes": total_bytes(trainable),
    }
    if by_name:
        return {**found, "by_name": [as_json(variable) for variable in graph.variables]}
    return found


# Fields that are said otherwise than by their parts.
_SPECIAL: Mapping[str, Callable[[Any, bool], Any]] = {
    "variables": _variables_as_json,
    "accepted": lambda target, _: [str(accepted) for accepted in target.accepted],
}


def sections(info: ModelFacts, variables: bool = False) -> Iterator[Section]:
    """Yields what there is to say, heading by heading."""
    yield f"{info.handle}: {summary(info)}", list(facts(info))
    for graph in info.meta_graphs:
        yield f"MetaGraph with tags {list(graph.tags)}", list(_of_graph(graph, variables))
    yield USES, list(_of_uses(info))
    findings = [str(finding) for finding in info.findings] or ["nothing found"]
    yield "Outside of its graph", [*findings, ADVICE]


def summary(info: ModelFacts) -> str:
    """The format, the writer and the size."""
    writer = f", written by TensorFlow {info.tensorflow_version}" if info.tensorflow_version else ""
    return f"{info.format.label}{writer}, {size(info.bytes)}"


def facts(info: ModelFacts) -> Iterator[str]:
    """Yields what holds for the whole model."""
    yield f"found: {info.evidence}"
    if info.module_format is not None:
        features = f", requires {names(info.required_features)}" if info.required_features else ""
        yield f"module format: {info.module_format}{features}"
    if info.keras is not None:
        version = f", Keras {info.keras.keras_version}" if info.keras.keras_version else ""
        yield f"Keras model: {info.keras.class_name} {info.keras.name!r}{version}"
    if info.checkpoint is not None:
        of = info.checkpoint
        damage = f"; DAMAGED: {of.damage}" if of.damage else ""
        yield f"checkpoint: {counted(of.tensors, 'tensor')}, {size(of.bytes)}{damage}"


def remote_facts(info: RemoteFacts) -> Tuple[Tuple[str, str], ...]:
    """Pairs of a name and a text on a model that is not here."""
    answer = "" if info.status is None else f"status {info.status}"
    many = "" if info.files is None else f"{info.files} files"
    amount = "" if info.bytes is None else f"{size(info.bytes)} ({info.bytes:,} bytes)"
    found = (
        *info.parts,
        ("version", info.version or ""),
        ("answers", answer),
        ("from", info.url),
        ("archive", info.archive),
        ("size", ", ".join(filter(None, (many, amount)))),
        ("but", info.problem),
        ("instead", " or ".join(info.instead)),
    )
    return tuple((name, printable(text)) for name, text in found if text)


def variables_line(graph: MetaGraphInfo) -> str:
    """How many variables, how large, how many are trained, and the losses."""
    trainable = graph.trainable_variables
    return (
        f"variables: {len(graph.variables)} ({size(total_bytes(graph.variables))}), "
        f"{len(trainable)} trainable ({size(total_bytes(trainable))}), "
        f"{counted(graph.regularization_losses, 'regularization loss', 'es')}"
    )


def variable_text(variable: Variable) -> str:
    """Its dtype, shape, and whether it is trained."""
    shape = "[...]" if variable.shape is None else str(list(variable.shape)).replace("None", "?")
    return f"{variable.dtype}{shape}{'' if variable.trainable else ' not trainable'}"


def ops_lines(graph: MetaGraphInfo) -> Iterator[str]:
    """How many ops, and which of them ask for something."""
    yield f"ops: {len(graph.ops)} kinds"
    for package, ops in graph.packages.items():
        if package:
            yield f"needs import {package}: {names(ops)}"
        else:
            yield f"needs a package that unihub does not know: {names(ops)}"
    if graph.control_flow_v1:
        yield f"control flow of TF1: {names(graph.control_flow_v1)}"


def titled_uses(info: ModelFacts, uses: Iterable[Use]) -> Iterator[Tuple[str, Use]]:
    """Uses with a title; those that differ in their runtime alone are said once."""
    runtimes: Dict[Use, List[str]] = {}
    for use in uses:
        here = " (here)" if use.runtime is info.runtime else ""
        common = use._replace(runtime=Runtime.TF2)
        runtimes.setdefault(common, []).append(f"{use.runtime.label}{here}")
    for use, labels in runtimes.items():
        yield f"{use.operation.label} in {', '.join(labels)}", use


def names(found: Iterable[str]) -> str:
    """Names one after the other, the tail counted."""
    found = list(found)
    rest = len(found) - _MOST_NAMES
    return ", ".join(found[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def accepted_lines(target: CallableInfo) -> List[str]:
    """The inputs of a callable, a line for each structure; those that differ in flags alone in one.

    Functions are traced for each value of ``training``, and often once more by Keras.
    """
    values: Dict[str, Dict[Tuple[str, str], None]] = {}
    for accepted in target.accepted:
        text = str(accepted)
        template = _FLAG.sub(r"\1: …", text)
        values.setdefault(template, {}).update(dict.fromkeys(_FLAG.findall(text)))
    return [_with_flags(template, list(found)) for template, found in values.items()]


def _with_flags(template: str, found: Sequence[Tuple[str, str]]) -> str:
    for name in dict(found):
        choices = " or ".join(value for other, value in found if other == name)
        template = template.replace(f"{name}: …", f"{name}: {choices}")
    return template


def total_bytes(variables: Iterable[Variable]) -> int:
    return sum(variable.bytes for variable in variables)


def _of_graph(graph: MetaGraphInfo, variables: bool) -> Iterator[Any]:
    for signature in graph.signatures:
        inputs = [f"{name}: {info}" for name, info in signature.inputs.items()]
        outputs = [f"{name}: {info}" for name, info in signature.outputs.items()]
        yield (
            f"signature {signature.name!r}",
            [f"in   {i}" for i in inputs]
            + [f"out  {o}" for o in outputs]
            + ([signature.example] if signature.example else []),
        )
    for target in graph.callables:
        example = [target.example] if target.example else []
        yield f"call {target}", [f"takes {text}" for text in accepted_lines(target)] + example
    if graph.sub_objects:
        yield f"callable parts: {names(graph.sub_objects)}"
    named = [f"{v.name}: {variable_text(v)}" for v in graph.variables] if variables else []
    yield variables_line(graph), named
    yield from ops_lines(graph)
    for attachment in graph.attachments:
        yield f"attached {attachment.key}: {attachment.text}"
    for asset in graph.assets:
        found = "MISSING" if asset.bytes is None else size(asset.bytes)
        yield f"asset {asset.name}: {found}"


def _of_uses(info: ModelFacts) -> Iterator[Any]:
    for title, use in titled_uses(info, info.uses):
        lines = [f"{api}: {code}" for api, code in use.code]
        yield f"{title}: {use.status.value}", [*lines, *([use.note] if use.note else [])]


def _lines(section: Any, depth: int) -> Iterator[str]:
    # A line break in a name must not begin a line of its own.
    if isinstance(section, str):
        yield "  " * depth + printable(section)
        return
    heading, below = section
    yield "  " * depth + printable(heading)
    for item in below:
        yield from _lines(item, depth + 1)
