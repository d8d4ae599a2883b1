"""What type checkers and editors know of the public names, from unihub/__init__.pyi."""

from __future__ import annotations

import ast
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

import unihub
from unihub.apis.module import _FILES as MODULE_FILES
from unihub.settings.options import OPTIONS

if sys.version_info < (3, 9):
    pytest.skip("reads code with ast.unparse, of Python 3.9", allow_module_level=True)

ROOT = Path(__file__).resolve().parent.parent
USES = ROOT / "tests" / "typing_uses"
STUB = ast.parse((ROOT / "unihub" / "__init__.pyi").read_text(encoding="utf-8"))


def test_the_stub_takes_each_name_from_where_the_code_does():
    typed = {
        alias.asname: node.module
        for node in STUB.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and not alias.asname.startswith("_")
    }
    served = {name: f"unihub.{module}" for name, module in unihub._OWN.items()}
    served.update({name: f"unihub.apis.module.{file}" for name, file in MODULE_FILES.items()})
    # These it writes itself, for they say more there.
    assert {name for name in served if name not in typed} == {
        "configure",
        "functional",
        "load",
        "support",
    }
    values = dict.fromkeys(("Format", "Operation", "Runtime", "Status"), "unihub.matrix.values")
    rooms = dict.fromkeys(set(typed) - set(served), "unihub")
    assert set(rooms) == set(dir(unihub)) - {*unihub.__all__, "__version__"}
    expected = {name: at for name, at in served.items() if name in typed}
    assert typed == {**expected, **values, **rooms}


def test_the_stub_lists_the_public_names():
    (listed,) = [
        ast.literal_eval(node.value)
        for node in STUB.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert listed == unihub.__all__


def _named(arguments: ast.arguments) -> Dict[str, str]:
    """Each argument, by its name, with its default as text."""
    plain = [None] * (len(arguments.args) - len(arguments.defaults)) + list(arguments.defaults)
    both = [*zip(arguments.args, plain), *zip(arguments.kwonlyargs, arguments.kw_defaults)]
    return {each.arg: ast.unparse(default) if default else "" for each, default in both}


def _functions(tree: ast.AST, name: str) -> Iterator[Dict[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield _named(node.args)


def _code(file: str, name: str) -> Dict[str, str]:
    tree = ast.parse((ROOT / "unihub" / file).read_text(encoding="utf-8"))
    return next(_functions(tree, name))


def test_load_takes_what_its_types_say():
    from unihub.dispatch.load import _ARGUMENTS

    code = _code("dispatch/load.py", "load")
    overloads = list(_functions(STUB, "load"))
    assert len(overloads) == 1 + len(_ARGUMENTS)
    others = []
    for typed in overloads:
        own = {name: typed.pop(name) for name in code}
        changed = {name for name in code if own[name] != code[name]}
        assert changed <= {"op", "api"}
        others.append(set(typed))
    assert others == [set().union(*_ARGUMENTS.values()), *map(set, _in_order(_ARGUMENTS))]


def _in_order(arguments: Dict[str, object]) -> List[object]:
    return [arguments[api] for api in ("keras", "load", "module")]


def test_functional_takes_what_its_types_say():
    (typed,) = _functions(STUB, "functional")
    assert typed == _code("dispatch/functional.py", "functional")


def test_configure_takes_the_settings():
    (configure,) = [
        node for node in STUB.body if isinstance(node, ast.ClassDef) and node.name == "configure"
    ]
    typed = next(_functions(configure, "__init__"))
    assert list(typed) == ["self", *(option.name for option in OPTIONS)]


def test_keras_layer_takes_what_its_types_say():
    code = _code("apis/keras/layer.py", "__init__")
    (layer,) = [
        node for node in STUB.body if isinstance(node, ast.ClassDef) and node.name == "KerasLayer"
    ]
    typed = next(_functions(layer, "__init__"))
    assert {name: typed[name] for name in code} == code


def test_support_takes_what_its_types_say():
    (typed,) = _functions(STUB, "support")
    assert list(typed) == list(inspect.signature(unihub.support).parameters)


def _pyright(file: Path) -> Dict[int, List[str]]:
    """By line, the errors that pyright finds."""
    python = ("--pythonpath", sys.executable, "--pythonversion", "3.12")
    ran = subprocess.run(
        ["pyright", *python, "--outputjson", str(file)], cwd=ROOT, stdout=subprocess.PIPE
    )
    found: Dict[int, List[str]] = {}
    for each in json.loads(ran.stdout)["generalDiagnostics"]:
        found.setdefault(each["range"]["start"]["line"] + 1, []).append(each["message"])
    return found


needs_pyright = pytest.mark.skipif(
    not shutil.which("pyright"), reason="no pyright here: the session lint has it"
)


@needs_pyright
def test_right_uses_are_right_to_pyright():
    assert _pyright(USES / "right.py") == {}


@needs_pyright
def test_each_wrong_use_is_an_error_to_pyright():
    lines = (USES / "wrong.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    assert set(_pyright(USES / "wrong.py")) == wrong
