"""Mutants of models, given to all that loads by a handle.

`python tests/apis/attack.py SEED COUNT` tries so many of each with the TensorFlow that runs,
and prints what left an error that is not ours.
"""

from __future__ import annotations

import collections
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

import tensorflow as tf

import unihub

TESTS = Path(__file__).resolve().parent.parent
MODELS = TESTS / "fixtures" / "models"
KINDS = ("cut", "one byte", "some bytes", "zeros")


def module(path: str) -> None:
    with tf.Graph().as_default():
        unihub.Module(path)


def spec(path: str) -> None:
    unihub.create_module_spec_from_saved_model(path)


def layer(path: str) -> None:
    unihub.KerasLayer(path)


def layer_of_signature(path: str) -> None:
    unihub.KerasLayer(path, signature="default")


def converted(path: str) -> None:
    unihub.convert(path, path + "-converted")


def validated(path: str) -> None:
    unihub.validate(path)


Load = Callable[[str], None]
# What loads, and the models that it takes.
LOADS: Dict[Load, Tuple[str, ...]] = {
    module: ("tf1_hub_scalar", "tf1_hub_text"),
    spec: ("tf1_saved_model_pb", "tf1_saved_model_table"),
}
if tf.executing_eagerly():
    LOADS.update(
        {
            layer: ("tf2_reusable", "tf2_text"),
            layer_of_signature: ("tf1_hub_scalar",),
            converted: ("tf1_hub_scalar",),
            validated: ("tf2_reusable", "tf1_hub_text"),
        }
    )


class Mutant(NamedTuple):
    """A model of which one file is changed."""

    model: str
    file: str
    kind: str


def mutated(path: str, load: Load, seed: int) -> Mutant:
    """Makes a mutant in a folder; the same for the same seed."""
    chance = random.Random(f"{load.__name__} {seed}")
    model = chance.choice(LOADS[load])
    shutil.copytree(str(MODELS / model), path)
    files = sorted(str(file.relative_to(path)) for file in Path(path).rglob("*") if file.is_file())
    # Most of what may go wrong is in the graph.
    file = chance.choice([*files, "saved_model.pb", "saved_model.pb"])
    content = bytearray(Path(path, file).read_bytes())
    kind = chance.choice(KINDS)
    if kind == "cut":
        del content[chance.randrange(len(content) + 1) :]
    elif content:
        for _ in range(1 if kind == "one byte" else 4):
            content[chance.randrange(len(content))] = (
                0 if kind == "zeros" else chance.randrange(256)
            )
    Path(path, file).write_bytes(bytes(content))
    return Mutant(model, file, kind)


def strange(load: Load, path: str) -> Optional[Exception]:
    """The error that a load ended with, if it is none of ours."""
    try:
        load(path)
    except unihub.UnihubError:
        return None
    # Whatever else there is.
    except Exception as error:
        return error
    return None


def tried(first: int, count: int) -> Iterator[Tuple[str, Mutant, Optional[Exception]]]:
    for load in LOADS:
        for seed in range(first, first + count):
            with tempfile.TemporaryDirectory() as scratch:
                path = os.path.join(scratch, "model")
                mutant = mutated(path, load, seed)
                yield load.__name__, mutant, strange(load, path)


def main() -> None:
    first, count = int(sys.argv[1]), int(sys.argv[2])
    total: Any = collections.Counter()
    with unihub.configure(on_unsafe="ignore"):
        for name, mutant, error in tried(first, count):
            total[name, "strange" if error else "ours or none"] += 1
            if error:
                print(name, *mutant, type(error).__name__, error, flush=True)
    for (name, what), number in sorted(total.items()):
        print(f"{name}: {number} {what}")


if __name__ == "__main__":
    main()
