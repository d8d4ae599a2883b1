"""``unihub run``."""

from __future__ import annotations

import os
from typing import Tuple

import click

from unihub.errors.shown import DEBUG


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--v1", is_flag=True, help="The script is for TF1: run it in TF1 compat mode.")
@click.option("-m", "module", is_flag=True, help="SCRIPT is the name of a module, not a file.")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(v1: bool, module: bool, script: str, arguments: Tuple[str, ...]) -> None:
    """Runs a script in which `import tensorflow_hub` yields unihub.

    What follows SCRIPT is for the script. With --v1, v2 behaviour is disabled
    on TensorFlow 2, and in the script's own files `import tensorflow` means
    `import tensorflow.compat.v1`.

    \b
    Examples:
      unihub run train.py --epochs 2
      unihub run --v1 retrain.py --image_dir flowers
      unihub run -m package.train
    """
    if not module and not os.path.exists(script):
        raise click.UsageError(f"there is no script {script!r}")
    from unihub.dropin.running import run

    if click.get_current_context().find_root().params.get("debug"):
        os.environ[DEBUG] = "1"
    run(script, arguments, module=module, v1=v1)
