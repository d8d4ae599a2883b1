"""Uses that type checkers accept, with the types that they find; read, never run."""

from __future__ import annotations

import pathlib
from typing import Any, Mapping

from typing_extensions import assert_type

import unihub
import unihub as hub
from unihub.inspection.model_info import ModelInfo
from unihub.matrix import Cell

layer = unihub.load("https://tfhub.dev/google/nnlm-en-dim50/2", api="keras", name="text")
assert_type(layer, unihub.KerasLayer)
module = unihub.load(pathlib.Path("model"), api="module", name="module")
assert_type(module, unihub.Module)
names: list[str] = module.get_signature_names()

saved = unihub.load("model", api="load", tags=["serve"], weights="mmap")
signatures: Mapping[str, Any] = saved.signatures
outputs = saved([1.0], training=True)

m = unihub.load("model", op="fine_tuning", on_unsafe="refuse", convert=True)
outputs = m([1.0])
layers = m.layers
tuned = unihub.load("model", op=unihub.Operation.FINE_TUNING, api="keras", arguments={"k": 1})

classifier = hub.KerasLayer("model", trainable=True, input_shape=[], dtype="string")
dense = hub.KerasLayer(lambda x: x, output_shape=[20], signature_outputs_as_dict=False)
outputs = classifier([["text"]])
column = hub.text_embedding_column("text", "model", trainable=True)
spec = hub.create_module_spec(lambda: None, drop_collections=["a"])
assert_type(spec, unihub.ModuleSpec)

assert_type(unihub.inspect("model"), ModelInfo)
assert_type(unihub.support("tf1_hub", "tf2", "fine_tuning"), Cell)
assert_type(unihub.support(unihub.Format.TF1_HUB).status, unihub.Status)
unihub.matrix()
unihub.configure(offline=True, retries="7", cache=pathlib.Path("cache"), proxies=None)
with unihub.configure(tfhub_mirror="https://mirror.example.org") as now:
    waits: float = now.read_timeout
f, weights, state = unihub.functional("model", training=True, arguments={"k": 1})
outputs, state = f(weights, state, [[1.0]], seed=1)
rows = unihub.Predictor("model", batch_size=32, on_bad="null")({"x": [1.0]})

try:
    unihub.validate("model")
except unihub.MatrixRefusal as error:
    code: str = error.code
