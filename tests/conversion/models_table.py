"""Converts all TF1 models at hand, and tells what came out.

`python tests/conversion/models_table.py` prints the table; models that others made are
taken from UNIHUB_SHARED_MODELS, where there are any.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tensorflow as tf
from conftest import MODELS, ROOT, SHARED_MODELS

import unihub
from unihub.errors import UnihubError
from unihub.formats import read_saved_model
from unihub.matrix import Format

HEAD = ("model", "format", "converts", "inference", "losses", "gradients", "training call")


def models():
    folders = [path for path in sorted(MODELS.iterdir()) if path.is_dir()]
    folders += [ROOT / "unihub" / "demo" / "models" / "tf1_hub", ROOT / "examples/tf1_image_module"]
    if SHARED_MODELS.is_dir():
        folders += [path for path in sorted(SHARED_MODELS.iterdir()) if path.is_dir()]
    for folder in folders:
        model = read_saved_model(folder)
        if model.format is not Format.TF2_SAVED_MODEL:
            yield folder, model.format


def row(folder, target):
    try:
        report = unihub.convert(folder, target)
    except UnihubError as error:
        return (f"no: {error.code}",)
    inference = f"{max(report.difference('inference'), report.difference('signatures')):.1e}"
    losses = f"{report.regularization_losses}"
    if report.regularization_losses:
        losses += f", {report.difference('regularization losses'):.1e}"
    gradients = f"{len(report.gradients)} of {len(report.trainable_variables)}, "
    gradients += f"{report.difference('gradients'):.1e}"
    moved = f"{report.update_ops} update ops"
    if report.update_ops:
        moved += f", {report.difference('variables after'):.1e}"
    return ("yes", inference, losses, gradients, moved)


def main():
    print(f"TensorFlow {tf.__version__}; differences are relative to the greatest magnitude\n")
    print("| " + " | ".join(HEAD) + " |")
    print("| " + " | ".join("---" for _ in HEAD) + " |")
    with tempfile.TemporaryDirectory() as scratch:
        for number, (folder, model_format) in enumerate(models()):
            cells = (folder.name, model_format.value, *row(folder, f"{scratch}/{number}"))
            print("| " + " | ".join([*cells, *[""] * (len(HEAD) - len(cells))]) + " |")


if __name__ == "__main__":
    main()
