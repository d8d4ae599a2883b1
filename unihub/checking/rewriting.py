"""Carries a plan out on source code, which keeps every other character."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Union

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from unihub.checking.names import TENSORFLOW_HUB, UNIHUB, hub_name
from unihub.checking.plan import ModuleCall, Plan, Position


def rewrite(text: str, plan: Plan) -> str:
    """The source with the plan carried out.

    Raises:
        ValueError: when libcst cannot give the source back as it is.
    """
    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise ValueError(f"libcst does not read this source: {error.message}") from error
    if module.code != text:
        raise ValueError("libcst does not give this source back unchanged")
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    return str(wrapper.visit(_Rewriter(plan)).code)


class _Rewriter(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan
        self._modules = {module.position: module for module in plan.modules}
        self._applied = {position for module in plan.modules for position in module.applied}

    def _position(self, node: cst.CSTNode) -> Position:
        start = self.get_metadata(PositionProvider, node).start
        return start.line, start.column

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        if self._position(original_node) not in self._plan.imports:
            return updated_node
        names = [_import_alias(alias) for alias in updated_node.names]
        return updated_node.with_changes(names=names)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        if self._position(original_node) not in self._plan.imports:
            return updated_node
        changes: Dict[str, Any] = {"module": cst.Name(UNIHUB)}
        if isinstance(updated_node.names, cst.ImportStar):
            names = self._plan.star_names
            changes["names"] = [cst.ImportAlias(cst.Name(name)) for name in names]
        return updated_node.with_changes(**changes)

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        if self._position(original_node) not in self._plan.strings:
            return updated_node
        quote = updated_node.quote
        return updated_node.with_changes(value=f"{updated_node.prefix}{quote}{UNIHUB}{quote}")

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        if self._position(original_node) not in self._plan.attributes:
            return updated_node
        owner = updated_node.value
        through = owner.attr.value if isinstance(owner, cst.Attribute) else ""
        name = hub_name(f"{TENSORFLOW_HUB}.{through}.{updated_node.attr.value}")
        if isinstance(owner, cst.Attribute) and name and name.submodule and name.name:
            return updated_node.with_changes(value=owner.value)
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        position = self._position(original_node)
        module = self._modules.get(position)
        called = original_node.func
        if module is not None and _is_module(called):
            return _as_load(updated_node, module)
        if position in self._applied and not _is_module(called):
            return updated_node.with_changes(args=_sole_argument(updated_node.args))
        return updated_node


def _is_module(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value == "Module"


def _as_load(node: cst.Call, module: ModuleCall) -> cst.Call:
    assert isinstance(node.func, cst.Attribute)
    func = node.func.with_changes(attr=cst.Name("load"))
    if not module.keywords:
        return node.with_changes(func=func)
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    (handle,) = node.args
    arguments: List[cst.Arg] = [handle.with_changes(comma=comma)]
    for keyword, value in module.keywords:
        arguments.append(
            cst.Arg(
                keyword=cst.Name(keyword),
                value=cst.parse_expression(repr(value).replace("'", '"')),
                equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
                comma=comma,
            )
        )
    arguments[-1] = arguments[-1].with_changes(comma=handle.comma)
    return node.with_changes(func=func, args=arguments)


def _sole_argument(arguments: Sequence[cst.Arg]) -> List[cst.Arg]:
    if len(arguments) == 1:
        return list(arguments)
    return [arguments[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def _import_alias(alias: cst.ImportAlias) -> cst.ImportAlias:
    name = _dotted(alias.name)
    if name.partition(".")[0] != TENSORFLOW_HUB:
        return alias
    changes: Dict[str, Any] = {"name": cst.Name(UNIHUB)}
    if alias.asname is None:
        space = cst.SimpleWhitespace(" ")
        changes["asname"] = cst.AsName(
            cst.Name(TENSORFLOW_HUB), whitespace_before_as=space, whitespace_after_as=space
        )
    return alias.with_changes(**changes)


def _dotted(node: Union[cst.Attribute, cst.Name, cst.BaseExpression]) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""
