"""Findings on what a model can do outside of its graph, and when. Advice, not a sandbox.

Every model that TensorFlow saves can write files: its saver does. So an op is
reported only where something runs it: loading the model, or a call of it.

Source: https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md, which says
that models are programs.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, replace
from typing import (
    Any,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from unihub.formats.files import PB_FILE
from unihub.formats.message import Message
from unihub.formats.model import SavedModel
from unihub.formats.saved_model import saved_model_file
from unihub.inspection import op_dangers
from unihub.inspection.graph import Function, Graph, Node, read_graph
from unihub.inspection.op_dangers import Danger, Severity
from unihub.inspection.paths import ASSET, CHECKPOINT, COMPUTED, CONSTANT, Path, Paths
from unihub.inspection.reachability import BUILDING, Fed, Reachability, Trigger, When

ADVICE = (
    "This is advice, not a sandbox: a model is a program. Nothing found does not mean that "
    "it is safe to load, so load models of people you trust, or in a sandbox."
)

_MOST_OF_AN_OP = 100
_MOST_FILES = 10_000
_WITHOUT_DETAIL = (op_dangers.NESTED, op_dangers.NATIVE, op_dangers.UNJUDGED)
_DEEPEST_NESTING = 8
_WHEN_ORDER = (When.LOAD, When.CALL, When.KERAS_LOAD, When.SAVE)


# Below a model's folder, where TensorFlow looks for files of certain names.
_FOLDERS_READ = ("", "variables", "debug")
Occurrence = Tuple[Node, Optional[Function], Tuple[Trigger, ...]]


@dataclass(frozen=True)
class Finding:
    """One thing that a model does outside of its graph.

    Attributes:
        op: name of the op, or of the file.
        effect: what it does, for people.
        where: the function or node that holds it.
        when: whether loading or a call runs it.
        by: what runs it, for people.
        detail: constant path, address or name, or where that comes from.
    """

    severity: Severity
    op: str
    effect: str
    where: str
    when: When
    by: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" {self.detail}" if self.detail else ""
        moment = {
            When.LOAD: "when it is loaded",
            When.CALL: "when it is called",
            When.SAVE: "when it is saved",
            When.KERAS_LOAD: "when tf.keras.models.load_model opens it",
            When.NEVER: "never by itself",
        }[self.when]
        by = f", by {self.by}" if self.by else ""
        return (
            f"{self.severity.value}: {self.op} {self.effect}{detail}, {moment}{by} ({self.where})"
        )


def security_findings(
    model: SavedModel,
    minimum: Severity = Severity.LOW,
    also_known: Iterable[str] = (),
) -> Tuple[Finding, ...]:
    """Finds what a model can do outside of its graph, by what runs it.

    Reports ops that loading the model or a call of it reaches; those of
    TensorFlow's own saver are left out. This is advice, not a sandbox.

    Args:
        model: what `unihub.formats.read_saved_model` returned.
        minimum: leaves out what matters less, and saves its time.
        also_known: ops that are registered beside TensorFlow's own.

    Returns:
        The findings, the gravest first, those at load before those on call.

    Raises:
        FormatError: a file of the model is damaged.

    Source: https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md.

    Example:
        >>> security_findings(read_saved_model("half_plus_two"))
        ()
    """
    with saved_model_file(model.path) as file:
        known = frozenset(also_known)
        scans = [Scan(message, file.path, known, minimum) for message in file.meta_graphs]
        has_lambda = False
        if minimum.rank > Severity.HIGH.rank:
            # A load asks for no more than what is graver.
            from unihub.inspection.keras_metadata import read_keras_metadata

            objects = file.meta_graphs[0].message("object_graph_def")
            keras = read_keras_metadata(model.path, objects)
            has_lambda = keras is not None and keras.has_lambda
        return findings_of(model, scans, has_lambda, minimum)


def findings_of(
    model: SavedModel,
    scans: Iterable[Scan],
    has_lambda: bool,
    minimum: Severity = Severity.LOW,
) -> Tuple[Finding, ...]:
    """As `security_findings`, of MetaGraphs whose file is open already."""
    found: Dict[Finding, None] = dict.fromkeys(_escaping_assets(model))
    for scan in scans:
        found.update(dict.fromkeys(scan.findings()))
    # None of these is graver than medium.
    if minimum.rank > Severity.HIGH.rank:
        from unihub.inspection.other_files import files_that_run_code

        for severity, file, effect in files_that_run_code(model.path):
            found[_finding(severity, file, effect, "files", When.NEVER)] = None
    if has_lambda:
        effect = op_dangers.LAMBDA
        found[_finding(Severity.MEDIUM, "Lambda", effect, "Keras", When.KERAS_LOAD)] = None
    wanted = [finding for finding in found if finding.severity.rank <= minimum.rank]
    return tuple(sorted(wanted, key=_order))


def refuse_escaping_assets(handle: str, model: SavedModel) -> None:
    """Makes sure that every asset of a model lies in its folder.

    Raises:
        AssetEscapes: names the asset.
    """
    for graph in model.meta_graphs:
        for asset in graph.assets:
            if escapes(asset):
                file = os.path.join(model.path, PB_FILE)
                from unihub.inspection.refused_files import AssetEscapes

                raise AssetEscapes(handle=handle, asset=asset, file=file)


def refuse_special_files(handle: str, model: SavedModel) -> None:
    """Makes sure that what TensorFlow opens of a model are files, and links to files.

    Raises:
        NotAFile: names the pipe, device or socket.
    """
    assets = [asset for graph in model.meta_graphs for asset in graph.assets]
    names = [os.path.join("assets", asset) for asset in assets]
    for folder in _FOLDERS_READ:
        try:
            listed = os.listdir(os.path.join(model.path, folder))
        except OSError:
            continue
        names += [os.path.join(folder, name) for name in listed[:_MOST_FILES]]
    for name in names:
        file = os.path.join(model.path, name)
        try:
            mode = os.stat(file).st_mode
        except OSError:
            # TensorFlow says better what is missing.
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            from unihub.inspection.refused_files import not_a_file

            raise not_a_file(handle, model.path, name)


def _order(finding: Finding) -> Tuple[int, int, str, str]:
    return (
        finding.severity.rank,
        _WHEN_ORDER.index(finding.when) if finding.when in _WHEN_ORDER else 9,
        finding.op,
        finding.where,
    )


def escapes(asset: str) -> bool:
    parts = re.split(r"[\\/]", asset)
    is_drive = re.match(r"[A-Za-z]:", asset) is not None
    return ".." in parts or (parts[0] == "" and len(parts) > 1) or is_drive or "://" in asset


def _escaping_assets(model: SavedModel) -> Iterator[Finding]:
    for graph in model.meta_graphs:
        for asset in graph.assets:
            if escapes(asset):
                yield _finding(Severity.CRITICAL, asset, op_dangers.ESCAPES, "assets", When.LOAD)


class Scan:
    """The search of one MetaGraph, or of a graph that is held in it as a string."""

    def __init__(
        self,
        meta_graph: Message,
        file: str,
        also_known: FrozenSet[str] = frozenset(),
        minimum: Severity = Severity.LOW,
        graph: Optional[Graph] = None,
        outer: Optional[Tuple[Trigger, ...]] = None,
        where: str = "",
        depth: int = 0,
        nested: Optional[Set[Tuple[bytes, FrozenSet[When]]]] = None,
    ) -> None:
        self.meta_graph = meta_graph
        self.file = file
        self.also_known = also_known
        self.minimum = minimum
        self.graph = graph or Graph(
            meta_graph.message("graph_def"), op_dangers.DANGERS, op_dangers.judged_ops()
        )
        self.outer = outer
        self.where = where
        self.depth = depth
        # What has been searched of the graphs that are held as strings, each once.
        self.nested = set() if nested is None else nested
        self._reachability: Optional[Reachability] = None
        self._paths: Optional[Paths] = None
        self._evaluation: Any = None

    def findings(self) -> List[Finding]:
        found: List[Finding] = []
        for op in sorted(self.graph.ops() - op_dangers.harmless_ops() - self.also_known):
            danger = op_dangers.danger_of(op)
            found += _told(
                finding
                for node, function, triggers in self._occurrences(op)
                for finding in self._of_node(node, function, triggers, danger)
            )
        found += _told(self._remote_constants(found))
        return found

    # Built when something is looked up.

    @property
    def reachability(self) -> Reachability:
        if self._reachability is None:
            self._reachability = Reachability(self.meta_graph, self.file, self.graph, self.outer)
        return self._reachability

    @property
    def paths(self) -> Paths:
        if self._paths is None:
            self._paths = Paths(self.meta_graph, self.reachability)
        return self._paths

    @property
    def evaluation(self) -> Any:
        """An `evaluated.Evaluation` of the graph."""
        if self._evaluation is None:
            # Imported only here, for most graphs act nowhere.
            from unihub.inspection.evaluated import Evaluation

            self._evaluation = Evaluation(self.graph)
        return self._evaluation

    def _occurrences(self, op: str) -> Iterator[Occurrence]:
        is_early = op in op_dangers.STATELESS or op not in op_dangers.DANGERS
        for node in self.graph.nodes_with(op):
            triggers = _relevant(op, self.reachability.of_node(node.name))
            if is_early and self.evaluation.has(node, None):
                triggers = (BUILDING, *triggers)
            if triggers:
                yield node, None, triggers
        for function in self.graph.functions_with(op):
            triggers = _relevant(op, self.reachability.of_function(function.name))
            if not triggers and not is_early:
                # The saver's own functions, mostly: their nodes are many, and not decoded.
                continue
            for node in function.nodes_with(op):
                if is_early and self.evaluation.has(node, function):
                    yield node, function, (BUILDING, *triggers)
                elif triggers:
                    yield node, function, triggers

    def _of_node(
        self,
        node: Node,
        function: Optional[Function],
        triggers: Tuple[Trigger, ...],
        danger: Danger,
    ) -> Iterator[Finding]:
        if node.op == "XlaCallModule" and not _calls_out(node):
            return
        if danger.attribute:
            texts = [Path(CONSTANT, text) for text in node.attribute_strings(danger.attribute)]
            paths: Tuple[Path, ...] = tuple(texts)
        else:
            indices = danger.paths or range(len(node.data_inputs))
            paths = self.paths.of_inputs(node, function, indices, _fed(triggers))
        if _is_harmless(danger, paths):
            return
        severity, effect = danger.severity, danger.effect
        if effect == op_dangers.READS and any(_is_remote(path) for path in paths):
            severity, effect = Severity.HIGH, op_dangers.CONNECTS
        elif effect == op_dangers.READS and any(path.kind == COMPUTED for path in paths):
            severity, effect = Severity.HIGH, op_dangers.READS_ANYWHERE
        where = _place(node, function) + self.where
        told = () if effect in _WITHOUT_DETAIL else paths
        trigger = _first(triggers)
        yield _finding(severity, node.op, effect, where, trigger.when, trigger.by, told)
        if node.op == "DatasetFromGraph":
            yield from self._nested(paths, triggers, where)

    def _nested(
        self, paths: Tuple[Path, ...], triggers: Tuple[Trigger, ...], where: str
    ) -> Iterator[Finding]:
        if self.depth >= _DEEPEST_NESTING:
            return
        whens = frozenset(trigger.when for trigger in triggers)
        for path in paths:
            if (path.text, whens) in self.nested:
                continue
            self.nested.add((path.text, whens))
            graph = _graph_of(path, self.file)
            if graph is not None:
                yield from Scan(
                    self.meta_graph,
                    self.file,
                    self.also_known,
                    self.minimum,
                    graph,
                    triggers,
                    f", in the dataset of {where}",
                    self.depth + 1,
                    self.nested,
                ).findings()

    def _remote_constants(self, found: List[Finding]) -> Iterator[Finding]:
        """Strings that name a place in the network, grave where a file or network op is."""
        reaching = (
            op_dangers.READS,
            op_dangers.READS_ANYWHERE,
            op_dangers.WRITES,
            op_dangers.CONNECTS,
        )
        severity = Severity.HIGH if any(f.effect in reaching for f in found) else Severity.LOW
        if severity.rank > self.minimum.rank:
            return
        from unihub.inspection.addresses import holding_addresses
        from unihub.inspection.details import quoted

        told = " ".join(finding.detail for finding in found)
        for node, function, texts in holding_addresses(self.graph):
            # Without the closing quote, for what a path only begins with.
            new = [Path(CONSTANT, text) for text in texts if quoted(text)[:-1] not in told]
            if function is None:
                triggers = _but_saving(self.reachability.of_node(node.name))
            else:
                triggers = _but_saving(self.reachability.of_function(function.name))
            if new and triggers:
                trigger, where = _first(triggers), _place(node, function) + self.where
                op, effect = node.op, op_dangers.REMOTE
                yield _finding(severity, op, effect, where, trigger.when, trigger.by, new)


def _finding(
    severity: Severity,
    op: str,
    effect: str,
    where: str,
    when: When,
    by: str = "",
    paths: Sequence[Path] = (),
) -> Finding:
    # Few models have one.
    from unihub.inspection.details import detail, shown

    return Finding(severity, shown(op), effect, where, when, shown(by), detail(paths))


def _first(triggers: Sequence[Trigger]) -> Trigger:
    return min(triggers, key=lambda trigger: _WHEN_ORDER.index(trigger.when))


def _told(findings: Iterable[Finding]) -> List[Finding]:
    """As many of the findings as are told, none graver than these being left out in silence."""
    told: List[Finding] = []
    others: Dict[Tuple[Severity, When], List[Finding]] = {}
    for finding in dict.fromkeys(findings):
        if len(told) < _MOST_OF_AN_OP:
            told.append(finding)
        else:
            others.setdefault((finding.severity, finding.when), []).append(finding)
    for first, *more in others.values():
        rest = f" and {len(more):,} more like it" if more else ""
        told.append(replace(first, detail=(first.detail + rest).strip()))
    return told


def _graph_of(path: Path, file: str) -> Optional[Graph]:
    if path.kind != CONSTANT:
        return None
    return read_graph(path.text, file, op_dangers.DANGERS, op_dangers.judged_ops())


def _place(node: Node, function: Optional[Function]) -> str:
    from unihub.inspection.details import shown

    return shown(f"function {function.name!r}" if function else f"node {node.name!r}")


def _but_saving(triggers: Tuple[Trigger, ...]) -> Tuple[Trigger, ...]:
    return tuple(trigger for trigger in triggers if trigger.when is not When.SAVE)


def _fed(triggers: Tuple[Trigger, ...]) -> Fed:
    """The kind of value that a part of the graph is given by whatever runs it."""
    fed = {trigger.fed for trigger in triggers if trigger.fed is not None}
    return fed.pop() if len(fed) == 1 else Fed.NOTHING


def _relevant(op: str, triggers: Tuple[Trigger, ...]) -> Tuple[Trigger, ...]:
    """Without what the saver does by its nature."""
    return _but_saving(triggers) if op in op_dangers.SAVER_OPS else triggers


def _calls_out(node: Node) -> bool:
    """Whether a compiled program calls functions that are not its own."""
    modules = node.attribute_strings("module")
    lists = [value.message("list") for value in node.attributes("function_list")]
    calls_back = any(functions.count("func") > 0 for functions in lists)
    return not modules or calls_back or any(b"custom_call" in module for module in modules)


def _is_harmless(danger: Danger, paths: Sequence[Path]) -> bool:
    is_own = bool(paths) and all(path.kind in (ASSET, CHECKPOINT) for path in paths)
    if danger.effect == op_dangers.READS and is_own:
        return True
    if not danger.harmless:
        return False
    if not paths:
        return bool(danger.attribute)
    return all(
        path.kind == CONSTANT and any(_matches(path.text, pattern) for pattern in danger.harmless)
        for path in paths
    )


def _matches(text: bytes, pattern: bytes) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith(b"*") else text == pattern


def _is_remote(path: Path) -> bool:
    if path.kind != CONSTANT:
        return False
    # Few models say where they read.
    from unihub.inspection.addresses import is_address

    return is_address(path.text)
