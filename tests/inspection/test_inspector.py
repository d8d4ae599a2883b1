from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import MODELS, ROOT
from golden import check_golden
from hand_made import HUB_GRAPH, HUB_MODULE, SERVING_DEFAULT, TF2, meta_graph, saved_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inspection.acting_table import ACTING

import unihub
from unihub.errors import UnihubError
from unihub.inspection.attachments import Attachment
from unihub.inspection.facts import CheckpointInfo
from unihub.inspection.structures import Listed, Spec, show
from unihub.matrix import Format, Operation, Runtime, Status
from unihub.runtime import current_runtime


def variant(name):
    return unihub.inspect(MODELS / name).meta_graphs[0]


def test_a_reusable_saved_model():
    info = unihub.inspect(str(MODELS / "tf2_reusable"))
    (graph,) = info.meta_graphs
    assert info.format is Format.TF2_SAVED_MODEL
    assert info.evidence == "saved_model.pb with an object graph, tags ['serve']"
    assert info.tensorflow_version == "1.15.5"
    assert info.checkpoint == CheckpointInfo(4, 48, 1, "")
    (call,) = graph.callables
    assert str(call) == "m(x, training=False)"
    assert call.has_training
    assert sorted(str(accepted) for accepted in call.accepted) == [
        "x: float32[?,3], training: False",
        "x: float32[?,3], training: True",
    ]
    assert call.example == f"m = unihub.load({info.handle!r}); m(tf.zeros([1, 3]))"
    assert (len(graph.variables), len(graph.trainable_variables)) == (3, 2)
    assert graph.regularization_losses == 1
    assert info.findings == ()


def test_keras_models():
    info = unihub.inspect(MODELS / "keras2_saved_model")
    assert (info.keras.class_name, info.keras.keras_version) == ("Functional", "2.15.0")
    assert not info.keras.has_lambda
    assert unihub.inspect(ACTING / "keras_lambda").keras.has_lambda
    assert unihub.inspect(MODELS / "tf2_dict").keras is None


def test_inputs_in_structures():
    (call,) = variant("tf2_list").callables
    ((_, value),) = call.accepted[0].arguments
    assert isinstance(value, Listed)
    assert [type(item) for item in value.values] == [Spec, Spec]
    (call,) = variant("tf2_dict").callables
    assert "{'ids': int32[?], 'weights': float32[?]}" in str(call.accepted[0])
    assert "{'ids': tf.zeros([1], tf.int32)" in call.example


def test_parts_of_a_model_that_is_not_callable():
    graph = variant("tf2_sub_objects")
    assert graph.sub_objects == ("encoder", "decoder")
    assert [call.path for call in graph.callables] == ["encoder", "decoder"]
    assert str(graph.callables[0]).startswith("m.encoder(")


def test_an_image_module():
    info = unihub.inspect(MODELS / "tf1_hub_image")
    assert info.module_format == 3
    assert Attachment("image_module_info", "images of 8 × 8") in info.meta_graphs[0].attachments
    assert [graph.tags for graph in info.meta_graphs] == [(), ("train",)]
    assert "tags=['train']" in info.meta_graphs[1].signatures[0].example


def test_where_no_variant_is_evident_every_example_names_its_tags(tmp_path):
    graphs = [
        meta_graph((tag,), {"serving_default": SERVING_DEFAULT}, writer="1.15.5")
        for tag in ("cpu", "gpu")
    ]
    (tmp_path / "saved_model.pb").write_bytes(saved_model(*graphs))
    info = unihub.inspect(tmp_path)
    for tag, graph in zip(("cpu", "gpu"), info.meta_graphs):
        assert f"tags=['{tag}']" in graph.signatures[0].example


def test_the_parts_of_a_partitioned_variable_count_as_one():
    (variable,) = variant("tf1_hub_partitioned").variables
    assert variable.trainable
    assert variable.bytes == 56


def test_control_flow_of_tf1():
    assert "Switch" in variant("tf1_hub_control_flow").control_flow_v1
    assert variant("tf1_hub_scalar").control_flow_v1 == ()


def test_assets():
    ((asset,), table) = variant("tf2_text").assets, variant("tf2_text").ops
    assert asset.name.endswith(".txt")
    assert asset.bytes == (MODELS / "tf2_text" / "assets" / asset.name).stat().st_size
    assert "HashTableV2" in table
    (escaping,) = unihub.inspect(ACTING / "asset_escapes").meta_graphs[0].assets
    assert escaping.bytes is None


def test_ops_of_another_package(tmp_path):
    content = (ACTING / "unknown_op" / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(content.replace(b"OpenBackDoor", b"CaseFoldUTF8"))
    info = unihub.inspect(tmp_path)
    assert dict(info.meta_graphs[0].packages) == {"tensorflow_text": ("CaseFoldUTF8",)}
    assert info.findings == ()


def test_what_can_be_done_with_it():
    info = unihub.inspect(MODELS / "tf2_sub_objects")
    uses = {(use.runtime, use.operation): use for use in info.uses}
    tuning = uses[Runtime.TF2, Operation.FINE_TUNING]
    assert tuning.status is Status.REFUSED
    assert f"unihub.KerasLayer(unihub.load({info.handle!r}).encoder, trainable=True)" in tuning.note
    reusable = unihub.inspect(MODELS / "tf2_reusable")
    assert [(use.runtime, use.operation) for use in reusable.uses] == list(uses)
    assert [use.status for use in reusable.uses if use.runtime is Runtime.TF2] == [
        Status.FULL,
        Status.FULL,
    ]


def test_a_signature_that_is_not_evident_is_named_in_the_code(tmp_path):
    graph = meta_graph(tags=("serve",), signatures={"one": SERVING_DEFAULT, "two": SERVING_DEFAULT})
    (tmp_path / "saved_model.pb").write_bytes(saved_model(graph))
    lines = [code for use in unihub.inspect(tmp_path).uses for _, code in use.code]
    assert lines
    assert all("signature='one'" in line for line in lines if "fine_tuning" not in line)
    evident = unihub.inspect(MODELS / "tf1_saved_model_pb")
    assert not any("signature" in code for use in evident.uses for _, code in use.code)


def test_json():
    info = unihub.inspect(MODELS / "tf2_reusable")
    found = json.loads(json.dumps(info.as_json()))
    assert found["format"] == "tf2_saved_model"
    assert found["meta_graphs"][0]["variables"] == {
        "count": 3,
        "bytes": sum(variable.bytes for variable in info.meta_graphs[0].variables),
        "trainable_count": 2,
        "trainable_bytes": sum(v.bytes for v in info.meta_graphs[0].trainable_variables),
    }
    (signature,) = found["meta_graphs"][0]["signatures"]
    assert signature["inputs"]["x"]["shape"] == [None, 3]
    by_name = info.as_json(variables=True)["meta_graphs"][0]["variables"]["by_name"]
    assert len(by_name) == 3
    assert set(by_name[0]) == {"name", "dtype", "shape", "bytes", "trainable"}


@pytest.mark.parametrize("name", ["tf2_reusable", "tf1_hub_image", "keras2_dict_outputs"])
def test_text(name):
    folder = MODELS / name
    text = str(unihub.inspect(folder)).replace(" (here)", "")
    # 1.15 has not all its ops.
    where = "-in-tf1" if name.startswith("keras2") and current_runtime() is Runtime.TF1 else ""
    check_golden(f"inspect/{name.replace('_', '-')}{where}", text, folder=folder)


def test_text_of_a_model_that_acts():
    folder = ACTING / "dataset_graph"
    text = str(unihub.inspect(folder)).replace(" (here)", "")
    # 1.15 may lack attributes of what 2.15 wrote, and no line of it is printed there.
    where = "-in-tf1" if current_runtime() is Runtime.TF1 else ""
    check_golden(f"inspect/acting{where}", text, folder=folder)


def test_rich_text_is_the_same():
    info = unihub.inspect(ACTING / "writes")
    assert info.__rich__().plain.rstrip("\n") == str(info)


def test_no_tensorflow_is_imported():
    script = (
        "import sys, unihub; str(unihub.inspect(sys.argv[1])); "
        "print(sorted({'tensorflow', 'google.protobuf', 'numpy', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(MODELS / "tf2_reusable")],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert done.stdout == "[]\n"


@pytest.mark.skipif(current_runtime() is not Runtime.TF1, reason="is about TensorFlow 1.15")
def test_ops_that_1_15_lacks_are_told_without_importing_it_as_well():
    script = "import sys, unihub; print(unihub.inspect(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(MODELS / "keras2_dict_outputs")]
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, check=True, text=True)
    assert "inference in TF1 (1.15) (here): refused" in done.stdout


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((Spec("float32", (None, 3)),), "(float32[?,3],)"),
        (Listed((None, 0.5, "a", True)), "[None, 0.5, 'a', True]"),
        (Spec("int64", None, type_spec="RaggedTensorSpec"), "RaggedTensorSpec int64[...]"),
    ],
)
def test_show(value, expected):
    assert show(value) == expected


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.sampled_from(
        [TF2, HUB_GRAPH, (MODELS / "tf2_dict" / "saved_model.pb").read_bytes()]
    ),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6),
    keras=st.binary(max_size=30),
)
def test_damaged_files_raise_nothing_but_our_errors(tmp_path, content, changes, keras):
    changed = bytearray(content)
    for place, value in changes:
        changed[place % len(changed)] = value
    (tmp_path / "saved_model.pb").write_bytes(bytes(changed))
    (tmp_path / "keras_metadata.pb").write_bytes(keras)
    if content is HUB_GRAPH:
        (tmp_path / "tfhub_module.pb").write_bytes(HUB_MODULE)
    try:
        info = unihub.inspect(tmp_path)
    except UnihubError:
        return
    json.dumps(info.as_json(variables=True))
    assert str(info)
    assert info.as_html()
