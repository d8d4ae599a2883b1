"""``unihub convert`` and ``unihub validate``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Optional, Tuple

import click

import unihub
from unihub.cli.printing import print_json


@click.command()
@click.argument("handle")
@click.argument("path")
@click.option("--signature", help="To call; else default, serving_default or the only one.")
@click.option("--tags", multiple=True, help="Of the graph for inference; may be repeated.")
@click.option("--overwrite", is_flag=True, help="Replace a model that is there.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def convert(
    handle: str,
    path: str,
    signature: Optional[str],
    tags: Tuple[str, ...],
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Writes a fine-tunable TF2 SavedModel from a TF1 format.

    HANDLE is a TF1 Hub module or a TF1 SavedModel, PATH the folder to write. The
    result is compared with the original before it is put there.

    \b
    Examples:
      unihub convert --dry-run path/to/module converted
      unihub convert https://tfhub.dev/google/elmo/3 converted

    Exits with 1 when it cannot be converted, or is not equal.
    """
    report = unihub.convert(
        handle, path, signature=signature, tags=tags or None, overwrite=overwrite, dry_run=dry_run
    )
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(str(report))


@click.command()
@click.argument("handle")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def validate(handle: str, as_json: bool) -> None:
    """Says how far a model keeps the Reusable SavedModel interface.

    That is what fine-tuning in TF2 needs; the model is loaded and tried.

    \b
    Examples:
      unihub validate path/to/model
      unihub validate --json https://tfhub.dev/google/nnlm-en-dim50/2

    Exits with 1 when it does not keep it.
    """
    report = unihub.validate(handle)
    if as_json:
        print_json({**asdict(report), "reusable": report.reusable, "trainable": report.trainable})
    else:
        click.echo(str(report))
    if not report.reusable:
        sys.exit(1)
