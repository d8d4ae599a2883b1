"""``unihub fetch`` and ``unihub cache``."""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import asdict
from typing import Any, Dict, List, Optional, Sequence, Tuple

import click

from unihub import fetch as fetching
from unihub import handles, settings
from unihub.cli.printing import print_json, print_table, size_text
from unihub.errors import UnihubError
from unihub.fetching import housekeeping
from unihub.fetching.cache import Cache
from unihub.fetching.housekeeping import Removal
from unihub.fetching.keys import key_of
from unihub.fetching.manifest import Entry

_DAY = 86400.0
_SPANS = {"h": 3600.0, "d": _DAY, "w": 7 * _DAY}
_SPAN = re.compile(r"(\d+)([hdw])")


@click.command()
@click.argument("handle", nargs=-1, required=True)
@click.option("--sha256", help="That the archive must have; for one HANDLE.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def fetch(handle: Tuple[str, ...], sha256: Optional[str], as_json: bool) -> None:
    """Downloads models into the cache, and prints their folders.

    \b
    HANDLE is a URL, gs://..., kaggle://owner/model/framework/variation/version,
    or an archive. What is cached already is not downloaded again.

    \b
    Examples:
      unihub fetch https://tfhub.dev/google/nnlm-en-dim50/2
      unihub fetch --sha256 4f... https://example.org/model.tar.gz

    Exits with 1 when one of them could not be fetched.
    """
    if sha256 is not None and len(handle) > 1:
        raise click.UsageError("--sha256 goes with one HANDLE")
    results: List[Dict[str, Any]] = []
    for one in handle:
        try:
            results.append({"handle": one, "path": fetching.resolve(one, sha256=sha256)})
        except UnihubError as error:
            # The others may be there, and are wanted all the same.
            results.append({"handle": one, "error": error.code})
            click.echo(str(error), err=True)
        if not as_json and "path" in results[-1]:
            click.echo(results[-1]["path"])
    if as_json:
        print_json(results)
    if any("error" in result for result in results):
        sys.exit(1)


@click.group()
def cache() -> None:
    """Shows, verifies and clears the cache of downloaded models.

    \b
    Examples:
      unihub cache ls
      unihub cache prune --older-than 30d --max-size 20GB --dry-run
    """


@cache.command("path")
@click.argument("handle", required=False)
def show_path(handle: Optional[str]) -> None:
    """Prints the cache's folder, or that of a model in it.

    Exits with 1 when the model is not in the cache.
    """
    store = _cache()
    if handle is None:
        click.echo(store.root)
        return
    entry = _entry(store, handle)
    if entry is None:
        click.echo(f"{handle} is not in {store.root}", err=True)
        sys.exit(1)
    click.echo(entry.path)


@cache.command("ls")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_entries(as_json: bool) -> None:
    """Lists the models, what they take, and when they were last used."""
    store = _cache()
    rows = [_described(entry) for entry in housekeeping.entries(store)]
    rows.sort(key=lambda row: -row["last_used"])
    damaged = [
        {"path": path, "damage": [str(one) for one in damage]}
        for path, damage in housekeeping.damaged_entries(store)
    ]
    if as_json:
        print_json({"root": store.root, "models": rows, "damaged": damaged})
        return
    if rows:
        print_table(
            ("handle", "size", "files", "last used"),
            [
                (row["handle"], size_text(row["bytes"]), str(row["files"]), _used_text(row))
                for row in rows
            ],
        )
    for one in damaged:
        click.echo(f"damaged: {one['path']}: {one['damage'][0]}")
    total = size_text(sum(row["bytes"] for row in rows))
    click.echo(f"{len(rows)} model(s), {total} in {store.root}")


@cache.command()
@click.argument("handle", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def verify(handle: Tuple[str, ...], as_json: bool) -> None:
    """Reads every file of the models, and compares their SHA-256.

    Exits with 1 when one is damaged. A damaged model is fetched again when it
    is next loaded.
    """
    store = _cache()
    chosen = _entries(store, handle) if handle else housekeeping.entries(store)
    results: List[Dict[str, Any]] = [
        {"handle": entry.handle, "path": entry.path, "damage": list(map(str, store.verify(entry)))}
        for entry in chosen
    ]
    if not handle:
        results += [
            {"handle": None, "path": path, "damage": list(map(str, damage))}
            for path, damage in housekeeping.damaged_entries(store)
        ]
    damaged = sum(bool(result["damage"]) for result in results)
    if as_json:
        print_json(results)
    else:
        for result in results:
            name = result["handle"] or result["path"]
            click.echo(f"{'DAMAGED' if result['damage'] else 'ok'}  {name}")
            for line in result["damage"]:
                click.echo(f"    {line}")
        click.echo(f"{len(results) - damaged} of {len(results)} sound")
    if damaged:
        sys.exit(1)


def _removing(command: Any) -> Any:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="As JSON; asks nothing."),
        click.option("--yes", "-y", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing."),
    ):
        command = option(command)
    return command


@cache.command("rm")
@click.argument("handle", nargs=-1, required=True)
@_removing
def remove(handle: Tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Removes models from the cache, after asking."""
    store = _cache()
    removals = tuple(housekeeping.removal(entry) for entry in _entries(store, handle))
    _remove(store, removals, dry_run, yes, as_json)


@cache.command()
@click.option("--older-than", metavar="SPAN", help="Models unused for so long: 12h, 30d, 8w.")
@click.option("--max-size", metavar="SIZE", help="The least recently used, down to it: 20GB.")
@_removing
def prune(
    older_than: Optional[str],
    max_size: Optional[str],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Removes what is of no more use, after asking.

    These are damaged copies, unfinished downloads and what dead processes
    left; and models, when an option says which.
    """
    store = _cache()
    span = None if older_than is None else _seconds(older_than)
    size = None if max_size is None else _bytes(max_size)
    removals = housekeeping.plan_sweep(store)
    if span is not None or size is not None:
        removals += housekeeping.plan_prune(store, span, size)
    _remove(store, removals, dry_run, yes, as_json)


def _remove(
    store: Cache, removals: Sequence[Removal], dry_run: bool, yes: bool, as_json: bool
) -> None:
    if as_json:
        freed = 0 if dry_run else housekeeping.carry_out(store, tuple(removals))
        rows = [{**asdict(one), "kind": one.kind.value} for one in removals]
        print_json({"removed": not dry_run, "bytes": freed, "what": rows})
        return
    if not removals:
        click.echo(f"nothing to remove in {store.root}")
        return
    print_table(
        ("what", "size", "why"),
        [(one.handle or one.path, size_text(one.bytes), one.reason) for one in removals],
    )
    total = size_text(sum(one.bytes for one in removals))
    if dry_run:
        click.echo(f"would remove {len(removals)} of them, {total}")
        return
    if not yes:
        click.confirm(f"Remove {total}?", abort=True)
    freed = housekeeping.carry_out(store, tuple(removals))
    click.echo(f"freed {size_text(freed)}")


def _cache() -> Cache:
    return Cache(settings.current().cache)


def _entries(store: Cache, texts: Sequence[str]) -> Tuple[Entry, ...]:
    found = []
    for text in texts:
        entry = _entry(store, text)
        if entry is None:
            raise click.UsageError(f"{text} is not in {store.root}; see: unihub cache ls")
        found.append(entry)
    return tuple(found)


def _entry(store: Cache, text: str) -> Optional[Entry]:
    """The entry of a handle, of a key, or of a handle as `ls` shows it."""
    wanted = {text, key_of(text)}
    if not os.path.exists(text):
        wanted.add(key_of(str(handles.parse(text))))
    for entry in housekeeping.entries(store):
        if wanted & {entry.key, entry.handle}:
            return entry
    return None


def _described(entry: Entry) -> Dict[str, Any]:
    usage = housekeeping.usage(entry.folder)
    used = housekeeping.last_use(entry)
    return {
        "handle": entry.handle,
        "key": entry.key,
        "path": entry.path,
        "bytes": usage.bytes,
        "files": len(entry.files),
        "sha256": entry.sha256,
        "version": entry.version,
        "url": entry.url,
        "created": entry.created,
        "last_used": used.time,
        "last_use_noted": used.noted,
    }


def _used_text(row: Dict[str, Any]) -> str:
    days = int((time.time() - row["last_used"]) / _DAY)
    text = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return text if row["last_use_noted"] else f"{text} (stored; uses are not noted here)"


def _seconds(text: str) -> float:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter("such as 12h, 30d or 8w", param_hint="--older-than")
    return int(match.group(1)) * _SPANS[match.group(2)]


def _bytes(text: str) -> int:
    try:
        size: int = settings.SIZE.read(text)
    except ValueError:
        raise click.BadParameter(settings.SIZE.accepted, param_hint="--max-size") from None
    return size
