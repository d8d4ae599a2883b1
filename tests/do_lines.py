"""Every line that an error offers under `do:` is tried where the error was raised.

`check_golden` sends each message here, while what raised it is still there: the variables of
the test and of the code that failed are those that a user has at hand. A line in Python is
run; after it the aim is reached, or another error of ours says how to go on. A line for a
shell is run where that changes nothing outside of the test, and else read by the shell.
`python tests/do_lines.py` counts them all.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Tuple

from unihub import settings
from unihub.errors import UnihubError

# The lines by the case, in how they were tried.
RUN: Dict[str, List[str]] = {}
READ: Dict[str, List[str]] = {}
TOLD: Dict[str, List[str]] = {}

# What tests/test_do_lines.py, or a test of their own, puts into their situation.
ELSEWHERE = frozenset(
    (
        "loaded-not-copied",
        "saved-without-call",
        "saved-without-call-of-function",
        "saved-without-call-of-model",
        "saved-without-call-of-python",
        "convert-needs-tf2",
        "convert-target-exists",
        "creation-is-saving",
        "model-changed",
        "unsafe-model",
        "load-failed",
        "nothing-to-call",
        "path-exists",
        "save-needs-session",
        "tf1-hub-creation-in-tf2",
        "tf1-saved-model-creation-in-tf2",
        "wrong-arguments",
        "wrong-input-dtype",
        "wrong-input-names",
        "wrong-input-shape",
        "wrong-input-structure",
        "wrong-input-value",
        "wrong-thing-to-save",
    )
)
# Lines that no machine can follow, with the reason. Of "other-model-format" all variants.
NOT_RUN: Dict[str, str] = {
    "file-over-limit": "its test writes no model that could be read",
    "frozen-graph": "its test writes no graph that could be run",
    "handle-not-supported": "its server is asked for: yamnet of tfhub.dev",
    "kaggle-model-not-found": "Kaggle is asked for it",
    "missing-ops-of-newer": "installs a TensorFlow that is yet to be released",
    "other-model-format": "the packages of other formats are not here, nor files of theirs",
    "unknown-hub": "is for who publishes it, with tensorflow_hub 0.15",
    "variables-only": "its test writes no weights that could be read",
}

_ALTERNATIVES = re.compile(
    r"; or |;? *\n *(?:or|else|then) (?=\S)|; else |; (?=if [^:]*: |in a model: )"
)
# A line may come behind words that say when, or what for.
_LEAD = re.compile(r"(?:[a-z][^:\"(){}=]*: )?(?:[a-z][^:\"(){}=]*: )?", re.I)
_SHELL = re.compile(
    r"(cd|chmod|cp|curl|df|export(?= [A-Z_]+=)|find|gcloud|git|gsutil|head|hf|kill|ls|mkdir|mv|pip|"
    r"ps|python\S*|rm|sha256sum|sudo|tar|ulimit|unihub|unset)(\s|$)|UNIHUB_\w+="
)
# These only look.
_LOOKS = ("df ", "find ", "ls ", "ps ", "unihub inspect", "unihub doctor")
_ASSIGNMENTS = re.compile(r"""(?:\w+=(?:"[^"]*"|'[^']*'|[^\s"'])*\s*)+""")
_SETS = re.compile(r"(export )?[A-Z_]+=")
# Their advice is about scripts and environments, which tests of their own see to.
OF_TOOLS = ("check-", "doctor-", "inspect/", "checking/")
FIRST_OF_ALL = "tf.compat.v1.disable_v2_behavior()"


def alternatives(do: str) -> List[str]:
    """The lines of a remedy, each as it is pasted."""
    if do.count("\n") and not re.search(r"\n *(or|else|then) ", do):
        return [re.sub(r"\n *", "\n", do)]
    return [line.strip() for line in _ALTERNATIVES.split(do)]


def kind_of(text: str) -> Tuple[str, str]:
    """What an alternative is, "python", "shell" or "words", and its line."""
    lead = _LEAD.match(text)
    assert lead is not None
    for line in (text, text[lead.end() :]):
        if _is_python(line):
            return "python", line
        if _SHELL.match(line):
            return "shell", line
    return "words", text


def _is_python(line: str) -> bool:
    try:
        tree = ast.parse(line)
    except SyntaxError:
        return False
    does = (ast.Call, ast.Import, ast.ImportFrom, ast.Assign)
    return any(isinstance(node, does) for node in ast.walk(tree))


def counted(folder: Path) -> Dict[str, List[str]]:
    """The messages in the golden files by what they offer, and which are not tried, and why."""
    found: Dict[str, List[str]] = {}
    for file in sorted(folder.glob("*.txt")):
        do = re.search(r"^  do:  (.*)", file.read_text(encoding="utf-8"), re.S | re.M)
        if do is None or file.stem.startswith(OF_TOOLS):
            continue
        found.setdefault("messages", []).append(file.stem)
        kinds = [kind_of(line)[0] for line in alternatives(do.group(1).strip())]
        for kind in kinds:
            found.setdefault(f"lines in {kind}", []).append(file.stem)
        if file.stem.startswith(tuple(NOT_RUN)):
            found.setdefault("messages whose lines are not run", []).append(file.stem)
        elif set(kinds) == {"words"}:
            found.setdefault("messages of words alone", []).append(file.stem)
    return found


def main() -> None:
    """Prints the counts; who was tried, each run of pytest says at its end."""
    for what, cases in counted(Path(__file__).parent / "golden").items():
        print(f"{len(cases):4} {what}")
        if what.startswith("messages "):
            print("".join(f"     - {case}\n" for case in cases), end="")
    for prefix, reason in NOT_RUN.items():
        print(f"     not run: {prefix}: {reason}")


def follow(case: str, text: str, frame: FrameType, at_hand: Dict[str, Any]) -> None:
    """Tries what a message offers; ``frame`` is that of its test."""
    do = re.search(r"^  do:  (.*)", text, re.S | re.M)
    if (
        do is None
        or case.startswith(tuple(NOT_RUN))
        or case in ELSEWHERE
        or case.startswith(OF_TOOLS)
    ):
        return
    with tempfile.TemporaryDirectory(prefix="unihub-do-") as folder:
        try_all(case, text, lambda: {**situation(frame, folder), **at_hand})


def try_all(case: str, text: str, names: Callable[[], Dict[str, Any]]) -> None:
    """Tries each line of a message; ``names`` gives what is at hand."""
    do = re.search(r"^  do:  (.*)", text, re.S | re.M)
    assert do is not None
    for alternative in alternatives(do.group(1).strip()):
        kind, line = kind_of(alternative)
        if kind == "words":
            TOLD.setdefault(case, []).append(line)
        elif kind == "shell":
            _in_shell(case, line)
        elif not line.startswith(FIRST_OF_ALL):
            RUN.setdefault(case, []).append(line)
            _run(line, text, names())


def situation(frame: FrameType, folder: str) -> Dict[str, Any]:
    """The variables at hand where an error was raised that a test has caught.

    Args:
        folder: where a line may write.
    """
    import tensorflow as tf

    import unihub

    path = os.path.join(tempfile.mkdtemp(dir=folder), "new")
    names: Dict[str, Any] = {"path": path, "inputs": tf.constant([1.0, 2.0])}
    caught: List[Any] = []
    for each in reversed(list(_of_tests(frame))):
        names.update({**each.f_globals, **each.f_locals})
        caught += each.f_locals.values()
    for value in caught:
        error = value if isinstance(value, BaseException) else getattr(value, "_excinfo", [0, 0])[1]
        if isinstance(error, UnihubError) and error.__traceback__ is not None:
            names.update(_where_raised(error.__traceback__))
    return {**names, "tf": tf, "unihub": unihub}


def _of_tests(frame: Any) -> Iterator[Any]:
    while frame is not None and f"{os.sep}tests{os.sep}" in frame.f_code.co_filename:
        yield frame
        frame = frame.f_back


def _where_raised(trace: Any) -> Dict[str, Any]:
    """The variables of the code that called unihub, and what it called and gave."""
    names: Dict[str, Any] = {}
    while trace is not None:
        frame = trace.tb_frame
        if f"{os.sep}unihub{os.sep}" in frame.f_code.co_filename:
            if not frame.f_code.co_filename.endswith("guard.py"):
                return {**_given(frame.f_locals), **names}
        else:
            names.update({**frame.f_globals, **frame.f_locals})
        trace = trace.tb_next
    return names


def _given(arguments: Dict[str, Any]) -> Dict[str, Any]:
    called = arguments.get("self")
    names = dict.fromkeys(("layer", "m", "model", "obj", "spec"), called) if called else {}
    names.update(arguments)
    value = [*arguments.get("args", ()), None][0]
    value = arguments.get("inputs", value)
    names.update({"x": value, "inputs": value, "images": value, "texts": value})
    for given in (value, arguments.get("kwargs")):
        if isinstance(given, dict):
            names.update({str(name): part for name, part in given.items()})
    return names


def _run(line: str, text: str, names: Dict[str, Any]) -> None:
    try:
        exec(compile(line, "<do>", "exec"), names)
    except UnihubError as error:
        assert str(error) != text, f"{line} leads back to the same"
    except Exception as error:
        raise AssertionError(f"{line!r} raised {type(error).__name__}: {error}") from error


def _in_shell(case: str, line: str) -> None:
    if line.startswith(_LOOKS):
        RUN.setdefault(case, []).append(line)
        command = re.sub("^unihub ", f"{sys.executable} -m unihub ", line)
        done = subprocess.run(
            ["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        # ls answers as well that there is nothing.
        assert done.returncode == 0 or line.startswith("ls "), done.stdout.decode()
    elif _SETS.match(line):
        RUN.setdefault(case, []).append(line)
        _set_by_shell(line.partition(" (")[0])
    else:
        READ.setdefault(case, []).append(line)
        subprocess.check_output(["bash", "-n", "-c", line], stderr=subprocess.STDOUT)


def _set_by_shell(line: str) -> None:
    """Sets environment variables as a shell does, and reads the settings that they make."""
    # What comes after them in the same line is a command, which may download.
    assignments = _ASSIGNMENTS.match(line.replace("export ", ""))
    assert assignments is not None
    line = assignments.group()
    shows = "import json, os; print(json.dumps(dict(os.environ)))"
    command = f"set -a\n{line}\nset +a\n{sys.executable} -S -c '{shows}'"
    shown = subprocess.check_output(["bash", "-c", command], universal_newlines=True)
    with _environment(json.loads(shown)):
        settings.current()


@contextlib.contextmanager
def _environment(variables: Dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    main()
