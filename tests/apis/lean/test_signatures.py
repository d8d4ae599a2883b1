"""The signatures of a lean object pass for those of the full one."""

from __future__ import annotations

import inspect
import re
import weakref

import pytest
import tensorflow as tf
from conftest import MODELS

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import counted, full_object, inputs_of, request_for

MODELS_AND_CHOICES = [
    ("tf2_reusable", {}),
    ("tf2_reusable", {"signature": "serving_default"}),
    ("keras2_saved_model", {}),
    ("tf2_signatures_only", {}),
    ("tf1_saved_model_pb", {"signature": "project"}),
    ("tf1_hub_image", {}),
]
IDS = [f"{name} {'by signature' if choices else ''}" for name, choices in MODELS_AND_CHOICES]


@pytest.fixture(params=MODELS_AND_CHOICES, ids=IDS)
def pair(request):
    name, choices = request.param
    signatures = request_for(MODELS / name).meta_graph.signatures
    return (*counted(MODELS / name, **choices), full_object(MODELS / name, **choices), signatures)


def values(outputs):
    return [(name, value.numpy().tobytes()) for name, value in outputs.items()]


def test_the_mapping(pair):
    lean, loads, full, _ = pair
    found, expected = lean.signatures, full.signatures
    assert list(found) == list(expected)
    assert len(found) == len(expected)
    assert list(found.keys()) == list(expected.keys())
    assert found is lean.signatures
    assert "nothing" not in found
    assert found.get("nothing", 7) == 7
    with pytest.raises(KeyError, match="nothing"):
        found["nothing"]
    with pytest.raises(TypeError):
        found["new"] = 1
    assert isinstance(found, type(expected))
    assert loads.count == 0
    assert repr(found).startswith("_SignatureMap({")


def test_each_is_called_as_that_of_the_full_object(pair):
    lean, loads, full, signatures = pair
    for name, signature in signatures.items():
        inputs = inputs_of(signature)
        found = lean.signatures[name](**inputs)
        expected = full.signatures[name](**inputs)
        assert values(found) == values(expected)
        assert lean.signatures[name] is lean.signatures[name]
        if len(inputs) == 1:
            (only,) = inputs.values()
            assert values(lean.signatures[name](only)) == values(expected)
        assert type(full.signatures[name]) is lean.signatures[name].__class__
    assert loads.count == 0


def test_wrong_calls_are_refused_by_tensorflow(pair):
    lean, _, full, signatures = pair
    for name, signature in signatures.items():
        inputs = inputs_of(signature)
        key = next(iter(inputs))
        wrong = [
            ((), {}),
            ((), {"nothing": tf.constant(1.0)}),
            ((), {**inputs, "nothing": tf.constant(1.0)}),
            ((), {**inputs, key: "text"}),
            ((), {**inputs, key: None}),
            ((*inputs.values(), tf.constant(1.0)), {}),
            ((inputs,), {}),
        ]
        for args, kwargs in wrong:
            assert refusal(lean.signatures[name], args, kwargs) == refusal(
                full.signatures[name], args, kwargs
            )


def refusal(function, args, kwargs):
    with pytest.raises(Exception) as caught:
        function(*args, **kwargs)
    text = str(caught.value).partition("Received inputs")[0]
    return type(caught.value), re.sub(r"\d{6,}|0x[0-9a-f]+|_\d+", "", text)


def test_attributes_are_those_of_tensorflow(pair):
    lean, loads, full, signatures = pair
    for name in signatures:
        found, expected = lean.signatures[name], full.signatures[name]
        assert found.structured_input_signature == expected.structured_input_signature
        assert shapes(found.structured_outputs) == shapes(expected.structured_outputs)
        assert [x.shape for x in found.inputs] == [x.shape for x in expected.inputs]
        assert [x.dtype for x in found.outputs] == [x.dtype for x in expected.outputs]
        assert [x.dtype for x in found.captured_inputs] == [
            x.dtype for x in expected.captured_inputs
        ]
        assert sorted(v.name for v in found.variables) == sorted(v.name for v in expected.variables)
        assert len(found.function_def.node_def) == len(expected.function_def.node_def)
        assert str(inspect.signature(found)) == str(inspect.signature(expected))
        assert set(dir(expected)) <= set(dir(found))
        assert not hasattr(found, "nothing")
        assert weakref.ref(found)() is found
    assert loads.count == 1


def shapes(outputs):
    return [(name, tensor.dtype, tensor.shape.as_list()) for name, tensor in outputs.items()]


def test_gradients_and_graphs(pair):
    lean, _, full, signatures = pair
    for name, signature in signatures.items():
        inputs = inputs_of(signature)
        floating = [value for value in inputs.values() if value.dtype.is_floating]
        for model in (lean, full):
            function = model.signatures[name]
            with tf.GradientTape() as tape:
                tape.watch(floating)
                outputs = function(**inputs)
                total = [tf.reduce_sum(v) for v in outputs.values() if v.dtype.is_floating]
            found = (
                values(tf.function(lambda function=function, inputs=inputs: function(**inputs))()),
                [
                    None if g is None else g.numpy().tobytes()
                    for g in tape.gradient(total, floating)
                ],
            )
            if model is lean:
                first = found
        assert first == found


@pytest.mark.parametrize("choices", [{}, {"signature": "serving_default"}], ids=str)
def test_one_set_of_variables(choices):
    lean, loads = counted(MODELS / "keras2_saved_model", **choices)
    full = full_object(MODELS / "keras2_saved_model", **choices)
    x = tf.ones([2, 3])
    before = values(lean.signatures["serving_default"](x))
    for model in (lean, full):
        for variable in model.variables:
            variable.assign(variable * 2)
    after = values(lean.signatures["serving_default"](x))
    assert after == values(full.signatures["serving_default"](x))
    assert after != before
    assert loads.count == 1


def test_other_signatures_can_be_put_in_their_place(pair):
    lean, _, full, _ = pair
    for model in (lean, full):
        model.signatures = {"mine": 1}
        assert model.signatures["mine"] == 1
