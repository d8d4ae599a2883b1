"""What Keras does with a KerasLayer, in each Keras: a table, and the checks behind it.

    python tests/keras_behaviours.py [PYTHON ...]

runs every check in this Python (or in those named; TF_USE_LEGACY_KERAS=1:PYTHON
makes tf.keras be tf_keras there) and prints the table with what came out.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

import numpy as np

MODELS = Path(__file__).resolve().parent / "fixtures" / "models"
X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)
Y = np.random.RandomState(1).uniform(-1, 1, (8, 2)).astype(np.float32)
TEXTS = ["the quick fox", "hub", "of", "fox"]


class Here:
    """The stack that a check runs in."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        import unihub
        from unihub.apis.keras.kerases import keras_module
        from unihub.runtime.installed import current_keras

        self.folder = folder
        self.keras = keras_module()
        self.flavour = current_keras().value
        self.in_tf1 = tf.__version__.startswith("1.")
        self.KerasLayer = unihub.KerasLayer

    @property
    def keras3(self) -> bool:
        return self.flavour == "keras3"

    def layer(self, fixture: str, **kwargs: Any) -> Any:
        return self.KerasLayer(str(MODELS / fixture), **kwargs)

    def model(self, **kwargs: Any) -> Any:
        """A compiled model of the fixture tf2_reusable."""
        inputs = self.keras.Input((3,))
        layer = self.layer("tf2_reusable", name="body", **kwargs)
        model = self.keras.Model(inputs, layer(inputs))
        model.compile("sgd", "mse")
        return model

    def trained(self) -> Any:
        model = self.model(trainable=True)
        model.fit(X, Y, verbose=0)
        return model

    def initialize(self) -> None:
        """Gives values to what the Keras of TensorFlow 1.15 does not know of."""
        if self.in_tf1:
            import tensorflow as tf

            import unihub

            unihub.initialize(tf.compat.v1.keras.backend.get_session())

    def start_afresh(self) -> None:
        """As a new process would: TensorFlow 1.15 trains one copy of a model in a graph."""
        if self.in_tf1:
            self.keras.backend.clear_session()

    @contextlib.contextmanager
    def trusting(self) -> Iterator[None]:
        """Keras 3 reads no config that names a model to load, unless told that it may."""
        if not self.keras3:
            yield
            return
        from keras.src.saving.serialization_lib import SafeModeScope

        with SafeModeScope(False):
            yield

    @contextlib.contextmanager
    def mixed_precision(self) -> Iterator[None]:
        set_policy = (
            self.keras.config.set_dtype_policy
            if self.keras3
            else self.keras.mixed_precision.set_global_policy
        )
        set_policy("mixed_float16")
        try:
            yield
        finally:
            set_policy("float32")


@dataclass(frozen=True)
class Behaviour:
    """One row of the table.

    Attributes:
        title: as the table has it.
        check: raises unless it is so.
        notes: by Keras, what one has to know beyond "yes".
        in_tf1: whether the Keras of TensorFlow 1.15 can do it: it knows no .keras, export,
            mixed precision or ragged restored functions, and cannot differentiate a
            restored function that its session has seen already.
    """

    title: str
    check: Callable[[Here], None]
    notes: Mapping[str, str] = field(default_factory=dict)
    in_tf1: bool = True

    @property
    def name(self) -> str:
        return self.check.__name__


BEHAVIOURS: List[Behaviour] = []


def behaviour(title: str, in_tf1: bool = True, **notes: str) -> Callable[..., Any]:
    def add(check: Callable[[Here], None]) -> Callable[[Here], None]:
        BEHAVIOURS.append(Behaviour(title, check, notes, in_tf1))
        return check

    return add


def assert_predicts(model: Any, expected: Any) -> None:
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


def error_of(action: Callable[[], Any]) -> Exception:
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@behaviour('custom_objects={"KerasLayer": unihub.KerasLayer}', keras3="safe_mode=False")
def custom_objects(here: Here) -> None:
    known = {"KerasLayer": here.KerasLayer}
    model = here.trained()
    with here.trusting():
        again = here.keras.models.model_from_json(model.to_json(), custom_objects=known)
    again.set_weights(model.get_weights())
    assert type(again.get_layer("body")) is here.KerasLayer
    assert_predicts(again, model.predict(X, verbose=0))


@behaviour("get_config has the tags", keras3="safe_mode=False")
def config_with_tags(here: Here) -> None:
    layer = here.layer(
        "tf1_saved_model_tags",
        tags={"serve", "gpu"},
        signature="serving_default",
        signature_outputs_as_dict=True,
    )
    config = layer.get_config()
    assert config["tags"] == ["gpu", "serve"]
    with here.trusting():
        again = here.KerasLayer.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config


@behaviour("a config that tensorflow_hub's layer wrote", keras3="safe_mode=False")
def config_of_tensorflow_hub(here: Here) -> None:
    from unihub.apis.tensorflow_hub import import_tensorflow_hub

    theirs = import_tensorflow_hub().KerasLayer(str(MODELS / "tf2_reusable"), trainable=True)
    with here.trusting():
        again = here.KerasLayer.from_config(theirs.get_config())
    assert (again.trainable, len(again.trainable_weights)) == (True, 2)


@behaviour("JSON round trip without custom_objects", keras3="safe_mode=False")
def json_round_trip(here: Here) -> None:
    model = here.trained()
    with here.trusting():
        again = here.keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    assert_predicts(again, model.predict(X, verbose=0))
    assert len(again.trainable_weights) == 2


@behaviour("a config that was written while the layer's module had another name", in_tf1=False)
def config_of_earlier_module(here: Here) -> None:
    model = here.trained()
    config = model.to_json()
    if here.keras3:
        # Keras 2 writes no module of what is registered.
        assert here.KerasLayer.__module__ in config
    earlier = config.replace(here.KerasLayer.__module__, f"unihub.{here.flavour}.layer")
    with here.trusting():
        again = here.keras.models.model_from_json(earlier)
    again.set_weights(model.get_weights())
    assert_predicts(again, model.predict(X, verbose=0))


def loaded(here: Here, path: Path, **options: Any) -> Any:
    if here.keras3:
        options["safe_mode"] = False
    return here.keras.models.load_model(str(path), **options)


@behaviour("save and load .keras", in_tf1=False, keras3="safe_mode=False")
def keras_file(here: Here) -> None:
    model = here.trained()
    model.save(str(here.folder / "model.keras"))
    again = loaded(here, here.folder / "model.keras")
    assert_predicts(again, model.predict(X, verbose=0))
    again.fit(X, Y, verbose=0)


@behaviour("save and load a whole .h5", keras3="safe_mode=False")
def h5_file(here: Here) -> None:
    model = here.trained()
    model.save(str(here.folder / "model.h5"))
    expected = model.predict(X, verbose=0)
    here.start_afresh()
    assert_predicts(loaded(here, here.folder / "model.h5", compile=False), expected)


@behaviour("save and load .weights.h5")
def h5_weights(here: Here) -> None:
    model = here.trained()
    model.save_weights(str(here.folder / "model.weights.h5"))
    fresh = here.model()
    fresh.load_weights(str(here.folder / "model.weights.h5"))
    assert_predicts(fresh, model.predict(X, verbose=0))


@behaviour(
    "save as a SavedModel, load by Keras", in_tf1=False, keras3="model.export, and unihub.load"
)
def saved_model(here: Here) -> None:
    import unihub

    handle = here.folder / "source"
    shutil.copytree(str(MODELS / "tf2_reusable"), str(handle))
    inputs = here.keras.Input((3,))
    model = here.keras.Model(inputs, here.KerasLayer(str(handle), trainable=True)(inputs))
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    path = here.folder / "saved"
    if here.keras3:
        model.export(str(path), verbose=False)
    else:
        model.save(str(path), save_format="tf")
    expected = model.predict(X, verbose=0)
    # The copy stands on its own.
    shutil.rmtree(str(handle))
    here.start_afresh()
    if here.keras3:
        np.testing.assert_allclose(unihub.load(path)(X), expected, rtol=1e-5)
    else:
        assert_predicts(here.keras.models.load_model(str(path)), expected)


@behaviour("model.export", in_tf1=False)
def export(here: Here) -> None:
    import unihub

    model = here.trained()
    model.export(str(here.folder / "exported"))
    exported = unihub.load(here.folder / "exported", api="load")
    served = exported.serve(X)
    np.testing.assert_allclose(served, model.predict(X, verbose=0), rtol=1e-5)


@behaviour("clone_model")
def clone(here: Here) -> None:
    model = here.trained()
    again = here.keras.models.clone_model(model)
    assert len(again.trainable_weights) == len(model.trainable_weights) == 2
    again.set_weights(model.get_weights())
    assert_predicts(again, model.predict(X, verbose=0))


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: List[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@behaviour("mixed precision: stays in the model's dtype, says so once", in_tf1=False)
def mixed_precision(here: Here) -> None:
    from unihub.apis.keras.layer import say_once_that_dtypes_stay

    say_once_that_dtypes_stay.cache_clear()
    log, records = logging.getLogger("unihub"), Records()
    log.addHandler(records)
    try:
        with here.mixed_precision():
            model = here.model(trainable=True)
            model.fit(X, Y, verbose=0)
            layer = here.layer("tf2_reusable")
            ids, weights = here.keras.Input((), dtype="int32"), here.keras.Input(())
            here.layer("tf2_dict")({"ids": ids, "weights": weights})
            assert (layer.compute_dtype, layer.variable_dtype) == ("float32", "float32")
            assert layer(X.astype(np.float16)).dtype == "float32"
    finally:
        log.removeHandler(records)
    assert len([text for text in records.texts if "mixed_float16" in text]) == 1


@behaviour("a signature with several inputs")
def multi_input_signature(here: Here) -> None:
    pair = {"left": here.keras.Input((3,)), "right": here.keras.Input((3,))}
    outputs = here.layer(
        "tf2_signatures_only", signature="serving_default", signature_outputs_as_dict=True
    )(pair)
    assert sorted(outputs) == ["larger", "product"]
    model = here.keras.Model([pair["left"], pair["right"]], outputs["product"])
    here.initialize()
    assert model.predict([X, X], verbose=0).shape == (8, 3)


@behaviour("a callable that takes and gives a dict")
def dict_callable(here: Here) -> None:
    inputs = {"ids": here.keras.Input((), dtype="int32"), "weights": here.keras.Input(())}
    outputs = here.layer("tf2_dict")(inputs)
    assert sorted(outputs) == ["scores", "total"]
    model = here.keras.Model([inputs["ids"], inputs["weights"]], outputs["scores"])
    given = [np.array([0, 4, 2], np.int32), np.ones(3, np.float32)]
    here.initialize()
    assert model.predict(given, verbose=0).shape == (3,)


@behaviour("a callable that takes a list")
def list_callable(here: Here) -> None:
    inputs = [here.keras.Input((3,)), here.keras.Input((3,))]
    model = here.keras.Model(inputs, here.layer("tf2_list")(inputs))
    here.initialize()
    np.testing.assert_array_equal(model.predict([X, X], verbose=0), np.zeros_like(X))


@behaviour("strings of rank 1 inside fit()")
def strings_in_fit(here: Here) -> None:
    import tensorflow as tf

    model = here.keras.Sequential(
        [here.layer("tf2_text", input_shape=[], dtype=tf.string), here.keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    here.initialize()
    history = model.fit(np.array(TEXTS, object), np.zeros((4, 1), np.float32), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@behaviour("strings of rank 2 are refused with the reshape")
def strings_of_rank_2(here: Here) -> None:
    column = here.keras.Input((1,), dtype="string")
    error = error_of(lambda: here.layer("tf2_text")(column))
    assert getattr(error, "code", None) == "wrong-input-shape", repr(error)
    squeeze = "keras.ops.squeeze" if here.keras3 else "tf.squeeze"
    assert f"{squeeze}(x, axis=1)" in str(error)


@behaviour("inputs that do not fit are compared with those that do")
def wrong_shape(here: Here) -> None:
    error = error_of(lambda: here.layer("tf2_reusable")(here.keras.Input((2,))))
    assert getattr(error, "code", None) == "wrong-input-shape", repr(error)


@behaviour("RaggedTensor into a TF2 callable", in_tf1=False)
def ragged_callable(here: Here) -> None:
    import tensorflow as tf

    class Rows(tf.Module):
        @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.float32)])
        def __call__(self, rows: Any) -> Any:
            return tf.reduce_sum(rows, axis=1)

    tf.saved_model.save(Rows(), str(here.folder / "rows"))
    layer = here.KerasLayer(str(here.folder / "rows"))
    assert layer(tf.ragged.constant([[1.0, 2.0], [3.0]])).numpy().tolist() == [3.0, 3.0]
    assert tuple(layer(here.keras.Input((None,), ragged=True)).shape) == (None,)


@behaviour("RaggedTensor into a TF1 Hub signature", in_tf1=False)
def ragged_signature(here: Here) -> None:
    import tensorflow as tf

    import unihub

    def rows_fn() -> None:
        rows = tf.compat.v1.ragged.placeholder(tf.float32, 1)
        unihub.add_signature(inputs=rows, outputs=tf.reduce_sum(rows, axis=1))

    path = str(here.folder / "rows")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        unihub.save(rows_fn, path, session=session)
    rows = tf.ragged.constant([[1.0, 2.0], [3.0]])
    assert here.KerasLayer(path)(rows).numpy().tolist() == [3.0, 3.0]
    assert unihub.load(path, api="load")(rows).numpy().tolist() == [3.0, 3.0]


@behaviour("SparseTensor into a TF1 Hub signature", in_tf1=False)
def sparse_signature(here: Here) -> None:
    import tensorflow as tf

    sparse = tf.SparseTensor([[0, 0], [1, 3]], [1.0, 2.0], [2, 4])
    assert here.layer("tf1_hub_sparse")(sparse).shape == (2, 2)


@behaviour("compute_output_shape")
def output_shape(here: Here) -> None:
    def shape(layer: Any, given: Any) -> Any:
        found = layer.compute_output_shape(given)
        if isinstance(found, dict):
            return {name: tuple(each) for name, each in found.items()}
        return tuple(found)

    assert [*map(size, shape(here.layer("tf2_reusable"), (None, 3)))] == [None, 2]
    assert [*map(size, shape(here.layer("tf2_text"), (None,)))] == [None, 4]
    assert [*map(size, shape(here.layer("tf2_text", output_shape=[4]), (5,)))] == [5, 4]
    found = shape(here.layer("tf2_dict"), {"ids": (7,), "weights": (7,)})
    assert [*map(size, found["scores"])] == [7]
    assert found["total"] == ()


def size(dimension: Any) -> Any:
    """TensorFlow 1.15 has an object for it."""
    return getattr(dimension, "value", dimension)


@behaviour("freeze and unfreeze the layer", in_tf1=False)
def freezing(here: Here) -> None:
    layer = here.layer("tf2_reusable", trainable=True)
    model = here.keras.Sequential([here.keras.layers.InputLayer((3,)), layer])
    model.add(here.keras.layers.Dense(2))
    layer.trainable = False
    assert len(model.trainable_weights) == 2
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.fit(X, Y, verbose=0)
    assert [*map(np.array_equal, before, layer.get_weights())][:2] == [True, True]
    layer.trainable = True
    assert len(model.trainable_weights) == 4
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], layer.get_weights()[0])


@behaviour("freeze a part of the variables", keras3="or weight.trainable = False")
def partial_freezing(here: Here) -> None:
    import unihub

    model = unihub.load(MODELS / "tf2_reusable", api="load")
    model.trainable_variables = [v for v in model.trainable_variables if "kernel" in v.name]
    layer = here.KerasLayer(model, trainable=True)
    assert (len(layer.trainable_weights), len(layer.weights)) == (1, 3)


@behaviour("train one sub-object, freeze another", in_tf1=False)
def sub_objects(here: Here) -> None:
    import unihub

    parts = unihub.load(MODELS / "tf2_sub_objects", api="load")
    model = here.keras.Sequential(
        [
            here.keras.layers.InputLayer((3,)),
            here.KerasLayer(parts.encoder, name="encoder"),
            here.KerasLayer(parts.decoder, name="decoder", trainable=True),
        ]
    )
    model.compile("sgd", "mse")
    before = [model.get_layer(name).get_weights()[0] for name in ("encoder", "decoder")]
    model.fit(X, X, verbose=0)
    after = [model.get_layer(name).get_weights()[0] for name in ("encoder", "decoder")]
    assert [*map(np.array_equal, before, after)] == [True, False]


@behaviour("regularization losses count in fit()")
def regularization(here: Here) -> None:
    model = here.model(trainable=True)
    assert len(model.losses) == 1
    assert len(here.model().losses) == 1


def run(folder: Path) -> Tuple[str, Dict[str, str]]:
    """Runs every check; returns the Keras and what came out, by behaviour."""
    here = Here(folder)
    results = {}
    for row in BEHAVIOURS:
        here.folder = folder / row.name
        here.folder.mkdir()
        here.start_afresh()
        try:
            row.check(here)
            results[row.name] = row.notes.get(here.flavour, "yes")
        except Exception as error:
            results[row.name] = f"NO: {type(error).__name__}"
    return here.flavour, results


def table(columns: Mapping[str, Mapping[str, str]]) -> str:
    """The behaviours by Keras, as Markdown."""
    lines = ["| behaviour | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    for row in BEHAVIOURS:
        cells = [row.title, *(results.get(row.name, "not run") for results in columns.values())]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(pythons: List[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        if pythons == ["--json"]:
            print(json.dumps(run(Path(folder))))
            return 0
        columns = dict(map(_run_in, pythons or [sys.executable]))
    print(table(columns))
    return int(any("NO: " in result for found in columns.values() for result in found.values()))


def _run_in(python: str) -> Tuple[str, Dict[str, str]]:
    *settings, executable = python.split(":")
    environment = {**os.environ, **dict(setting.split("=") for setting in settings)}
    command = [executable, __file__, "--json"]
    output = subprocess.check_output(command, env=environment, universal_newlines=True)
    flavour, results = json.loads(output.splitlines()[-1])
    return flavour, results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
