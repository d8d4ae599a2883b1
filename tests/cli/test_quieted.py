"""What TensorFlow says while it is imported, in a command."""

from __future__ import annotations

import subprocess
import sys

BODY = """\
import os, sys
from unihub.cli import quieted
sys.path.insert(0, sys.argv[1])
quieted.quieten_the_import()
quieted.quieten_the_import()
try:
    import tensorflow
except ImportError as error:
    print(error)
print("after", file=sys.stderr)
print(sum(type(finder).__module__ == quieted.__name__ for finder in sys.meta_path))
"""
SAYS = """\
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written\\n")
os.write(2, b"I0000 00:00:1795964969.981816   14232 port.cc:153] oneDNN is on.\\n")
os.write(2, b"2026-11-29 14:00:00.123456: I tensorflow/core/util/port.cc:113] oneDNN is on.\\n")
print("a warning of Python", file=sys.stderr)
"""


def ran(folder, module):
    (folder / "tensorflow.py").write_text(module)
    command = [sys.executable, "-c", BODY, str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_its_own_lines_are_left_out_and_all_others_shown(tmp_path):
    done = ran(tmp_path, SAYS)
    assert done.stderr == "a warning of Python\nafter\n"
    assert done.stdout == "0\n"


def test_an_error_is_raised_with_what_was_said(tmp_path):
    done = ran(tmp_path, SAYS + "raise ImportError('no library')")
    assert done.stdout == "no library\n0\n"
    assert done.stderr == "a warning of Python\nafter\n"


def test_a_process_that_dies_says_where(tmp_path):
    done = ran(tmp_path, SAYS + "os.abort()")
    assert done.returncode != 0
    assert "Aborted" in done.stderr
    assert "tensorflow.py" in done.stderr
