"""Files that are not what they should be: a finding, never a crash."""

from __future__ import annotations

import os

import pytest
from checking.checked import rules_of
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st

from unihub.checking import check, scripts
from unihub.checking.detect import findings_in
from unihub.checking.flow import summarize
from unihub.checking.run import NothingToCheck, UnknownRule, analysis
from unihub.checking.scripts import source_from
from unihub.checking.targets import TARGETS, UnknownTarget

HUB = b"import tensorflow_hub as hub\n"

FILES = [
    (b"", []),
    (b"\n\n", []),
    (b"\xef\xbb\xbf" + HUB, []),
    (HUB + b"x = 'caf\xe9'\n", ["source-encoding"]),
    (b"# -*- coding: latin-1 -*-\n" + HUB + b"x = 'caf\xe9'\n", []),
    (b"# -*- coding: no-such-thing -*-\n" + HUB, ["source-encoding"]),
    (b"# coding: undefined\n" + HUB, ["source-encoding"]),
    (b"# coding: rot13\n" + HUB, ["source-encoding"]),
    (HUB.decode().encode("utf-16"), ["nul-byte"]),
    (HUB + b"x = '\0'\n", ["nul-byte"]),
    (HUB + b"print hub.__version__\n", ["python-2"]),
    (HUB + b"try: pass\nexcept ValueError, e: pass\n", ["python-2"]),
    (HUB + b"raise ValueError, 'a'\n", ["python-2"]),
    (HUB + b"x = 0777\n", ["python-2"]),
    (HUB + b"x = 10L\n", ["python-2"]),
    (HUB + b"if 1 <> 2: pass\n", ["python-2"]),
    (HUB + b"x = `1`\n", ["python-2"]),
    (HUB + b"def f(:\n", ["syntax-error"]),
    (HUB + b"  x = 1\n", ["syntax-error"]),
    (HUB.replace(b"\n", b"\r\n") + b"hub.Module(1)\r\n", ["module-in-eager-mode"]),
    (HUB.replace(b"\n", b"\r") + b"hub.Module(1)\r", ["module-in-eager-mode"]),
    (HUB + b"\x0chub.Module(1)", ["module-in-eager-mode"]),
]


@pytest.mark.parametrize(("content", "rules"), FILES)
def test_odd_files(tmp_path, content, rules):
    file = tmp_path / "script.py"
    file.write_bytes(content)
    report = check([file], runtime="tf2")
    assert [one.rule for one in report.findings] == rules
    assert report.exit_code == (1 if rules else 0)


@pytest.mark.parametrize("text", ["(" * 5000, "x = " + "[" * 300 + "]" * 300, "-" * 50000 + "1"])
def test_deep_nesting(tmp_path, text):
    file = tmp_path / "script.py"
    file.write_text(text + "\n")
    rules = {one.rule for one in check([file], runtime="tf2").findings}
    assert rules <= {"nested-too-deeply", "syntax-error"}


def test_deep_nesting_that_python_parses(tmp_path):
    file = tmp_path / "script.py"
    file.write_text("import tensorflow_hub\nx = " + "+".join(["a"] * 2000) + "\n")
    rules = {one.rule for one in check([file], runtime="tf2").findings}
    assert rules <= {"nested-too-deeply"}


def test_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr(scripts, "SCRIPT_LIMIT", 10)
    (tmp_path / "script.py").write_bytes(HUB)
    (one,) = check([tmp_path / "script.py"], runtime="tf2").findings
    assert (one.rule, one.level.value) == ("file-too-large", "warning")


def test_unreadable_file(tmp_path):
    (tmp_path / "loop.py").symlink_to("loop.py")
    (one,) = check([tmp_path / "loop.py"], runtime="tf2").findings
    assert one.rule == "file-unreadable"


def test_folders_are_searched(tmp_path):
    for name in ("b.py", "a/c.py", "a/d.txt", ".git/e.py", "venv/f.py", "g.ipynb", "h.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"import os\n" if name == "h.py" else HUB)
    report = check([tmp_path, tmp_path / "b.py"], runtime="tf2")
    assert [os.path.relpath(file, str(tmp_path)) for file in report.files] == [
        "b.py",
        "g.ipynb",
        os.path.join("a", "c.py"),
    ]


def test_pipes_and_links_to_nowhere_are_no_part_of_a_folder(tmp_path):
    os.mkfifo(str(tmp_path / "pipe.py"))
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "gone.ipynb").symlink_to("no-such-file")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "a.py").write_bytes(HUB)
    assert check([tmp_path], runtime="tf2").files == (str(tmp_path / "a.py"),)


def test_a_pipe_that_is_named_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.py"
    os.mkfifo(str(pipe))
    (finding,) = check([pipe], runtime="tf2").findings
    assert (finding.rule, "not a regular file" in finding.why) == ("file-unreadable", True)


def test_utf_16_is_not_passed_over_in_folders(tmp_path):
    (tmp_path / "a.py").write_bytes(HUB.decode().encode("utf-16"))
    assert [one.rule for one in check([tmp_path], runtime="tf2").findings] == ["nul-byte"]


def test_select_and_ignore():
    text = "import tensorflow_hub as hub\nhub.Module(1)\nhub.Modul(1)\n"
    assert rules_of(text, select=["unknown-name"]) == [(3, "unknown-name")]
    assert rules_of(text, ignore=["unknown-name"]) == [(2, "module-in-eager-mode")]


def test_wrong_usage(tmp_path):
    with pytest.raises(NothingToCheck) as raised:
        check([tmp_path / "no.py"])
    check_golden("nothing-to-check", str(raised.value), path=tmp_path, folder=os.getcwd())
    with pytest.raises(UnknownRule) as raised:
        check([tmp_path], select=["unknown-nam"])
    check_golden("unknown-rule", str(raised.value))
    with pytest.raises(UnknownTarget) as raised:
        check([tmp_path], runtime="tf3")
    check_golden("unknown-check-runtime", str(raised.value))


def test_columns_are_characters(tmp_path):
    file = tmp_path / "script.py"
    file.write_text("import tensorflow_hub as hub\nx = 'é𝄞'; hub.Module(1)\n", encoding="utf-8")
    (one,) = check([file], runtime="tf2").findings
    assert (one.place.line, one.place.column) == (2, 11)


@given(st.binary(max_size=200))
def test_any_bytes(content):
    for name in ("a.py", "a.ipynb"):
        analysis(source_from(name, HUB + content), TARGETS["tf2"])
        analysis(source_from(name, content), TARGETS["tf2"])


WORDS = st.sampled_from(
    [
        "hub",
        "tf",
        "import",
        "as",
        "from",
        "(",
        ")",
        "[",
        "]",
        ":",
        "=",
        ".",
        ",",
        "def",
        "with",
        "if",
        "else",
        "return",
        "lambda",
        "\n",
        "\n\n",
        "x",
        "'a'",
        "1",
        "tensorflow_hub",
        "Module",
        "load",
        "for",
        "in",
        "class",
        "try",
        "except",
        "*",
        "**",
        "{",
        "}",
        "not",
        "await",
        "yield",
    ]
)


@given(st.lists(WORDS, max_size=25))
def test_any_words(words):
    source = source_from("a.py", HUB + " ".join(words).encode())
    if source.tree is not None:
        findings_in(source, summarize(source.tree, TARGETS["keras3"]), TARGETS["keras3"])


def test_the_standard_library_is_followed():
    folder = os.path.dirname(os.__file__)
    for name in ("argparse.py", "ast.py", "dataclasses.py", "typing.py", "tarfile.py"):
        with open(os.path.join(folder, name), "rb") as file:
            source = source_from(name, file.read())
        assert analysis(source, TARGETS["tf2"])[1] == [], name
