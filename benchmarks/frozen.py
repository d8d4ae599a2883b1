"""A Keras layer that is not trained, beside one of all that the model holds."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Sequence

from benchmarks.measuring import Case, python
from benchmarks.models import path_of
from benchmarks.stack import not_keras3

WHOLE, HUB, FROZEN = "tf.saved_model.load", "hub.KerasLayer", "unihub.KerasLayer"
MODELS = {
    "efficientnet_b4": ((380, 380, 3), "float32"),
    "resnet152": ((224, 224, 3), "float32"),
    "transformer_110m": ((64,), "int32"),
}
ROWS, CLASSES, ROUNDS = 2, 3, 2


def cases(quick: bool) -> Iterator[Case]:
    yield from cases_of("benchmarks.frozen", [] if quick else list(MODELS))


def cases_of(module: str, names: Sequence[str]) -> Iterator[Case]:
    """Models with the layers that are compared, each in a process that runs a module."""
    for name in names:
        path = path_of(name)
        for file in path.rglob("*"):
            if file.is_file():
                # Into the page cache.
                file.read_bytes()
        # In models of Keras 3 a layer of tensorflow_hub cannot be.
        peer = HUB if not_keras3() else WHOLE
        yield Case(
            name,
            {arm: _arm(module, arm, name, path) for arm in (peer, FROZEN)},
            ROUNDS,
            reports=True,
        )


def _arm(module: str, arm: str, name: str, path: Path) -> Callable[[], Dict[str, Any]]:
    run = python("-m", module, arm, name, str(path))
    return lambda: dict(json.loads(run().splitlines()[-1]))


def _measured(arm: str, name: str, path: str) -> Dict[str, Any]:
    """Loads a layer, predicts with it and trains a head on it, in this process."""
    import numpy as np

    from unihub.apis.keras.kerases import keras_module

    keras = keras_module()
    shape, dtype = MODELS[name]
    inputs = np.random.RandomState(0).uniform(0, 255, (ROWS, *shape)).astype(dtype)
    targets = np.random.RandomState(1).uniform(size=(ROWS, CLASSES)).astype("float32")
    make = maker(arm, path)
    run_once(keras)
    start = time.perf_counter()
    layer = make()
    load = time.perf_counter() - start
    model = keras.Sequential([keras.layers.Input(shape, dtype=dtype), layer])
    predicted = model.predict(inputs, verbose=0)
    first = time.perf_counter() - start
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(CLASSES)
    trained = keras.Sequential([keras.layers.Input(shape, dtype=dtype), layer, head])
    trained.compile("adam", "mse")
    start = time.perf_counter()
    losses = trained.fit(inputs, targets, verbose=0).history["loss"]
    fit = time.perf_counter() - start
    losses += trained.fit(inputs, targets, epochs=3, verbose=0).history["loss"]
    return {
        "load": load,
        "load + first predict": first,
        "first fit of a head": fit,
        "outputs": digest_of(predicted, losses, *head.get_weights()),
    }


def digest_of(*arrays: Any) -> str:
    """What tells outputs from others, bit for bit."""
    import numpy as np

    digest = hashlib.sha256()
    for values in arrays:
        digest.update(np.asarray(values).tobytes())
    return digest.hexdigest()


def run_once(keras: Any) -> None:
    """Does what is done once in a process."""
    import numpy as np

    import unihub

    path = Path(unihub.__file__).parent / "demo" / "models" / "tf2_saved_model"
    demo = unihub.KerasLayer(str(path))
    keras.Sequential([keras.layers.Input((3,)), demo]).predict(np.ones((1, 3)), verbose=0)


def maker(arm: str, path: str, **choices: Any) -> Callable[[], Any]:
    """Makes the layer of an arm."""
    import tensorflow as tf

    import unihub

    if arm == HUB:
        from unihub.apis.tensorflow_hub import import_tensorflow_hub

        peer: Any = import_tensorflow_hub("a KerasLayer").KerasLayer
        return lambda: peer(path, **choices)
    layer: Any = unihub.KerasLayer
    if arm == FROZEN:
        return lambda: layer(path, **choices)
    return lambda: layer(tf.saved_model.load(path), **choices)


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:])))
