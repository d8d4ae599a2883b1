"""``unihub lock``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import click

from unihub import settings
from unihub.cli.printing import print_json
from unihub.errors import UnihubError
from unihub.handles import lockfile, parsing, resolving
from unihub.handles.lockfile import Locked, Lockfile


@click.command()
@click.argument("handle", nargs=-1)
@click.option("--check", is_flag=True, help="Change nothing: compare what is locked.")
@click.option("--file", "path", metavar="PATH", help="By default the project's, or ./unihub.lock.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def lock(handle: Tuple[str, ...], check: bool, path: Optional[str], as_json: bool) -> None:
    """Records the hashes of a project's models in unihub.lock.

    Each HANDLE is fetched if need be, and added or brought up to date. From then
    on every load in this folder, or one below, is held to these bytes.

    \b
    Examples:
      unihub lock https://tfhub.dev/google/nnlm-en-dim50/2 models/my_classifier
      unihub lock --check

    Exits with 1 when a HANDLE cannot be fetched, or is not what is locked.
    """
    present = lockfile.read(path or resolving.lockfile_path() or resolving.LOCKFILE)
    if not handle and not check:
        raise click.UsageError("name a HANDLE to lock; or --check those that are locked")
    chosen = handle or tuple(present.models)
    results = _checked(chosen, present) if check else _locked(chosen, present)
    if as_json:
        print_json({"lockfile": present.path, "models": results})
    else:
        for one in results:
            click.echo("{result}  {handle}".format(**one))
    if any(one["result"] == "FAILED" for one in results):
        sys.exit(1)


def _locked(texts: Tuple[str, ...], present: Lockfile) -> List[Dict[str, Any]]:
    models: Dict[str, Locked] = dict(present.models)
    results: List[Dict[str, Any]] = []
    for text in texts:
        name = present.name_of(parsing.parse(text))
        try:
            with settings.configure(lockfile="none"):
                locked = lockfile.locked_of(resolving.resolve(text))
        except UnihubError as error:
            _tell(error, text)
            results.append({"handle": name, "result": "FAILED", "error": error.code})
            continue
        result = "unchanged" if models.get(name) == locked else "locked"
        models[name] = locked
        results.append({"handle": name, "result": result, **asdict(locked)})
    if models:
        lockfile.write(Lockfile(present.path, models))
    return results


def _tell(error: UnihubError, *typed: str) -> None:
    # Imported only here, for most commands end without an error.
    from unihub.cli import remedies

    click.echo(remedies.shown_of_one(error, list(typed)), err=True)


def _checked(texts: Tuple[str, ...], present: Lockfile) -> List[Dict[str, Any]]:
    results: List[Dict[str, Any]] = []
    for text in texts:
        try:
            with settings.configure(lockfile=Path(present.path)):
                resolving.resolve(present.handle_of(text))
        except UnihubError as error:
            _tell(error, "--check", text)
            results.append({"handle": text, "result": "FAILED", "error": error.code})
        else:
            results.append({"handle": text, "result": "ok"})
    return results
