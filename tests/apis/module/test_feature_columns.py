"""Feature columns with Modules, in each place of TensorFlow that takes columns."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Dict

import numpy as np
import pytest
import tensorflow as tf
from golden import check_golden

import unihub
from unihub.apis.module import column_errors
from unihub.apis.module import feature_columns as columns
from unihub.apis.module.column_base import HAS_RESOURCES
from unihub.apis.module.feature_column_v2 import TextEmbeddingColumnV2
from unihub.errors import UnihubError

v1 = tf.compat.v1

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])

needs_real = pytest.mark.skipif(
    VERSION >= (2, 16), reason="no tensorflow_hub has hub.Module for TensorFlow 2.16 and later"
)
needs_tf2 = pytest.mark.skipif(
    VERSION < (2, 2), reason="columns cannot hold a Keras layer before TensorFlow 2.2"
)
needs_tf1 = pytest.mark.skipif(VERSION >= (2, 2), reason="TensorFlow's columns hold layers now")


@pytest.fixture
def real() -> Any:
    return importlib.import_module("tensorflow_hub")


def text_fn(hub: Any) -> None:
    """Each text's length, once as it is and once tenfold."""
    texts = v1.placeholder(tf.string, [None], name="texts")
    w = v1.get_variable("w", initializer=np.float32([[1, 10]]))
    lengths = tf.cast(tf.strings.length(texts), tf.float32)
    hub.add_signature(inputs=texts, outputs=tf.reshape(lengths, [-1, 1]) * w)


def image_fn(hub: Any, height: Any = 2, width: Any = 3) -> None:
    """The sums of the channels."""
    images = v1.placeholder(tf.float32, [None, height, width, 3], name="images")
    w = v1.get_variable("w", initializer=np.float32([1, 2, 3]))
    hub.add_signature(inputs={"images": images}, outputs=tf.reduce_sum(images, [1, 2]) * w)


def plain_fn(hub: Any, input_name: str, dtype: Any, shape: Any, outputs: Any) -> None:
    x = v1.placeholder(dtype, shape, name="x")
    hub.add_signature(inputs={input_name: x}, outputs=outputs(x))


def spec_of(module_fn: Any, *args: Any, **kwargs: Any) -> Any:
    hub = kwargs.pop("hub", unihub)
    return hub.create_module_spec(functools.partial(module_fn, hub, *args, **kwargs))


def column_of(kind: str, hub: Any = unihub, trainable: bool = True) -> Any:
    if kind == "image":
        return hub.image_embedding_column("feature", spec_of(image_fn, hub=hub))
    spec = spec_of(text_fn, hub=hub)
    if kind == "text":
        return hub.text_embedding_column("feature", spec, trainable=trainable)
    return hub.sparse_text_embedding_column("feature", spec, "sum", "", trainable=trainable)


def features_of(kind: str) -> Dict[str, Any]:
    if kind == "image":
        return {"feature": tf.ones([2, 2, 3, 3])}
    if kind == "text":
        return {"feature": tf.constant(["a", "abc"])}
    return {"feature": tf.SparseTensor([[0, 0], [0, 1], [2, 0]], ["a", "abc", "ab"], [3, 2])}


EMBEDDED = {
    "text": [[1, 10], [3, 30]],
    "sparse": [[4, 40], [0, 0], [2, 20]],
    "image": [[6, 12, 18], [6, 12, 18]],
}
every_kind = pytest.mark.parametrize("kind", sorted(EMBEDDED))


def run(tensor: Any) -> Any:
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        return session.run(tensor)


def dense_features() -> Any:
    """The layer of tf.keras where that is Keras 2, else that of tf_keras."""
    if hasattr(tf.keras.layers, "DenseFeatures"):
        return tf.keras.layers.DenseFeatures
    return importlib.import_module("tf_keras").layers.DenseFeatures


def names(variables: Any) -> Any:
    return [variable.name for variable in variables]


@every_kind
def test_input_layer(kind, graph):
    output = v1.feature_column.input_layer(features_of(kind), [column_of(kind)])
    assert run(output).tolist() == EMBEDDED[kind]
    w = "input_layer/feature_hub_module_embedding/module/w:0"
    assert names(v1.global_variables()) == [w]
    assert names(v1.trainable_variables()) == ([] if kind == "image" else [w])


@pytest.mark.parametrize("kind", ["text", "sparse"])
@pytest.mark.parametrize(("of_column", "of_layer"), [(False, True), (True, False)])
def test_frozen(kind, of_column, of_layer, graph):
    column = column_of(kind, trainable=of_column)
    v1.feature_column.input_layer(features_of(kind), [column], trainable=of_layer)
    assert (len(v1.global_variables()), v1.trainable_variables()) == (1, [])


def test_beside_other_columns(graph):
    number = tf.feature_column.numeric_column("number")
    features = {**features_of("text"), "number": tf.constant([[5.0], [6.0]])}
    output = v1.feature_column.input_layer(features, [number, column_of("text")])
    assert run(output).tolist() == [[1, 10, 5], [3, 30, 6]]


def test_linear_model(graph):
    output = v1.feature_column.linear_model(features_of("text"), [column_of("text")])
    assert run(output).tolist() == [[0], [0]]


def test_texts_of_a_parsed_example(graph):
    column = column_of("text")
    texts = [b"a", b"abc"]
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"feature": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))}
            )
        ).SerializeToString()
        for text in texts
    ]
    parsed = tf.io.parse_example(examples, v1.feature_column.make_parse_example_spec([column]))
    output = v1.feature_column.input_layer(parsed, [column])
    assert run(output).tolist() == EMBEDDED["text"]


def test_parse_example_specs():
    resized = columns.image_embedding_column("feature", spec_of(image_fn, None, None), [5, 6])
    specs = [column_of(kind).parse_example_spec["feature"] for kind in ("text", "sparse", "image")]
    assert specs == [
        tf.io.FixedLenFeature([1], tf.string),
        tf.io.VarLenFeature(tf.string),
        tf.io.FixedLenFeature([2, 3, 3], tf.float32),
    ]
    assert resized.parse_example_spec["feature"] == tf.io.FixedLenFeature([5, 6, 3], tf.float32)


@every_kind
def test_dense_features_in_graph_mode(kind, graph):
    layer = dense_features()([column_of(kind)])
    outputs = [layer(features_of(kind)) for _ in range(2)]
    assert [value.tolist() for value in run(outputs)] == [EMBEDDED[kind]] * 2
    # One module, however often the layer is called.
    assert len(v1.global_variables()) == 1
    assert len(v1.trainable_variables()) == (0 if kind == "image" else 1)


def test_frozen_dense_features(graph):
    layer = dense_features()([column_of("text")], trainable=False)
    layer(features_of("text"))
    assert (len(v1.global_variables()), v1.trainable_variables()) == (1, [])


@needs_real
@every_kind
def test_input_layer_as_of_tensorflow_hub(kind, real):
    def observed(hub: Any) -> Any:
        with tf.Graph().as_default():
            output = v1.feature_column.input_layer(features_of(kind), [column_of(kind, hub)])
            variables = names(v1.global_variables())
            trainable = names(v1.trainable_variables())
            return run(output).tolist(), output.name, output.shape.as_list(), variables, trainable

    assert observed(unihub) == observed(real)


@needs_real
@pytest.mark.parametrize("kind", ["text", "image"])
def test_dense_features_as_of_tensorflow_hub(kind, real):
    def observed(hub: Any) -> Any:
        with tf.Graph().as_default():
            layer = dense_features()([column_of(kind, hub)])
            output = layer(features_of(kind))
            variables = names(v1.global_variables())
            return run(output).tolist(), output.name, variables, names(layer.trainable_weights)

    assert observed(unihub) == observed(real)


@needs_real
def test_estimator(tmp_path, real):
    """A canned Estimator trains on our column what it trains on tensorflow_hub's."""

    def trained(hub: Any, folder: str) -> Any:
        estimator = v1.estimator.LinearClassifier(
            [column_of("text", hub)],
            model_dir=str(tmp_path / folder),
            optimizer=v1.train.GradientDescentOptimizer(0.01),
            config=v1.estimator.RunConfig(tf_random_seed=1),
        )
        estimator.train(lambda: (features_of("text"), tf.constant([[0], [1]])), steps=2)
        return {name: estimator.get_variable_value(name) for name in estimator.get_variable_names()}

    ours, theirs = trained(unihub, "ours"), trained(real, "theirs")
    assert sorted(ours) == sorted(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-6, err_msg=name)


def test_columns_are_values(models):
    path = str(models / "tf1_hub_text")
    first, twin, other = (
        columns.text_embedding_column("feature", path, trainable)
        for trainable in (True, True, False)
    )
    assert first == twin and first != other and len({first, twin, other}) == 2
    assert first.name == "feature_hub_module_embedding"
    assert first.variable_shape.as_list() == [4]


def test_key_may_be_a_column():
    inner = column_of("text")
    outer = columns.text_embedding_column(inner, spec_of(text_fn))
    assert outer.name == "feature_hub_module_embedding_hub_module_embedding"
    assert outer.parents == [inner]


@pytest.mark.parametrize(
    ("make", "model", "arguments"),
    [
        (columns.text_embedding_column, "tf1_hub_text", {"trainable": True}),
        (
            columns.sparse_text_embedding_column,
            "tf1_hub_text",
            {"combiner": "mean", "default_value": "", "trainable": False},
        ),
        (columns.image_embedding_column, "tf1_hub_image", {"image_size": (8, 8)}),
    ],
)
def test_config(make, model, arguments, models):
    column = make("feature", models / model, **arguments)
    config = column.get_config()
    assert config == {"key": "feature", "module_spec_path": str(models / model), **arguments}
    assert type(column).from_config(config) == column


def test_layer_config(models, graph):
    """A DenseFeatures layer is made again from its config."""
    column = columns.text_embedding_column("feature", str(models / "tf1_hub_text"))
    layer = dense_features()([column])
    twin = dense_features().from_config(
        layer.get_config(), custom_objects={"TextEmbeddingColumn": columns.TextEmbeddingColumn}
    )
    assert list(twin._feature_columns) == [column]


class TextModel(tf.train.Checkpoint):
    """What text_fn is, as a Reusable SavedModel."""

    def __init__(self, as_dict: bool) -> None:
        super().__init__()
        self.w = tf.Variable([[1.0, 10.0]])
        self.variables = self.trainable_variables = [self.w]
        self.as_dict = as_dict

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts: Any) -> Any:
        lengths = tf.cast(tf.strings.length(texts), tf.float32)
        embedded = lengths[:, tf.newaxis] * self.w
        return {"default": embedded, "length": lengths} if self.as_dict else embedded


@pytest.fixture(scope="module")
def text_models(tmp_path_factory) -> str:
    """A folder with a TextModel that returns a tensor, and one that returns a dict."""
    folder = tmp_path_factory.mktemp("text_models")
    tf.saved_model.save(TextModel(as_dict=False), str(folder / "tensor"))
    tf.saved_model.save(TextModel(as_dict=True), str(folder / "dict"))
    return str(folder)


def embed_v2(column: Any) -> Any:
    layer = dense_features()([column])
    return layer, layer({"feature": tf.constant(["a", "abc"])})


@needs_tf2
@pytest.mark.parametrize(("model", "output_key"), [("tensor", None), ("dict", "default")])
def test_v2(model, output_key, text_models, eager):
    column = unihub.text_embedding_column_v2("feature", f"{text_models}/{model}", output_key)
    layer, output = embed_v2(column)
    assert output.numpy().tolist() == EMBEDDED["text"]
    assert column.variable_shape.as_list() == [2]
    assert tuple(layer.compute_output_shape([None])) == (None, 2)
    assert column.parse_example_spec == {"feature": tf.io.FixedLenFeature([1], tf.string)}


@needs_tf2
def test_v2_in_graph_mode(text_models, graph):
    column = unihub.text_embedding_column_v2("feature", f"{text_models}/tensor")
    assert run(embed_v2(column)[1]).tolist() == EMBEDDED["text"]


@needs_tf2
def test_v2_of_tf1_hub_format(models, eager):
    column = unihub.text_embedding_column_v2("feature", models / "tf1_hub_text")
    assert embed_v2(column)[1].shape.as_list() == [2, 4]


@needs_tf2
@pytest.mark.parametrize("trainable", [False, True])
def test_v2_trained(trainable, text_models, eager):
    column = unihub.text_embedding_column_v2(
        "feature", f"{text_models}/tensor", trainable=trainable
    )
    layer, _ = embed_v2(column)
    assert len(layer.weights) == 1
    assert len(layer.trainable_weights) == (1 if trainable else 0)


@needs_tf2
def test_v2_config(text_models):
    column = unihub.text_embedding_column_v2("feature", text_models + "/tensor", trainable=True)
    config = column.get_config()
    assert config == {
        "key": "feature",
        "module_path": text_models + "/tensor",
        "output_key": None,
        "trainable": True,
    }
    assert TextEmbeddingColumnV2.from_config(config) == column


def test_handle_is_no_handle():
    with pytest.raises(ValueError) as raised:
        columns.text_embedding_column("feature", 3)
    assert isinstance(raised.value, UnihubError)


# What a column is asked of instead of a module, and the line that makes one of it.
MAKERS = {
    "text": lambda given: unihub.text_embedding_column("f", given, trainable=True),
    "sparse": lambda given: unihub.sparse_text_embedding_column("f", given, "mean", None),
    "image": lambda given: unihub.image_embedding_column("f", given, image_size=[2, 2]),
}
IN_ITS_PLACE = {
    "text": "unihub.text_embedding_column('f', {}, trainable=True)",
    "sparse": "unihub.sparse_text_embedding_column('f', {}, combiner='mean', default_value=None)",
    "image": "unihub.image_embedding_column('f', {}, image_size=(2, 2))",
}
every_maker = pytest.mark.parametrize("maker", sorted(MAKERS))


def line_of(make: Any, *given: Any) -> str:
    with pytest.raises((ValueError, OSError)) as raised:
        make(*given)
    assert isinstance(raised.value, UnihubError)
    return raised.value.do


@every_maker
def test_a_tf2_model_is_no_module(maker, models, graph):
    path = str(models / "tf2_text")
    line = line_of(MAKERS[maker], path)
    names = {"unihub": unihub, "inputs": tf.constant(["so easy"])}
    if maker == "text" and HAS_RESOURCES:
        assert line == f"unihub.text_embedding_column_v2('f', {path!r}, trainable=True)"
        assert eval(line, names).trainable
    else:
        assert line == f"m = unihub.load({path!r}); m(inputs)"
        exec(line, names)


@every_maker
@pytest.mark.parametrize(
    ("given", "argument"),
    [
        (3, "'path/to/module'"),
        (text_fn, "unihub.create_module_spec(module_fn)"),
    ],
)
def test_something_else_is_no_module(maker, given, argument):
    assert line_of(MAKERS[maker], given) == IN_ITS_PLACE[maker].format(argument)


@every_maker
@pytest.mark.parametrize("name", ["tf1_hub_text", "tf2_text"])
def test_a_loaded_model_is_no_module(maker, name, models, eager):
    path = str(models / name)
    line = line_of(MAKERS[maker], unihub.load(path))
    if name == "tf1_hub_text":
        assert line == IN_ITS_PLACE[maker].format(repr(path))
    elif maker == "text":
        assert line == f"unihub.text_embedding_column_v2('f', {path!r}, trainable=True)"
    else:
        assert line == f"m = unihub.load({path!r}); m(inputs)"


@needs_tf2
def test_a_model_that_does_not_know_its_handle(models, eager):
    model = unihub.load(str(models / "tf2_text"), fast=False)
    line = line_of(MAKERS["text"], model)
    assert line == "unihub.text_embedding_column_v2('f', model, trainable=True)"
    column = eval(line, {"unihub": unihub, "model": model})
    layer = dense_features()([column])
    assert layer({"f": tf.constant(["so easy"])}).shape.as_list() == [1, 4]


@needs_tf2
@pytest.mark.parametrize("fast", [True, False])
def test_v2_takes_a_loaded_model(fast, text_models, eager):
    model = unihub.load(f"{text_models}/tensor", fast=fast)
    column = unihub.text_embedding_column_v2("feature", model)
    assert embed_v2(column)[1].numpy().tolist() == EMBEDDED["text"]
    assert column == unihub.text_embedding_column_v2("feature", model)
    with pytest.raises(column_errors.ColumnWithoutConfig):
        column.get_config()


@needs_tf2
@pytest.mark.parametrize("case", ["spec", "number"])
def test_v2_takes_nothing_else(case):
    given = spec_of(text_fn) if case == "spec" else 3
    with pytest.raises(ValueError, match="column-model-not-understood") as raised:
        unihub.text_embedding_column_v2("feature", given)
    name = raised.value.code
    check_golden(name if case == "spec" else f"{name}-{case}", str(raised.value), {"spec": given})


NUMBERS = functools.partial(
    plain_fn, input_name="x", dtype=tf.float32, shape=[None], outputs=lambda x: x
)
WORDS = functools.partial(
    plain_fn,
    input_name="texts",
    dtype=tf.string,
    shape=[None],
    outputs=lambda x: {"default": x, "more": x},
)
UNSIZED = functools.partial(
    plain_fn, input_name="images", dtype=tf.float32, shape=None, outputs=lambda x: x
)


@pytest.mark.parametrize(
    ("case", "make", "module_fn"),
    [
        ("column-needs-a-text-embedding", columns.text_embedding_column, NUMBERS),
        ("column-needs-a-text-embedding-words", columns.text_embedding_column, WORDS),
        ("column-needs-an-image-embedding", columns.image_embedding_column, text_fn),
        ("column-needs-an-image-embedding-unsized", columns.image_embedding_column, UNSIZED),
    ],
)
def test_module_does_not_fit(case, make, module_fn):
    with pytest.raises(ValueError) as raised:
        make("feature", spec_of(module_fn))
    assert isinstance(raised.value, UnihubError)
    check_golden(case, str(raised.value), {"spec": spec_of(module_fn)})


def test_image_size_unknown():
    with pytest.raises(column_errors.ColumnImageSizeUnknown) as raised:
        columns.image_embedding_column("feature", spec_of(image_fn, None, None))
    assert isinstance(raised.value, ValueError)
    spec = spec_of(image_fn, None, None)
    check_golden("column-image-size-unknown", str(raised.value), {"spec": spec})


def test_combiner_unknown():
    with pytest.raises(column_errors.CombinerUnknown) as raised:
        columns.sparse_text_embedding_column("feature", spec_of(text_fn), "sqrt", "")
    assert isinstance(raised.value, ValueError)
    check_golden("column-combiner-unknown", str(raised.value), {"spec": spec_of(text_fn)})


def test_no_config_of_a_spec():
    with pytest.raises(column_errors.ColumnWithoutConfig) as raised:
        column_of("sparse").get_config()
    assert isinstance(raised.value, NotImplementedError)
    check_golden("column-without-config", str(raised.value))


@needs_tf2
def test_no_module_in_eager_execution(eager):
    with pytest.raises(column_errors.ColumnNeedsGraph) as raised:
        dense_features()([column_of("text")])(features_of("text"))
    assert isinstance(raised.value, RuntimeError)
    check_golden("column-needs-a-graph", str(raised.value))


@needs_tf2
def test_v2_output_not_single(text_models, eager):
    path = text_models + "/dict"
    with pytest.raises(column_errors.OutputNotSingle) as raised:
        embed_v2(unihub.text_embedding_column_v2("feature", path))
    assert isinstance(raised.value, ValueError)
    check_golden("column-output-not-single", str(raised.value), path=path)


@needs_tf2
def test_v2_not_built(models):
    column = unihub.text_embedding_column_v2("feature", models / "tf2_text")
    with pytest.raises(column_errors.ColumnNotBuilt) as raised:
        _ = column.variable_shape
    assert isinstance(raised.value, AttributeError)
    at_hand = {"layer": dense_features()([column]), "texts": tf.constant([["so easy"]])}
    check_golden("column-not-built", str(raised.value), at_hand)


@needs_tf1
def test_v2_in_tensorflow_1():
    with pytest.raises(column_errors.StateManagerTooOld) as raised:
        unihub.text_embedding_column_v2("feature", "path/to/model")
    assert isinstance(raised.value, NotImplementedError)
    check_golden("column-state-not-supported", str(raised.value), version=tf.__version__)
