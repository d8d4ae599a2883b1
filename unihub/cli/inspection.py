"""``unihub inspect``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Optional, Union

import click

from unihub.cli.printing import print_json, print_renderable
from unihub.cli.quick import without_garbage_collection
from unihub.inspection import inspector, plain
from unihub.inspection.model_info import ModelInfo, RemoteInfo

Info = Union[ModelInfo, RemoteInfo]


@click.command()
@click.argument("handle")
@click.argument("other", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write one self-contained page instead; - prints it.",
)
@click.option("--variables", is_flag=True, help="Name every variable.")
@click.option("--download", is_flag=True, help="Fetch a model that is not in the cache.")
def inspect(
    handle: str,
    other: Optional[str],
    as_json: bool,
    html: Optional[str],
    variables: bool,
    download: bool,
) -> None:
    """Says what a model is, what it can do, and how it is called.

    From its files alone: TensorFlow is not imported, and nothing of the model
    is run. HANDLE is a folder, or whatever `unihub fetch` takes; of a model that
    is neither here nor cached, it says what its server tells. With OTHER, it says what
    differs between the two: signatures, variables and their values, ops, assets.

    \b
    Examples:
      unihub inspect path/to/model
      unihub inspect models/1 models/2
      unihub inspect --html page.html https://tfhub.dev/google/nnlm-en-dim50/2

    Exit codes: 0 done, 1 it cannot be read, 2 wrong usage.
    """
    if as_json and html is not None:
        raise click.UsageError("--json and --html exclude each other")
    if other is not None and (html is not None or variables):
        raise click.UsageError("two models are compared as text or --json: the others are of one")
    with without_garbage_collection():
        # What is compared has to be here.
        info = inspector.inspect(handle, download=download or other is not None)
    if other is not None:
        _compare(info, inspector.inspect(other), as_json)
        return
    if html == "-":
        click.echo(info.as_html())
    elif html is not None:
        _write(html, info.as_html())
        click.echo(f"written to {html}")
    elif as_json:
        print_json(_as_json(info, variables))
    else:
        _print(info, variables)


def _compare(info: Info, other: ModelInfo, as_json: bool) -> None:
    # Imported only here, for most look at one model.
    from unihub.inspection.differences import differences

    assert isinstance(info, ModelInfo)
    found = differences(info, other)
    if as_json:
        print_json(found.as_json())
    else:
        click.echo(str(found))


def _as_json(info: Info, variables: bool) -> object:
    return info.as_json(variables) if isinstance(info, ModelInfo) else info.as_json()


def _print(info: Info, variables: bool) -> None:
    if not isinstance(info, ModelInfo):
        click.echo(str(info))
    elif sys.stdout.isatty():
        print_renderable(plain.as_rich(info, variables))
    else:
        click.echo(plain.as_text(info, variables))


def _write(path: str, text: str) -> None:
    """Replaces a file at once, so that nobody sees half of it; writes to a pipe or device."""
    is_special = os.path.exists(path) and not os.path.isfile(path)
    target = path if is_special else os.path.realpath(path)
    written = path if is_special else f"{target}.{os.getpid()}"
    try:
        with open(written, "w", encoding="utf-8") as file:
            file.write(text)
        if not is_special:
            os.replace(written, target)
    except OSError as error:
        if not is_special:
            with suppress(OSError):
                os.remove(written)
        raise click.BadParameter(
            f"{path} cannot be written: {error.strerror}", param_hint="--html"
        ) from None
