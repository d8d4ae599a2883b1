"""Which uses of tensorflow_hub in a script can be rewritten, told apart from those that cannot."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from unihub.checking.names import TENSORFLOW_HUB, hub_name, public_name, tensorflow_name
from unihub.checking.source import Source
from unihub.checking.values import Import, Mode, Summary
from unihub.dropin import hub_names

Position = Tuple[int, int]

_SERVED = {*hub_names.NAMES, "__version__"}
_MODULE_STRING = re.compile(r"tensorflow_hub(\.\w+)*")
_MOVABLE = ("signature", "as_dict")
# A script with these runs graphs in sessions, in whatever mode its lines stand.
_SESSION_NAMES = ("Session", "InteractiveSession", "placeholder", "global_variables_initializer")


@dataclass(frozen=True)
class ModuleCall:
    """``m = hub.Module(handle)`` in eager TF2, to become ``m = hub.load(handle, ...)``.

    Attributes:
        position: of the call.
        keywords: those that its own calls have and that ``load`` is to have.
        applied: positions of the calls, which are to lose them.
    """

    position: Position
    keywords: Tuple[Tuple[str, Any], ...]
    applied: Tuple[Position, ...]


@dataclass(frozen=True)
class Plan:
    """Changes to be made; lines are from 1, columns from 0 in characters.

    Attributes:
        imports: the import statements.
        star_names: what ``from tensorflow_hub import *`` is used for.
        strings: module names given to import_module.
        attributes: dotted names through a submodule, which unihub has not.
        modules: Module calls that become load.
        obstacles: why nothing may be rewritten; empty when it may.
    """

    imports: Tuple[Position, ...] = ()
    star_names: Tuple[str, ...] = ()
    strings: Tuple[Position, ...] = ()
    attributes: Tuple[Position, ...] = ()
    modules: Tuple[ModuleCall, ...] = ()
    obstacles: Tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.imports or self.strings or self.modules) or bool(self.obstacles)


def make_plan(source: Source, summary: Summary) -> Plan:
    """Plans what of a script is mechanical to rewrite."""
    if source.tree is None or summary.installs_unihub:
        return Plan()
    planner = _Planner(source, source.tree, summary)
    return planner.plan()


class _Planner:
    def __init__(self, source: Source, tree: ast.Module, summary: Summary) -> None:
        self._source = source
        self._tree = tree
        self._summary = summary

    def plan(self) -> Plan:
        imports = [
            one
            for one in self._summary.imports
            if _is_old(one.path) and not isinstance(one.node, ast.Call)
        ]
        strings = list(self._import_strings())
        star_names = self._star_names(imports)
        return Plan(
            imports=self._positions(one.node for one in imports),
            star_names=star_names,
            strings=self._positions(strings),
            attributes=self._positions(self._through_submodules()),
            modules=tuple(self._modules()),
            obstacles=tuple(self._obstacles(imports, strings, star_names)),
        )

    def _position(self, node: Any) -> Position:
        return node.lineno, self._source.character(node.lineno, node.col_offset)

    def _positions(self, nodes: Any) -> Tuple[Position, ...]:
        return tuple(sorted({self._position(node) for node in nodes}))

    def _import_strings(self) -> Iterator[ast.AST]:
        for call in self._summary.calls:
            name = call.literal("name", 0)
            imports = call.path == "__import__" or call.path.endswith("import_module")
            if imports and isinstance(name, str) and _is_old(name):
                for node in [*call.node.args, *(k.value for k in call.node.keywords)]:
                    if _text(node) == name:
                        yield node

    def _star_names(self, imports: List[Import]) -> Tuple[str, ...]:
        if not any(one.star for one in imports):
            return ()
        used = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        return tuple(name for name in hub_names.STAR_NAMES if name in used)

    def _through_submodules(self) -> Iterator[ast.AST]:
        for reference in self._summary.references:
            name = hub_name(reference.path)
            if name and name.submodule and isinstance(reference.node, ast.Attribute):
                yield reference.node

    def _obstacles(
        self, imports: List[Import], strings: List[ast.AST], star_names: Tuple[str, ...]
    ) -> Iterator[str]:
        used = {one.path for one in imports} | {one.path for one in self._summary.references}
        for path in sorted(used):
            name = hub_name(path)
            if name and name.library == TENSORFLOW_HUB and not _is_served(path):
                yield f"it uses {path}, which unihub does not have"
        for reference in self._summary.references:
            is_version = _is_old(reference.path) and reference.path.endswith("__version__")
            if is_version and not reference.printed:
                yield "it compares tensorflow_hub's __version__, and unihub has its own"
        if self._takes_signatures_in_a_graph():
            yield "in graph mode it takes .signatures of what hub.load gives"
        if self._summary.assigned:
            yield "it assigns to names of the module"
        if any(one.star for one in imports) and not star_names:
            yield "`import *` would bring other names, and none of them is used here"
        if any(isinstance(one.node, ast.ImportFrom) and _names_module(one) for one in imports):
            yield "it imports a submodule of tensorflow_hub by `from`"
        known = set(map(id, strings))
        for text in self._summary.texts:
            if id(text.node) not in known and _MODULE_STRING.fullmatch(text.value):
                yield f"it names {text.value!r} in a string"
        if any(call.path == TENSORFLOW_HUB for call in self._summary.calls):
            yield "it calls the module"

    def _takes_signatures_in_a_graph(self) -> bool:
        # unihub.load gives a Module for the TF1 formats there.
        loads = any(
            public_name(call.path) == "load" and call.mode is Mode.GRAPH
            for call in self._summary.calls
        )
        nodes = ast.walk(self._tree)
        return loads and any(isinstance(n, ast.Attribute) and n.attr == "signatures" for n in nodes)

    def _modules(self) -> Iterator[ModuleCall]:
        if any(tensorflow_name(c.path).endswith(_SESSION_NAMES) for c in self._summary.calls):
            return
        names = _NameUses(self._tree)
        for call in self._summary.calls:
            if public_name(call.path) != "Module" or call.mode is not Mode.EAGER:
                continue
            node = call.node
            sole_handle = len(node.args) == 1 and not node.keywords and not call.opaque
            if not sole_handle or not isinstance(node.func, ast.Attribute):
                continue
            applied = names.applications_of(node)
            keywords = _common_keywords(applied) if applied else None
            if applied and keywords is not None:
                positions = tuple(self._position(one) for one in applied)
                yield ModuleCall(self._position(node), keywords, positions)


class _NameUses:
    """How the names of a script are used, by their spelling alone."""

    def __init__(self, tree: ast.Module) -> None:
        self._bound: Counter[str] = Counter()
        self._read: Dict[str, int] = Counter()
        self._called: Dict[str, List[ast.Call]] = {}
        self._assigned: Dict[ast.AST, str] = {}
        self._called_at_once: Dict[ast.AST, ast.Call] = {}
        for node in ast.walk(tree):
            self._look_at(node)

    def _look_at(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._read[node.id] += 1
            else:
                self._bound[node.id] += 1
        elif isinstance(node, ast.arg):
            self._bound[node.arg] += 1
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            self._bound.update(node.names)
        elif isinstance(node, ast.alias):
            self._bound[node.asname or node.name] += 1
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            self._bound[node.name] += 1
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                self._called.setdefault(node.func.id, []).append(node)
            self._called_at_once[node.func] = node
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name):
                self._assigned[node.value] = target.id

    def applications_of(self, made: ast.Call) -> List[ast.Call]:
        """The calls of what a call made, where it is put to no other use; else none."""
        if made in self._called_at_once:
            return [self._called_at_once[made]]
        name = self._assigned.get(made)
        if name is None or self._bound[name] != 1:
            return []
        called = self._called.get(name, [])
        return called if len(called) == self._read[name] else []


def _common_keywords(calls: List[ast.Call]) -> Optional[Tuple[Tuple[str, Any], ...]]:
    """The keywords that all the calls share; None where they cannot be moved."""
    seen: Set[Tuple[Tuple[str, Any], ...]] = set()
    for call in calls:
        if len(call.args) != 1 or isinstance(call.args[0], ast.Starred):
            return None
        keywords = []
        for keyword in call.keywords:
            try:
                value = ast.literal_eval(keyword.value)
            except (ValueError, SyntaxError):
                return None
            if keyword.arg not in _MOVABLE or not isinstance(value, (str, bool)):
                return None
            keywords.append((keyword.arg, value))
        seen.add(tuple(sorted(keywords)))
    return seen.pop() if len(seen) == 1 else None


def _is_old(path: str) -> bool:
    return path.partition(".")[0] == TENSORFLOW_HUB


def _is_served(path: str) -> bool:
    name = hub_name(path)
    assert name is not None
    if name.submodule in hub_names.INTERNAL_SUBMODULES:
        return False
    if name.submodule and name.name:
        return name.name in hub_names.SUBMODULES[name.submodule]
    return not name.name or name.name in _SERVED


def _names_module(one: Import) -> bool:
    name = hub_name(one.path)
    return bool(name and name.submodule and not name.name)


def _text(node: ast.AST) -> Optional[str]:
    try:
        value = ast.literal_eval(node)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None
