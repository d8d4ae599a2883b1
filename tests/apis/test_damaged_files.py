"""Models whose files are cut, or no files: told in words of ours, whatever loads them."""

from __future__ import annotations

import os
import shutil
import threading

import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.apis.failures import CheckpointCut
from unihub.apis.module.errors import VariablesDamaged
from unihub.formats.message import UnreadableFile
from unihub.inspection.refused_files import NotAFile

IS_TF2 = tf.executing_eagerly()
MODEL = "tf2_reusable"
DATA = os.path.join("variables", "variables.data-00000-of-00001")
INDEX = os.path.join("variables", "variables.index")


def in_a_graph(path):
    with tf.Graph().as_default():
        return unihub.load(path, api="load")


def module(path):
    with tf.Graph().as_default():
        return unihub.Module(path)


def mapped(path):
    return unihub.load(path, weights="mmap")


def full(path):
    return unihub.load(path, fast=False)


WAYS = [in_a_graph]
if IS_TF2:
    WAYS += [unihub.load, full, mapped, unihub.KerasLayer]
if IS_TF2 and not tf.__version__.startswith("1."):
    WAYS += [unihub.validate]


@pytest.fixture
def folder(tmp_path):
    with unihub.configure(cache=tmp_path / "cache"):
        yield str(tmp_path / "model")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_weights_that_are_cut(folder, way):
    shutil.copytree(str(MODELS / MODEL), folder)
    with open(os.path.join(folder, DATA), "r+b") as file:
        file.truncate(5)
    with pytest.raises(CheckpointCut) as refused:
        way(folder)
    if way is unihub.load:
        text = str(refused.value).replace("OutOfRangeError", "IndexError")
        check_golden("checkpoint-cut", text, path=folder)


@pytest.mark.parametrize("size", [None, 0, 3])
def test_weights_that_a_session_would_find_cut(folder, size):
    shutil.copytree(str(MODELS / "tf1_hub_scalar"), folder)
    data = os.path.join(folder, DATA)
    if size is None:
        os.remove(data)
    else:
        os.truncate(data, size)
    with pytest.raises(VariablesDamaged) as refused:
        module(folder)
    if size == 3:
        prefix = os.path.join(folder, "variables", "variables")
        check_golden("module-variables-damaged", str(refused.value), prefix=prefix)
    os.remove(os.path.join(folder, "tfhub_module.pb"))
    with pytest.raises(CheckpointCut):
        in_a_graph(folder)


def test_weights_that_are_not_those_that_were_written(folder):
    shutil.copytree(str(MODELS / "tf1_hub_scalar"), folder)
    with open(os.path.join(folder, DATA), "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 255]))
    with tf.Graph().as_default(), tf.compat.v1.Session():
        unihub.Module(folder)
        with pytest.raises(tf.errors.DataLossError) as refused:
            unihub.initialize()
    assert refused.value.code == "module-variables-damaged"
    with pytest.raises(VariablesDamaged), unihub.eval_function_for_module(folder):
        pass


def make_pipe(path):
    """A pipe; who opens it all the same reads an end, and does not wait."""
    if os.path.exists(path):
        os.remove(path)
    os.mkfifo(path)
    threading.Thread(target=lambda: open(path, "wb").close(), daemon=True).start()


def drain(path):
    # The thread's end: it waits for a reader.
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("name", [DATA, INDEX, "fingerprint.pb"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_pipe_in_the_place_of_a_file(folder, way, name):
    shutil.copytree(str(MODELS / MODEL), folder)
    pipe = os.path.join(folder, name)
    make_pipe(pipe)
    with pytest.raises(NotAFile) as refused:
        way(folder)
    drain(pipe)
    if way is in_a_graph and name == DATA:
        check_golden("not-a-file", str(refused.value), path=folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_in_the_place_of_a_modules_asset(folder):
    shutil.copytree(str(MODELS / "tf1_hub_text"), folder)
    (asset,) = os.listdir(os.path.join(folder, "assets"))
    pipe = os.path.join(folder, "assets", asset)
    make_pipe(pipe)
    with pytest.raises(NotAFile, match="named pipe"):
        module(folder)
    drain(pipe)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_in_the_place_of_a_modules_marker(folder):
    shutil.copytree(str(MODELS / "tf1_hub_text"), folder)
    pipe = os.path.join(folder, "tfhub_module.pb")
    make_pipe(pipe)
    with pytest.raises(UnreadableFile, match="not a regular file"):
        unihub.load_module_spec(folder)
    drain(pipe)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such devices")
def test_a_link_to_a_device(folder):
    shutil.copytree(str(MODELS / MODEL), folder)
    os.remove(os.path.join(folder, DATA))
    os.symlink("/dev/zero", os.path.join(folder, DATA))
    with pytest.raises(NotAFile, match="a device"):
        in_a_graph(folder)


def test_links_to_files_are_files(folder):
    shutil.copytree(str(MODELS / MODEL), folder)
    moved = os.path.join(os.path.dirname(folder), "data")
    os.rename(os.path.join(folder, DATA), moved)
    os.symlink(moved, os.path.join(folder, DATA))
    in_a_graph(folder)
