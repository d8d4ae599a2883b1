"""The file of a SavedModel: opened once by all who read it in one load."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import pytest
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.formats.model import open_saved_model, read_ops
from unihub.formats.saved_model import SavedModelChanged, saved_model_file

COUNTED = """
import collections, os, sys
opened = collections.Counter()
def count(event, arguments):
    if event == "open" and str(arguments[0]).endswith("saved_model.pb"):
        opened[os.path.abspath(arguments[0])] += 1
sys.addaudithook(count)
import unihub
models, ways = sys.argv[1], eval(sys.argv[2])
for name, choices in ways:
    opened.clear()
    path = os.path.join(models, name)
    if choices == "spec":
        unihub.load_module_spec(path)
    elif choices == "validate":
        unihub.validate(path)
    elif choices == "convert":
        unihub.convert(path, "new", dry_run=True)
    elif choices == "saved model":
        unihub.create_module_spec_from_saved_model(path)
    else:
        unihub.load(path, **choices)
    print(list(opened.values()), name, choices)
"""
WAYS = (
    ("tf2_reusable", {}),
    ("tf2_reusable", {"fast": False}),
    ("tf2_reusable", {"op": "fine_tuning"}),
    ("tf2_reusable", {"op": "fine_tuning", "api": "load"}),
    ("tf2_reusable", {"api": "keras"}),
    ("tf1_hub_text", {}),
    ("tf1_hub_text", "spec"),
    ("tf1_saved_model_pb", "saved model"),
    ("tf2_reusable", "validate"),
    ("tf1_hub_text", "convert"),
)


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(str(MODELS / "tf2_reusable"), str(tmp_path / "model"))


def test_who_opens_it_once_more_is_given_the_same(model):
    with saved_model_file(model) as file:
        with open_saved_model(model) as (_, again):
            assert again is file
        assert read_ops(model, ["serve"])
        assert file.content[:1]
    with saved_model_file(model) as later:
        assert later is not file


def test_other_threads_open_it_for_themselves(model):
    found = []

    def read():
        with saved_model_file(model) as file:
            found.append(file)

    with saved_model_file(model) as file:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        assert found[0] is not file


def replace(folder):
    file = f"{folder}/saved_model.pb"
    shutil.copy(file, f"{folder}/new")
    shutil.move(f"{folder}/new", file)


def write_to(folder):
    with open(f"{folder}/saved_model.pb", "r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(byte)


@pytest.mark.parametrize("change", [replace, write_to, shutil.rmtree])
def test_a_change_is_noticed(model, change):
    with saved_model_file(model) as file:
        file.check_unchanged()
        change(model)
        with pytest.raises(SavedModelChanged) as raised:
            file.check_unchanged()
    check_golden("saved-model-changed", str(raised.value).replace(model, "path/to/model"))


def test_a_file_that_tensorflow_prefers_is_noticed(tmp_path):
    folder = shutil.copytree(str(MODELS / "tf1_saved_model_pbtxt"), str(tmp_path / "model"))
    with saved_model_file(folder) as file:
        file.check_unchanged()
        shutil.copy(str(MODELS / "tf1_saved_model_pb" / "saved_model.pb"), folder)
        with pytest.raises(SavedModelChanged):
            file.check_unchanged()


@pytest.mark.parametrize("fast", [True, False])
def test_what_is_loaded_is_what_was_checked(model, fast, eager):
    def tags():
        # Asked for when the file has been read, and before it is loaded.
        replace(model)
        yield "serve"

    with pytest.raises(SavedModelChanged):
        unihub.load(model, tags=tags(), fast=fast)


@pytest.mark.skipif(sys.version_info < (3, 8), reason="audit hooks came with Python 3.8")
def test_a_load_opens_it_once():
    command = [sys.executable, "-c", COUNTED, str(MODELS), repr(WAYS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    counted = [line for line in done.stdout.decode().splitlines() if line.startswith("[")]
    # Once more for the hash of all files, which the report on a conversion has.
    times = {"convert": 2}
    assert counted == [f"[{times.get(str(how), 1)}] {name} {how}" for name, how in WAYS]
