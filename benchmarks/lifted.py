"""Models on Keras' three backends: what is lifted, how far apart it is, and what a step takes.

    python -m benchmarks.lifted lift [FOLDER ...]     which calls of which models are pure functions
    python -m benchmarks.lifted make FOLDER           a network as a SavedModel, and other models
    KERAS_BACKEND=... python -m benchmarks.lifted compare FOLDER    outputs and gradients
    KERAS_BACKEND=... python -m benchmarks.lifted train FOLDER      losses, and the time of a step

`compare` holds JAX under jit, or PyTorch, against TensorFlow in one process; and, to tell what of
the difference is XLA's rounding, TensorFlow compiled by XLA against TensorFlow. `train` begins on
each backend from the same weights, and takes the same batches: as a layer of the SavedModel, and
as the network itself in Keras.
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


def shared() -> Path:
    return Path(os.environ.get("UNIHUB_SHARED_MODELS", ROOT.parent / "shared" / "models"))


def folders(given: List[str]) -> Iterator[Path]:
    for root in map(Path, given or [ROOT / "tests" / "fixtures" / "models", shared()]):
        files = [*root.rglob("saved_model.pb"), *root.rglob("saved_model.pbtxt")]
        yield from sorted({file.parent for file in files})


def lift(given: List[str]) -> None:
    """Prints each call that cannot be lifted or compiled, and how many can; of models, too."""
    counts = {"lifted": 0, "lifted, and of what XLA compiles": 0, "not lifted": 0}
    models: Dict[str, List[bool]] = {}
    for folder in folders(given):
        model = unihub.formats.read_saved_model(str(folder))
        names = sorted({name for graph in model.meta_graphs for name in graph.signatures})
        calls: List[Optional[str]] = [None, *names]
        for signature in calls:
            for training in (False, True)[: 1 if signature else 2]:
                try:
                    f, *arrays = unihub.functional(
                        folder, signature=signature, training=training, on_unsafe="ignore"
                    )
                except UnihubError as error:
                    counts["not lifted"] += 1
                    print(f"{folder.name}, {signature}, training={training}: {error}")
                else:
                    counts["lifted"] += 1
                    found = f.uncompiled()
                    counts["lifted, and of what XLA compiles"] += not found
                    if found:
                        print(f"{folder.name}, {signature}: not compiled: {sorted(found)}")
                    if not f.takes_text:
                        runs = not found and runs_in_jax(f, arrays)
                        models.setdefault(str(folder), []).append(runs)
    print(counts)
    print(f"models of numbers: {len(models)}, XLA compiles all of {sum(map(all, models.values()))}")


def runs_in_jax(f: Any, arrays: Any) -> bool:
    """Whether jax.jit runs a pure function on zeros; True where JAX is not Keras' backend."""
    import tensorflow as tf

    if os.environ.get("KERAS_BACKEND") != "jax":
        return True
    import jax

    def zeros(spec: Any) -> Any:
        known = spec.shape.as_list() if spec.shape.rank is not None else [2]
        sizes = [2 if size is None else size for size in known]
        return np.zeros(sizes, spec.dtype.as_numpy_dtype)

    for nest in f.accepted:
        if all(isinstance(spec, tf.TensorSpec) for spec in tf.nest.flatten(nest)):
            try:
                jax.jit(f)(*arrays, tf.nest.map_structure(zeros, nest))
            except UnihubError as error:
                print(error)
                return False
    return True


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

    unihub.convert(shared() / "deepmind_research__DM21", folder / "dm21", overwrite=True)
    make_mobilenet(folder / "mobilenet")
    np.savez(folder / "data.npz", x=x, y=x.mean((1, 2)), kernel=draw.normal(0, 0.3, (8, 3)))


def make_mobilenet(folder: Path) -> None:
    """Writes a MobileNetV2 of Keras 2 with random weights, whose statistics fit its activations.

    With those that it begins with, the activations vanish, and every gradient with them.
    """
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    net = tf_keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), alpha=0.35, include_top=False, pooling="avg", weights=None
    )
    draw = np.random.default_rng(0)
    for layer in net.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = 0.5
    for _ in range(12):
        net(draw.normal(0, 1, (16, 96, 96, 3)).astype(np.float32), training=True)
    net.save(folder)


Values = Dict[str, np.ndarray]


def tensorflow_values(call: Any, arrays: Any, cotangent: Any, compiled: bool = False) -> Values:
    """Outputs, and the gradients of a product with them, by TensorFlow."""
    import tensorflow as tf

    def run(given: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = call(*given)
            total = sum(map(tf.tensordot, outputs, cotangent, [one.ndim for one in cotangent]))
        return outputs, tape.gradient(total, given, unconnected_gradients="zero")

    given = tf.nest.map_structure(tf.constant, arrays)
    outputs, found = tf.function(run, jit_compile=compiled or None, autograph=False)(given)
    return named(outputs, *found)


def named(outputs: Any, weights: Any, inputs: Any) -> Values:
    import tensorflow as tf

    def flat(nest: Any) -> np.ndarray:
        leaves = [np.asarray(leaf).ravel() for leaf in tf.nest.flatten(nest)]
        return np.concatenate(leaves) if leaves else np.zeros(0)

    return {"outputs": flat(outputs), "of weights": flat(weights), "of inputs": flat(inputs)}


def jax_values(call: Any, arrays: Any, cotangent: Any) -> Values:
    import jax

    def run(*given: Any) -> Any:
        outputs, back = jax.vjp(lambda *given: list(call(*given)), *given)
        return outputs, back(list(cotangent))

    outputs, found = jax.jit(run)(*jax.tree.map(jax.numpy.asarray, arrays))
    return named(outputs, *found)


def torch_values(call: Any, arrays: Any, cotangent: Any) -> Values:
    import tensorflow as tf
    import torch

    given = tf.nest.map_structure(lambda one: torch.tensor(one, requires_grad=True), arrays)
    outputs = call(*given)
    total = sum((o * torch.tensor(c)).sum() for o, c in zip(outputs, cotangent))
    total.backward()
    detached = tf.nest.map_structure(lambda one: one.detach(), outputs)
    found = tf.nest.map_structure(
        lambda one: torch.zeros_like(one) if one.grad is None else one.grad, given
    )
    return named(detached, *found)


def measured(path: Any, inputs: Any, signature: Optional[str] = None) -> Iterator[Any]:
    """How far each arm is from TensorFlow, relative to the largest value there."""
    import keras
    import tensorflow as tf

    f, weights, state = unihub.functional(path, signature=signature, on_unsafe="ignore")

    def call(weights: Any, inputs: Any) -> List[Any]:
        outputs = tf.nest.flatten(f(weights, state, inputs)[0])
        return [one for one in outputs if "float" in str(one.dtype)]

    arrays = (weights, inputs)
    draw = np.random.default_rng(2)
    shapes = [np.shape(one) for one in call(*arrays)]
    cotangent = [draw.normal(0, 1, shape).astype(np.float32) for shape in shapes]
    expected = tensorflow_values(call, arrays, cotangent)
    arms = {"tensorflow, by XLA": lambda *given: tensorflow_values(*given, compiled=True)}
    other = {"jax": jax_values, "torch": torch_values}.get(keras.config.backend())
    if other is not None:
        arms = {keras.config.backend(): other, **arms}
    for arm, values_of in arms.items():
        found = values_of(call, arrays, cotangent)
        differences = {}
        for name, value in expected.items():
            if value.size:
                largest = np.abs(value).max()
                worst = np.abs(found[name] - value).max()
                differences[name] = float(worst / largest) if largest else float(worst)
        yield arm, differences


def compare(folder: Path) -> None:
    """Prints how far JAX or PyTorch is from TensorFlow."""
    draw = np.random.default_rng(3)
    dm21 = np.load(shared() / "deepmind_research__DM21.reference.npz")
    prefix = "in|default|"
    models = {
        "dm21": {name[len(prefix) :]: dm21[name] for name in dm21.files if name.startswith(prefix)},
        "mobilenet": draw.normal(0, 1, (2, 96, 96, 3)).astype(np.float32),
        "saved_model": draw.random((4, 16, 16, 3), np.float32),
    }
    for name, inputs in models.items():
        for arm, differences in measured(folder / name, inputs):
            print(name, arm, {what: f"{value:.1e}" for what, value in differences.items()})
    compare_fixtures()


def compare_fixtures() -> None:
    """Prints the worst over the fixtures' calls on floats."""
    worst: Dict[str, Dict[str, float]] = {}
    count = 0
    for path, signature, given in fixtures():
        try:
            found = dict(measured(path, given, signature))
        # TensorFlow has no gradient of a loop of TensorFlow 1 that it loaded.
        except (UnihubError, ValueError, AttributeError) as error:
            print("left out:", path.name, signature, str(error).partition("\n")[0][:200])
            continue
        count += 1
        for arm, differences in found.items():
            for what, value in differences.items():
                kept = worst.setdefault(arm, {})
                kept[what] = max(kept.get(what, 0.0), value)
    print(f"worst of {count} calls of fixtures", worst)


def fixtures() -> Iterator[Any]:
    """The fixtures' calls on floats, with inputs."""
    sys.path.insert(0, str(ROOT / "tests"))
    from fixtures.expected import expected_file, read_cases

    for path in sorted((ROOT / "tests" / "fixtures" / "models").iterdir()):
        cases = read_cases(expected_file(path.name)) if path.is_dir() else ()
        for case in cases:
            given = dict(case.inputs)
            is_float = all(value.dtype == np.float32 for value in given.values())
            if not is_float or "." in case.signature or any("/" in name for name in given):
                continue
            signature = None if case.signature == "__call__" else case.signature
            if path.name == "tf2_list":
                yield path, signature, [given[key] for key in sorted(given)]
            else:
                yield path, signature, next(iter(given.values())) if len(given) == 1 else given


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
        {"make": make, "compare": compare, "train": train}[what](Path(given[0]))


if __name__ == "__main__":
    main()
