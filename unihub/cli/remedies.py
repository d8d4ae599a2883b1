"""Turns the Python that an error offers into the command line that does the same."""

from __future__ import annotations

import ast
import re
import shlex
from typing import Any, Dict, List, Mapping, Optional, Set

import click

from unihub.errors import Message, UnihubError

# Of functions that are no commands: for the one, the command that was typed stands; the
# other is answered by another command.
_LOAD = "load"
_ALIKE = {"validate": "inspect", "Predictor": "predict"}


def offered(error: UnihubError) -> Set[str]:
    """The names of the functions of unihub that an error offers, or of commands like them."""
    names = re.findall(r"\bunihub\.(\w+)\(", error.do)
    return {_ALIKE.get(name, name) for name in names}


def shown(
    error: UnihubError, commands: Mapping[str, click.Command], name: str, arguments: List[str]
) -> str:
    """An error as text, its Python lines as command lines where one does the same.

    Args:
        error: what a command raised.
        commands: by name; of those that an error may offer.
        name, arguments: the command that raised it, as it was typed.
    """
    lines = re.split(r"(; or )", error.do)
    said = "".join(_translated(line, commands, name, arguments) or line for line in lines)
    return str(Message(error.code, error.what, error.why, said))


def shown_of_one(error: UnihubError, arguments: List[str]) -> str:
    """As `shown`, for a command that goes on with its other handles.

    Args:
        error: of one handle.
        arguments: what the present command is typed with, for this handle alone.
    """
    context = click.get_current_context()
    name = context.command.name or ""
    return shown(error, {name: context.command}, name, arguments)


def _translated(
    line: str, commands: Mapping[str, click.Command], name: str, arguments: List[str]
) -> Optional[str]:
    code, mark, remark = line.partition("  # ")
    call = _call(code)
    if call is None:
        return None
    function, positional, by_name = call
    function = name if function == _LOAD else _ALIKE.get(function, function)
    typed: Dict[str, Any] = {}
    if function == name and name in commands:
        # The command is to be given again, but for what the line says otherwise.
        typed = _typed(commands[name], name, arguments)
    if function not in commands:
        return None
    given = _given(commands[function], typed, positional, by_name)
    if given is None:
        return None
    return " ".join(["unihub", function, *map(shlex.quote, given)]) + mark + remark


def _call(code: str) -> Any:
    """The name, positional and named arguments of a call like ``unihub.f(1, a=2)``."""
    try:
        node: Any = ast.parse(code.strip(), mode="eval").body
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            (node,) = node.args
        if node.func.value.id != "unihub":
            return None
        positional = [ast.literal_eval(value) for value in node.args]
        by_name = {one.arg: ast.literal_eval(one.value) for one in node.keywords}
    # Not a call of unihub, or with something in it that is not a literal.
    except (SyntaxError, AttributeError, ValueError):
        return None
    return node.func.attr, positional, by_name


def _typed(command: click.Command, name: str, arguments: List[str]) -> Dict[str, Any]:
    with command.make_context(name, list(arguments), resilient_parsing=True) as context:
        defaults = {one.name: one.get_default(context) for one in command.params}
        return {
            key: value
            for key, value in context.params.items()
            if value not in (None, (), False, defaults[key])
        }


def _given(
    command: click.Command, typed: Dict[str, Any], positional: List[Any], by_name: Dict[str, Any]
) -> Optional[List[str]]:
    """The words after a command's name; None where it cannot be told all of this."""
    values = dict(typed)
    if isinstance(by_name.get("inputs"), dict):
        # Of a Predictor they are the columns of inputs, of the command files.
        by_name = dict(by_name)
        values["named"] = [f"{one}={column}" for one, column in by_name.pop("inputs").items()]
    names = [one.name for one in command.params if isinstance(one, click.Argument)]
    if len(positional) > len(names):
        return None
    values.update(zip(names, positional))
    values.update(by_name)
    words: List[str] = []
    for parameter in command.params:
        value = values.pop(parameter.name, None)
        if value in (None, False, (), []):
            if parameter.required and parameter.name in names:
                return None
        elif parameter.name in names:
            words += map(str, value) if isinstance(value, (list, tuple)) else [str(value)]
        elif value is True:
            words.append(parameter.opts[0])
        else:
            for one in value if isinstance(value, (list, tuple)) else [value]:
                words += [parameter.opts[0], str(one)]
    return None if values else words
