"""Models on Keras' three backends: what is lifted, how far apart it is, and what a step takes.

    python -m benchmarks.lifted lift [FOLDER ...]     which calls of which models are pure functions
    python -m benchmarks.lifted make FOLDER           a network, and the same as a SavedModel
    KERAS_BACKEND=... python -m benchmarks.lifted train FOLDER      losses, and the time of a step

`train` begins on each backend from the same weights, and takes the same batches: as a layer of the
SavedModel, and as the network itself in Keras.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import numpy as np

import unihub
from unihub.errors import UnihubError

ROOT = Path(__file__).resolve().parent.parent
EPOCHS, BATCHES, BATCH = 3, 8, 16


def folders(given: List[str]) -> Iterator[Path]:
    shared = os.environ.get("UNIHUB_SHARED_MODELS", ROOT.parent / "shared" / "models")
    for root in map(Path, given or [ROOT / "tests" / "fixtures" / "models", shared]):
        files = [*root.rglob("saved_model.pb"), *root.rglob("saved_model.pbtxt")]
        yield from sorted({file.parent for file in files})


def lift(given: List[str]) -> None:
    """Prints each call that cannot be lifted, and how many can."""
    counts = {"lifted": 0, "not lifted": 0}
    for folder in folders(given):
        model = unihub.formats.read_saved_model(str(folder))
        names = sorted({name for graph in model.meta_graphs for name in graph.signatures})
        calls: List[Optional[str]] = [None, *names]
        for signature in calls:
            for training in (False, True)[: 1 if signature else 2]:
                try:
                    unihub.functional(
                        folder, signature=signature, training=training, on_unsafe="ignore"
                    )
                except UnihubError as error:
                    counts["not lifted"] += 1
                    print(f"{folder.name}, {signature}, training={training}: {error}")
                else:
                    counts["lifted"] += 1
    print(counts)


def network() -> Any:
    import keras

    layers = keras.layers
    given = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same")(given)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Reshape((64, 16))(x)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 8)(x, x))
    x = x + layers.Dense(16)(layers.Dense(64, activation="gelu")(x))
    return keras.Model(given, layers.Dense(8)(layers.GlobalAveragePooling1D()(x)))


def make(folder: Path) -> None:
    """Writes the network as a SavedModel, its weights, and data."""
    import keras

    keras.utils.set_random_seed(1)
    net = network()
    unihub.save(net, folder / "saved_model")
    net.save_weights(folder / "net.weights.h5")
    draw = np.random.default_rng(0)
    x = draw.random((BATCHES * BATCH, 16, 16, 3), np.float32)
    np.savez(folder / "data.npz", x=x, y=x.mean((1, 2)), kernel=draw.normal(0, 0.3, (8, 3)))


def train(folder: Path) -> None:
    """Prints the losses and times of both arms on this backend."""
    import keras

    data: Dict[str, Any] = dict(np.load(folder / "data.npz"))

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.times: List[float] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.times.append(time.perf_counter())

    for arm in ("layer", "network"):
        if arm == "layer":
            part = unihub.KerasLayer(str(folder / "saved_model"), trainable=True)
        else:
            part = network()
            part.load_weights(folder / "net.weights.h5")
        head = keras.layers.Dense(3)
        model = keras.Sequential([keras.Input((16, 16, 3)), part, head])
        head.set_weights([data["kernel"], np.zeros(3)])
        model.compile(keras.optimizers.SGD(0.05), "mse")
        outputs = model.predict(data["x"][:BATCH], verbose=0)
        clock = Clock()
        history = model.fit(
            data["x"],
            data["y"],
            batch_size=BATCH,
            epochs=EPOCHS,
            shuffle=False,
            verbose=0,
            callbacks=[clock],
        ).history
        steps = np.diff(clock.times)[BATCHES:]
        losses = ", ".join(f"{loss:.7f}" for loss in history["loss"])
        print(
            f"{keras.config.backend()}, {arm}: losses {losses}; first outputs sum to "
            f"{np.abs(outputs).sum():.6f}; median step {1000 * np.median(steps):.1f} ms"
        )


def main() -> None:
    what, *given = sys.argv[1:]
    if what == "lift":
        lift(given)
    else:
        {"make": make, "train": train}[what](Path(given[0]))


if __name__ == "__main__":
    main()
