"""Every public function says in its own words what it cannot take, whatever it is given."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.conversion.convert import convert_once
from unihub.errors import UnihubError

EAGER = tf.executing_eagerly()


def model(name):
    return str(MODELS / name)


REUSABLE, SCALAR, TEXT = model("tf2_reusable"), model("tf1_hub_scalar"), model("tf2_text")

VALUES = {
    "None": lambda: None,
    "a number": lambda: 3,
    "True": lambda: True,
    "no list": list,
    "a list": lambda: ["a"],
    "a set": lambda: {1},
    "a dict": lambda: {"a": 1},
    "no bytes": lambda: b"",
    "bytes": lambda: b"nothing",
    "no text": lambda: "",
    "a NUL": lambda: "a\0b",
    "a path to nothing": lambda: Path("nothing", "here"),
    "an open file": io.BytesIO,
    "a tensor": lambda: tf.constant([1.0]),
    "a layer": lambda: tf.keras.layers.Dense(1),
    "a module": tf.Module,
    "a lambda": lambda: lambda x: x,
    "an object": object,
    "a class": lambda: dict,
}

# What takes a model, a path or a text first: by name the call of one value.
FIRST = {
    "load": lambda v: unihub.load(v),
    "load to train": lambda v: unihub.load(v, op="fine_tuning"),
    "load and convert": lambda v: unihub.load(v, op="fine_tuning", convert=True),
    "resolve": lambda v: unihub.resolve(v),
    "inspect": lambda v: unihub.inspect(v),
    "validate": lambda v: unihub.validate(v),
    "convert": lambda v: unihub.convert(v, "converted"),
    "convert_once": lambda v: convert_once(v, "cache"),
    "read_saved_model": lambda v: unihub.formats.read_saved_model(v),
    "Module": lambda v: unihub.Module(v),
    "load_module_spec": lambda v: unihub.load_module_spec(v),
    "create_module_spec": lambda v: unihub.create_module_spec(v),
    "create_module_spec_from_saved_model": lambda v: unihub.create_module_spec_from_saved_model(v),
    "eval_function_for_module": lambda v: unihub.eval_function_for_module(v).__enter__(),
    "attach_message": lambda v: unihub.attach_message("key", v),
    "attach_image_module_info": lambda v: unihub.attach_image_module_info(v),
    "get_expected_image_size": lambda v: unihub.get_expected_image_size(v),
    "get_num_image_channels": lambda v: unihub.get_num_image_channels(v),
    "image_embedding_column": lambda v: unihub.image_embedding_column("i", v),
    "register_module_for_export": lambda v: unihub.register_module_for_export(v, "n"),
    "save as TF1 Hub": lambda v: unihub.save(v, "saved", format="tf1_hub"),
    "load with sha256": lambda v: unihub.load(REUSABLE, sha256=v),
    "load by api": lambda v: unihub.load(REUSABLE, api=v),
    "load for op": lambda v: unihub.load(REUSABLE, op=v),
    "support": lambda v: unihub.support(v),
}
# Where some of the values are as good as any, or none.
ALSO = {
    "KerasLayer": lambda v: unihub.KerasLayer(v),
    "save": lambda v: unihub.save(v, "saved"),
    "save at": lambda v: unihub.save(tf.Module(), v),
    "save with format": lambda v: unihub.save(tf.Module(), "saved", format=v),
    "convert to": lambda v: unihub.convert(SCALAR, v, dry_run=True),
    "text_embedding_column": lambda v: unihub.text_embedding_column("t", v),
    "text_embedding_column_v2": lambda v: unihub.text_embedding_column_v2("t", v),
    "add_signature": lambda v: unihub.create_module_spec(lambda: unihub.add_signature(v)),
    "add_signature of": lambda v: unihub.create_module_spec(
        lambda: unihub.add_signature(None, v, v)
    ),
    "initialize": lambda v: unihub.initialize(v),
    "check": lambda v: unihub.checking.check(v),
    "register_resolver": lambda v: unihub.register_resolver(v, lambda handle: handle)(),
    "load with tags": lambda v: unihub.load(REUSABLE, tags=v),
    "load with signature": lambda v: unihub.load(REUSABLE, signature=v),
    "load with output_key": lambda v: unihub.load(
        REUSABLE, signature="serving_default", output_key=v
    ),
    "load with on_unsafe": lambda v: unihub.load(REUSABLE, on_unsafe=v),
    "load with training": lambda v: unihub.load(REUSABLE, training=v),
    "column of": lambda v: unihub.text_embedding_column(v, SCALAR),
    "column of a signature": lambda v: unihub.text_embedding_column_v2(v, REUSABLE),
    "load with weights": lambda v: unihub.load(REUSABLE, weights=v),
    "KerasLayer with arguments": lambda v: unihub.KerasLayer(REUSABLE, arguments=v),
    "KerasLayer with tags": lambda v: unihub.KerasLayer(REUSABLE, tags=v),
    "KerasLayer with signature": lambda v: unihub.KerasLayer(REUSABLE, signature=v),
    "KerasLayer with output_shape": lambda v: unihub.KerasLayer(REUSABLE, output_shape=v),
    "call": lambda v: unihub.load(REUSABLE)(v),
    "call a signature": lambda v: unihub.load(REUSABLE, signature="serving_default")(v),
    "call a layer": lambda v: unihub.KerasLayer(REUSABLE)(v),
    "call with texts": lambda v: unihub.load(TEXT)(v),
}
if EAGER:
    ALSO["convert with inputs"] = lambda v: unihub.convert(SCALAR, "c", dry_run=True, inputs=v)
    ALSO["convert with the inputs of a signature"] = lambda v: unihub.convert(
        SCALAR, "c", dry_run=True, inputs={"default": v}
    )
# What a call takes of the values, as tensorflow_hub does or for a default.
TAKEN = {"sha256": {"None"}, "api": {"None"}}
BUILTINS = (ValueError, TypeError, OSError, RuntimeError, NotImplementedError)


def errors_of(call, graph):
    """By value the error that a call raises, or None."""
    for name, make in VALUES.items():
        with tf.Graph().as_default() if graph else contextlib.ExitStack():
            error = None
            try:
                call(make())
            except Exception as raised:
                error = raised
            yield name, error


MODES = [False, True] if EAGER else [True]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "call, graph",
    [*((call, graph) for call in FIRST for graph in MODES), *((call, not EAGER) for call in ALSO)],
)
def test_what_is_no_argument_is_told(call, graph):
    taken = TAKEN.get(call.rpartition(" ")[2], set())
    for value, error in errors_of({**FIRST, **ALSO}[call], graph):
        if error is None:
            assert call in ALSO or value in taken, f"{value} is taken in silence"
            continue
        assert isinstance(error, UnihubError), f"{value}: {error!r}"
        assert isinstance(error, BUILTINS), f"{value}: {type(error).__mro__}"
        assert error.do


def test_nothing_is_written_where_no_path_is_given(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for path in ("", " ", b""):
        with pytest.raises(UnihubError) as refused:
            unihub.save(tf.Module(), path)
        assert refused.value.code == "not-a-path"
        with pytest.raises(UnihubError) as refused:
            unihub.convert(SCALAR, path, overwrite=True)
        assert refused.value.code == "not-a-path"
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
    check_golden("not-a-path-empty", str(refused.value))


@pytest.mark.parametrize(
    "case, call",
    [
        ("wrong-type", lambda: unihub.load(SCALAR, tags=3)),
        ("wrong-type-module-fn", lambda: unihub.create_module_spec(lambda is_training: None)),
        ("wrong-type-inputs", lambda: unihub.convert(SCALAR, "converted", inputs=3)),
    ],
)
def test_what_is_said(case, call):
    with pytest.raises((TypeError, ValueError)) as refused:
        call()

    def module_fn(is_training):
        unihub.add_signature(outputs=tf.constant(1.0))

    said = re.sub(r"function: <.* at 0x\w+>", "function: <...>", str(refused.value))
    said = re.sub(r"missing .*'is_training'", "missing a required argument: 'is_training'", said)
    check_golden(case, said, {"module_fn": module_fn}, models=MODELS)
