from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihub.checking import check
from unihub.checking.notebooks import code_cells, masked, rewritten

EAGER = "module-in-eager-mode"


def notebook(*cells, **metadata):
    return {
        "cells": [
            {"cell_type": kind, "metadata": {}, "source": source, "outputs": []}
            for kind, source in cells
        ],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def found(tmp_path, value, runtime="tf2"):
    file = tmp_path / "book.ipynb"
    file.write_text(value if isinstance(value, str) else json.dumps(value, indent=1))
    return [
        (one.rule, one.place.cell, one.place.line, one.place.file_line)
        for one in check([file], runtime=runtime).findings
    ]


def test_cells_follow_each_other(tmp_path):
    book = notebook(
        ("markdown", ["# A title\n"]),
        ("code", ["import os\n", "import tensorflow_hub as hub"]),
        ("code", ["\n", "m = hub.Module('a')\n"]),
    )
    assert found(tmp_path, book) == [(EAGER, 2, 2, 25)]
    lines = (tmp_path / "book.ipynb").read_text().splitlines()
    assert "hub.Module" in lines[24]


def test_source_in_one_string(tmp_path):
    book = notebook(("code", "import tensorflow_hub as hub\nhub.Module(1)"))
    assert [place[:3] for place in found(tmp_path, book)] == [(EAGER, 1, 2)]


def test_lines_cut_in_pieces(tmp_path):
    book = notebook(("code", ["import tensorflow_hub", " as hub\nhub.", "Module(1)\n"]))
    assert [place[:3] for place in found(tmp_path, book)] == [(EAGER, 1, 2)]


def test_notebook_of_the_old_format(tmp_path):
    cell = {"cell_type": "code", "input": ["import tensorflow_hub as h\n", "h.Module(1)"]}
    book = {"worksheets": [{"cells": [cell]}], "nbformat": 3}
    assert [place[:3] for place in found(tmp_path, book)] == [(EAGER, 1, 2)]


@pytest.mark.parametrize(
    "magic",
    [
        "!pip install tensorflow",
        "%matplotlib inline",
        "%load_ext tensorboard\n!ls",
        "files = !ls",
        "x, y = %who_ls",
        "hub.load?",
        "?hub.load",
        "hub.load??",
        "if True:\n    !pip install a \\\n       b\n    %time f()",
        "%%time\nf()",
        "%%capture out",
        "pip install numpy",
        "ls ./data/train/",
        "cd ..\nls\ncat a.txt | head -3",
        "matplotlib inline\nmkdir -p /tmp/x",
        "for a in b:\n    !echo {a}",
        '!echo "unbalanced ( quote',
        "await f()",
        "x = f'{a!r}'  # ! % ?",
        "print('%s'\n      % x)\n!ls",
        "text = '''\n%not magic\n!nor this\n'''",
    ],
)
def test_magics_are_tolerated(tmp_path, magic):
    book = notebook(("code", f"import tensorflow_hub as hub\n{magic}\nhub.Module(1)\n"))
    if magic.startswith("%%"):
        book = notebook(
            ("code", "import tensorflow_hub as hub"), ("code", f"{magic}\nhub.Module(1)")
        )
    assert [place[0] for place in found(tmp_path, book)] == [EAGER]


def test_cells_that_are_indented_throughout(tmp_path):
    """IPython takes the indentation of the first line off all that have it."""
    book = notebook(
        ("code", "\n  import tensorflow_hub as hub\n  if hub:\n    m = hub.Module(1)\n"),
        ("code", "  %matplotlib inline\n  x = 1\ny = hub.Module(1)\n"),
        ("code", "x = 1\n  y = hub.Module(1)\n"),
        ("code", "%%time\n  x = 1\n  y = hub.Module(1)\n"),
    )
    (tmp_path / "book.ipynb").write_text(json.dumps(book))
    findings = check([tmp_path / "book.ipynb"], runtime="tf2").findings
    places = [(f.rule, f.place.cell, f.place.line, f.place.column) for f in findings]
    assert sorted(places, key=lambda place: place[1]) == [
        (EAGER, 1, 4, 9),
        (EAGER, 2, 3, 5),
        ("syntax-error", 3, 2, 1),
        (EAGER, 4, 3, 7),
    ]


def test_names_of_magics_that_python_knows_are_no_magics(tmp_path):
    book = notebook(("code", "import time, tensorflow_hub as hub\ntime.time(\n"))
    assert [place[0] for place in found(tmp_path, book)] == ["syntax-error"]


def test_cells_of_other_languages_are_left_out(tmp_path):
    book = notebook(("code", "import tensorflow_hub"), ("code", "%%bash\necho `date` (\n"))
    assert found(tmp_path, book) == []
    other = notebook(("code", "x <- ("), language_info={"name": "R"})
    assert found(tmp_path, other) == []


def test_a_cell_that_is_no_python_stops_no_other(tmp_path):
    book = notebook(
        ("code", "import tensorflow_hub as hub"), ("code", "x = ("), ("code", "hub.Module(1)")
    )
    assert [place[:2] for place in found(tmp_path, book)] == [("syntax-error", 2), (EAGER, 3)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"cells": 3}',
        "[" * 100_000,
        '{"cells": [{"cell_type": "code", "source": ["\\ud800"]}]}',
    ],
)
def test_other_files_of_that_name(tmp_path, text):
    rules = {place[0] for place in found(tmp_path, text)}
    assert rules in ({"notebook-unreadable"}, {"source-encoding"})


@pytest.mark.parametrize("cell", [3, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 3}])
def test_odd_cells_are_passed_over(tmp_path, cell):
    assert found(tmp_path, {"cells": [cell]}) == []


SOURCES = st.lists(st.text(st.sampled_from('ab%!?= \n"\\é𝄞'), max_size=12), max_size=4)


@given(st.lists(SOURCES, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_is_found_again_and_kept(sources, indent, ascii_only):
    book = notebook(*[("code", source) for source in sources])
    text = json.dumps(book, indent=indent, ensure_ascii=ascii_only)
    cells = code_cells(text)
    assert [list(cell.parts) for cell in cells] == sources
    assert rewritten(text, [(cell, cell.text) for cell in cells]) == text
    changed = rewritten(text, [(cell, cell.text.replace("a", "A")) for cell in cells])
    assert ["".join(cell["source"]) for cell in json.loads(changed)["cells"]] == [
        "".join(source).replace("a", "A") for source in sources
    ]


@given(st.text(st.sampled_from("ab%!?=( \n\r'\\"), max_size=30))
def test_masking_keeps_the_lines(text):
    (cell,) = code_cells(json.dumps(notebook(("code", text))))
    result = masked(cell)
    assert "".join(result.original) == text
    assert len(result.lines) == len(result.original)
