"""Checks files and folders."""

from __future__ import annotations

import os
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from unihub.checking.detect import Found, findings_in
from unihub.checking.findings import Finding, Place, Report, finding
from unihub.checking.flow import summarize
from unihub.checking.rules import RULES
from unihub.checking.scripts import STDIN, STDIN_NAME, read_source
from unihub.checking.source import NOTEBOOK_SUFFIX, Source
from unihub.checking.targets import Target, choose_target
from unihub.checking.values import Summary
from unihub.errors import UnihubError, listed, nearest, path_text
from unihub.errors.arguments import wrong_type

_SUFFIXES = (".py", NOTEBOOK_SUFFIX)
_SKIPPED_FOLDERS = ("__pycache__", "node_modules", "site-packages", "venv")
_MENTIONED = (b"tensorflow_hub", b"unihub")

Path = Union[str, "os.PathLike[str]"]
Paths = Union[Path, Iterable[Path]]


class NothingToCheck(UnihubError, FileNotFoundError):
    """A path to check does not exist."""

    code = "nothing-to-check"
    what = "there is no {path} to check."
    why = "a script, a notebook or a folder of them is looked for. (from: {folder})"
    do = "unihub check PATH"


class UnknownRule(UnihubError, ValueError):
    """A rule is selected or ignored that there is not."""

    code = "unknown-rule"
    what = "there is no rule {rule!r}."
    why = "the rules are {choices}."
    do = "unihub check --{option} {example} PATH"


def check(
    paths: Paths,
    *,
    runtime: Optional[str] = None,
    target: Optional[Target] = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """Says, line by line, what a script's uses of TensorFlow Hub do on an installation.

    Nothing of a script is run, nothing is downloaded, and TensorFlow is not
    imported. Lines with a comment ``# unihub: ignore`` or
    ``# unihub: ignore[rule, rule]`` are left out.

    Args:
        paths: scripts, notebooks, and folders, which are searched for both; "-" for
            a script on standard input.
        runtime: "tf1", "tf1_compat", "tf2" or "keras3"; by default the
            installation that is here.
        target: the installation in detail, in the place of ``runtime``.
        select: only these rules.
        ignore: not these rules.

    Returns:
        What was found, with the exit code for CI.

    Raises:
        NothingToCheck: for a path that does not exist.
        UnknownRule, UnknownTarget: for names that are none.

    Source: https://www.tensorflow.org/hub/model_compatibility; each finding
    names its own.

    Example:
        >>> check(["train.py"], runtime="tf2").exit_code
        1
    """
    target = target or choose_target(runtime)
    for option, rules in (("select", select), ("ignore", ignore)):
        _require_rules(option, rules)
    files = tuple(files_in(paths, stdin=True))
    findings: List[Finding] = []
    ignored = 0
    for path in files:
        for one, asked_to_ignore in _check_file(path, target):
            if one.rule in ignore or (select and one.rule not in select):
                continue
            if asked_to_ignore:
                ignored += 1
            else:
                findings.append(one)
    named = tuple(STDIN_NAME if path == STDIN else path for path in files)
    return Report(target, named, tuple(findings), ignored)


def _require_rules(option: str, rules: Sequence[str]) -> None:
    for rule in rules:
        if rule not in RULES:
            choices = sorted(RULES)
            example = nearest(rule, choices)
            raise UnknownRule(rule=rule, choices=listed(choices), option=option, example=example)


def _check_file(path: str, target: Target) -> Iterator[Tuple[Finding, bool]]:
    source = read_source(path)
    for problem in source.problems:
        yield problem, False
    for node, one in analysis(source, target)[1]:
        ignored = source.ignored(node)
        yield one, ignored is not None and (not ignored or one.rule in ignored)


def analysis(source: Source, target: Target) -> Tuple[Summary, List[Found]]:
    """Finds what a script does, and which rules it breaks."""
    if source.tree is None:
        return Summary(), []
    try:
        summary = summarize(source.tree, target)
        return summary, findings_in(source, summary, target)
    except RecursionError as error:
        place = Place(source.path, 1, 1, 1)
        return Summary(), [(source.tree, finding("nested-too-deeply", place, reason=str(error)))]


def files_in(paths: Paths, stdin: bool = False) -> Iterator[str]:
    """The scripts and notebooks at some paths, each once.

    Those named are taken as they are. In folders, those that mention
    tensorflow_hub or unihub are.

    Args:
        paths: files and folders.
        stdin: whether "-" is one of them, and not the name of a file.

    Raises:
        NothingToCheck: for a path that does not exist.
    """
    seen = set()
    line = "unihub.checking.check(['train.py'])"
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    try:
        paths = list(paths)
    except TypeError:
        accepted = "the path of a script, or a list of paths"
        raise wrong_type("paths", paths, accepted, line) from None
    for path in [path_text(path, line) for path in paths]:
        if path == STDIN and stdin:
            yield path
            continue
        # Python 3.7 refuses to look for what has a NUL in it.
        if "\0" in path or not os.path.lexists(path):
            raise NothingToCheck(path=path, folder=os.getcwd())
        for file in _walk(path) if os.path.isdir(path) else [path]:
            if os.path.realpath(file) not in seen:
                seen.add(os.path.realpath(file))
                yield file


def _walk(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith(".")
        )
        for name in sorted(files):
            path = os.path.join(parent, name)
            # Not what is a pipe, nor a link to nowhere: no part of a project.
            if name.endswith(_SUFFIXES) and os.path.isfile(path) and _mentions_hub(path):
                yield path


def _mentions_hub(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            # UTF-16 has a NUL beside each of these letters.
            content = file.read().replace(b"\0", b"")
    except OSError:
        return True
    return any(name in content for name in _MENTIONED)
