"""The pages: every code block says where it runs, and what is drawn from the code is complete.

The blocks themselves are run by `nox -s docs` (tests/pages/run_pages.py).
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys

import click
import pytest
from conftest import ROOT
from pages import blocks

import unihub
from unihub import checking, settings
from unihub.cli.commands import main
from unihub.errors import catalog

sys.path.insert(0, str(ROOT / "docs" / "building"))
import drawn

ALL = blocks.all_blocks()
BLOCKS = [block for found in ALL.values() for block in found]
CODE = [block for block in BLOCKS if block.language in blocks.CODE]


def test_every_block_of_code_says_where_it_runs():
    assert CODE
    for block in CODE:
        assert bool(block.stacks) != bool(block.needs), f"{block.place}: {block.words}"


def test_no_other_word_is_said():
    for block in BLOCKS:
        known = {*block.stacks, *block.needs, f"file={block.file}", "output"}
        assert set(block.words) <= known, block.place
        assert block.language, block.place


def test_every_page_of_use_has_blocks_for_the_newest_tensorflow():
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "have").glob("*.md")}
    assert {name for name in pages if blocks.of_stack(ALL[name], "keras3")} == pages


def test_python_is_python():
    for block in CODE:
        if block.language == "python":
            ast.parse(block.text, block.place)


@pytest.mark.parametrize("page", ALL)
def test_commands_are_those_of_a_shell(page):
    text = "\n".join(block.text for block in ALL[page] if block.language == "bash")
    run = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def command_lines():
    for block in CODE:
        for line in block.text.splitlines() if block.language == "bash" else ():
            if line.startswith("unihub "):
                words = shlex.split(re.split(r" [|&<>]", line)[0], comments=True)
                yield block.place, words[1:]


def test_command_lines_are_read():
    lines = list(command_lines())
    assert len(lines) > 20
    for place, words in lines:
        command = main
        while hasattr(command, "list_commands") and not words[0].startswith("-"):
            command, words = command.get_command(click.Context(command), words[0]), words[1:]
            assert command is not None, place
        command.make_parser(click.Context(command, **command.context_settings)).parse_args(words)


def test_what_is_drawn_is_known_and_all_of_it_is_used():
    text = "".join(path.read_text(encoding="utf-8") for path in blocks.pages())
    assert set(drawn.MARK.findall(text)) == set(drawn.DRAWN)


def test_every_error_is_drawn_with_what_it_said():
    text = drawn.draw_errors()
    for error in catalog.known().values():
        if error.meaning.startswith("A finding of"):
            continue
        assert f"#### {error.code} {{" in text
        assert drawn.examples(error.code), error.code


def test_every_rule_setting_name_and_layer_is_drawn():
    rules, names = drawn.draw_rules(), drawn.draw_names()
    assert [rule for rule in checking.RULES if f"### {rule} {{" not in rules] == []
    table = drawn.draw_settings()
    assert [one.name for one in settings.OPTIONS if f"| `{one.name}` |" not in table] == []
    headings = {*re.findall(r"heading: (\S+)", names), "unihub.matrix"}
    assert [name for name in unihub.__all__ if f"unihub.{name}" not in headings] == []
    assert drawn.draw_layers().count("<b>") == sum(map(len, drawn.layers()))


def test_every_command_is_drawn():
    text = drawn.draw_commands()
    assert [
        name
        for name in main.list_commands(click.Context(main))
        if f"### unihub {name}\n" not in text
    ] == []
