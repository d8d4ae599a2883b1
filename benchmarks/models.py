"""The models that are measured, made here with random weights when they are first asked for.

They are kept in UNIHUB_BENCHMARK_MODELS. UNIHUB_TF1_PYTHON is a Python with
TensorFlow 1.15 and tensorflow_hub 0.12, which makes the TF1 Hub module.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from benchmarks.measuring import python

FOLDER = Path(
    os.environ.get("UNIHUB_BENCHMARK_MODELS")
    or Path(tempfile.gettempdir()) / "unihub-benchmark-models"
)
# Not the user's own: the weights that are mapped are kept there.
CACHE = str(FOLDER / "cache")
TF1_PYTHON = os.environ.get("UNIHUB_TF1_PYTHON", ".nox/tf1/bin/python")
TF1_LAYERS = 60
TF1_MODULE = f"tf1_hub_{TF1_LAYERS}_layers"
_FLOATS_OF_100_MB = 25_000_000

_TF1_SCRIPT = """
import sys
import tensorflow as tf
import tensorflow_hub as hub

def module_fn():
    x = y = tf.compat.v1.placeholder(tf.float32, [None, 32, 32, 3], name="images")
    for layer in range({layers}):
        before = y
        y = tf.compat.v1.layers.conv2d(y, 64, 3, padding="same", use_bias=False)
        moving = dict(
            moving_mean_initializer=tf.compat.v1.random_normal_initializer(0.0, 0.1),
            moving_variance_initializer=tf.compat.v1.random_uniform_initializer(0.5, 1.5),
        )
        y = tf.nn.relu(tf.compat.v1.layers.batch_normalization(y, training=False, **moving))
        y = y + before if layer else y
    hub.add_signature(inputs=dict(images=x), outputs=tf.reduce_mean(y, axis=[1, 2]))

with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    tf.compat.v1.set_random_seed(0)
    module = hub.Module(hub.create_module_spec(module_fn))
    session.run(tf.compat.v1.global_variables_initializer())
    module.export(sys.argv[1], session)
"""


def path_of(name: str) -> Path:
    """Where a model is, made first where it is not there yet."""
    path = FOLDER / name
    if not path.exists():
        print(f"making {name} in {FOLDER}", file=sys.stderr, flush=True)
        unfinished = FOLDER / f"{name}.unfinished"
        # In a process of its own: Keras 3 saves no SavedModels, and TensorFlow has one Keras.
        python("-m", "benchmarks.models", name, str(unfinished), TF_USE_LEGACY_KERAS="1")()
        unfinished.rename(path)
    return path


def cannot_make(name: str) -> Optional[str]:
    """Why a model that is not there cannot be made here; None when it can."""
    if name == TF1_MODULE and not (FOLDER / name).exists() and not shutil.which(TF1_PYTHON):
        return f"UNIHUB_TF1_PYTHON={TF1_PYTHON} is no Python with TensorFlow 1.15 to make it"
    return None


def _keras_application(name: str, size: int) -> Callable[[str], None]:
    def make(path: str) -> None:
        import tensorflow as tf

        keras = tf.keras
        keras.utils.set_random_seed(0)
        model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))
        _calibrate(keras, model, tf.random.uniform([4, size, size, 3], 0, 255))
        _save(model, path)

    return make


def _calibrate(keras: Any, model: Any, images: Any) -> None:
    """Gives batch norms the statistics of some images, else all outputs are the same."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
    for norm, momentum in zip(norms, before):
        norm.momentum = momentum


def _transformer(path: str) -> None:
    """As large as BERT base: 12 layers of 768, 30,522 words, 110 million parameters."""
    import tensorflow as tf

    keras = tf.keras
    keras.utils.set_random_seed(0)
    layers, width = keras.layers, 768
    ids = keras.Input([64], dtype="int32", name="ids")
    x = layers.Embedding(30522, width)(ids)
    x = layers.LayerNormalization()(x)
    for _ in range(12):
        attended = layers.MultiHeadAttention(12, width // 12)(x, x)
        x = layers.LayerNormalization()(x + attended)
        hidden = layers.Dense(4 * width, activation="gelu")(x)
        x = layers.LayerNormalization()(x + layers.Dense(width)(hidden))
    pooled = layers.Dense(width, activation="tanh", name="pooled")(x[:, 0])
    _save(keras.Model(ids, pooled), path)


def _tiny(path: str) -> None:
    import tensorflow as tf

    class Tiny(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = tf.Variable(0.5)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def half(self, x: Any) -> Any:
            return {"y": x * self.scale}

    tiny = Tiny()
    tf.saved_model.save(tiny, path, signatures=tiny.half)


def _tf1_hub(path: str) -> None:
    script = _TF1_SCRIPT.format(layers=TF1_LAYERS)
    subprocess.run([TF1_PYTHON, "-c", script, path], check=True, stderr=subprocess.DEVNULL)


def _large_constant(path: str) -> None:
    """A graph of 100 MB, of which all but some kilobytes are one constant."""
    import numpy as np
    import tensorflow as tf

    module = tf.Module()
    table = np.random.RandomState(0).rand(_FLOATS_OF_100_MB).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def call(ids: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.constant(table), ids)

    module.__call__ = call
    tf.saved_model.save(module, path, signatures=call)


def _save(model: Any, path: str) -> None:
    model.save(path, save_format="tf", include_optimizer=False)


MAKERS: Dict[str, Callable[[str], None]] = {
    "tiny": _tiny,
    "mobilenet_v2": _keras_application("MobileNetV2", 224),
    "efficientnet_b4": _keras_application("EfficientNetB4", 380),
    "resnet152": _keras_application("ResNet152", 224),
    "transformer_110m": _transformer,
    TF1_MODULE: _tf1_hub,
    "large_constant": _large_constant,
}


if __name__ == "__main__":
    MAKERS[sys.argv[1]](sys.argv[2])
