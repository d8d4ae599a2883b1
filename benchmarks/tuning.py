"""A Keras layer that is trained, beside one of all that the model holds."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Dict, Iterator

from benchmarks.frozen import CLASSES, MODELS, ROWS, cases_of, digest_of, maker, run_once
from benchmarks.measuring import Case

NAMES = ("efficientnet_b4", "transformer_110m")
STEADY = 3


def cases(quick: bool) -> Iterator[Case]:
    yield from cases_of("benchmarks.tuning", [] if quick else NAMES)


def _measured(arm: str, name: str, path: str) -> Dict[str, Any]:
    """Loads a layer and trains all of it, in this process."""
    import numpy as np
    import tensorflow as tf

    from unihub.apis.keras.kerases import keras_module

    # Sums that threads share are of any order.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras = keras_module()
    shape, dtype = MODELS[name]
    inputs = np.random.RandomState(0).uniform(0, 255, (ROWS, *shape)).astype(dtype)
    targets = np.random.RandomState(1).uniform(size=(ROWS, CLASSES)).astype("float32")
    make = maker(arm, path, trainable=True)
    run_once(keras)
    start = time.perf_counter()
    layer = make()
    load = time.perf_counter() - start
    keras.utils.set_random_seed(0)
    head = keras.layers.Dense(CLASSES)
    model = keras.Sequential([keras.layers.Input(shape, dtype=dtype), layer, head])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    losses = model.fit(inputs, targets, verbose=0).history["loss"]
    first = time.perf_counter() - start
    start = time.perf_counter()
    losses += model.fit(inputs, targets, epochs=STEADY, verbose=0).history["loss"]
    steady = (time.perf_counter() - start) / STEADY
    return {
        "load": load,
        "load + first step": first,
        "steady step": steady,
        "outputs": digest_of(losses, *model.get_weights()),
    }


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:])))
