from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest
from checking.guides_table import guides
from conftest import ROOT
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st

from unihub.checking.fixing import LibcstMissing, fix, rewritten_content
from unihub.checking.targets import TARGETS

HAS_LIBCST = True
try:
    import libcst  # noqa: F401
except ImportError:
    HAS_LIBCST = False
needs_libcst = pytest.mark.skipif(
    not HAS_LIBCST, reason="libcst, an optional extra, is not installed"
)

TF2 = TARGETS["tf2"]


def fixed(text, target=TF2, name="script.py"):
    content, obstacles = rewritten_content(name, text.encode("utf-8"), target)
    return content.decode("utf-8"), obstacles


REWRITTEN = [
    ("import tensorflow_hub as hub", "import unihub as hub"),
    ("import tensorflow_hub", "import unihub as tensorflow_hub"),
    ("import os, tensorflow_hub as h , sys", "import os, unihub as h , sys"),
    ("import tensorflow_hub.keras_layer", "import unihub as tensorflow_hub"),
    ("import tensorflow_hub.keras_layer as k\nk.KerasLayer", "import unihub as k\nk.KerasLayer"),
    ("from tensorflow_hub import load", "from unihub import load"),
    ("from tensorflow_hub import load as x, Module", "from unihub import load as x, Module"),
    ("from tensorflow_hub.keras_layer import KerasLayer", "from unihub import KerasLayer"),
    ("from tensorflow_hub import *\nload(h)", "from unihub import load\nload(h)"),
    (
        "from tensorflow_hub import (  # why\n    load,\n\n    Module, # m\n)",
        "from unihub import (  # why\n    load,\n\n    Module, # m\n)",
    ),
    (
        "try:\n\timport tensorflow_hub as hub  # c\nexcept ImportError: hub = None",
        "try:\n\timport unihub as hub  # c\nexcept ImportError: hub = None",
    ),
    (
        "import importlib\nh = importlib.import_module('tensorflow_hub')",
        "import importlib\nh = importlib.import_module('unihub')",
    ),
    ('h = __import__("tensorflow_hub")', 'h = __import__("unihub")'),
    (
        "import tensorflow_hub as hub\nhub.keras_layer.KerasLayer(h)",
        "import unihub as hub\nhub.KerasLayer(h)",
    ),
    (
        "import tensorflow_hub as hub\nprint('é', hub.__version__)",
        "import unihub as hub\nprint('é', hub.__version__)",
    ),
    (
        "import tensorflow_hub as hub\nm = hub.Module( h )  # c\ny = m( x )",
        "import unihub as hub\nm = hub.load( h )  # c\ny = m( x )",
    ),
    (
        "import tensorflow_hub as hub\nhub.Module(h)(x, signature='s', as_dict=True)['a']",
        "import unihub as hub\nhub.load(h, as_dict=True, signature=\"s\")(x)['a']",
    ),
]


@needs_libcst
@pytest.mark.parametrize(("before", "after"), REWRITTEN, ids=[case[0] for case in REWRITTEN])
def test_rewritten(before, after):
    assert fixed(before) == (after, ())
    assert fixed(after) == (after, ())
    crlf = before.replace("\n", "\r\n")
    assert fixed(crlf)[0] == after.replace("\n", "\r\n")


HUB = "import tensorflow_hub as hub\n"
LEFT_ALONE = [
    (HUB + "hub.registry.resolver", "it uses tensorflow_hub.registry.resolver"),
    ("from tensorflow_hub import tf_utils", "it uses tensorflow_hub.tf_utils"),
    (HUB + "hub.no_such_name", "it uses tensorflow_hub.no_such_name"),
    (HUB + "if hub.__version__ < '0.8': pass", "it compares tensorflow_hub's __version__"),
    (HUB + "hub.load = f", "it assigns to names of the module"),
    (HUB + "mock.patch('tensorflow_hub.load')", "it names 'tensorflow_hub.load' in a string"),
    (
        "import tensorflow as tf\n" + HUB + "with tf.Graph().as_default(): hub.load(h).signatures",
        "in graph mode it takes .signatures",
    ),
    ("from tensorflow_hub import *", "`import *` would bring other names"),
    (HUB + "x = " + "'a' " * 9000 + "\nhub.load(h)", "libcst does not read this source"),
    (
        "from tensorflow_hub import keras_layer",
        "it imports a submodule of tensorflow_hub by `from`",
    ),
]


@needs_libcst
@pytest.mark.parametrize(("text", "obstacle"), LEFT_ALONE, ids=[case[1] for case in LEFT_ALONE])
def test_left_alone_where_it_may_matter(text, obstacle):
    after, obstacles = fixed(text)
    assert after == text
    assert obstacle in obstacles[0]


KEPT_MODULES = [
    "m = hub.Module(h, trainable=True)\nm(x)",
    "m = hub.Module(h)\nm(x)\nm.variables",
    "m = hub.Module(h)\nm(x)\nm(y, signature='s')",
    "m = hub.Module(h)\nm(x, signature=s)",
    "m = hub.Module(h)\nm = 3\nm(x)",
    "m = hub.Module(h)\nf(m)",
    "m = hub.Module(h)\nm(x)\ndef f(m): pass",
    "m = hub.Module(h)\nm(*x)",
    "m = hub.Module(*h)\nm(x)",
    "with tf.Graph().as_default():\n    m = hub.Module(h)\n    m(x)",
    "m = hub.Module(h)\nm(x)\ntf.compat.v1.Session()",
]


@needs_libcst
@pytest.mark.parametrize("text", KEPT_MODULES)
def test_modules_that_are_more_than_called_are_kept(text):
    text = "import tensorflow as tf\nimport unihub as hub\n" + text
    assert fixed(text) == (text, ())


@needs_libcst
@pytest.mark.parametrize("runtime", sorted(TARGETS))
@pytest.mark.parametrize("script", guides(), ids=lambda script: script.stem)
def test_guides_compile_when_fixed_and_change_no_more(script, runtime):
    text = script.read_text(encoding="utf-8")
    target = TARGETS[runtime]
    after, obstacles = fixed(text, target)
    compile(after, str(script), "exec")
    assert fixed(after, target) == (after, obstacles)
    assert bool(obstacles) == (after == text)
    assert len(after.splitlines()) == len(text.splitlines())


LINES = st.sampled_from(
    [
        "import tensorflow_hub as hub",
        "import tensorflow_hub",
        "from tensorflow_hub import Module, load as ld",
        "from tensorflow_hub.module_v2 import load",
        "import tensorflow_hub.module as mod, os",
        "m = hub.Module('é')  # c",
        "y = m(x)",
        "z = hub.Module(h)(x, as_dict=True); é = 1",
        "if x: hub.load(h)",
        "k = tensorflow_hub.keras_layer.KerasLayer(h)",
        "mod.Module(h)",
        "print(hub.__version__)",
        "s = '''\n hub.Module(h)\n'''",
        "",
        "   # a comment",
        "x = [\n  hub.Module(h)(x),\n]",
        "def f(hub): return hub.Module(1)",
    ]
)


@needs_libcst
@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_script_compiles_when_fixed_and_changes_no_more(lines, end, ended):
    text = ("\n".join(lines) + ("\n" if ended else "")).replace("\n", end)
    compile(text, "before", "exec")
    after, obstacles = fixed(text)
    compile(after, "after", "exec")
    assert fixed(after) == (after, obstacles)
    assert len(after.splitlines()) == len(text.splitlines())
    if not obstacles:
        assert "import tensorflow_hub" not in after


@needs_libcst
def test_a_cell_that_is_indented_throughout_stays_so():
    lines = ["\n", "  import tensorflow_hub as hub\n", "  m = hub.load('m')\n", "x = 1"]
    book = {"cells": [{"source": lines, "cell_type": "code"}]}
    after, _ = fixed(json.dumps(book), name="a.ipynb")
    (cell,) = json.loads(after)["cells"]
    assert cell["source"] == ["\n", "  import unihub as hub\n", *lines[2:]]


@needs_libcst
@given(st.lists(st.lists(LINES, max_size=4), max_size=4), st.booleans())
def test_notebooks_are_rewritten_cell_by_cell(cells, ascii_only):
    sources = [["!pip install a\n", *[line + "\n" for line in lines]] for lines in cells]
    book = {"cells": [{"source": source, "cell_type": "code"} for source in sources]}
    text = json.dumps(book, indent=1, ensure_ascii=ascii_only) + "\n"
    after, obstacles = fixed(text, name="a.ipynb")
    assert fixed(after, name="a.ipynb") == (after, obstacles)
    new = json.loads(after)["cells"]
    assert [len(cell["source"]) for cell in new] == [len(source) for source in sources]
    assert all(cell["source"][0] == "!pip install a\n" for cell in new)
    if not obstacles:
        assert not any("import tensorflow_hub" in line for cell in new for line in cell["source"])


@needs_libcst
def test_files_are_written_and_keep_their_mode(tmp_path):
    script, link, other = (tmp_path / name for name in ("a.py", "b.py", "c.py"))
    script.write_bytes(b"# -*- coding: latin-1 -*-\r\nimport tensorflow_hub as hub  # \xe9\r\n")
    script.chmod(0o750)
    link.symlink_to("a.py")
    other.write_text("import unihub as hub\n")
    (change,) = fix([link, other], runtime="tf2", write=False)
    assert "tensorflow_hub" in script.read_text(encoding="latin-1")
    check_golden("checking/fix-diff", change.diff.replace("\r", "").rstrip(), path=link)
    (again,) = fix([link, other], runtime="tf2")
    assert again == change
    assert script.read_bytes() == (b"# -*- coding: latin-1 -*-\r\nimport unihub as hub  # \xe9\r\n")
    assert stat.S_IMODE(os.stat(script).st_mode) == 0o750
    assert link.is_symlink()
    assert fix([tmp_path], runtime="tf2") == ()
    assert sorted(os.listdir(tmp_path)) == ["a.py", "b.py", "c.py"]


@needs_libcst
def test_names_in_a_diff_are_quoted_as_git_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, shown in (("a b.py", "a/a b.py"), ('\x1b["\xe9.py', '"a/\\033[\\042\\303\\251.py"')):
        (tmp_path / name).write_bytes(b"import tensorflow_hub\n")
        (change,) = fix([name], runtime="tf2", write=False)
        assert change.diff.splitlines()[0] == f"--- {shown}"


@needs_libcst
def test_files_that_cannot_be_read_are_left(tmp_path):
    (tmp_path / "a.py").write_text("import tensorflow_hub\nprint 'a'\n")
    (tmp_path / "b.ipynb").write_text("tensorflow_hub")
    os.mkfifo(str(tmp_path / "pipe.py"))
    assert fix([tmp_path, tmp_path / "pipe.py"], runtime="tf2") == ()


@pytest.mark.skipif(HAS_LIBCST, reason="libcst is installed here")
def test_libcst_is_asked_for_by_name(tmp_path):
    with pytest.raises(ImportError) as raised:
        fix([tmp_path])
    assert isinstance(raised.value, LibcstMissing)
    check_golden("libcst-missing", str(raised.value))


def test_no_framework_and_no_libcst_is_imported_by_checking(tmp_path):
    (tmp_path / "a.py").write_text("import tensorflow_hub as hub\nhub.Module(1)\n")
    script = (
        "import sys; from unihub.checking import check, as_text; "
        f"as_text(check([{str(tmp_path)!r}])); "
        "print([n for n in ('tensorflow', 'keras', 'numpy', 'libcst') if n in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    printed = subprocess.check_output([sys.executable, "-c", script], env=env)
    assert printed.decode().strip() == "[]"
