"""Every line that an error offers is run in the situation that raised it.

Most are where `check_golden` sees the message (tests/do_lines.py); here are situations beyond
those. The counts are at the end of pytest's report.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import Any, Dict

import do_lines
import pytest
import tensorflow as tf
from golden import GOLDEN
from inspection import judged_models
from test_messages import (
    ANYWHERE,
    IMAGE,
    MULTI,
    PLAIN,
    REUSABLE,
    SCALAR,
    WHERE_EAGER,
    copied,
    load,
    model,
    raised,
)

import unihub
from unihub.errors import UnihubError
from unihub.runtime.op_packages import PACKAGES, distribution, installing

_INSTALLS = re.compile(r"(python3\.\d+ -m venv \S+ && \S+/)?pip install ")


def names(**situation: Any) -> Dict[str, Any]:
    """What a user has at hand who meets the error."""
    obj = tf.Module()
    obj.call = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
    inputs = tf.constant([1.0, 2.0])
    return {"unihub": unihub, "tf": tf, "obj": obj, "path": "new", "inputs": inputs, **situation}


def follow(case: str, error: UnihubError, **situation: Any) -> None:
    """Tries each alternative of an error."""
    do_lines.try_all(case, str(error), lambda: names(**situation))


def module_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None])
    unihub.add_signature(inputs=x, outputs=x * 2.0)


def call_of(name, x, **kwargs):
    return lambda: {"m": unihub.load(model(name), api="load", **kwargs), "x": x}


def pair():
    m = unihub.load(model(MULTI), api="load", signature="pair")
    return {"m": m, "left": [[1.0, 2.0, 3.0]], "rihgt": [[1]]}


# What a case has at hand beyond what all have.
SITUATIONS = {
    "nothing-to-call": lambda: {"inputs": tf.zeros([1, 3])},
    "wrong-thing-to-save": lambda: {"module_fn": module_fn},
    "wrong-input-names": lambda: pair(),
    "wrong-input-structure": lambda: pair(),
    "wrong-arguments": call_of(REUSABLE, [[1.0, 2.0, 3.0]]),
    "wrong-input-dtype": call_of(SCALAR, [1, 2]),
    "wrong-input-value": call_of(SCALAR, [[1.0], [2.0, 3.0]]),
    "wrong-input-shape": call_of(SCALAR, [[1.0], [2.0]]),
}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNIHUB_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.parametrize("case", sorted(do_lines.ELSEWHERE & set(ANYWHERE)))
def test_anywhere(case):
    action, _ = ANYWHERE[case]
    error = raised(action)
    situation = SITUATIONS.get(case, dict)()
    if case in ("wrong-thing-to-save", "save-needs-session"):
        with tf.Graph().as_default():
            follow(case, error, **situation)
    else:
        follow(case, error, **situation)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "case", sorted(do_lines.ELSEWHERE & set(WHERE_EAGER) - set(do_lines.NOT_RUN))
)
def test_where_tensorflow_executes_eagerly(case):
    action, _ = WHERE_EAGER[case]
    follow(case, raised(action), **SITUATIONS.get(case, dict)())


@pytest.mark.usefixtures("eager")
def test_what_asks_for_graph_mode_works_in_graph_mode():
    script = f"""
import tensorflow as tf, unihub
{do_lines.FIRST_OF_ALL}
unihub.load({model(IMAGE)!r}, op="fine_tuning")
unihub.load({model(PLAIN)!r}, op="fine_tuning")
unihub.load({model(SCALAR)!r}, api="module")
def module_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None])
    unihub.add_signature(inputs=x, outputs=x * 2.0)
unihub.save(module_fn, "module")
tf.compat.v1.reset_default_graph()
x = tf.compat.v1.placeholder(tf.float32, [None])
with tf.compat.v1.Session() as session:
    unihub.save(session, "graph", format="tf1-saved-model", inputs=dict(x=x), outputs=dict(y=x))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout.decode()


def folder_of_folders(tmp_path):
    for number in "1", "2":
        shutil.copytree(model(REUSABLE), str(tmp_path / "models" / number))
    return tmp_path / "models"


def without_signatures(tmp_path):
    obj = tf.Module()
    obj.__call__ = obj.call = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
    unihub.save(obj, tmp_path / "bare")
    return tmp_path / "bare"


def two_signatures(tmp_path):
    folder = copied("tf1_saved_model_resource", tmp_path)
    content = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(content.replace(b"serving_default", b"serving_special"))
    return folder


def with_brackets(tmp_path):
    folder = tmp_path / "run[1]"
    shutil.copytree(model("tf1_saved_model_pb"), str(folder))
    return folder


def without_variables(tmp_path):
    folder = copied(REUSABLE, tmp_path)
    shutil.rmtree(str(folder / "variables"))
    return folder


def renamed_op(tmp_path):
    folder = copied("tf1_saved_model_pb", tmp_path)
    content = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(content.replace(b"MatMul", b"RougeL"))
    return folder


def changed(tmp_path):
    folder = copied(REUSABLE, tmp_path)
    loaded = unihub.load(folder, signature="serving_default")
    os.utime(str(folder / "saved_model.pb"), ns=(1, 1))
    return loaded.variables


def in_graph_mode(action):
    with tf.Graph().as_default():
        action()


# Situations beyond those of test_messages: how they are raised, in a folder.
MORE = {
    "model-in-subfolder": lambda tmp: unihub.load(folder_of_folders(tmp)),
    "model-not-found": lambda tmp: unihub.load(folder_of_folders(tmp) / "3"),
    "path-exists": lambda tmp: unihub.save(tf.Module(), folder_of_folders(tmp)),
    "unknown-choice-train": load(SCALAR, op="train"),
    "unknown-choice-of-format": lambda tmp: unihub.save(tf.Module(), tmp / "m", format="tf2"),
    "unknown-choice-of-support": lambda tmp: unihub.support("tf1_hub", operation="train"),
    "unexpected-argument-nearest": load(REUSABLE, api="keras", nome="layer"),
    "unknown-signature-without-any": lambda tmp: unihub.load(
        without_signatures(tmp), signature="serving_default"
    ),
    "output-key-without-signature-as-dict": load(REUSABLE, as_dict=True),
    "missing-ops-of-package": lambda tmp: unihub.load(renamed_op(tmp)),
    "model-changed": changed,
    "unsafe-model": load("../acting/prints_to_a_file", on_unsafe="refuse"),
    "convert-needs-tf2": lambda tmp: in_graph_mode(
        lambda: unihub.convert(model(SCALAR), tmp / "converted")
    ),
    "convert-already-tf2": lambda tmp: unihub.convert(model(REUSABLE), "converted"),
    "convert-target-exists": lambda tmp: unihub.convert(model(SCALAR), folder_of_folders(tmp)),
    "convert-ambiguous-signature": lambda tmp: unihub.convert(two_signatures(tmp), "converted"),
    "convert-unknown-signature": lambda tmp: unihub.convert(
        model(MULTI), "converted", signature="pear"
    ),
    "convert-unknown-tags": lambda tmp: unihub.convert(model(IMAGE), "converted", tags=["gpu"]),
    "load-unknown-signature-converting": load(
        MULTI, op="fine_tuning", convert=True, signature="pear"
    ),
    "mistyped-signature": lambda tmp: unihub.load(
        judged_models.mistyped(tmp / "m"), signature="lengths"
    ),
    "reference-output": lambda tmp: unihub.load(judged_models.gives_references(tmp / "m")),
    "load-failed-brackets": lambda tmp: unihub.load(with_brackets(tmp)),
}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("case", MORE)
def test_more(case, tmp_path):
    action = MORE[case]
    error = raised(action if case.startswith(_NEEDS_NO_FOLDER) else lambda: action(tmp_path))
    follow(case, error)
    if case.startswith("convert-"):
        assert "unihub.load(" not in error.do


_NEEDS_NO_FOLDER = (
    "unsafe-model",
    "unknown-choice-train",
    "unexpected-argument-nearest",
    "output-key-without-signature-as-dict",
    "load-unknown-signature-converting",
)


@pytest.mark.usefixtures("eager")
def test_a_path_that_tensorflow_reads_as_a_pattern_is_copied_and_loads(tmp_path):
    error = raised(lambda: unihub.load(with_brackets(tmp_path)))
    (line,) = do_lines.alternatives(error.do)
    situation = names()
    exec(line, situation)
    assert callable(situation["m"])


@pytest.mark.usefixtures("eager")
def test_what_fine_tunes_a_part_has_a_part_that_takes_inputs():
    (line,) = do_lines.alternatives(raised(load("tf2_sub_objects", op="fine_tuning")).do)
    layer = eval(line, names())
    assert layer.trainable


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("version", ["1.15.5", "2.15.1", "2.21.0", tf.__version__])
def test_what_is_installed_never_replaces_tensorflow(package, version):
    line = installing(package, version)
    assert _INSTALLS.match(line) and distribution(package) in line
    # A release of the package is named, or TensorFlow's own.
    assert f"{distribution(package)}==" in line or f"tensorflow=={version}" in line
    # Another TensorFlow only in an environment beside.
    assert (
        re.match(r"python3\.\d+ -m venv ", line)
        or f'"tensorflow=={version}"' in line
        or ("tensorflow==" not in line.replace(f"{distribution(package)}==", ""))
    )


def test_no_message_puts_another_tensorflow_in_the_place_of_the_one_that_is_here():
    # Where there is none, or none that could stay.
    wanted = {"tensorflow-missing", "tensorflow-too-old", "doctor-several-tensorflows"}
    wanted |= {"doctor-tensorflow-absent", "doctor-tensorflow-before-1-15"}
    # With == it is the one that is here.
    installs = re.compile(r"(?<!/bin/)pip install [^;]*\btensorflow\b(?![->_]|==)")
    found = {file.stem for file in GOLDEN.glob("*.txt") if installs.search(file.read_text("utf-8"))}
    assert found <= wanted


def test_every_message_offers_what_is_tried():
    """`check_golden` tries each; here it is seen that each can be told to be a line."""
    found = do_lines.counted(GOLDEN)
    assert set(found["messages"]) >= do_lines.ELSEWHERE
    assert len(do_lines.NOT_RUN) < 10
    # What a person does, whom no line could do it for.
    assert len(found["messages of words alone"]) < 10
