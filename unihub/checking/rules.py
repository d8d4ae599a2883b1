"""The rules of `check`: each one's words, level and source, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Dict, Tuple, Type

from unihub.errors import Message, UnihubError
from unihub.inspection.convertible import SignatureInputMissing
from unihub.inspection.judge import (
    MistypedSignature,
    NothingToTrain,
    NotReusable,
    ReferenceOutput,
)
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Format, Operation, Runtime

_COMPATIBILITY = "https://www.tensorflow.org/hub/model_compatibility"
_TF1_HUB = "https://www.tensorflow.org/hub/tf1_hub_module"
_MIGRATION = "https://www.tensorflow.org/hub/migration_tf2"
_KERAS_LAYER = "https://www.tensorflow.org/hub/api_docs/python/hub/KerasLayer"
_REUSABLE = "https://www.tensorflow.org/hub/reusable_saved_models"
_ALL = ("tf1", "tf1_compat", "tf2", "keras3")
_TENSORFLOW_2 = ("tf1_compat", "tf2", "keras3")
_EAGER = ("tf2", "keras3")


class Level(str, Enum):
    """How bad a finding is, in the words of SARIF.

    An error raises or gives wrong results; a warning may; a note is advice.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """One thing to look for.

    Attributes:
        message: its id and what is said, with ``{name}`` for facts.
        level: how bad it is where nothing is in doubt.
        runtimes: where it can happen.
        source: where this is documented, or what was run to see it.
    """

    message: Message
    level: Level
    runtimes: Tuple[str, ...]
    source: str

    @property
    def id(self) -> str:
        return self.message.code


def _refusal(format: Format) -> Message:
    refusal = CELLS[format, Runtime.TF2, Operation.FINE_TUNING].refusal
    assert refusal is not None
    return refusal


def _words(error: Type[UnihubError]) -> Message:
    """The words of an error that the judge gives."""
    return Message(error.code, error.what, error.why, error.do)


_RULES = (
    Rule(
        Message(
            "module-in-eager-mode",
            "hub.Module cannot be used here: TensorFlow executes eagerly.",
            "a Module imports variables and tables into a tf.Graph, and there is none. ({where})",
            "m = unihub.load({handle}) and m(inputs); or with tf.Graph().as_default(): around it; "
            "or tf.compat.v1.disable_v2_behavior() before it",
        ),
        Level.ERROR,
        _EAGER,
        _COMPATIBILITY,
    ),
    Rule(
        Message(
            "removed-name",
            "hub.{name} raises AttributeError: tensorflow_hub {release} does not have it.",
            "0.15 was the last release with the API of the TF1 Hub format, and does not import "
            "on TensorFlow 2.16 and later.",
            "import unihub as hub  # has {name} on every TensorFlow from 1.15 on",
        ),
        Level.ERROR,
        ("keras3",),
        "tensorflow_hub 0.16.1: its package defines only KerasLayer, load and resolve",
    ),
    Rule(
        Message(
            "unknown-name",
            "hub.{name} raises AttributeError: no release of {library} has it.",
            "the nearest of its public names is {nearest}.",
            "hub.{nearest}",
        ),
        Level.ERROR,
        _ALL,
        "https://www.tensorflow.org/hub/api_docs/python/hub",
    ),
    Rule(
        Message(
            "internal-name",
            "{name} is internal to tensorflow_hub.",
            "no release promises it, and 0.16 left out most internal modules.",
            "use the public names: {public}",
        ),
        Level.WARNING,
        _ALL,
        "https://www.tensorflow.org/hub/api_docs/python/hub",
    ),
    Rule(
        Message(
            "hub-import-fails",
            "this import raises: tensorflow_hub {release} does not import here.",
            "{reason}.",
            "import unihub as hub  # in the place of tensorflow_hub",
        ),
        Level.ERROR,
        ("keras3",),
        "tensorflow_hub 0.15 reads tf.compat.v1.estimator, 0.16.1 imports pkg_resources",
    ),
    Rule(
        Message(
            "loaded-not-callable",
            "what hub.load gave raises TypeError when it is called.",
            "{handle} is in {format}, which loads as {loaded} only. ({evidence})",
            "{remedy}",
        ),
        Level.ERROR,
        _TENSORFLOW_2,
        _COMPATIBILITY,
    ),
    Rule(
        Message(
            "module-without-signatures",
            "what unihub.load gave raises AttributeError: it has no .signatures.",
            "in graph mode unihub serves {format} as a Module, by the compatibility matrix. "
            "({evidence})",
            'm(inputs, signature={signature!r}, as_dict=True); or unihub.load(handle, api="load")',
        ),
        Level.ERROR,
        ("tf1", "tf1_compat"),
        _COMPATIBILITY,
    ),
    Rule(_refusal(Format.TF1_HUB), Level.ERROR, _EAGER, _COMPATIBILITY),
    Rule(_refusal(Format.TF1_SAVED_MODEL), Level.ERROR, _EAGER, _COMPATIBILITY),
    Rule(_words(NotReusable), Level.ERROR, _ALL, _REUSABLE),
    Rule(_words(NothingToTrain), Level.ERROR, _ALL, _REUSABLE),
    Rule(_words(MistypedSignature), Level.ERROR, _EAGER, "the model's folder"),
    Rule(_words(ReferenceOutput), Level.ERROR, _EAGER, "the model's folder"),
    Rule(_words(SignatureInputMissing), Level.ERROR, _EAGER, "the model's folder"),
    Rule(
        Message(
            "keras-layer-trainable-tf1-format",
            "KerasLayer raises ValueError: trainable=True with {handle}.",
            "it is in {format}, which a KerasLayer cannot train. ({evidence})",
            "in a graph: unihub.load({handle}, op='fine_tuning'); or use a TF2 version of it",
        ),
        Level.ERROR,
        ("tf1", "tf1_compat"),
        _COMPATIBILITY,
    ),
    Rule(
        Message(
            "trainable-with-signature",
            "KerasLayer raises ValueError: trainable=True together with signature={signature!r}.",
            "a signature has no training mode and no regularization losses.",
            "hub.KerasLayer(handle, trainable=True)  # calls the model itself",
        ),
        Level.ERROR,
        _ALL,
        _KERAS_LAYER,
    ),
    Rule(
        Message(
            "trainable-without-train-graph",
            "this Module is trained on its inference graph.",
            "trainable=True makes variables trainable, and tags choose the graph: without "
            "the tag 'train' dropout and batch norm behave as in inference. ({evidence})",
            "hub.Module({handle}, trainable=True, tags={{'train'}} if is_training else None)",
        ),
        Level.WARNING,
        _ALL,
        _TF1_HUB,
    ),
    Rule(
        Message(
            "missing-tags",
            "loading {handle} without tags raises: it has several MetaGraphs.",
            "the loader takes the only MetaGraph or is told by tags. (found: {tags})",
            "{call}(handle, tags={example})",
        ),
        Level.ERROR,
        _ALL,
        "https://www.tensorflow.org/api_docs/python/tf/saved_model/load",
    ),
    Rule(
        Message(
            "unknown-tags",
            "{handle} has no MetaGraph with the tags {wanted}.",
            "a MetaGraph is chosen by all of its tags. (found: {tags})",
            "{call}(handle, tags={example})",
        ),
        Level.ERROR,
        _ALL,
        _TF1_HUB,
    ),
    Rule(
        Message(
            "unknown-signature",
            "{handle} has no signature {wanted!r}.",
            "it has these signatures: {found}.",
            "{remedy}",
        ),
        Level.ERROR,
        _ALL,
        "https://www.tensorflow.org/hub/common_signatures",
    ),
    Rule(
        Message(
            "signature-required",
            "KerasLayer raises ValueError for {handle} without signature.",
            "it is in {format}: nothing but its {parts} can be called. ({evidence})",
            "{remedy}",
        ),
        Level.ERROR,
        _ALL,
        _KERAS_LAYER,
    ),
    Rule(
        Message(
            "keras-layer-of-other-keras",
            "this KerasLayer is a layer of {layer}, put in a model of {model}, which refuses it.",
            "the two do not share layers, models or tensors. ({reason})",
            "{remedy}",
        ),
        Level.ERROR,
        ("keras3", "tf2"),
        "https://www.tensorflow.org/guide/keras#using_keras_2; seen on TensorFlow 2.21",
    ),
    Rule(
        Message(
            "keras-layer-backend",
            "KerasLayer raises for {handle} on Keras' backend {backend}.",
            "a SavedModel is called on these: {choices}.",
            "os.environ['KERAS_BACKEND'] = 'tensorflow'  # before keras is imported",
        ),
        Level.ERROR,
        ("keras3",),
        "https://keras.io/getting_started/#configuring-your-backend; unihub/matrix/backends.py",
    ),
    Rule(
        Message(
            "keras-layer-text-on-backend",
            "the layer of {handle} raises on Keras' backend {backend}: the model takes text.",
            "no array of {backend} holds text; TensorFlow has it, in front of the model.",
            "m = unihub.load({handle}); data = data.map(m)  # in tf.data",
        ),
        Level.ERROR,
        ("keras3",),
        "unihub/matrix/backends.py; seen on JAX 0.12 and PyTorch 2.13",
    ),
    Rule(
        Message(
            "collections-not-filled",
            "{collection} holds nothing of the model here.",
            "hub.load and hub.KerasLayer fill no graph collections; only hub.Module does. "
            "Losses would miss the regularizers, and batch norm would not update.",
            "layer.losses in the place of the regularization losses, layer.updates (graph mode) "
            "in the place of the update ops",
        ),
        Level.WARNING,
        _ALL,
        _COMPATIBILITY,
    ),
    Rule(
        Message(
            "column-in-eager-mode",
            "hub.{name} raises when it is used: TensorFlow executes eagerly.",
            "the column instantiates a Module, which lives in a tf.Graph.",
            "tf.compat.v1.disable_v2_behavior() first; for texts hub.text_embedding_column_v2",
        ),
        Level.ERROR,
        _EAGER,
        _MIGRATION,
    ),
    Rule(
        Message(
            "estimator-gone",
            "{name} raises: TensorFlow {tensorflow} has no tf.estimator.",
            "2.15 was the last release with Estimators.",
            "in a session that trains: m = unihub.load(handle, op='fine_tuning'); or a Keras model "
            "of unihub.KerasLayer(handle, trainable=True), and fit()",
        ),
        Level.ERROR,
        ("keras3",),
        "https://github.com/tensorflow/tensorflow/releases/tag/v2.16.1",
    ),
    Rule(
        Message(
            "name-of-tensorflow-1",
            "tf.{name} raises AttributeError: TensorFlow 2 has it below tf.compat.v1.",
            "the names of graphs and sessions left the top of TensorFlow with 2.0.",
            "unihub run --v1 SCRIPT; or import tensorflow.compat.v1 as tf",
        ),
        Level.ERROR,
        _TENSORFLOW_2,
        "https://www.tensorflow.org/guide/migrate",
    ),
    Rule(
        Message(
            "contrib-gone",
            "tensorflow.contrib is not there: TensorFlow 2 has none.",
            "it left TensorFlow with 2.0.",
            "unihub run --v1 SCRIPT  # imports it, has what lives on, and says of the rest where "
            "it is used",
        ),
        Level.ERROR,
        _TENSORFLOW_2,
        "https://www.tensorflow.org/guide/migrate",
    ),
    Rule(
        Message(
            "graph-call-in-eager-mode",
            "tf.compat.v1.{name} is of no use here: TensorFlow executes eagerly.",
            "placeholders and sessions are of a graph, and there is none.",
            "unihub run --v1 SCRIPT; or tf.compat.v1.disable_v2_behavior()  # first of all; or "
            "with tf.Graph().as_default(): around it",
        ),
        Level.ERROR,
        _EAGER,
        "https://www.tensorflow.org/guide/migrate",
    ),
    Rule(
        Message(
            "keras-3-saves-no-folder",
            "Keras 3 refuses to save a model at {path!r}.",
            "it writes files that end in .keras or .h5, and no SavedModel by this name.",
            "model.save({path!r} + '.keras'); or model.export({path!r})  # a SavedModel",
        ),
        Level.ERROR,
        ("keras3",),
        "https://keras.io/guides/migrating_to_keras_3/",
    ),
    Rule(
        Message(
            "keras-3-loads-no-folder",
            "Keras 3 refuses to load a model from {path!r}.",
            "it reads files that end in .keras or .h5, and no SavedModel.",
            "unihub.load({path!r}, api='keras')  # a layer, where it is a SavedModel",
        ),
        Level.ERROR,
        ("keras3",),
        "https://keras.io/guides/migrating_to_keras_3/",
    ),
    Rule(
        Message(
            "keras-3-saves-weights-by-another-name",
            "Keras 3 refuses to save weights at {path!r}.",
            "it wants a name that ends in .weights.h5.",
            "model.save_weights({stem!r} + '.weights.h5')",
        ),
        Level.ERROR,
        ("keras3",),
        "https://keras.io/api/models/model_saving_apis/weights_saving_and_loading/",
    ),
    Rule(
        Message(
            "keras-3-loads-no-layer-of-hub",
            "Keras 3 does not load the KerasLayer of a saved model by custom_objects alone.",
            "the layer would load a SavedModel, whose graph runs whatever its author put there, "
            "and Keras' safe mode forbids that.",
            "import unihub; keras.models.load_model(path, safe_mode=False)  # if you trust both; "
            "or for an .h5: keras.config.enable_unsafe_deserialization() before it",
        ),
        Level.ERROR,
        ("keras3",),
        "keras.models.load_model of a model with a KerasLayer",
    ),
    Rule(
        Message(
            "keras-3-takes-no-numpy-texts",
            "{method}() of Keras 3 takes no NumPy array or list of texts.",
            "it makes tensors of arrays itself, of numbers alone, and takes no lists.",
            "model.{method}(tf.constant(texts))  # or a tf.data.Dataset of them",
        ),
        Level.ERROR,
        ("keras3",),
        "https://github.com/keras-team/keras/issues/19116",
    ),
    Rule(
        Message(
            "tf1-hub-creation-in-tf2",
            "hub.create_module_spec leads nowhere here: TF2 cannot write the TF1 Hub format.",
            "a spec is exported by a Module, which needs a graph, and TensorFlow executes eagerly.",
            "tf.saved_model.save(obj, path) writes a TF2 SavedModel; or "
            "tf.compat.v1.disable_v2_behavior() first",
        ),
        Level.WARNING,
        _EAGER,
        _COMPATIBILITY,
    ),
    Rule(
        Message(
            "model-in-lambda",
            "the variables of this {what} are lost in a Lambda layer.",
            "Lambda does not track what its function uses: nothing in it is trained or saved.",
            "hub.KerasLayer(handle) as a layer of its own",
        ),
        Level.WARNING,
        _ALL,
        "https://www.tensorflow.org/api_docs/python/tf/keras/layers/Lambda",
    ),
    Rule(
        Message(
            "tfhub-dev-handle",
            "{handle} is fetched from Kaggle by way of tfhub.dev.",
            "tfhub.dev moved to Kaggle Models and only redirects; downloads end in HTTP 403 "
            "where Kaggle is out of reach or a model was not moved.",
            "open {handle} in a browser; use the Kaggle handle that it leads to, or download the "
            "model and give its folder",
        ),
        Level.NOTE,
        _ALL,
        "https://www.kaggle.com/models; https://github.com/tensorflow/hub/issues/932",
    ),
    Rule(
        Message(
            "model-unreadable",
            "{handle} is there, and no model can be read from it.",
            "{reason}",
            "{remedy}",
        ),
        Level.ERROR,
        _ALL,
        "the model's folder",
    ),
    Rule(
        Message(
            "op-package-not-imported",
            "{call} raises: Op type not registered.",
            "the model uses ops of {package}, which registers them when it is imported, and "
            "nothing here imports it. ({evidence})",
            "import {package}  # {installing}; unihub.load imports it by itself",
        ),
        Level.ERROR,
        _ALL,
        "https://github.com/tensorflow/hub/issues/705",
    ),
    Rule(
        Message(
            "op-package-not-installed",
            "{call} raises: {package} is not installed here.",
            "the model uses ops that {package} registers when it is imported. ({evidence})",
            "{installing}",
        ),
        Level.ERROR,
        _ALL,
        "https://github.com/tensorflow/hub/issues/705",
    ),
    Rule(
        Message(
            "python-2",
            "this is Python 2: {reason}.",
            "Python {python} does not read it, and TensorFlow since 2.1 does not run on it.",
            "2to3 -w {path}  # it comes with Python up to 3.12",
        ),
        Level.ERROR,
        _ALL,
        "https://docs.python.org/3/whatsnew/3.0.html",
    ),
    Rule(
        Message(
            "syntax-error",
            "this is not Python that Python {python} reads: {reason}.",
            "nothing {where} was checked.",
            "correct it; or check it with the Python it is written for",
        ),
        Level.ERROR,
        _ALL,
        "https://docs.python.org/3/reference",
    ),
    Rule(
        Message(
            "source-encoding",
            "the file is not text in the encoding it claims.",
            "{reason}. Nothing in it was checked.",
            "save it as UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-",
        ),
        Level.ERROR,
        _ALL,
        "https://peps.python.org/pep-0263",
    ),
    Rule(
        Message(
            "nul-byte",
            "the file has NUL bytes.",
            "Python source has none: it may be UTF-16, or not be text at all.",
            "iconv -f UTF-16 -t UTF-8 {path}",
        ),
        Level.ERROR,
        _ALL,
        "https://docs.python.org/3/reference/lexical_analysis.html",
    ),
    Rule(
        Message(
            "file-too-large",
            "the file has {size} bytes and was not checked.",
            "files of more than {limit} bytes are data rather than scripts.",
            "leave it out; for a notebook: jupyter nbconvert --clear-output --inplace {path}",
        ),
        Level.WARNING,
        _ALL,
        "a limit of unihub's own",
    ),
    Rule(
        Message(
            "file-unreadable",
            "the file cannot be read.",
            "{reason}",
            "ls -l {path}",
        ),
        Level.ERROR,
        _ALL,
        "the operating system",
    ),
    Rule(
        Message(
            "notebook-unreadable",
            "this is not a notebook: {reason}.",
            "a notebook is JSON with a list of cells (nbformat 4) or worksheets (nbformat 3).",
            "jupyter nbconvert --to notebook --inplace {path}",
        ),
        Level.ERROR,
        _ALL,
        "https://nbformat.readthedocs.io/en/latest/format_description.html",
    ),
    Rule(
        Message(
            "nested-too-deeply",
            "the code is nested too deeply to be checked.",
            "{reason}",
            "break the expression up",
        ),
        Level.WARNING,
        _ALL,
        "a limit of Python's own",
    ),
)

RULES: Dict[str, Rule] = {rule.id: rule for rule in _RULES}
