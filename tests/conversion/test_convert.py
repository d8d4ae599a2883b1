"""The public face of conversion and validation."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.conversion.convert import convert_once
from unihub.errors import UnihubError
from unihub.handles.cache.cache_errors import CacheNotWritable


def test_importing_it_imports_no_tensorflow():
    code = "import sys, unihub.conversion.convert, unihub; unihub.convert; unihub.validate; "
    code += "sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_names_are_functions_however_they_are_imported():
    from unihub.conversion import convert

    assert unihub.convert is convert.convert
    assert unihub.validate is convert.validate


@pytest.mark.parametrize("action", ["convert", "validate"])
def test_graph_mode_is_refused(graph, action, tmp_path):
    with pytest.raises(NotImplementedError) as caught:
        if action == "convert":
            unihub.convert("model", tmp_path / "converted")
        else:
            unihub.validate("model")
    assert isinstance(caught.value, UnihubError)
    if action == "convert":
        check_golden(
            "convert-needs-tf2",
            str(caught.value),
            path=tmp_path,
            runtime=unihub.environment().runtime.label,
            version=tf.__version__,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_tf1_keeps_none_of_the_interface(eager):
    report = unihub.validate(MODELS / "tf1_hub_scalar")
    assert not report.reusable
    assert not report.trainable
    assert "op='fine_tuning', convert=True)" in str(report)


def test_the_same_content_is_converted_once(eager, tmp_path):
    first = convert_once(MODELS / "tf1_hub_scalar", tmp_path / "cache")
    file = os.path.join(first, "saved_model.pb")
    written = os.stat(file).st_mtime_ns
    assert convert_once(str(MODELS / "tf1_hub_scalar"), tmp_path / "cache") == first
    assert os.stat(file).st_mtime_ns == written
    assert convert_once(MODELS / "tf1_hub_resource", tmp_path / "cache") != first
    assert unihub.validate(first).trainable


@pytest.mark.usefixtures("eager")
def test_a_cache_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = tmp_path / "file" / "cache"
    with unihub.configure(cache=cache), pytest.raises(CacheNotWritable) as caught:
        unihub.load(MODELS / "tf1_hub_scalar", op="fine_tuning", convert=True)
    assert caught.value.do.startswith("use a folder of your own: export UNIHUB_CACHE=")
