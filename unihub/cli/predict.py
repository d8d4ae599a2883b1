"""``unihub predict``."""

from __future__ import annotations

import itertools
import sys
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import click

from unihub.engines.job import Done, predict_files
from unihub.engines.packages import pyarrow
from unihub.engines.predictor import Predictor
from unihub.engines.reading import KINDS, total_rows
from unihub.engines.spread import ENGINES, engine_of
from unihub.errors import counted

if TYPE_CHECKING:
    # Python 3.7 has none.
    from typing import Literal


class _WithEngine(click.Command):
    """Takes what stands behind ``--`` for the engine, where one is named."""

    def parse_args(self, context: click.Context, arguments: List[str]) -> List[str]:
        if "--" in arguments and any(one.startswith("--engine") for one in arguments):
            place = arguments.index("--")
            given = [(_ENGINE_OPTION, option) for option in arguments[place + 1 :]]
            arguments = [*arguments[:place], *itertools.chain.from_iterable(given)]
        return super().parse_args(context, arguments)


_ENGINE_OPTION = "--engine-option"


@click.command(cls=_WithEngine)
@click.argument("handle")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o", "--out", required=True, metavar="FILE", help="To write: .parquet .jsonl .csv .npy"
)
@click.option("--signature", help="To call; else default, serving_default or the only one.")
@click.option(
    "--input", "named", multiple=True, metavar="NAME=COLUMN", help="The column of an input."
)
@click.option(
    "--output", "outputs", multiple=True, metavar="NAME[=COLUMN]", help="To write, as a column."
)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Of the input, to write as well.")
@click.option(
    "--input-format", type=click.Choice(sorted(KINDS)), help="Where the name does not tell."
)
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1))
@click.option("--part-rows", default=4096, show_default=True, type=click.IntRange(1))
@click.option("--resize", is_flag=True, help="Images to the size that the input has.")
@click.option("--on-bad", type=click.Choice(["raise", "null"]), default="raise", show_default=True)
@click.option("--sha256", help="Of the archive that the model comes in.")
@click.option("--engine", type=click.Choice(ENGINES), help="Whose workers do it; by default here.")
@click.option(_ENGINE_OPTION, "options", multiple=True, hidden=True)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def predict(
    handle: str,
    inputs: Tuple[str, ...],
    out: str,
    signature: Optional[str],
    named: Tuple[str, ...],
    outputs: Tuple[str, ...],
    keep: Tuple[str, ...],
    input_format: Optional[str],
    batch_size: int,
    part_rows: int,
    resize: bool,
    on_bad: Literal["raise", "null"],
    sha256: Optional[str],
    engine: Optional[str],
    options: Tuple[str, ...],
    quiet: bool,
) -> None:
    """Runs a model over the rows of files, and writes one file.

    INPUT is a .csv, .tsv, .jsonl, .txt, .parquet, .npy or .tfrecord, a folder of images, or - for
    JSON lines from standard input. Columns go into the inputs of the same name, the only
    column into the only input. What was done when a run is broken off is kept, and the same
    command goes on there. An engine takes its own options behind --: those of a pipeline, of
    spark-submit, or of ray.init.

    \b
    Examples:
      unihub predict path/to/text_embedding reviews.csv -o vectors.parquet --keep id
      unihub predict path/to/classifier photos/ -o labels.jsonl --resize --on-bad null
      unihub predict path/to/model rows.parquet -o out.parquet --engine ray -- --num-cpus 4

    Exits with 1 when a row is bad, for --on-bad raise.
    """
    # Before a model is fetched.
    pyarrow()
    if engine is not None:
        engine_of(engine)
    predictor = Predictor(
        handle,
        signature=signature,
        inputs=_pairs(named),
        outputs={name: column or name for name, _, column in (o.partition("=") for o in outputs)}
        or None,
        batch_size=batch_size,
        resize=resize,
        on_bad=on_bad,
        sha256=sha256,
    )
    if not quiet:
        _say_chosen(predictor)
    if engine is None:
        # The rate is that of the rows alone.
        predictor.load()
    started = time.monotonic()
    total = None if quiet or input_format else total_rows(inputs)
    with _Progress(total, quiet) as told:
        done = predict_files(
            predictor,
            inputs,
            out,
            kind=input_format,
            keep=keep,
            part_rows=part_rows,
            told=told,
            engine=engine,
            options=options,
        )
    if not quiet:
        _say_done(done, time.monotonic() - started)


def _pairs(named: Tuple[str, ...]) -> Optional[Dict[str, str]]:
    pairs = {}
    for one in named:
        name, equals, column = one.partition("=")
        if not equals:
            raise click.BadParameter(f"{one!r} is not NAME=COLUMN.", param_hint="--input")
        pairs[name] = column
    return pairs or None


def _say_chosen(predictor: Predictor) -> None:
    chosen = predictor.chosen
    click.echo(f"model:     {predictor.handle}", err=True)
    click.echo(f"signature: {chosen.signature}", err=True)
    click.echo(f"writes:    {', '.join(chosen.outputs)}", err=True)


def _say_done(done: Done, seconds: float) -> None:
    rate = (done.rows - done.kept_rows) / max(seconds, 1e-9)
    kept = f", {done.kept_rows:,} of them done before" if done.kept_rows else ""
    bad = f", {done.bad_rows:,} of them bad: null" if done.bad_rows else ""
    click.echo(f"{done.path}: {counted(done.rows, 'row')}{kept}{bad}; {rate:,.0f} rows/s", err=True)


class _Progress:
    """A bar on standard error where that is a terminal.

    Args:
        total: rows; None where that is not known.
        is_quiet: whether nothing is to be shown.
    """

    def __init__(self, total: Optional[int], is_quiet: bool) -> None:
        self._total = total
        self._bar: Any = None
        self._is_shown = not is_quiet and sys.stderr.isatty()

    def __enter__(self) -> Any:
        if self._is_shown:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            rate = TextColumn("{task.fields[rate]} rows/s")
            columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("", total=self._total, rate="?")
            self._bar.start()
        self._started = time.monotonic()
        self._done = 0
        return self._told

    def __exit__(self, *raised: Any) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _told(self, rows: int, is_kept: bool) -> None:
        if self._bar is None:
            return
        self._done += 0 if is_kept else rows
        rate = self._done / max(time.monotonic() - self._started, 1e-9)
        self._bar.update(self._task, advance=rows, rate=f"{rate:,.0f}")
