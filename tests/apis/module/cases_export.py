"""Scenarios of exporting and loading, of SavedModels as modules, and of direct evaluation."""

from __future__ import annotations

import os
from typing import Any, Dict

import numpy as np
import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import exported, spec
from apis.module.observe import (
    attempt,
    collections,
    files,
    infos,
    initialize,
    run,
    tensor,
    variables,
)
from tensorflow.core.protobuf import saved_model_pb2

v1 = tf.compat.v1
Keys = v1.GraphKeys
Observations = Dict[str, Any]

MODULE_DEF = "tfhub_module.pb"


def _saved_model(path: Any) -> Any:
    proto = saved_model_pb2.SavedModel()
    with open(str(path) + "/saved_model.pb", "rb") as file:
        proto.ParseFromString(file.read())
    return proto


def _rewrite(path: Any, name: str, content: bytes) -> None:
    with open(f"{path}/{name}", "wb") as file:
        file.write(content)


def written(hub: Any, tmp_path: Any) -> Observations:
    """The folder as other readers see it: files, tags, signatures, collections, nodes."""
    (tmp_path / "words.txt").write_text("a\n")

    def module_fn(is_training: bool) -> None:
        fns.normalized(hub, is_training)
        words = v1.placeholder(tf.string, [None], name="words")
        table = fns.file_table(str(tmp_path / "words.txt"))
        hub.add_signature("look_up", {"words": words}, {"ids": table.lookup(words)})
        hub.attach_message("info", tf.train.Int64List(value=[1]))

    module_spec = hub.create_module_spec(module_fn, tags_and_args=fns.TRAIN_AND_SERVE)
    path = exported(hub, module_spec, tmp_path / "m")
    graphs = _saved_model(path).meta_graphs
    with open(path + "/" + MODULE_DEF, "rb") as file:
        module_def = file.read()
    return {
        "files": files(path),
        "module_def": list(module_def),
        "tags": [sorted(graph.meta_info_def.tags) for graph in graphs],
        "signatures": [sorted(graph.signature_def) for graph in graphs],
        "methods": [sorted({s.method_name for s in g.signature_def.values()}) for g in graphs],
        "collections": [sorted(graph.collection_def) for graph in graphs],
        "stripped_defaults": [graph.meta_info_def.stripped_default_attrs for graph in graphs],
        "asset_nodes": sorted(
            node.attr["value"].tensor.string_val[0].decode()
            for graph in graphs
            for node in graph.graph_def.node
            if node.attr["value"].tensor.string_val[:1] and "asset" in node.name
        ),
        "private_paths": str(tmp_path).encode() in _saved_model(path).SerializeToString(),
        "checkpoint": sorted(v1.train.list_variables(path + "/variables/variables")),
    }


def reloaded(hub: Any, tmp_path: Any) -> Observations:
    """Signatures, tags, shapes and values after export, and after another export."""
    once = exported(hub, spec(hub, fns.signatures), tmp_path / "once")
    twice = exported(hub, hub.load_module_spec(once), tmp_path / "twice")
    module_spec = hub.load_module_spec(twice)
    module = hub.Module(module_spec)
    return {
        "files": [files(once), files(twice)],
        "tags": module_spec.get_tags(),
        "inputs": {
            n: infos(module_spec.get_input_info_dict(n)) for n in module_spec.get_signature_names()
        },
        "outputs": {
            n: infos(module_spec.get_output_info_dict(n)) for n in module_spec.get_signature_names()
        },
        "values": run([module([[1.0, 2.0]]), module(signature="constant")]),
    }


def reloaded_twice_with_assets(hub: Any, tmp_path: Any) -> Observations:
    (tmp_path / "words.txt").write_text("a\nb\n")
    once = exported(hub, spec(hub, fns.vocabulary, str(tmp_path / "words.txt")), tmp_path / "once")
    twice = exported(hub, hub.load_module_spec(once), tmp_path / "twice")
    return {"files": files(twice), "value": run(hub.Module(twice)(["b"]))}


def reloaded_composite(hub: Any, tmp_path: Any, kind: str) -> Observations:
    module_fn, value = {
        "sparse": (fns.sparse, lambda: tf.SparseTensor([[0, 1]], [2.0], [1, 2])),
        "ragged": (fns.ragged, lambda: tf.ragged.constant([[1.0], [2.0, 3.0]])),
    }[kind]
    module = hub.Module(exported(hub, spec(hub, module_fn), tmp_path / "m"))
    return {
        "inputs": infos(module.get_input_info_dict()),
        "outputs": infos(module.get_output_info_dict()),
        "value": run(module(value(), as_dict=True)),
    }


def export_of_changed_values(hub: Any, tmp_path: Any) -> Observations:
    """The session's values are written, those of other instances are not."""
    module_spec = spec(hub, fns.dense)
    first, second = hub.Module(module_spec, name="a"), hub.Module(module_spec, name="b")
    with v1.Session() as session:
        initialize(session)
        session.run(v1.assign(first.variable_map["dense/b"], [5.0, 6.0]))
        first.export(str(tmp_path / "first"), session)
        second.export(str(tmp_path / "second"), session)
    loaded = [hub.Module(str(tmp_path / name)) for name in ("first", "second")]
    return {
        "values": run([module.variable_map["dense/b"] for module in loaded]),
        "saved": sorted(v1.train.list_variables(str(tmp_path / "first/variables/variables"))),
    }


def export_refused(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.dense))
    path = str(tmp_path / "m")
    with v1.Session() as session:
        uninitialized = attempt(lambda: module.export(path, session))
        initialize(session)
        with tf.Graph().as_default():
            other_default_graph = attempt(lambda: module.export(path, session))
    with tf.Graph().as_default() as other, v1.Session() as session:
        del other
        other_session = session
    return {
        "uninitialized": uninitialized,
        "other_default_graph": other_default_graph,
        "other_session": attempt(lambda: module.export(path, other_session)),
        "module_def_written": MODULE_DEF in files(path),
    }


def export_where_something_is(hub: Any, tmp_path: Any) -> Observations:
    """A folder that exists is filled; one that holds a module is refused."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "other.txt").write_text("kept")
    (tmp_path / "file").write_text("a file")
    module_spec = spec(hub, fns.scale)
    return {
        "beside": files(exported(hub, module_spec, tmp_path / "m")),
        "onto_module": attempt(lambda: exported(hub, module_spec, tmp_path / "m")),
        "onto_file": attempt(lambda: exported(hub, module_spec, tmp_path / "file")),
        "deep": files(exported(hub, module_spec, tmp_path / "a" / "b" / "c")),
    }


def _checkpoint(path: str, scope: str) -> str:
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable(scope + "dense/w", initializer=fns.ramp(3, 2) * 10)
        v1.get_variable(scope + "dense/b", initializer=np.float32([5, 6]))
        v1.get_variable("more", initializer=1.0)
        initialize(session)
        return str(v1.train.Saver().save(session, path))


def spec_exported(hub: Any, tmp_path: Any, scope: str) -> Observations:
    """ModuleSpec.export takes the values from a checkpoint, by names or changed names."""
    checkpoint = _checkpoint(str(tmp_path / "trained"), scope)
    transform = (lambda name: scope + name) if scope else None
    path = str(tmp_path / "m")
    spec(hub, fns.dense).export(path, checkpoint_path=checkpoint, name_transform_fn=transform)
    module = hub.Module(path)
    return {
        "files": files(path),
        "values": run({v.name: v for v in module.variables}),
        "outer": collections(),
    }


def spec_export_refused(hub: Any, tmp_path: Any) -> Observations:
    checkpoint = _checkpoint(str(tmp_path / "trained"), "elsewhere/")
    module_spec, path = spec(hub, fns.dense), str(tmp_path / "m")
    return {
        "no_checkpoint": attempt(lambda: module_spec.export(path)),
        "other_names": attempt(lambda: module_spec.export(path, checkpoint_path=checkpoint)),
        "missing": attempt(
            lambda: module_spec.export(path, checkpoint_path=str(tmp_path / "missing"))
        ),
        "other_shape": attempt(
            lambda: module_spec.export(
                path, checkpoint_path=checkpoint, name_transform_fn=lambda name: "more"
            )
        ),
    }


def spec_loaded(hub: Any, tmp_path: Any, spoilt: str) -> Observations:
    """Folders that are no module, or not one that this version reads."""
    path = exported(hub, spec(hub, fns.scale), tmp_path / "m")
    spoil = {
        "whole": lambda: None,
        "missing": lambda: (tmp_path / "m").rename(tmp_path / "gone"),
        "no_module_def": lambda: (tmp_path / "m" / MODULE_DEF).unlink(),
        "no_saved_model": lambda: (tmp_path / "m" / "saved_model.pb").unlink(),
        "empty_module_def": lambda: _rewrite(path, MODULE_DEF, b""),
        "format_unspecified": lambda: _rewrite(path, MODULE_DEF, b"\x08\x00"),
        "format_4": lambda: _rewrite(path, MODULE_DEF, b"\x08\x04"),
        "required_feature": lambda: _rewrite(path, MODULE_DEF, b"\x08\x03\x12\x03new"),
        "unknown_field": lambda: _rewrite(path, MODULE_DEF, b"\x08\x03\x52\x03new"),
        "spoilt_module_def": lambda: _rewrite(path, MODULE_DEF, b"\xff\xff\xff"),
        "spoilt_saved_model": lambda: _rewrite(path, "saved_model.pb", b"\xff\xff\xff"),
    }
    spoil[spoilt]()

    def loaded() -> Any:
        module_spec = hub.load_module_spec(path)
        return sorted(module_spec.get_signature_names()), isinstance(module_spec, hub.ModuleSpec)

    return {"result": attempt(loaded)}


def spec_loaded_by(hub: Any, tmp_path: Any) -> Observations:
    """Handles that are equal to a folder's path, and things that are no handle."""
    path = exported(hub, spec(hub, fns.scale), tmp_path / "m")
    return {
        "trailing_slash": sorted(hub.load_module_spec(path + "/").get_signature_names()),
        "relative": sorted(hub.load_module_spec(os.path.relpath(path)).get_signature_names()),
        "scheme": sorted(hub.load_module_spec("file://" + path).get_signature_names()),
        "file": attempt(lambda: hub.load_module_spec(path + "/saved_model.pb")),
        "empty": attempt(lambda: hub.load_module_spec("")),
    }


def operation_unknown(hub: Any, tmp_path: Any) -> Observations:
    """A module that needs an operation which this TensorFlow has not."""
    path = exported(hub, spec(hub, fns.scale), tmp_path / "m")
    proto = _saved_model(path)
    graph = proto.meta_graphs[0]
    graph.meta_info_def.stripped_op_list.op.add().name = "OperationOfTomorrow"
    node = graph.graph_def.node.add()
    node.name, node.op = "later", "OperationOfTomorrow"
    _rewrite(path, "saved_model.pb", proto.SerializeToString())
    return {"result": attempt(lambda: hub.Module(path))}


def asset_outside(hub: Any, tmp_path: Any) -> Observations:
    """A hostile asset name may not lead out of the assets folder."""
    (tmp_path / "words.txt").write_text("a\n")
    path = exported(hub, spec(hub, fns.vocabulary, str(tmp_path / "words.txt")), tmp_path / "m")
    stored, hostile = b"\x12\x09words.txt", b"\x12\x09../../x.y"
    content = _saved_model(path).SerializeToString()
    assert content.count(stored) == 1
    _rewrite(path, "saved_model.pb", content.replace(stored, hostile))
    return {"result": attempt(lambda: hub.load_module_spec(path))}


def _simple_save(path: str, use_resource: bool) -> str:
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        w = v1.get_variable("w", initializer=fns.ramp(3, 2), use_resource=use_resource)
        y = tf.matmul(x, w, name="y")
        initialize(session)
        session.run(v1.assign_add(w, tf.ones([3, 2])))
        v1.saved_model.simple_save(session, path, {"x": x}, {"default": y})
    return path


def saved_model(hub: Any, tmp_path: Any, use_resource: bool) -> Observations:
    """A TF1 SavedModel as a module: served, trained, exported as a module."""
    path = _simple_save(str(tmp_path / "s"), use_resource)
    module_spec = hub.create_module_spec_from_saved_model(path)
    module = hub.Module(module_spec, tags={"serve"}, trainable=True)
    signature = "serving_default"
    output = module([[1.0, 1.0, 1.0]], signature=signature)
    path = exported(hub, module_spec, tmp_path / "m", tags={"serve"})
    again = hub.Module(path, tags={"serve"})
    return {
        "tags": module_spec.get_tags(),
        "signatures": sorted(module_spec.get_signature_names(tags={"serve"})),
        "inputs": infos(module.get_input_info_dict(signature)),
        "variables": variables(module.variables),
        "value": run(output),
        "tensor": tensor(output),
        "collections": collections(),
        "no_tags": attempt(lambda: hub.Module(module_spec)),
        "exported": files(path),
        "again": run(again({"x": [[1.0, 1.0, 1.0]]}, signature=signature)),
        "not_yet_a_module": attempt(lambda: hub.load_module_spec(str(tmp_path / "s"))),
        "missing": attempt(lambda: hub.create_module_spec_from_saved_model(str(tmp_path / "x"))),
    }


def saved_model_built(hub: Any, tmp_path: Any, main_op: bool) -> Observations:
    """By SavedModelBuilder, with a table, an asset, a step, an init op, odd signatures."""
    (tmp_path / "words.txt").write_text("a\nb\n")
    path = str(tmp_path / "s")
    with tf.Graph().as_default(), v1.Session() as session:
        words = v1.placeholder(tf.string, [None], name="words")
        ids = fns.file_table(str(tmp_path / "words.txt")).lookup(words)
        with v1.variable_scope("", use_resource=True):
            v1.train.create_global_step()
            v1.get_variable("w", initializer=2.0)
        initialize(session)
        signature = v1.saved_model.predict_signature_def({"words": words}, {"default": ids})
        builder = v1.saved_model.Builder(path)
        init = {"main_op" if main_op else "legacy_init_op": v1.tables_initializer()}
        builder.add_meta_graph_and_variables(
            session,
            ["serve", "cpu"],
            {"predict:0": signature, "b": signature},
            assets_collection=v1.get_collection(Keys.ASSET_FILEPATHS),
            **init,
        )
        builder.save()
    (tmp_path / "words.txt").unlink()
    module_spec = hub.create_module_spec_from_saved_model(path)
    module = hub.Module(module_spec, tags=["cpu", "serve"])
    output = module(["b"], signature="predict:0")
    return {
        "signatures": sorted(module.get_signature_names()),
        "tensor": tensor(output),
        "value": run(output),
        "variables": variables(module.variables),
        "collections": collections(),
        "exported": files(exported(hub, module_spec, tmp_path / "m", tags={"serve", "cpu"})),
    }


def saved_model_of_collections(hub: Any, tmp_path: Any) -> Observations:
    """Collections that modules may not have must be dropped by name."""
    path = str(tmp_path / "s")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [], name="x")
        y = x * v1.get_variable("w", initializer=2.0)
        v1.add_to_collection("mine", y)
        v1.add_to_collection(Keys.LOSSES, y)
        initialize(session)
        v1.saved_model.simple_save(session, path, {"x": x}, {"y": y})

    def used(drop: Any) -> Any:
        module_spec = hub.create_module_spec_from_saved_model(path, drop_collections=drop)
        module = hub.Module(module_spec, tags={"serve"})
        return run(module(2.0, signature="serving_default", as_dict=True))

    return {
        "kept": attempt(lambda: used(None)),
        "one_dropped": attempt(lambda: used(["mine"])),
        "dropped": attempt(lambda: used(["mine", Keys.LOSSES, "absent"])),
    }


def evaluated(hub: Any, tmp_path: Any) -> Observations:
    """eval_function_for_module: every signature, called with values."""
    path = exported(hub, spec(hub, fns.signatures), tmp_path / "m")
    graph = v1.get_default_graph()
    with hub.eval_function_for_module(path) as function:
        observed = {
            "default": function([[1.0, 2.0]]),
            "named": function(
                {"a": [[1.0, 2.0]], "b": [[3.0, 4.0]]}, signature="sum", as_dict=True
            ),
            "no_inputs": function(signature="constant"),
            "text": function(["x"], signature="words"),
            "no_default": attempt(lambda: function([[1.0, 2.0]], signature="pair")),
            "misfit": attempt(lambda: function({"x": 1.0})),
            "missing": attempt(lambda: function()),
            "unknown": attempt(lambda: function(1.0, signature="absent")),
            "wrong_shape": attempt(lambda: function([1.0])),
            "same_graph": v1.get_default_graph() is graph,
        }
    observed["after"] = attempt(lambda: function([[1.0, 2.0]]))
    observed["operations"] = len(graph.get_operations())
    return observed


def evaluated_with(hub: Any, tmp_path: Any, kind: str) -> Observations:
    (tmp_path / "words.txt").write_text("a\nb\n")
    module_spec, tags, inputs = {
        "sparse": (
            lambda: spec(hub, fns.sparse),
            None,
            v1.SparseTensorValue(np.int64([[0, 1]]), np.float32([2]), np.int64([1, 2])),
        ),
        "ragged": (
            lambda: spec(hub, fns.ragged),
            None,
            v1.ragged.constant_value(
                [[1.0], [2.0, 3.0]], dtype=np.float32, row_splits_dtype="int64"
            ),
        ),
        "table": (
            lambda: spec(hub, fns.vocabulary, str(tmp_path / "words.txt")),
            None,
            ["b", "c"],
        ),
        "train_tag": (
            lambda: spec(hub, fns.normalized, tags_and_args=fns.TRAIN_AND_SERVE),
            ["train"],
            [[1.0, 2.0], [3.0, 4.0]],
        ),
        "partitioned": (lambda: spec(hub, fns.partitioned), None, [0, 6]),
    }[kind]
    with hub.eval_function_for_module(module_spec(), tags=tags) as function:
        return {"value": attempt(lambda: function(inputs))}


def evaluated_unknown_tags(hub: Any, tmp_path: Any) -> Observations:
    def evaluate() -> None:
        with hub.eval_function_for_module(spec(hub, fns.scale), tags={"absent"}):
            pass

    return {"result": attempt(evaluate)}
