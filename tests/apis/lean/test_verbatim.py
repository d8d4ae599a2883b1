"""Structures that are taken from a file as they were written."""

from __future__ import annotations

import pytest
from conftest import MODELS

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from unihub.apis.lean import verbatim
from unihub.apis.lean.private import SavedModel


@pytest.mark.parametrize("name", ["tf2_dict", "keras2_dict_outputs", "tf2_reusable"])
def test_they_are_read_as_before(name):
    content = (MODELS / name / "saved_model.pb").read_bytes()
    written = verbatim.structures(content)
    model = SavedModel.FromString(content)
    functions = model.meta_graphs[0].object_graph_def.concrete_functions
    assert sorted(written) == sorted(functions)
    again = SavedModel.FromString(content)
    found = SavedModel.FromString(verbatim.serialized(again, written))
    assert found == model
    for function in functions:
        before = functions[function].output_signature.dict_value.fields
        after = found.meta_graphs[0].object_graph_def.concrete_functions[function]
        assert list(after.output_signature.dict_value.fields) == list(before)
        assert list(after.bound_inputs) == list(functions[function].bound_inputs)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 16383, 16384, 1 << 31])
def test_numbers(number):
    written = verbatim._written(number)
    assert verbatim._varint(memoryview(written), 0) == (number, len(written))
