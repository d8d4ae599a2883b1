"""What TensorFlow says while it is imported, in a command."""

from __future__ import annotations

import re
import subprocess
import sys

from unihub.cli import quieted

IMPORTED = """\
import sys
from unihub.cli import quieted
quieted.quieten_the_import()
quieted.quieten_the_import()
import tensorflow
print("after", file=sys.stderr)
print(sum(type(finder).__module__ == quieted.__name__ for finder in sys.meta_path))
"""
# As TensorFlow writes them, past Python.
WRITTEN = """\
import os, sys
from unihub.cli import quieted
try:
    with quieted.without_own_lines():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() are\\n")
        os.write(2, b"I0000 00:00:1795964969.981816   14232 port.cc:153] oneDNN is on.\\n")
        os.write(2, b"2026-11-29 14:00:00.123456: I tensorflow/core/port.cc:113] oneDNN is.\\n")
        print("a warning of Python", file=sys.stderr)
        {then}
except ImportError as error:
    print(error)
print("after", file=sys.stderr)
"""


def ran(body):
    return subprocess.run([sys.executable, "-c", body], capture_output=True, text=True)


def test_of_tensorflow_itself_nothing_is_seen():
    done = ran(IMPORTED)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines[-1] == "after"
    assert not [line for line in lines if re.match(quieted.OWN.pattern, line.encode())]
    assert done.stdout.splitlines()[0] == "0"


def test_its_own_lines_are_left_out_and_all_others_shown():
    done = ran(WRITTEN.format(then="pass"))
    assert done.stderr == "a warning of Python\nafter\n"


def test_an_error_is_raised_with_what_was_said():
    done = ran(WRITTEN.format(then="raise ImportError('no library')"))
    assert done.stdout == "no library\n"
    assert done.stderr == "a warning of Python\nafter\n"


def test_a_process_that_dies_says_where():
    done = ran(WRITTEN.format(then="os.abort()"))
    assert done.returncode != 0
    assert "Aborted" in done.stderr
    assert 'File "<string>", line 9 in <module>' in done.stderr
