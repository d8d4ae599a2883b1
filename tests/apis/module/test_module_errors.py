"""What each error of a module says, word for word, when what it is about really happens."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import numpy as np
import pytest
import tensorflow as tf
from apis.module import module_fns as fns
from conftest import MODELS
from golden import check_golden
from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

import unihub as hub
from unihub.errors import UnihubError

v1 = tf.compat.v1
Keys = v1.GraphKeys
NotFound = tf.errors.NotFoundError

Case = Tuple[Any, Callable[[Path], Any]]


def scale_spec() -> hub.ModuleSpec:
    return fns.spec(hub, fns.scale)


def train_spec() -> hub.ModuleSpec:
    return fns.spec(hub, fns.normalized, tags_and_args=fns.TRAIN_AND_SERVE)


def signatures() -> hub.Module:
    return hub.Module(fns.spec(hub, fns.signatures))


def created(build: Callable[[], Any]) -> Callable[[Path], Any]:
    return lambda folder: hub.create_module_spec(build)


def exported(folder: Path, spec: Any = None) -> Path:
    fns.exported(hub, spec or scale_spec(), folder)
    return folder


def with_marker(content: bytes, folder: Path) -> Any:
    exported(folder)
    (folder / "tfhub_module.pb").write_bytes(content)
    return hub.load_module_spec(folder)


def changed(change: Callable[[SavedModel], None], folder: Path, spec: Any = None) -> hub.ModuleSpec:
    """The spec of a module whose saved_model.pb was changed on disk."""
    file = exported(folder, spec) / "saved_model.pb"
    saved_model = SavedModel.FromString(file.read_bytes())
    change(saved_model)
    file.write_bytes(saved_model.SerializeToString())
    return hub.load_module_spec(folder)


def other_graph(folder: Path) -> Any:
    module = hub.Module(scale_spec())
    with tf.Graph().as_default():
        module(1.0)


def taken_scope(folder: Path) -> Any:
    with tf.name_scope("module"):
        tf.constant(1.0)
    hub.Module(scale_spec())


def evaluated_late(folder: Path) -> Any:
    with hub.eval_function_for_module(scale_spec()) as evaluate:
        pass
    evaluate(1.0)


def exported_twice(folder: Path) -> Any:
    exported(folder)
    exported(folder)


def broken_saved_model(folder: Path) -> Any:
    (exported(folder) / "saved_model.pb").write_bytes(b"\x0a\xff")
    hub.load_module_spec(folder)


def without_saved_model(folder: Path) -> Any:
    (exported(folder) / "saved_model.pb").unlink()
    hub.load_module_spec(folder)


def without_variables(folder: Path) -> Any:
    for file in (exported(folder) / "variables").iterdir():
        file.unlink()
    hub.Module(folder)


def asset_collection(build: Callable[[], Any]) -> Callable[[], None]:
    def module_fn() -> None:
        hub.add_signature(outputs=tf.constant(1.0))
        v1.add_to_collection(Keys.ASSET_FILEPATHS, build())

    return module_fn


def outside_asset(saved_model: SavedModel) -> None:
    asset = AssetFileDef(filename="../../secret")
    asset.tensor_info.name = "Const:0"
    collections = saved_model.meta_graphs[0].collection_def
    collections["saved_model_assets"].any_list.value.add().Pack(asset)


def numbered_assets(saved_model: SavedModel) -> None:
    collections = saved_model.meta_graphs[0].collection_def
    collections[Keys.ASSET_FILEPATHS].int64_list.value.append(1)


def numbered_attachments(saved_model: SavedModel) -> None:
    collections = saved_model.meta_graphs[0].collection_def
    collections["hub_module_attachments"].int64_list.value.append(1)


def unknown_op(saved_model: SavedModel) -> None:
    graph = saved_model.meta_graphs[0]
    graph.meta_info_def.stripped_op_list.op.add(name="SentencepieceOp")


def unknown_op_of_newer(saved_model: SavedModel) -> None:
    unknown_op(saved_model)
    info = saved_model.meta_graphs[0].meta_info_def
    info.stripped_op_list.op[-1].name = "MultiplyMore"
    info.tensorflow_version = "9.15.5"


def unknown_attributes(saved_model: SavedModel) -> None:
    graph = saved_model.meta_graphs[0]
    graph.meta_info_def.tensorflow_version = "9.15.5"
    (node,) = (node for node in graph.graph_def.node if node.op == "Mul")
    node.attr["rounding"].s = b"up"


def unnamed_tensor(saved_model: SavedModel) -> None:
    saved_model.meta_graphs[0].signature_def["default"].inputs["default"].ClearField("name")


def repeated_tags() -> Any:
    return fns.spec(hub, fns.scale, tags_and_args=[({"a"}, {}), ({"a"}, {})])


def collection_of_its_own() -> None:
    fns.scale(hub)
    v1.add_to_collection("mine", tf.constant(1.0))


def colocated_input() -> None:
    anchor = tf.constant(1.0, name="anchor")
    with v1.colocate_with(anchor):
        x = v1.placeholder(tf.float32, [], name="x")
    hub.add_signature(inputs=x, outputs=x + 1.0)


def colocated_state() -> None:
    anchor = tf.constant(1.0, name="anchor")
    with v1.colocate_with(anchor):
        w = v1.get_variable("w", initializer=1.0)
    hub.add_signature(outputs=w + 1.0)


def state_of_two_outputs() -> None:
    tf.raw_ops.AnonymousIteratorV2(output_types=[tf.float32], output_shapes=[[]])
    hub.add_signature(outputs=tf.constant(1.0))


def ambiguous_colocation(folder: Path) -> Any:
    module = hub.Module(fns.spec(hub, fns.colocated, "with_one_of_two_outputs"))
    module({"first": tf.constant([1.0], name="a"), "second": tf.constant([2.0], name="b")})


def conflicting_parts(saved_model: SavedModel) -> None:
    from tensorflow.core.framework.variable_pb2 import VariableDef

    values = saved_model.meta_graphs[0].collection_def[Keys.GLOBAL_VARIABLES].bytes_list.value
    for position, value in enumerate(values):
        variable = VariableDef.FromString(value)
        if variable.HasField("save_slice_info_def"):
            variable.save_slice_info_def.var_offset[0] = 0
            values[position] = variable.SerializeToString()


def in_function(folder: Path) -> Any:
    module = hub.Module(train_spec(), trainable=True, tags={"train"})
    tf.function(lambda: module(tf.constant([[1.0, 2.0]])))()


def indexed_slices() -> Any:
    return tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))


def takes_indexed_slices(saved_model: SavedModel) -> None:
    info = v1.saved_model.build_tensor_info(indexed_slices())
    saved_model.meta_graphs[0].signature_def["default"].inputs["default"].CopyFrom(info)


CASES: Dict[str, Case] = {
    "module-spec-not-understood": (ValueError, lambda folder: hub.Module(42)),
    "module-spec-not-understood-module": (ValueError, lambda folder: hub.Module(signatures())),
    "module-spec-not-understood-function": (ValueError, lambda folder: hub.Module(fns.scale)),
    "module-no-such-variant": (
        (ValueError, KeyError),
        lambda folder: hub.Module(train_spec(), tags={"training"}),
    ),
    "module-tags-repeated": (ValueError, lambda folder: repeated_tags()),
    "module-no-such-signature": (
        (ValueError, KeyError),
        lambda folder: signatures()(1.0, "words2"),
    ),
    "module-name-scope-taken": (RuntimeError, taken_scope),
    "module-in-another-graph": (RuntimeError, other_graph),
    "module-inputs-differ": (TypeError, lambda folder: signatures()({"a": 1.0}, "sum")),
    "module-inputs-differ-one-value": (TypeError, lambda folder: signatures()(1.0, "sum")),
    "module-inputs-differ-keyword": (
        TypeError,
        lambda folder: signatures()(1.0, "sum", b=2.0),
    ),
    "module-inputs-differ-none-expected": (TypeError, lambda folder: signatures()(1.0, "constant")),
    "module-input-not-accepted": (
        (TypeError, ValueError),
        lambda folder: signatures()(tf.ones([2])),
    ),
    "module-input-not-accepted-dtype": (
        (TypeError, ValueError),
        lambda folder: signatures()(tf.constant([[1, 2]])),
    ),
    "module-input-not-accepted-kind": (
        (TypeError, ValueError),
        lambda folder: hub.Module(fns.spec(hub, fns.sparse))([[1.0]]),
    ),
    "module-input-not-accepted-value": (
        (TypeError, ValueError),
        lambda folder: hub.Module(scale_spec())("three"),
    ),
    "module-input-not-accepted-slices": (
        (TypeError, ValueError),
        lambda folder: hub.Module(scale_spec())(indexed_slices()),
    ),
    "module-type-not-supported": (
        ValueError,
        lambda folder: hub.Module(changed(takes_indexed_slices, folder))(1.0),
    ),
    "module-no-default-output": (TypeError, lambda folder: signatures()([[1, 2]], "pair")),
    "module-evaluation-over": ((RuntimeError, AttributeError), evaluated_late),
    "module-no-attached-message": (
        KeyError,
        lambda folder: scale_spec().get_attached_message(
            "labels", tf.train.BytesList, required=True
        ),
    ),
    "module-export-without-checkpoint": (ValueError, lambda folder: scale_spec().export("there")),
    "module-folder-missing": (
        (OSError, NotFound),
        lambda folder: hub.load_module_spec(folder / "absent"),
    ),
    "module-not-a-folder": (
        (OSError, tf.errors.FailedPreconditionError),
        lambda folder: hub.load_module_spec(exported(folder) / "saved_model.pb"),
    ),
    "module-marker-missing": (
        (OSError, NotFound),
        lambda folder: hub.load_module_spec(exported(folder) / "variables"),
    ),
    "module-marker-missing-tf2": (
        (OSError, NotFound),
        lambda folder: hub.Module(MODELS / "tf2_text"),
    ),
    "module-of-tf2-variables": (
        (ValueError, NotImplementedError),
        lambda folder: hub.create_module_spec_from_saved_model(MODELS / "tf2_reusable"),
    ),
    "module-marker-missing-tf2-parts": (
        (OSError, NotFound),
        lambda folder: hub.load_module_spec(MODELS / "tf2_sub_objects"),
    ),
    "module-marker-missing-tf1-saved-model": (
        (OSError, NotFound),
        lambda folder: hub.load_module_spec(str(MODELS / "tf1_saved_model_table")),
    ),
    "module-saved-model-missing": ((OSError, NotFound), without_saved_model),
    "module-variables-missing": ((OSError, NotFound), without_variables),
    "module-saved-model-broken": (OSError, broken_saved_model),
    "module-asset-outside": (ValueError, functools.partial(changed, outside_asset)),
    "module-asset-not-constant": (
        TypeError,
        lambda folder: exported(
            folder,
            hub.create_module_spec(asset_collection(lambda: v1.placeholder(tf.string, name="a"))),
        ),
    ),
    "module-asset-collection-broken": (
        ValueError,
        lambda folder: exported(folder / "2", changed(numbered_assets, folder)),
    ),
    "module-attachments-broken": (ValueError, functools.partial(changed, numbered_attachments)),
    "module-collections-not-supported": (
        ValueError,
        created(collection_of_its_own),
    ),
    "module-without-signatures": (ValueError, created(lambda: None)),
    "module-signature-types": (
        (ValueError, AttributeError),
        created(lambda: hub.add_signature(inputs={"x": [1.0]}, outputs="y")),
    ),
    "module-input-colocated": (ValueError, created(colocated_input)),
    "module-state-colocated": (ValueError, created(colocated_state)),
    "module-colocation-ambiguous": (ValueError, ambiguous_colocation),
    "module-attachment-key": (
        ValueError,
        created(lambda: hub.attach_message("a b", tf.train.Int64List())),
    ),
    "module-tensor-info-malformed": (
        ValueError,
        lambda folder: changed(unnamed_tensor, folder).get_input_info_dict(),
    ),
    "module-partitions-conflict": (
        RuntimeError,
        lambda folder: hub.Module(
            changed(conflicting_parts, folder, fns.spec(hub, fns.partitioned))
        ),
    ),
    "module-collections-in-function": (NotImplementedError, in_function),
    "module-state-op-outputs": (
        ValueError,
        lambda folder: hub.Module(hub.create_module_spec(state_of_two_outputs)),
    ),
    "module-ops-missing": (
        (ValueError, NotFound),
        lambda folder: hub.Module(changed(unknown_op, folder)),
    ),
    "module-ops-missing-of-newer": (
        (ValueError, NotFound),
        lambda folder: hub.Module(changed(unknown_op_of_newer, folder)),
    ),
    "module-attributes-missing": (
        (ValueError, tf.errors.InvalidArgumentError),
        lambda folder: hub.Module(changed(unknown_attributes, folder)),
    ),
    "module-exists": ((OSError, tf.errors.AlreadyExistsError), exported_twice),
}


def at_hand(name: str) -> Dict[str, Any]:
    """What a user has at hand, by the names in the line that an error offers."""
    values: Dict[str, Callable[[], Dict[str, Any]]] = {
        "module-without-signatures": lambda: {"x": tf.constant(1.0), "y": tf.constant(2.0)},
        "module-collections-in-function": lambda: {"inputs": tf.constant([[1.0, 2.0]])},
        "module-attachment-key": lambda: {"message": tf.train.BytesList()},
        "module-evaluation-over": lambda: {"spec": scale_spec(), "inputs": 3.0},
        "module-in-another-graph": lambda: {"spec": scale_spec(), "graph": tf.Graph(), "x": 1.0},
        "module-input-not-accepted-slices": lambda: {
            "x": tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]), tf.constant([1]))
        },
        "module-input-not-accepted-value": lambda: {"x": np.array(3.0)},
        "module-marker-missing-tf2-parts": lambda: {"inputs": tf.constant([[1.0, 2.0, 3.0]])},
        "module-marker-missing-tf1-saved-model": lambda: {"inputs": tf.constant(["the"])},
        "module-marker-missing-tf2": lambda: {"inputs": tf.constant(["so easy"])},
        "module-of-tf2-variables": lambda: {"inputs": tf.constant([[1.0, 2.0, 3.0]])},
        "module-signature-types": lambda: {"y": 3.0},
        "module-spec-not-understood-function": lambda: {
            "module_fn": functools.partial(fns.scale, hub)
        },
        "module-spec-not-understood-module": lambda: {"m": signatures(), "inputs": [[1.0, 2.0]]},
        "module-tags-repeated": lambda: {"module_fn": lambda is_training=False: fns.scale(hub)},
    }
    if name == "module-export-without-checkpoint":
        for file in (exported(Path("trained")) / "variables").iterdir():
            Path("path/to").mkdir(parents=True, exist_ok=True)
            file.rename(file.name.replace("variables", "path/to/model.ckpt"))
    return values.get(name, dict)()


@pytest.mark.parametrize("name", sorted(CASES))
def test_says(name: str, graph: tf.Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    builtins, action = CASES[name]
    with pytest.raises(UnihubError) as caught:
        action(tmp_path / "m")
    error = caught.value
    for builtin in builtins if isinstance(builtins, tuple) else (builtins,):
        assert isinstance(error, builtin)
    assert name.startswith(error.code)
    # What protobuf and TensorFlow say differs by release.
    said = error.facts.get("cause") or "nothing"
    monkeypatch.chdir(tmp_path)
    check_golden(
        name,
        str(error),
        at_hand(name),
        folder=tmp_path,
        tensorflow=tf.__version__,
        number=".".join(tf.__version__.split(".")[:2]),
        here=here,
        cause=said,
        models=MODELS,
    )


@pytest.mark.parametrize(
    ("marker", "code"),
    [(b"\x08\x04", "unknown-hub-format"), (b"\x08\x03\x12\x01x", "unknown-hub-features")],
)
def test_a_module_of_another_kind_is_refused_as_by_load(marker, code, graph, tmp_path):
    with pytest.raises(UnihubError) as caught:
        with_marker(marker, tmp_path / "m")
    with pytest.raises(UnihubError) as of_load:
        hub.load(tmp_path / "m")
    assert (caught.value.code, str(caught.value)) == (code, str(of_load.value))


@pytest.mark.parametrize(
    "name", [name for name in CASES if name.startswith(("module-marker-m", "module-of-"))]
)
def test_a_line_for_another_format_works(name: str, graph: tf.Graph, tmp_path: Path) -> None:
    with pytest.raises(UnihubError) as caught:
        CASES[name][1](tmp_path / "m")
    inputs = {
        "module-marker-missing-tf2-parts": [[1.0, 2.0, 3.0]],
        "module-of-tf2-variables": [[1.0, 2.0, 3.0]],
        "module-marker-missing-tf1-saved-model": ["the"],
    }.get(name, ["so easy"])
    exec(caught.value.do, {"unihub": hub, "tf": tf, "inputs": tf.constant(inputs)})


# Nobody answers there, nor is asked.
URL = "https://ada:secret@nobody.invalid/module.tar.gz?key=secret"


def test_says_in_eager_execution(eager: None) -> None:
    spec = scale_spec()
    for name, given in (("module-in-eager-mode", spec), ("module-in-eager-mode-handle", URL)):
        with pytest.raises(RuntimeError) as caught:
            hub.Module(given)
        check_golden(name, str(caught.value))


def test_lines_for_eager_execution_work(eager: None) -> None:
    names = {"unihub": hub, "tf": tf, "spec": scale_spec(), "inputs": 3.0}
    for given in (names["spec"], MODELS / "tf1_hub_scalar"):
        with pytest.raises(RuntimeError) as caught:
            hub.Module(given)
        eager_line, graph_line, _ = caught.value.do.split("; or ")
        exec(eager_line, names)
        exec(graph_line, names)
    assert names["outputs"] == 6.0
    assert names["m"].get_signature_names()


def test_a_loaded_model_is_no_spec(eager: None) -> None:
    """What was loaded knows its handle, and the line says how that one is used."""
    for name, wanted in {
        "tf1_hub_text": "unihub.Module('{}')",
        "tf2_text": "m = unihub.load('{}'); m(inputs)",
    }.items():
        path = str(MODELS / name)
        with pytest.raises(
            ValueError, match="module-spec-not-understood: a loaded model"
        ) as caught:
            hub.Module(hub.load(path))
        assert caught.value.do == wanted.format(path)
    with pytest.raises(ValueError, match="module-spec-not-understood: a model") as caught:
        hub.Module(hub.load(path, fast=False))
    assert caught.value.do == "unihub.Module('path/to/module')"


def test_what_is_no_handle_is_not_loaded() -> None:
    for given in (42, scale_spec(), None):
        with pytest.raises(ValueError) as caught:
            hub.load_module_spec(given)
        assert isinstance(caught.value, UnihubError)


def test_errors_of_tensorflow_keep_their_fields(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        hub.load_module_spec(tmp_path)
    error = caught.value
    assert (error.error_code, error.op, error.node_def) == (tf.errors.NOT_FOUND, None, None)
    assert error.message == str(error)
