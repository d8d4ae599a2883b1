"""Follows a script from line to line: what its names are, and in which mode it runs."""

from __future__ import annotations

import ast
from typing import Any, Dict, List, Optional, Sequence, Tuple

from unihub.checking.expressions import (
    Expressions,
    Scope,
    joined,
    parameters,
    subscript_index,
)
from unihub.checking.names import TENSORFLOW_HUB, UNIHUB, hub_name, is_contrib
from unihub.checking.targets import Target
from unihub.checking.values import (
    Class,
    Function,
    Import,
    Kind,
    Literal,
    Made,
    Mode,
    Named,
    Summary,
    Value,
)
from unihub.dropin import hub_names

# A function is called in the mode of its callers, which takes a pass for each
# level of calls to find out.
_PASSES = 4


def summarize(tree: ast.Module, target: Target) -> Summary:
    """Finds what a script does with TensorFlow Hub on an installation.

    Args:
        tree: the script.
        target: the installation.

    Returns:
        What was seen, in the order of the script's text within each function.
    """
    summary = Summary()
    modes: Dict[ast.AST, Mode] = {}
    returned: Dict[ast.AST, Value] = {}
    classes: Dict[ast.AST, Class] = {}
    for _ in range(_PASSES):
        base = _base_mode(target, summary)
        flow = _Flow(base, modes, returned, classes)
        flow.run(tree)
        summary, returned = flow.summary, flow.returned
        modes = {
            function: Mode.EAGER if Mode.EAGER in callers else Mode.GRAPH
            for function, callers in flow.calling_modes.items()
        }
    return summary


def _base_mode(target: Target, summary: Summary) -> Mode:
    if target.is_tensorflow_1:
        return Mode.EAGER if summary.enables_eager else Mode.GRAPH
    return Mode.GRAPH if target.graph_mode or summary.disables_v2 else Mode.EAGER


class _Flow(Expressions):
    def __init__(
        self,
        base: Mode,
        modes: Dict[ast.AST, Mode],
        returned: Dict[ast.AST, Value],
        classes: Dict[ast.AST, Class],
    ) -> None:
        super().__init__(Scope(), base)
        self._base = base
        self._modes = modes
        self._classes = classes
        self._waiting: List[Tuple[Function, Scope]] = []
        self._function: Optional[Function] = None
        self.returned = returned

    def run(self, tree: ast.Module) -> None:
        self._block(tree.body)
        while self._waiting:
            self._body(*self._waiting.pop(0))

    def _body(self, function: Function, scope: Scope) -> None:
        node: Any = function.node
        self.scope = Scope(scope)
        self.mode = self._modes.get(node, self._base)
        names = parameters(node.args)
        for name in names:
            self.scope.bind(name, None)
        if function.owner is not None and names:
            self.scope.bind(names[0], function.owner)
        self._function = function
        self._block(node.body)

    def _block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self.summary.modules.add(top)
            if top in (TENSORFLOW_HUB, UNIHUB):
                self.summary.imports.append(Import(node, alias.name))
            if is_contrib(alias.name):
                self.summary.contrib.append(node)
            if alias.asname:
                self.scope.bind(alias.asname, Named(alias.name))
            else:
                self.scope.bind(top, Named(top))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        self.summary.modules.add("." if node.level else module.partition(".")[0])
        if node.level:
            for alias in node.names:
                self.scope.bind(alias.asname or alias.name, None)
            return
        for alias in node.names:
            path = f"{module}.{alias.name}"
            star = alias.name == "*"
            if is_contrib(path):
                self.summary.contrib.append(node)
            if hub_name(path):
                self.summary.imports.append(Import(node, module if star else path, star))
            if not star:
                self.scope.bind(alias.asname or alias.name, Named(path))
            elif hub_name(path):
                for name in hub_names.STAR_NAMES:
                    self.scope.bind(name, Named(f"{module}.{name}"))

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self._bind(target, value, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.evaluate(node.annotation)
        if node.value is not None:
            self._bind(node.target, self.evaluate(node.value), node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.evaluate(node.value)
        self._bind(node.target, None)

    def _bind(self, target: ast.AST, value: Value, node: Optional[ast.expr] = None) -> None:
        if isinstance(target, ast.Name):
            self.scope.bind(target.id, value)
        elif isinstance(target, ast.Attribute):
            owner = self._owner(target.value)
            if isinstance(owner, Class):
                known = owner.attributes
                name = target.attr
                known[name] = joined(known[name], value) if name in known else value
            elif isinstance(owner, Named) and hub_name(owner.path):
                self.summary.assigned.append(target)
        elif isinstance(target, ast.Subscript):
            owner = self.evaluate(target.value)
            index = self.evaluate(subscript_index(target))
            if isinstance(owner, Named) and owner.path == "os.environ":
                variable = index.value if isinstance(index, Literal) else None
                given = value.value if isinstance(value, Literal) else None
                self.note_environment(variable, given)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, value, node)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, None)

    def _unpack(self, target: Any, value: Value, node: Optional[ast.expr]) -> None:
        values: List[Value] = [None] * len(target.elts)
        if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == len(values):
            values = [self._known.get(element) for element in node.elts]
        for element, one in zip(target.elts, values):
            self._bind(element, one)

    def visit_For(self, node: Any) -> None:
        self.evaluate(node.iter)
        self._bind(node.target, None)
        self._branches([node.body, node.orelse])

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.evaluate(node.test)
        self._branches([node.body, node.orelse])

    def visit_If(self, node: ast.If) -> None:
        self.evaluate(node.test)
        self._branches([node.body, node.orelse])

    def _branches(self, blocks: Sequence[Sequence[ast.stmt]]) -> None:
        before = dict(self.scope.names)
        ends = []
        for block in blocks:
            self.scope.names = dict(before)
            self._block(block)
            ends.append(self.scope.names)
        self.scope.names = {
            name: joined(ends[0].get(name), ends[1].get(name)) for name in {**ends[0], **ends[1]}
        }

    def visit_Try(self, node: Any) -> None:
        self._block(node.body)
        for handler in node.handlers:
            self.evaluate(handler.type)
            self._branches([handler.body, []])
        self._block(node.orelse)
        self._block(node.finalbody)

    visit_TryStar = visit_Try

    def visit_With(self, node: Any) -> None:
        mode = self.mode
        for item in node.items:
            value = self.evaluate(item.context_expr)
            if isinstance(value, Made) and value.kind is Kind.GRAPH:
                self.mode = Mode.GRAPH
            if item.optional_vars is not None:
                self._bind(item.optional_vars, value)
        self._block(node.body)
        self.mode = mode

    visit_AsyncWith = visit_With

    def visit_Return(self, node: ast.Return) -> None:
        value = self.evaluate(node.value)
        if self._function is not None:
            function = self._function.node
            self.returned[function] = joined(self.returned.get(function, value), value)

    def visit_Global(self, node: Any) -> None:
        self.scope.globals += node.names

    def visit_FunctionDef(self, node: Any) -> None:
        for decorator in node.decorator_list:
            self.evaluate(decorator)
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            self.evaluate(default)
        owner = self.scope.owner
        static = any(isinstance(d, ast.Name) for d in node.decorator_list)
        function = Function(node, None if static else owner)
        self._waiting.append((function, self.scope))
        value: Value = function
        if owner is not None:
            owner.attributes[node.name] = value
        self.scope.bind(node.name, value)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases]:
            self.evaluate(part)
        known = self._classes.setdefault(node, Class(node))
        outer, self.scope = self.scope, Scope(self.scope, known)
        self._block(node.body)
        self.scope = outer
        self.scope.bind(node.name, known)
