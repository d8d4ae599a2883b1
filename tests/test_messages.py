"""What each error says, word for word, when what it is about really happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import MODELS, ROOT
from golden import check_golden

import unihub
from unihub.errors import UnihubError

IN_TF1 = tf.__version__.startswith("1.")
EAGER = not IN_TF1


def model(name):
    return str(MODELS / name)


def raised(action):
    with pytest.raises(UnihubError) as caught:
        action()
    return caught.value


def check(error, builtins, **replacements):
    assert isinstance(error, builtins), type(error).__mro__
    check_golden(error.code, str(error), models=MODELS, tensorflow=tf.__version__, **replacements)


def load(name, **kwargs):
    return lambda: unihub.load(model(name), **kwargs)


def call(name, *args, **kwargs):
    return lambda: unihub.load(model(name), api="load", **kwargs)(*args)


SCALAR, IMAGE, MULTI = "tf1_hub_scalar", "tf1_hub_image", "tf1_hub_multi"
PLAIN, REUSABLE = "tf1_saved_model_resource", "tf2_reusable"

# The mistake, and the builtins that tensorflow_hub's callers may catch it by.
ANYWHERE = {
    "unknown-choice": (load(SCALAR, op="finetuning"), ValueError),
    "unknown-choice-of-api": (load(SCALAR, api="modul"), ValueError),
    "creation-is-saving": (load(SCALAR, op="creation"), ValueError),
    "unknown-tags": (load(IMAGE, tags={"gpu"}), (ValueError, RuntimeError)),
    "unexpected-argument": (load(REUSABLE, trainable=True), TypeError),
    "output-key-without-signature": (load(REUSABLE, output_key="y"), ValueError),
    "not-reusable-saved-model": (load("tf2_sub_objects", op="fine_tuning"), ValueError),
    "handle-not-supported": (
        lambda: unihub.load("htps://ada:secret@tfhub.dev/google/yamnet/1?token=secret"),
        ValueError,
    ),
    "wrong-thing-to-save": (
        lambda: save_in_graph(object(), format="tf1_hub"),
        TypeError,
    ),
    "save-needs-session": (lambda: save_in_graph(tf.Module()), (RuntimeError, ValueError)),
}
WHERE_EAGER = {
    "nothing-to-train": (load("../acting/harmless_assert", op="fine_tuning"), ValueError),
    "tf1-hub-fine-tuning-in-tf2": (load(IMAGE, op="fine_tuning"), (ValueError, RuntimeError)),
    "tf1-saved-model-fine-tuning-in-tf2": (load(PLAIN, op="fine_tuning"), ValueError),
    "tf1-hub-creation-in-tf2": (lambda: unihub.save(print_nothing, "m"), NotImplementedError),
    "tf1-saved-model-creation-in-tf2": (
        lambda: unihub.save(tf.Module(), "m", format="tf1-saved-model"),
        NotImplementedError,
    ),
    "module-needs-graph": (load(SCALAR, api="module"), (RuntimeError, ValueError)),
    "unknown-signature": (load(MULTI, signature="pear"), ValueError),
    "unknown-output-key": (load(MULTI, signature="pair", output_key="smaller"), ValueError),
    "nothing-to-call": (load("tf2_sub_objects", api="keras"), ValueError),
    "wrong-input-names": (call(MULTI, {"left": 1, "rihgt": 2}, signature="pair"), TypeError),
    "wrong-input-structure": (call(MULTI, [1, 2], signature="pair"), TypeError),
    "wrong-input-dtype": (call(SCALAR, tf.constant([1, 2]) if EAGER else None), TypeError),
    "wrong-input-value": (call(SCALAR, [[1.0], [2.0, 3.0]]), (TypeError, ValueError)),
    "wrong-input-shape": (call(SCALAR, [[1.0], [2.0]]), ValueError),
    "wrong-arguments": (lambda: unihub.load(model(REUSABLE))(1.0, trainig=True), TypeError),
}


def print_nothing():
    """Stands for a module_fn that is refused before it is called."""


def save_in_graph(target, **kwargs):
    with tf.Graph().as_default():
        unihub.save(target, "never-written", **kwargs)


@pytest.mark.parametrize("case", ANYWHERE)
def test_anywhere(case):
    action, builtins = ANYWHERE[case]
    error = raised(action)
    assert isinstance(error, builtins)
    check_golden(case, str(error), models=MODELS)
    assert not Path("never-written").exists()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("case", WHERE_EAGER)
def test_where_tensorflow_executes_eagerly(case):
    action, builtins = WHERE_EAGER[case]
    error = raised(action)
    assert isinstance(error, builtins)
    assert error.code == case
    if case == "wrong-input-value":
        # The reason is TensorFlow's own sentence, which differs by release.
        error = type(error)(**{**error.facts, "reason": "…"})
    check_golden(case, str(error), models=MODELS)


def test_api_not_in_cell():
    with tf.Graph().as_default():
        error = raised(load(SCALAR, api="keras"))
    check_golden(
        "api-not-in-cell", str(error).replace("TF1 (1.15)", "TF1 compat mode in TF2"), models=MODELS
    )
    assert isinstance(error, (ValueError, RuntimeError))


def test_ambiguous_tags(tmp_path):
    graph = (MODELS / "tf1_saved_model_tags" / "saved_model.pb").read_bytes()
    folder = copied("tf1_saved_model_tags", tmp_path)
    (folder / "saved_model.pb").write_bytes(graph.replace(b"serve", b"local"))
    check(raised(lambda: unihub.load(folder)), (ValueError, RuntimeError), path=folder)


@pytest.mark.usefixtures("eager")
def test_ambiguous_signature_comes_with_the_call(tmp_path):
    folder = copied("tf2_signatures_only", tmp_path)
    graph = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(graph.replace(b"serving_default", b"serving_special"))
    loaded = unihub.load(folder)
    assert set(loaded.signatures) == {"serving_special", "statistics"}
    check(raised(lambda: loaded(1.0)), ValueError, path=folder)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("missing-ops", {b"AddV2": b"AddV9"}),
        ("missing-ops-of-newer", {b"AddV2": b"AddV9", b"1.15.5": b"9.15.5"}),
        ("missing-ops-of-package", {b"MatMul": b"RougeL"}),
    ],
)
def test_missing_ops(case, changes, tmp_path):
    folder = copied("tf1_saved_model_pb", tmp_path)
    graph = (folder / "saved_model.pb").read_bytes()
    for old, new in changes.items():
        assert old in graph
        graph = graph.replace(old, new)
    (folder / "saved_model.pb").write_bytes(graph)
    error = raised(lambda: unihub.load(folder))
    assert isinstance(error, (RuntimeError, ValueError))
    number = tf.__version__.rpartition(".")[0]
    check_golden(case, str(error), path=folder, tensorflow=tf.__version__, number=number)


def test_load_failed(tmp_path):
    folder = copied(REUSABLE, tmp_path)
    shutil.rmtree(str(folder / "variables"))
    error = raised(lambda: unihub.load(folder))
    assert isinstance(error, (RuntimeError, ValueError, OSError))
    assert str(folder) in error.what
    if EAGER:
        error = type(error)(**{**error.facts, "reason": "…"})
        check(error, RuntimeError, path=folder)


@pytest.mark.skipif(not IN_TF1, reason="LoadOptions exist from TensorFlow 2.3 on")
def test_options_not_supported():
    check(raised(load(SCALAR_AS_TF2, options=object())), NotImplementedError)


SCALAR_AS_TF2 = REUSABLE


@pytest.mark.skipif(not IN_TF1, reason="only TensorFlow 1.15 cannot initialise them")
def test_reference_variables():
    check(raised(load("tf1_saved_model_pb", api="load")), NotImplementedError)


def test_path_exists(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with tf.Graph().as_default(), tf.compat.v1.Session():
        error = raised(lambda: unihub.save(tf.Module(), tmp_path))
    check(error, (AssertionError, ValueError), path=tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("eager")
def test_save_failed(tmp_path):
    root = tf.Module()
    untracked = [tf.Variable(1.0)]
    root.call = tf.function(lambda: untracked[0] + 1.0, input_signature=[])
    error = raised(lambda: unihub.save(root, tmp_path / "m"))
    error = type(error)(**{**error.facts, "reason": "…"})
    check_golden(
        error.code,
        str(error),
        {"obj": root, "v": untracked[0]},
        tensorflow=tf.__version__,
        path=tmp_path / "m",
    )


def test_tensorflow_missing(tmp_path):
    # -S leaves out site-packages, and TensorFlow with it.
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from unihub import runtime\n"
        "try: runtime.tensorflow_version()\n"
        "except ImportError as error: print(error)"
    )
    shutil.copytree(str(Path(unihub.__file__).parent), str(tmp_path / "unihub"))
    printed = subprocess.check_output(
        [sys.executable, "-S", "-c", script, str(tmp_path)], universal_newlines=True
    )
    check_golden("tensorflow-missing", printed.rstrip("\n"), python=sys.executable)


def test_every_golden_file_has_the_anatomy():
    for file in (ROOT / "tests" / "golden").glob("*.txt"):
        lines = file.read_text(encoding="utf-8").splitlines()
        assert lines[1].startswith("  why: "), file
        assert any(line.startswith("  do:  ") for line in lines[2:]), file
        assert not re.search(r"\{[a-z_]+(![rs])?\}", "".join(lines)), file


def copied(name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(str(MODELS / name), str(folder))
    return folder
