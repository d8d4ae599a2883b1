"""The parts of the site that are drawn from the code: errors, rules, settings, commands, names.

A page has a line `<!-- drawn: NAME -->` where one of `DRAWN` goes.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

from unihub.dropin.hub_names import MODULE_API
from unihub.errors.catalog import Known, known
from unihub.matrix import ROWS, backends

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "unihub"
GOLDEN = ROOT / "tests" / "golden"
MARK = re.compile(r"^<!-- drawn: (\w+) -->$", re.MULTILINE)

# Where an error comes from, by the first folder that has it.
_SECTIONS = {
    "matrix": "What the matrix refuses",
    "handles": "Handles, downloads and the cache",
    "formats": "Reading a model's files",
    "inspection": "What a model is and does",
    "dispatch": "Loading and saving",
    "apis": "Calling, fine-tuning, layers and modules",
    "conversion": "Converting",
    "engines": "Many rows, and engines",
    "dropin": "In the place of tensorflow_hub",
    "runtime": "TensorFlow, Keras and tensorflow_hub as they are installed",
    "settings": "Settings",
    "errors": "Arguments, and the system",
    "checking": "Checking scripts",
    "doctor": "The doctor",
    "cli": "The command line",
}


def errors() -> Dict[str, List[Known]]:
    """Every error of the catalog, by the folder that it comes from."""
    rooms = {
        name: path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"^class (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    found: Dict[str, List[Known]] = {room: [] for room in _SECTIONS}
    refusals = {row.refusal.code for row in ROWS if row.refusal is not None}
    for error in known().values():
        if error.name is not None:
            found[rooms[error.name]].append(error)
        elif error.code in refusals:
            found["matrix"].append(error)
    return found


def examples(code: str) -> List[str]:
    """What the error said when it really happened: its golden files."""
    files = [GOLDEN / f"{code}.txt", *sorted(GOLDEN.glob(f"{code}-*.txt"))]
    texts = [path.read_text(encoding="utf-8").rstrip() for path in files if path.is_file()]
    return [text for text in texts if text.startswith(f"{code}:")]


def draw_errors() -> str:
    """Each error under its code: when it is raised, as what it can be caught, what it said."""
    lines: List[str] = []
    for room, inside in errors().items():
        if inside:
            lines += [f"## {_SECTIONS[room]}", "", *map(_entry, inside)]
    return "\n".join(lines)


def _entry(error: Known) -> str:
    meaning = error.meaning.split("\n\n")[0].replace("\n", " ")
    said = "".join(f"```text\n{text}\n```\n" for text in examples(error.code)[:1])
    kinds = ", ".join(f"`{name}`" for name in error.builtins)
    caught = f"\nCaught as `{error.name or 'MatrixRefusal'}`, and as {kinds}.\n" if kinds else ""
    return f"#### {error.code} {{ #{error.code} }}\n\n{meaning}\n\n{said}{caught}\n"


def draw_doctor() -> str:
    """What the doctor finds, in its own words."""
    lines = []
    for path in sorted(GOLDEN.glob("doctor-*.txt")):
        lines += ["```text", path.read_text(encoding="utf-8").rstrip(), "```", ""]
    return "\n".join(lines)


def draw_rules() -> str:
    """Each rule of `unihub check`: level, runtimes, cause, cure, source, and a finding."""
    from unihub.checking import RULES

    lines = []
    for rule in RULES.values():
        words = rule.message
        runtimes = ", ".join(f"`--runtime {name}`" for name in rule.runtimes)
        lines += [
            f"### {rule.id} {{ #{rule.id} }}",
            "",
            f"{_plain(words.what)} *{rule.level.value.capitalize()}*, for {runtimes}.",
            "",
            f"Why: {_plain(words.why)}",
            "",
            f"Do: {_plain(words.do)}",
            "",
            f"Source: {_linked(rule.source)}",
            "",
        ]
    return "\n".join(lines)


def _plain(template: str) -> str:
    """A template as text: its facts as *names*, nothing else read as Markdown."""
    parts = re.split(r"(\{\w+(?:![rs])?\})", template)
    return "".join(
        f"<var>{part[1:-1].partition('!')[0]}</var>" if at % 2 else _escaped(part)
        for at, part in enumerate(parts)
    )


def _escaped(text: str) -> str:
    text = html.escape(text.replace("{{", "{").replace("}}", "}"), quote=False)
    return re.sub(r"([\\`*_\[\]#])", r"\\\1", text)


def _linked(source: str) -> str:
    return re.sub(r"(https?://[^\s,;)]*[^\s,;).])", r"<\1>", source)


def draw_settings() -> str:
    """The table of all settings."""
    from unihub import settings

    return settings.table()


def draw_matrix() -> str:
    """The compatibility matrix."""
    import unihub

    return str(unihub.matrix().markdown())


def draw_commands() -> str:
    """The help of each command, and of the commands below it."""
    import click

    from unihub.cli import commands

    lines: List[str] = []
    for path, command in _commands("unihub", commands.main):
        context = click.Context(command, info_name=path, terminal_width=80)
        lines += [f"### {path}" if " " in path else "### unihub itself", ""]
        lines += ["```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(lines)


def _commands(path: str, command: object) -> Iterator[Tuple[str, object]]:
    import click

    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inside = command.get_command(context, name)
            if inside is not None and not inside.hidden:
                yield from _commands(f"{path} {name}", inside)


def layers() -> List[List[Tuple[str, str]]]:
    """The layers from the top: those side by side in one list, each with what it is for.

    Which they are is the contract of pyproject.toml, what they are for the picture of
    CONTRIBUTING.md; tests/test_layers.py holds one to the other.
    """
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^layers = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (drawn,) = re.findall(r"^## Layers\n.*?\n\n((?:    .*\n)+)", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^    (\w+)/? +(.*(?:\n     .*)*)", drawn, re.MULTILINE)
    purpose = {name: re.sub(r"\s+", " ", text) for name, text in rows}
    return [
        [(name, purpose[name]) for name in re.findall(r"\w+", line)]
        for line in re.findall(r'"([^"]+)"', listed)
    ]


def _with_code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def draw_layers() -> str:
    """The layers as boxes, one above the other."""
    rows = []
    for row in layers():
        boxes = "".join(
            f"<div><b>{name}</b><span>{_with_code(purpose)}</span></div>" for name, purpose in row
        )
        rows.append(f'<div class="layer">{boxes}</div>')
    return f'<div class="layers" role="img" aria-label="The layers">\n{"".join(rows)}\n</div>\n'


def public_names() -> Dict[str, str]:
    """Each public name and where it is defined."""
    import unihub
    from unihub.apis import module

    own = {name: f"unihub.{room}.{name}" for name, room in unihub._OWN.items()}
    hub = {name: f"unihub.apis.module.{module._FILES[name]}.{name}" for name in MODULE_API}
    other = {
        "KerasLayer": "unihub.apis.keras3.layer.KerasLayer",
        "matrix": "unihub.matrix.tables.Matrix",
    }
    return {name: {**own, **hub, **other}[name] for name in unihub.__all__}


# What one meets first comes first; the others follow in their order.
_FIRST = "Loading, calling, saving"
_OF_HUB = "hub.Module and its companions"
_GROUPS = {
    _FIRST: ("load", "save", "convert", "validate", "KerasLayer", "functional", "Predictor"),
    "Before you load": ("inspect", "support", "matrix", "environment"),
    "Handles and settings": ("resolve", "register_resolver", "configure"),
    "In the place of tensorflow_hub": ("install", "uninstall"),
    "Words": ("Format", "Operation", "Runtime", "Status", "UnihubError", "MatrixRefusal"),
    _OF_HUB: ("Module", "initialize"),
}
ROOMS = {
    "unihub.checking": ("check", "fix", "Report", "Finding", "Rule"),
    "unihub.doctor": ("diagnose", "Diagnosis", "Problem"),
    "unihub.formats": ("read_saved_model", "open_saved_model", "SavedModel", "MetaGraph"),
    "unihub.settings": ("current", "table"),
    "unihub.engines.beam": ("ModelHandler",),
    "unihub.engines.spark": ("predict_udf",),
    "unihub.engines.ray": ("BatchPredictor",),
}


def draw_names() -> str:
    """Every public name, for mkdocstrings to fill in."""
    where = public_names()
    lines: List[str] = []
    listed = {name for names in _GROUPS.values() for name in names}
    groups = {title: list(names) for title, names in _GROUPS.items()}
    for name in where:
        if name not in listed:
            groups[_OF_HUB if name in MODULE_API else _FIRST].append(name)
    for title, inside in groups.items():
        lines += [f"## {title}", ""]
        for name in inside:
            path = where[name]
            lines += _matrix() if name == "matrix" else _directive(path, f"unihub.{name}")
    for room, names in ROOMS.items():
        lines += [f"## {room}", ""]
        for name in names:
            lines += _directive(f"{room}.{name}", f"{room}.{name}")
    return "\n".join(lines)


def _matrix() -> List[str]:
    # Both a module and its picture, of which mkdocstrings sees one.
    from unihub.matrix.tables import Matrix

    summary = (Matrix.__doc__ or "").replace("``", "`")
    return ["### unihub.matrix", "", f"`unihub.matrix()`: {summary}", ""]


def _directive(path: str, title: str) -> List[str]:
    return [
        f"::: {path}",
        "    options:",
        f"      heading: {title}",
        f"      toc_label: {title}",
        "",
    ]


def draw_changelog() -> str:
    """The changelog, without its title."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return text.partition("\n")[2]


DRAWN: Dict[str, Callable[[], str]] = {
    "backends": backends.markdown,
    "changelog": draw_changelog,
    "commands": draw_commands,
    "doctor": draw_doctor,
    "errors": draw_errors,
    "layers": draw_layers,
    "matrix": draw_matrix,
    "names": draw_names,
    "rules": draw_rules,
    "settings": draw_settings,
}


def with_drawn(text: str) -> str:
    """A page with what is drawn in the places of its marks."""
    return MARK.sub(lambda mark: DRAWN[mark[1]](), text)
