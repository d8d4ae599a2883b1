"""Evaluates the expressions of a script, as far as they are written out there."""

from __future__ import annotations

import ast
import re
from typing import Any, Dict, Iterable, List, Optional, Sequence, cast

from unihub.checking import constants
from unihub.checking.names import (
    hub_name,
    is_contrib,
    keras_name,
    public_name,
    tensorflow_name,
)
from unihub.checking.values import (
    Applied,
    Call,
    Class,
    Combined,
    Function,
    Import,
    Kind,
    Literal,
    Made,
    Method,
    Mode,
    Named,
    Reference,
    SignatureChosen,
    Summary,
    Text,
    Value,
)

_LITERALS = (ast.Constant, ast.UnaryOp)
_MADE_BY_HUB = {"Module": Kind.MODULE, "load": Kind.LOADED, "KerasLayer": Kind.HUB_LAYER}
_APPLICABLE = (Kind.MODULE, Kind.LOADED, Kind.HUB_LAYER)
_MODELS = ("Sequential", "Model")
_ARRAYS = ("numpy.array", "numpy.asarray")
_IMPORTERS = ("importlib.import_module", "__import__", "import_module")
# They call the functions they are given in a graph of their own.
_CALL_IN_GRAPH = re.compile(r"create_module_spec|Estimator|EstimatorSpec|wrap_function|TrainSpec")
_DISABLE = ("disable_v2_behavior", "disable_eager_execution")
_ENABLE = ("enable_v2_behavior", "enable_eager_execution")
_LEGACY_KERAS, _BACKEND = "TF_USE_LEGACY_KERAS", "KERAS_BACKEND"


class Scope:
    """The names of a module, class or function."""

    def __init__(self, parent: Optional[Scope] = None, owner: Optional[Class] = None) -> None:
        self.names: Dict[str, Value] = {}
        self.parent = parent
        self.owner = owner
        self.globals: List[str] = []

    def find(self, name: str) -> Value:
        scope: Optional[Scope] = self
        first = True
        while scope is not None:
            # The names of a class are not seen from within its methods.
            if name in scope.names and (first or scope.owner is None):
                return scope.names[name]
            scope, first = scope.parent, False
        return Named(name) if name in ("__import__", "getattr") else None

    def bind(self, name: str, value: Value) -> None:
        scope = self
        if name in self.globals:
            while scope.parent is not None:
                scope = scope.parent
        scope.names[name] = value


def joined(one: Value, other: Value) -> Value:
    """Joins what is known of a name where two branches meet."""
    if one == other:
        return one
    for value in (one, other):
        if isinstance(value, Made) or (isinstance(value, Named) and hub_name(value.path)):
            return value
    return None


class Expressions(ast.NodeVisitor):
    """Evaluates expressions, and tells the summary of what it sees.

    Attributes:
        summary: of this pass.
        mode: at the present line.
    """

    def __init__(self, scope: Scope, mode: Mode) -> None:
        self.summary = Summary()
        self.scope = scope
        self.mode = mode
        self.returned: Dict[ast.AST, Value] = {}
        self.calling_modes: Dict[ast.AST, List[Mode]] = {}
        self._printed = False
        # What elements and arguments were found to be, so that none is evaluated twice.
        self._known: Dict[ast.AST, Value] = {}

    def evaluate(self, node: Optional[ast.AST]) -> Value:
        """The value of an expression; None where that is not known, or there is none."""
        return None if node is None else cast("Value", self.visit(node))

    def visit_Constant(self, node: Any) -> Value:
        try:
            value = ast.literal_eval(node)
        except ValueError:  # Ellipsis, in Python 3.7
            return None
        if isinstance(value, str):
            self.summary.texts.append(Text(node, value))
        return Literal(value)

    # Python 3.7 has a class for each type.
    visit_Str = visit_Num = visit_Bytes = visit_NameConstant = visit_Constant

    def visit_Name(self, node: ast.Name) -> Value:
        value = self.scope.find(node.id)
        self._refer(node, value)
        return value

    def _refer(self, node: ast.expr, value: Value) -> None:
        if isinstance(value, Named) and hub_name(value.path):
            reference = Reference(node, value.path, self.mode, self._printed)
            self.summary.references.append(reference)

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        owner = self._owner(node.value)
        value = self._attribute_of(owner, node.attr)
        self._refer(node, value)
        if isinstance(value, Named) and is_contrib(value.path) and self._is_below_tensorflow(node):
            self.summary.contrib.append(node)
        return value

    def _is_below_tensorflow(self, node: ast.expr) -> bool:
        """Whether a dotted name begins with TensorFlow, and not with what was imported of it."""
        while isinstance(node, ast.Attribute):
            node = node.value
        first = self.scope.find(node.id) if isinstance(node, ast.Name) else None
        return isinstance(first, Named) and not is_contrib(first.path)

    def _owner(self, node: ast.expr) -> Value:
        """An expression before a dot: only the longest dotted name is a reference."""
        if isinstance(node, ast.Name):
            return self.scope.find(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute_of(self._owner(node.value), node.attr)
        return cast("Value", self.visit(node))

    def _attribute_of(self, owner: Value, name: str) -> Value:
        if isinstance(owner, Named):
            return Named(f"{owner.path}.{name}")
        if isinstance(owner, Class):
            return owner.attributes.get(name)
        if isinstance(owner, Made):
            if name == "signatures" and owner.kind is Kind.LOADED:
                return Made(Kind.SIGNATURES, owner.call, owner.library)
            return Method(owner, name)
        if isinstance(owner, Literal) and (type(owner.value), name) in constants.METHODS:
            return Method(owner, name)
        return None

    def visit_Subscript(self, node: ast.Subscript) -> Value:
        owner: Value = self.visit(node.value)
        index = self.evaluate(subscript_index(node))
        if not isinstance(index, Literal):
            return None
        if isinstance(owner, Made) and owner.kind is Kind.SIGNATURES:
            self.summary.signatures.append(SignatureChosen(node, owner, str(index.value)))
        if isinstance(owner, Literal):
            try:
                return Literal(owner.value[index.value])
            except (TypeError, LookupError):
                return None
        return None

    def _elements(self, node: Any) -> Value:
        values = [self.visit(element) for element in node.elts]
        self._known.update(zip(node.elts, values))
        if not all(isinstance(value, Literal) for value in values):
            return None
        return Literal([value.value for value in values if isinstance(value, Literal)])

    visit_List = visit_Tuple = visit_Set = _elements

    def visit_Dict(self, node: ast.Dict) -> Value:
        keys = [self.evaluate(key) for key in node.keys]
        values = [self.evaluate(value) for value in node.values]
        pairs = {}
        for key, value in zip(keys, values):
            if not isinstance(key, Literal) or not isinstance(value, Literal):
                return None
            try:
                pairs[key.value] = value.value
            except TypeError:
                return None
        return Literal(pairs)

    def visit_BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.visit(node.left), self.visit(node.right)
        if not isinstance(left, Literal) or not isinstance(right, Literal):
            return None
        if not isinstance(left.value, str):
            return None
        if isinstance(node.op, ast.Add) and isinstance(right.value, str):
            return Literal(left.value + right.value)
        if isinstance(node.op, ast.Mod):
            return constants.text_value(constants.percent(left.value, right.value))
        return None

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Value:
        values = [
            self.evaluate(part)
            if isinstance(part, ast.FormattedValue)
            else Literal(ast.literal_eval(part))
            for part in node.values
        ]
        text = "".join(str(v.value) if isinstance(v, Literal) else "{...}" for v in values)
        self.summary.texts.append(Text(node, text))
        return Literal(text) if all(isinstance(v, Literal) for v in values) else None

    def visit_FormattedValue(self, node: ast.FormattedValue) -> Value:
        value = self.evaluate(node.value)
        self.evaluate(node.format_spec)
        if node.format_spec is not None or node.conversion not in (-1, ord("s")):
            return None
        if not isinstance(value, Literal):
            return None
        return constants.text_value(constants.inserted(value.value))

    def visit_IfExp(self, node: ast.IfExp) -> Value:
        self.evaluate(node.test)
        return joined(self.evaluate(node.body), self.evaluate(node.orelse))

    def visit_NamedExpr(self, node: Any) -> Value:
        value = self.evaluate(node.value)
        self.scope.bind(node.target.id, value)
        return value

    def visit_Lambda(self, node: ast.Lambda) -> Value:
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            self.evaluate(default)
        self._within(parameters(node.args), [node.body])
        return None

    def _comprehension(self, node: Any) -> Value:
        names = [
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        ]
        parts: List[ast.expr] = []
        for generator in node.generators:
            parts += [generator.iter, *generator.ifs]
        parts += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._within(names, parts)
        return None

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _within(self, names: Iterable[str], nodes: Sequence[ast.expr]) -> None:
        outer, self.scope = self.scope, Scope(self.scope)
        for name in names:
            self.scope.bind(name, None)
        for node in nodes:
            self.evaluate(node)
        self.scope = outer

    def visit_Call(self, node: ast.Call) -> Value:
        callee: Value = self.visit(node.func)
        printed, self._printed = self._printed, _is_print(node) or self._printed
        opaque = any(isinstance(arg, ast.Starred) for arg in node.args)
        args = tuple(self.visit(arg) for arg in node.args)
        self._known.update(zip(node.args, args))
        keywords = {k.arg: self.evaluate(k.value) for k in node.keywords if k.arg}
        for keyword in node.keywords:
            if keyword.arg is None:
                opaque = True
                self.evaluate(keyword.value)
        self._printed = printed
        path = callee.path if isinstance(callee, Named) else ""
        call = Call(node, path, args, keywords, opaque, self.mode)
        self._note_functions(call)
        if isinstance(callee, Function):
            self._note_call(callee, self.mode)
            return self.returned.get(callee.node)
        if isinstance(callee, Class):
            return callee
        if isinstance(callee, Made):
            return self._applied(callee, call)
        if isinstance(callee, Method):
            return self._method(callee, call)
        return self._named(call) if path else None

    def _note_functions(self, call: Call) -> None:
        for value in [*call.args, *call.keywords.values()]:
            if isinstance(value, Function):
                in_graph = bool(_CALL_IN_GRAPH.search(call.path))
                self._note_call(value, Mode.GRAPH if in_graph else self.mode)

    def _note_call(self, function: Function, mode: Mode) -> None:
        self.calling_modes.setdefault(function.node, []).append(mode)

    def _named(self, call: Call) -> Value:
        self.summary.calls.append(call)
        name, path = tensorflow_name(call.path), call.path
        if path in _IMPORTERS or path.endswith(".import_module"):
            module = call.literal("name", 0)
            if not isinstance(module, str):
                return None
            self.summary.modules.add(module.partition(".")[0])
            if hub_name(module):
                self.summary.imports.append(Import(call.node, module))
            return Named(module)
        if path == "getattr":
            return self._getattr(call)
        if path in _ARRAYS and len(call.args) == 1 and not call.keywords:
            # Of texts; what else they hold is of no use here.
            return call.args[0]
        if name in _DISABLE or path.endswith(".disable_v2_behavior"):
            self.summary.disables_v2 = True
        if name in _ENABLE:
            self.summary.enables_eager = True
        if path == "unihub.install":
            self.summary.installs_unihub = True
        if name == "Graph":
            return Made(Kind.GRAPH, call)
        if path in ("os.environ.setdefault", "os.putenv"):
            self.note_environment(call.literal("", 0), call.literal("", 1))
        found = hub_name(path)
        if found and public_name(path) in _MADE_BY_HUB:
            return Made(_MADE_BY_HUB[found.name], call, found.library)
        return self._keras(call)

    def _getattr(self, call: Call) -> Value:
        owner, name = (*call.args, None, None)[:2]
        if isinstance(owner, Named) and isinstance(name, Literal) and isinstance(name.value, str):
            value = Named(f"{owner.path}.{name.value}")
            self._refer(call.node, value)
            return value
        return None

    def note_environment(self, variable: Any, value: Any) -> None:
        if variable == _LEGACY_KERAS:
            self.summary.legacy_keras = True
        if variable == _BACKEND and isinstance(value, str):
            self.summary.keras_backend = value

    def _keras(self, call: Call) -> Value:
        found = keras_name(call.path)
        if found is None:
            return None
        if found.name == "Input":
            return Made(Kind.KERAS_TENSOR, call, found.library)
        if found.name in _MODELS:
            model = Made(Kind.KERAS_MODEL, call, found.library)
            if found.name == "Sequential" and call.node.args:
                self._stack(model, call.node.args[0])
            return model
        if "layers." in found.rest and found.name[:1].isupper():
            return Made(Kind.KERAS_LAYER, call, found.library)
        return None

    def _stack(self, model: Made, layers: ast.expr) -> None:
        if isinstance(layers, (ast.List, ast.Tuple)):
            for node in layers.elts:
                self._put_in(model, node)

    def _put_in(self, model: Made, node: ast.expr) -> None:
        value = self._known.get(node)
        if isinstance(value, Made) and value.kind is Kind.HUB_LAYER:
            self.summary.combined.append(Combined(node, value, model.library))

    def _applied(self, owner: Made, call: Call) -> Value:
        if owner.kind in _APPLICABLE:
            self.summary.applied.append(Applied(call.node, owner, call))
        tensor = next((a for a in call.args if isinstance(a, Made)), None)
        if tensor is None or tensor.kind is not Kind.KERAS_TENSOR:
            return None
        if owner.kind is Kind.HUB_LAYER:
            self.summary.combined.append(Combined(call.node, owner, tensor.library))
            return tensor
        return tensor if owner.kind in (Kind.KERAS_LAYER, Kind.KERAS_MODEL) else None

    def _method(self, method: Method, call: Call) -> Value:
        if isinstance(method.owner, Literal):
            return constants.called(method.owner.value, call)
        if method.owner.kind is Kind.KERAS_MODEL and method.owner.library != "tf_keras":
            self.summary.of_models.append(call)
        if method.owner.kind is Kind.KERAS_MODEL and method.name == "add" and call.node.args:
            self._put_in(method.owner, call.node.args[0])
        if method.owner.kind is Kind.GRAPH and method.name == "as_default":
            return method.owner
        return None


def parameters(arguments: ast.arguments) -> List[str]:
    """The names that a function's parameters bind."""
    named = [*getattr(arguments, "posonlyargs", []), *arguments.args, *arguments.kwonlyargs]
    rest = [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [arg.arg for arg in [*named, *rest]]


def subscript_index(node: ast.Subscript) -> ast.AST:
    """The text between the brackets."""
    # ast.Index stood between them before Python 3.9.
    return (
        getattr(node.slice, "value", node.slice)
        if type(node.slice).__name__ == "Index"
        else node.slice
    )


def _is_print(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "print"
