"""Weights that are mapped from a file in the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS

from unihub import runtime, settings
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import FullLoads, full_object, request_for

from unihub.apis.lean import inference as fast
from unihub.apis.lean import mapped
from unihub.apis.lean.plan import Variable
from unihub.handles.cache.cache_errors import CacheNotWritable

X = tf.constant([[1.0, 2.0, 3.0]])
SIZES = (tf.float32.as_datatype_enum, tf.int8.as_datatype_enum)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o700)
    assert settings.current().cache == str(tmp_path / "cache")
    return tmp_path / "cache" / "weights"


def load_mapped(path, **choices):
    request = request_for(path, **choices)
    return fast.load_lean(request, FullLoads(request), "mmap")


def test_the_answers_are_the_same_and_the_file_is_written_once(cache):
    for name, signature in (
        ("tf1_saved_model_pb", "project"),
        ("tf2_reusable", "serving_default"),
        ("tf1_hub_ref_variables", "default"),
        ("keras2_saved_model", None),
    ):
        expected = full_object(MODELS / name, signature=signature)(X)
        before = set(cache.glob("*"))
        for _ in range(2):
            found = load_mapped(MODELS / name, signature=signature)(X)
            assert found.numpy().tobytes() == expected.numpy().tobytes()
        (file,) = set(cache.glob("*")) - before
        written = file.stat().st_mtime_ns
        load_mapped(MODELS / name, signature=signature)
        assert file.stat().st_mtime_ns == written


def test_every_dtype_is_right(cache, tmp_path):
    values = {
        "bfloat16": tf.constant([1.5, 2.5], tf.bfloat16),
        "bool": tf.constant([True, False]),
        "complex": tf.constant([1 + 2j], tf.complex64),
        "double": tf.constant(np.arange(17.0)),
        "empty": tf.zeros([0, 3]),
        "half": tf.constant([[1.0, 2.0]], tf.float16),
        "int8": tf.constant([1, -2, 3], tf.int8),
        "large": tf.constant(np.arange(10_000, dtype="int64")),
        "scalar": tf.constant(7.0),
        "string": tf.constant(["a", "bc"]),
        "uint16": tf.constant([65535], tf.uint16),
    }

    class Model(tf.Module):
        def __init__(self):
            self.values = {name: tf.Variable(value) for name, value in values.items()}

        @tf.function(input_signature=[])
        def call(self):
            return {name: tf.identity(value) for name, value in self.values.items()}

    model = Model()
    path = str(tmp_path / "model")
    tf.saved_model.save(model, path, signatures=model.call)
    lean = load_mapped(path)
    assert lean is not None
    found = lean()
    assert sorted(found) == sorted(values)
    for name, value in values.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name].numpy(), value.numpy())


def test_writing_to_a_variable_leaves_the_file_alone(cache):
    lean = load_mapped(MODELS / "tf2_reusable", signature="serving_default")
    (file,) = cache.glob("*")
    before, answer = file.read_bytes(), lean(X).numpy().tolist()
    with tf.GradientTape() as tape:
        lean(X)
    for variable in tape.watched_variables():
        variable.assign_add(tf.ones_like(variable))
    assert lean(X).numpy().tolist() != answer
    assert file.read_bytes() == before
    again = load_mapped(MODELS / "tf2_reusable", signature="serving_default")
    assert again(X).numpy().tolist() == answer


ROWS = tf.constant([[3, 1], [1, 0]])


class Gathering(tf.Module):
    """Reads rows of variables in each of the ways there are."""

    def __init__(self, rows=50, columns=6):
        self.table = tf.Variable(tf.reshape(tf.range(float(rows * columns)), [rows, columns]))
        self.batch = tf.Variable(tf.reshape(tf.range(24.0), [2, 4, 3]))

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32, "rows")])
    def call(self, rows):
        return {
            "rows": tf.nn.embedding_lookup(self.table, rows),
            "cells": tf.gather_nd(self.table, rows),
            "in batches": tf.raw_ops.ResourceGather(
                resource=self.batch.handle, indices=rows, batch_dims=1, dtype=tf.float32
            ),
            "tied": tf.matmul(tf.gather(self.table, rows[0]), self.table, transpose_b=True),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32)])
    def __call__(self, rows):
        return tf.gather(self.table, rows)


def saved_gathering(path, **sizes):
    model = Gathering(**sizes)
    tf.saved_model.save(model, str(path), signatures=model.call)
    return str(path)


@pytest.mark.parametrize("signature", ["serving_default", None])
def test_what_is_gathered_is_the_same_and_so_is_what_is_refused(cache, tmp_path, signature):
    path = saved_gathering(tmp_path / "model")
    full = full_object(path, signature=signature, as_dict=signature is not None)
    lean = load_mapped(path, signature=signature, as_dict=signature is not None)

    def bits(loaded, rows=ROWS):
        return [one.numpy().tobytes() for one in tf.nest.flatten(loaded(rows))]

    assert bits(lean) == bits(full)
    assert not object.__getattribute__(lean, "_lean_model").has_variables
    # Of several reads that fail, which is told is not determined: in the signature one fails.
    beyond = ROWS + 100 if signature is None else tf.constant([[10, 1], [2, 3]])
    messages = []
    for loaded in (full, lean):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            loaded(beyond)
        messages.append(str(caught.value).partition("[Op:")[0])
    assert messages[0] == messages[1]
    for loaded in (full, lean):
        with tf.GradientTape() as tape:
            loaded(ROWS)
        for variable in tape.watched_variables():
            variable.assign_add(tf.ones_like(variable))
    assert bits(lean) == bits(full)


def test_rows_are_read_where_they_are(cache, tmp_path):
    """TensorFlow by itself would copy all of what they are of."""
    path = saved_gathering(tmp_path / "model", rows=10_000, columns=1000)

    def own_memory():
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("RssAnon:")).split()[1]) * 1024

    load_mapped(path)
    lean = load_mapped(path, signature=None)
    before = own_memory()
    lean(ROWS)
    assert own_memory() - before < 20e6


def test_the_same_weights_are_written_once_wherever_they_are(cache, tmp_path):
    for name in ("model", "copy"):
        shutil.copytree(MODELS / "tf1_saved_model_pb", tmp_path / name)
        load_mapped(tmp_path / name, signature="project")
    os.utime(tmp_path / "copy" / "variables" / "variables.index", ns=(1, 1))
    load_mapped(tmp_path / "copy", signature="project")
    assert len(list(cache.glob("*"))) == 1


@pytest.mark.parametrize("weights", [None, "mmap"])
def test_another_version_is_not_taken_for_the_one_before(cache, tmp_path, weights):
    """As archives that are made to be reproducible, both are of the same size and time."""

    class Model(tf.Module):
        def __init__(self, value):
            self.v = tf.Variable(tf.fill([64], value))

        @tf.function(input_signature=[])
        def call(self):
            return {"v": tf.identity(self.v)}

    for version in (1.0, 2.0):
        model, folder = Model(version), tmp_path / str(version)
        tf.saved_model.save(model, str(folder), signatures=model.call)
        for file in filter(Path.is_file, folder.rglob("*")):
            os.utime(file, ns=(10**18, 10**18))
    served = tmp_path / "served"
    kept = []
    for version in (1.0, 2.0, 1.0):
        # In place, with all times.
        shutil.copytree(tmp_path / str(version), served, dirs_exist_ok=True)
        request = request_for(served)
        kept.append(fast.load_lean(request, FullLoads(request), weights))
        assert kept[-1]().numpy().tolist() == [version] * 64


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes to all")
def test_nobody_shortens_what_is_mapped(cache):
    load_mapped(MODELS / "tf1_saved_model_pb", signature="project")
    (file,) = cache.glob("*")
    with pytest.raises(PermissionError):
        file.write_bytes(b"")


def test_a_file_of_another_size_is_written_anew(cache):
    expected = load_mapped(MODELS / "tf1_saved_model_pb", signature="project")(X)
    (file,) = cache.glob("*")
    size = file.stat().st_size
    # Not the file that is mapped: what shrinks under a mapping ends the process.
    file.unlink()
    file.write_bytes(b"")
    lean = load_mapped(MODELS / "tf1_saved_model_pb", signature="project")
    assert lean(X).numpy().tolist() == expected.numpy().tolist()
    assert file.stat().st_size == size


def test_a_damaged_checkpoint_is_never_mapped(cache, tmp_path):
    path = tmp_path / "model"
    shutil.copytree(MODELS / "tf1_saved_model_pb", path)
    (data,) = (path / "variables").glob("*.data-*")
    content = bytearray(data.read_bytes())
    content[3] ^= 1
    data.write_bytes(content)
    assert load_mapped(path, signature="project") is None
    assert list(cache.glob("*")) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners of files")
def test_a_folder_that_others_write_to_is_not_used(cache):
    cache.mkdir()
    cache.chmod(0o777)
    assert load_mapped(MODELS / "tf1_saved_model_pb", signature="project") is None


def test_a_cache_that_cannot_be_written_is_told(cache, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CacheNotWritable) as caught:
        load_mapped(MODELS / "tf1_saved_model_pb", signature="project")
    assert caught.value.do.startswith("use a folder of your own: export UNIHUB_CACHE=")


def test_only_aligned_memory_is_handed_to_tensorflow():
    variable = Variable("v", tf.float32.as_datatype_enum, (4,))
    buffer = np.zeros(256, np.uint8)
    start = -buffer.ctypes.data % 64
    assert mapped._tensor(buffer[start : start + 16], variable) is not None
    for shift in (1, 4, 16, 32):
        assert mapped._tensor(buffer[start + shift : start + shift + 16], variable) is None


def test_slots_are_aligned():
    variables = [Variable(str(size), dtype, (size,)) for size in (1, 63, 64, 65) for dtype in SIZES]
    slots, size = mapped._slots(variables)
    assert [place % 64 for _, place, _ in slots] == [0] * 8
    assert size >= slots[-1][1] + slots[-1][2]
    ends = [place + length for _, place, length in slots]
    assert all(end <= place for end, (_, place, _) in zip(ends, slots[1:]))
