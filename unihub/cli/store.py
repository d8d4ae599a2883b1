"""``unihub cache``."""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import asdict
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import click

from unihub import settings
from unihub.cli.printing import print_json, print_table
from unihub.errors import size
from unihub.handles import parsing
from unihub.handles.cache import housekeeping
from unihub.handles.cache.cache import Cache, key_of
from unihub.handles.cache.housekeeping import Item, Kind, Removal
from unihub.handles.cache.manifest import Entry

_DAY = 86400.0
_SPANS = {"h": 3600.0, "d": _DAY, "w": 7 * _DAY}
_SPAN = re.compile(r"(\d+)([hdw])")
_KINDS = {
    Kind.MODEL: "model",
    Kind.WEIGHTS: "weights to be mapped",
    Kind.CONVERTED: "converted to TF2",
}


_ORDERS: Dict[str, Callable[[Item], Any]] = {
    "name": lambda item: item.handle or item.path,
    "size": lambda item: -item.bytes,
    "used": lambda item: -item.last_use.time,
}


@click.group()
def cache() -> None:
    """Shows, verifies and clears the cache of models and what was made from them.

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

    \b
    Examples:
      unihub cache path
      unihub cache path https://tfhub.dev/google/nnlm-en-dim50/2
    """
    store = _cache()
    if handle is None:
        click.echo(store.root)
        return
    entry = _entry(store, handle)
    if entry is None:
        click.echo(f"{parsing.shown(handle)} is not in {store.root}", err=True)
        sys.exit(1)
    click.echo(entry.path)


@cache.command("ls")
@click.option(
    "--sort",
    type=click.Choice(sorted(_ORDERS)),
    default="used",
    show_default=True,
    help="The last used, the largest, or the first name first.",
)
@click.option("--filter", "wanted", metavar="TEXT", help="Only what has it in handle or kind.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_entries(sort: str, wanted: Optional[str], as_json: bool) -> None:
    """Lists the models and what was made from them: size and last use.

    These are their weights, copied for load(weights="mmap"), and TF2 SavedModels
    of load(convert=True). Both are made again when they are wanted.

    \b
    Examples:
      unihub cache ls
      unihub cache ls --sort size --filter elmo
      unihub cache ls --json
    """
    store = _cache()
    found = [item for item in housekeeping.items(store) if _has(item, wanted)]
    found.sort(key=_ORDERS[sort])
    damaged = [
        {"path": path, "damage": [str(one) for one in damage]}
        for path, damage in housekeeping.damaged_entries(store)
    ]
    useless = housekeeping.plan_sweep(store)
    if as_json:
        print_json(_listed(store, found, damaged, useless))
        return
    if found:
        print_table(
            ("handle", "kind", "size", "files", "last used"),
            [
                (
                    item.handle or item.path,
                    _KINDS[item.kind],
                    size(item.bytes),
                    str(item.files),
                    _used_text(item),
                )
                for item in found
            ],
        )
    for one in damaged:
        click.echo(f"damaged: {one['path']}: {one['damage'][0]}")
    if useless:
        total = size(sum(one.bytes for one in useless))
        click.echo(f"{len(useless)} of no more use, {total}; to remove them: unihub cache prune")
    models = sum(item.kind is Kind.MODEL for item in found)
    made = f" and {len(found) - models} made from models" if len(found) > models else ""
    total = size(sum(item.bytes for item in found))
    click.echo(f"{models} model(s){made}, {total} in {store.root}")


@cache.command()
@click.argument("handle", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def verify(handle: Tuple[str, ...], as_json: bool) -> None:
    """Reads every file of the models, and compares their SHA-256.

    Exits with 1 when one is damaged. A damaged model is fetched again when it
    is next loaded.

    \b
    Examples:
      unihub cache verify
      unihub cache verify https://tfhub.dev/google/nnlm-en-dim50/2
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
    """Removes models and what was made from them, after asking.

    Of a folder outside of the cache, only what was made from it.

    \b
    Examples:
      unihub cache rm --dry-run https://tfhub.dev/google/nnlm-en-dim50/2
    """
    store = _cache()
    removals = [one for text in handle for one in _removals(store, text)]
    _remove(store, removals, dry_run, yes, as_json)


@cache.command()
@click.option("--older-than", metavar="SPAN", help="What is unused for so long: 12h, 30d, 8w.")
@click.option("--max-size", metavar="SIZE", help="The least recently used, down to it: 20GB.")
@click.option("--all", "everything", is_flag=True, help="All of it.")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in housekeeping.KEPT]),
    multiple=True,
    help="Of the above, only this kind.",
)
@_removing
def prune(
    older_than: Optional[str],
    max_size: Optional[str],
    everything: bool,
    kind: Tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Removes what is of no more use, after asking.

    These are damaged copies, unfinished downloads, what dead processes left,
    and weights whose model has changed. Of models and of what was made from
    them only what an option says goes.

    \b
    Examples:
      unihub cache prune --older-than 30d
      unihub cache prune --max-size 20GB --dry-run
    """
    store = _cache()
    span = None if older_than is None else _seconds(older_than)
    size = None if max_size is None else _bytes(max_size)
    kinds = tuple(map(Kind, kind)) or housekeeping.KEPT
    removals = housekeeping.plan_sweep(store)
    if everything:
        removals += housekeeping.plan_clear(store, kinds)
    elif span is not None or size is not None:
        removals += housekeeping.plan_prune(store, span, size, kinds)
    _remove(store, removals, dry_run, yes, as_json)


def _remove(
    store: Cache, removals: Sequence[Removal], dry_run: bool, yes: bool, as_json: bool
) -> None:
    if as_json:
        freed = 0 if dry_run else housekeeping.carry_out(store, tuple(removals))
        rows = [_as_row(one) for one in removals]
        print_json({"removed": not dry_run, "bytes": freed, "what": rows})
        return
    if not removals:
        click.echo(f"nothing to remove in {store.root}")
        return
    print_table(
        ("what", "kind", "size", "why"),
        [(one.handle or one.path, one.kind.value, size(one.bytes), one.reason) for one in removals],
    )
    total = size(sum(one.bytes for one in removals))
    if dry_run:
        click.echo(f"would remove {len(removals)} of them, {total}")
        return
    if not yes:
        click.confirm(f"Remove {total}?", abort=True)
    freed = housekeeping.carry_out(store, tuple(removals))
    click.echo(f"freed {size(freed)}")


def _has(item: Item, wanted: Optional[str]) -> bool:
    texts = (item.handle or item.path, _KINDS[item.kind])
    return wanted is None or any(wanted.lower() in text.lower() for text in texts)


def _cache() -> Cache:
    return Cache(settings.current().cache)


def _removals(store: Cache, text: str) -> Tuple[Removal, ...]:
    entry = _entry(store, text)
    removals = housekeeping.plan_removal(store, entry.path if entry else text)
    if not removals:
        raise _not_there(store, text)
    return removals


def _entries(store: Cache, texts: Sequence[str]) -> Tuple[Entry, ...]:
    found = []
    for text in texts:
        entry = _entry(store, text)
        if entry is None:
            raise _not_there(store, text)
        found.append(entry)
    return tuple(found)


def _not_there(store: Cache, text: str) -> click.UsageError:
    return click.UsageError(f"{parsing.shown(text)} is not in {store.root}; see: unihub cache ls")


def _entry(store: Cache, text: str) -> Optional[Entry]:
    """The entry of a handle, of a key, or of a handle as `ls` shows it."""
    wanted = {text, key_of(text)}
    if not os.path.exists(text):
        wanted.add(key_of(str(parsing.parse(text))))
    for entry in housekeeping.entries(store):
        if wanted & {entry.key, entry.handle}:
            return entry
    return None


def _listed(
    store: Cache, found: Sequence[Item], damaged: List[Dict[str, Any]], useless: Sequence[Removal]
) -> Dict[str, Any]:
    stored = {entry.folder: entry for entry in housekeeping.entries(store)}
    return {
        "root": store.root,
        "models": [
            {**_described(item), **_of_entry(stored[item.path])}
            for item in found
            if item.path in stored
        ],
        "made": [
            {**_described(item), "kind": item.kind.value, "model": item.model}
            for item in found
            if item.kind is not Kind.MODEL
        ],
        "damaged": damaged,
        "useless": [_as_row(one) for one in useless],
    }


def _described(item: Item) -> Dict[str, Any]:
    return {
        "handle": item.handle,
        "key": item.key,
        "path": item.path,
        "bytes": item.bytes,
        "files": item.files,
        "last_used": item.last_use.time,
        "last_use_noted": item.last_use.noted,
    }


def _of_entry(entry: Entry) -> Dict[str, Any]:
    return {
        "path": entry.path,
        "sha256": entry.sha256,
        "version": entry.version,
        "url": entry.url,
        "created": entry.created,
    }


def _as_row(one: Removal) -> Dict[str, Any]:
    return {**asdict(one), "kind": one.kind.value}


def _used_text(item: Item) -> str:
    days = int((time.time() - item.last_use.time) / _DAY)
    text = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return text if item.last_use.noted else f"{text} (stored; uses are not noted here)"


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
