"""The command line: ``unihub`` and ``python -m unihub``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Runs the command that this process was started for; it ends with the command's exit code."""
    if not _inspects_a_folder():
        from unihub.cli.commands import main

        main(prog_name="unihub")


def _inspects_a_folder() -> bool:
    """Does what most people want of a folder, without click: it takes longer than the reading."""
    _, *arguments = sys.argv
    if len(arguments) != 2 or arguments[0] != "inspect" or "_UNIHUB_COMPLETE" in os.environ:
        return False
    folder = arguments[1]
    if folder.startswith("-") or not os.path.isdir(folder) or sys.stdout.isatty():
        return False
    from unihub.cli.quick import inspects

    return inspects(folder)
