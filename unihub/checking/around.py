"""Well-known lines that break around the uses of hub: of TensorFlow 1, and of Keras 2."""

from __future__ import annotations

import ast
from typing import Any, Dict, Iterator, Tuple

from unihub.checking.names import keras_name, tensorflow_name
from unihub.checking.targets import Target
from unihub.checking.values import Call, Literal, Mode, Value
from unihub.runtime.installed import Keras

# Those that only tf.compat.v1 has, as scripts call them.
_OF_TENSORFLOW_1 = frozenset(
    (
        "ConfigProto",
        "InteractiveSession",
        "Session",
        "assign",
        "get_collection",
        "get_default_graph",
        "get_variable",
        "global_variables_initializer",
        "local_variables_initializer",
        "placeholder",
        "placeholder_with_default",
        "reset_default_graph",
        "tables_initializer",
        "trainable_variables",
        "variable_scope",
    )
)
_PACKAGES_OF_TENSORFLOW_1 = ("app", "flags", "layers", "logging")
_NEED_A_GRAPH = ("placeholder", "placeholder_with_default", "sparse_placeholder")
_SESSIONS = ("InteractiveSession", "Session")
_FILES_OF_KERAS = (".keras", ".h5", ".hdf5")
_WEIGHTS = ".weights.h5"
_RUN_BY_KERAS = ("evaluate", "fit", "predict")

# A rule, whether it is in doubt, and its facts.
Told = Tuple[str, bool, Dict[str, Any]]


def around(call: Call, target: Target, keras: Keras) -> Iterator[Told]:
    """Findings in a call that is none of hub.

    Args:
        call: of a script that uses hub.
        target: where it is to run.
        keras: what tf.keras is there.
    """
    if target.is_tensorflow_1:
        return
    yield from _of_tensorflow_1(call, target)
    if keras is Keras.KERAS3:
        yield from _of_keras_2(call)


def _of_tensorflow_1(call: Call, target: Target) -> Iterator[Told]:
    name = tensorflow_name(call.path)
    first = name.partition(".")[0]
    if first == "estimator" and target.tensorflow_release >= (2, 16):
        facts = {"name": f"tf.{name}", "tensorflow": target.tensorflow}
        yield "estimator-gone", False, facts
    if call.path == f"tensorflow.{name}" and (
        name in _OF_TENSORFLOW_1 or (first in _PACKAGES_OF_TENSORFLOW_1 and first != name)
    ):
        yield "name-of-tensorflow-1", False, {"name": name}
    elif call.mode is Mode.EAGER and name in _NEED_A_GRAPH:
        yield "graph-call-in-eager-mode", False, {"name": name}
    elif call.mode is Mode.EAGER and name in _SESSIONS and "graph" not in call.keywords:
        yield "graph-call-in-eager-mode", True, {"name": name}


def _of_keras_2(call: Call) -> Iterator[Told]:
    function = call.node.func
    name = keras_name(call.path) if call.path else None
    method = function.attr if isinstance(function, ast.Attribute) and not call.path else ""
    called = name.name if name is not None and name.library != "tf_keras" else method
    is_trusted = "safe_mode" in call.keywords or call.opaque
    if called == "load_model" and "custom_objects" in call.keywords and not is_trusted:
        yield "keras-3-loads-no-layer-of-hub", False, {}
    path = call.literal("filepath", 1 if called == "save_model" else 0)
    is_folder = isinstance(path, str) and path != "" and not path.endswith(_FILES_OF_KERAS)
    if called in ("save", "save_model") and is_folder:
        yield "keras-3-saves-no-folder", False, {"path": str(path).rstrip("/")}
    if called == "load_model" and is_folder:
        yield "keras-3-loads-no-folder", False, {"path": path}
    if called == "save_weights" and isinstance(path, str) and not path.endswith(_WEIGHTS):
        stem = str(path).rsplit(".", 1)[0]
        yield "keras-3-saves-weights-by-another-name", False, {"path": path, "stem": stem}
    given = call.args[0] if call.args else call.keywords.get("x")
    if method in _RUN_BY_KERAS and _are_texts(given):
        yield "keras-3-takes-no-numpy-texts", False, {"method": method}


def _are_texts(value: Value) -> bool:
    """Whether it is a list of texts, or an array of one."""
    texts = value.value if isinstance(value, Literal) else None
    if not isinstance(texts, (list, tuple)) or not texts:
        return False
    return all(isinstance(one, str) for one in texts)
