"""``unihub fetch``."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import Any, Dict, List, Optional, Tuple

import click

from unihub.cli.printing import print_json
from unihub.errors import UnihubError
from unihub.formats.message import in_words
from unihub.handles import parsing, resolving


@click.command()
@click.argument("handle", nargs=-1, required=True)
@click.option("--sha256", help="That the archive must have; for one HANDLE.")
@click.option("--to", "folder", metavar="DIR", help="Copy it there as well; for one HANDLE.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def fetch(
    handle: Tuple[str, ...], sha256: Optional[str], folder: Optional[str], as_json: bool
) -> None:
    """Downloads models into the cache, and prints their folders.

    HANDLE is a URL, gs://..., kaggle://owner/model/framework/variation/version,
    hf://owner/name, or an archive. What is cached already is not downloaded again.

    \b
    Examples:
      unihub fetch https://tfhub.dev/google/nnlm-en-dim50/2
      unihub fetch hf://owner/name@main
      unihub fetch --sha256 4f... https://example.org/model.tar.gz
      unihub fetch https://tfhub.dev/google/nnlm-en-dim50/2 --to models/nnlm

    Exits with 1 when one of them could not be fetched.
    """
    for option, value in (("--sha256", sha256), ("--to", folder)):
        if value is not None and len(handle) > 1:
            raise click.UsageError(f"{option} goes with one HANDLE")
    if folder is not None:
        _require_new(folder)
    results: List[Dict[str, Any]] = []
    for one in handle:
        try:
            path = resolving.resolve(one, sha256=sha256)
            if folder is not None:
                path = _copied(path, folder)
            results.append({"handle": parsing.shown(one), "path": path})
        except UnihubError as error:
            # The others may be there, and are wanted all the same.
            results.append({"handle": parsing.shown(one), "error": error.code})
            from unihub.cli import remedies

            typed = [one]
            for option, value in (("--sha256", sha256), ("--to", folder)):
                typed += [option, value] if value is not None else []
            click.echo(remedies.shown_of_one(error, typed), err=True)
        if not as_json and "path" in results[-1]:
            click.echo(results[-1]["path"])
    if as_json:
        print_json(results)
    if any("error" in result for result in results):
        sys.exit(1)


def _require_new(folder: str) -> None:
    """Refuses a folder that cannot become a model's, before anything is downloaded for it."""
    whole = os.path.abspath(folder)
    try:
        taken = not folder or (os.path.lexists(whole) and bool(os.listdir(whole)))
        os.makedirs(os.path.dirname(whole), exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--to {folder!r}: {in_words(error)}") from None
    if taken:
        raise click.UsageError(f"--to {folder!r}: name a new folder, or one with nothing in it")


def _copied(path: str, folder: str) -> str:
    """Puts a model's files into a new folder, all of them or none."""
    whole = os.path.abspath(folder)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(whole), prefix=".unihub-") as near:
        shutil.copytree(path, os.path.join(near, "model"))
        os.replace(os.path.join(near, "model"), whole)
    return whole
