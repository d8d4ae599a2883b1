"""Scenarios of what surrounds modules: image information, feature columns, Estimator."""

from __future__ import annotations

from typing import Any, Dict

import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import exported, spec
from apis.module.observe import attempt, collections, files, run, tensor, variables

v1 = tf.compat.v1
Observations = Dict[str, Any]


def image_information(hub: Any, tmp_path: Any) -> Observations:
    """Expected size and channels, from the attached message or from the shape."""
    by_shape = spec(hub, fns.image, 4, 5)
    by_message = spec(hub, fns.image, None, None, True)
    by_neither = spec(hub, fns.image, None, None)
    text = spec(hub, fns.text)
    module = hub.Module(by_message)
    return {
        "by_shape": hub.get_expected_image_size(by_shape),
        "by_message": hub.get_expected_image_size(by_message),
        "of_module": hub.get_expected_image_size(module),
        "message_first": hub.get_expected_image_size(spec(hub, fns.image, 4, 5, True)),
        "channels": hub.get_num_image_channels(module),
        "named": hub.get_expected_image_size(by_shape, signature="default", input_name="images"),
        "by_neither": attempt(lambda: hub.get_expected_image_size(by_neither)),
        "no_images": attempt(lambda: hub.get_expected_image_size(text)),
        "no_channels": attempt(lambda: hub.get_num_image_channels(text)),
        "no_such_input": attempt(lambda: hub.get_num_image_channels(by_shape, input_name="pixels")),
        "no_such_signature": attempt(lambda: hub.get_num_image_channels(by_shape, "absent")),
        "not_four_dimensions": attempt(
            lambda: hub.get_num_image_channels(text, input_name="default")
        ),
    }


def image_information_exported(hub: Any, tmp_path: Any) -> Observations:
    path = exported(hub, spec(hub, fns.image, None, None, True), tmp_path / "m")
    module_spec = hub.load_module_spec(path)
    message = module_spec.get_attached_message("image_module_info", hub.ImageModuleInfo)
    return {
        "size": hub.get_expected_image_size(module_spec),
        "bytes": list(message.SerializeToString()),
        "own_type": isinstance(message, hub.ImageModuleInfo),
    }


def _input_layer(features: Any, column: Any, **options: Any) -> Any:
    output = v1.feature_column.input_layer(features, [column], **options)
    return {"tensor": tensor(output), "value": run(output), "variables": _global_variables()}


def _global_variables() -> Any:
    return variables(v1.global_variables())


def text_column(hub: Any, tmp_path: Any, trainable: bool) -> Observations:
    path = exported(hub, spec(hub, fns.text), tmp_path / "m")
    column = hub.text_embedding_column("comment", path, trainable=trainable)
    features = {"comment": tf.constant(["a", "abc"])}
    return {
        "name": column.name,
        "example": {key: str(v.shape) + v.dtype.name for key, v in _example(column).items()},
        "layer": _input_layer(features, column),
        "trained": [v.name for v in v1.trainable_variables()],
        "columned": tensor(
            v1.feature_column.input_layer({"comment": tf.constant([["a"], ["b"]])}, [column])
        ),
        "shape": column.variable_shape.as_list(),
        "config": sorted(column.get_config()),
        "hashable": len({column, hub.text_embedding_column("comment", path, trainable=trainable)}),
    }


def _example(column: Any) -> Any:
    return v1.feature_column.make_parse_example_spec([column])


def text_column_of_spec(hub: Any, tmp_path: Any) -> Observations:
    column = hub.text_embedding_column("comment", spec(hub, fns.text))
    return {
        "layer": _input_layer({"comment": tf.constant(["a", "abc"])}, column),
        "config": attempt(column.get_config),
    }


def text_column_refused(hub: Any, tmp_path: Any) -> Observations:
    return {
        "number": attempt(lambda: hub.text_embedding_column("c", spec(hub, fns.scale))),
        "vectors": attempt(lambda: hub.text_embedding_column("c", spec(hub, fns.dense))),
        "image": attempt(lambda: hub.text_embedding_column("c", spec(hub, fns.image))),
        "strings": attempt(lambda: hub.text_embedding_column("c", spec(hub, fns.typed, "string"))),
        "missing": attempt(lambda: hub.text_embedding_column("c", str(tmp_path / "missing"))),
    }


def sparse_text_column(hub: Any, tmp_path: Any, combiner: str, default: Any) -> Observations:
    column = hub.sparse_text_embedding_column(
        "comment", spec(hub, fns.text), combiner, default, trainable=True
    )
    tokens = tf.SparseTensor([[0, 0], [0, 1], [2, 0]], ["a", "abc", "ab"], [3, 2])
    return {
        "name": column.name,
        "example": {key: v.dtype.name for key, v in _example(column).items()},
        "layer": _input_layer({"comment": tokens}, column),
        "trained": [v.name for v in v1.trainable_variables()],
        "bad_combiner": attempt(
            lambda: hub.sparse_text_embedding_column("c", spec(hub, fns.text), "max", "")
        ),
        "bad_module": attempt(
            lambda: hub.sparse_text_embedding_column("c", spec(hub, fns.scale), "sum", "")
        ),
    }


def image_column(hub: Any, tmp_path: Any) -> Observations:
    path = exported(hub, spec(hub, fns.image), tmp_path / "m")
    column = hub.image_embedding_column("pixels", path)
    resized = hub.image_embedding_column("pixels", spec(hub, fns.image, None, None), [2, 3])
    features = {"pixels": tf.constant(fns.ramp(2, 2, 3, 3))}
    return {
        "name": column.name,
        "examples": [list(_example(c)["pixels"].shape) for c in (column, resized)],
        "layer": _input_layer(features, column),
        "resized": run(v1.feature_column.input_layer(features, [resized])),
        "trained": [v.name for v in v1.trainable_variables()],
        "no_size": attempt(
            lambda: hub.image_embedding_column("pixels", spec(hub, fns.image, None, None))
        ),
        "text": attempt(lambda: hub.image_embedding_column("pixels", spec(hub, fns.text))),
        "dense": attempt(lambda: hub.image_embedding_column("pixels", spec(hub, fns.dense))),
    }


def columns_in_linear_model(hub: Any, tmp_path: Any) -> Observations:
    column = hub.text_embedding_column("comment", spec(hub, fns.text))
    features = {"comment": tf.constant(["a", "abc"])}
    logits = v1.feature_column.linear_model(features, [column])
    return {
        "tensor": tensor(logits),
        "variables": [v.name for v in v1.global_variables()],
        "value": run(logits),
    }


def registered_twice(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.scale))
    hub.register_module_for_export(module, "text")
    return {
        "again": attempt(lambda: hub.register_module_for_export(module, "text")),
        "other": attempt(lambda: hub.register_module_for_export(module, "other")),
        "collections": collections(),
    }


def exporter(hub: Any, tmp_path: Any) -> Observations:
    """LatestModuleExporter writes each registered module, from the latest checkpoint."""
    estimator_api = v1.estimator
    module_spec = spec(hub, fns.dense)

    def model_fn(features: Any, labels: Any, mode: Any) -> Any:
        module = hub.Module(module_spec, trainable=True)
        hub.register_module_for_export(module, "embedding")
        output = module(features["x"])
        if mode == estimator_api.ModeKeys.PREDICT:
            return estimator_api.EstimatorSpec(mode, predictions=output)
        loss = tf.reduce_sum(output)
        step = v1.train.GradientDescentOptimizer(0.1).minimize(
            loss, global_step=v1.train.get_global_step()
        )
        return estimator_api.EstimatorSpec(mode, loss=loss, train_op=step)

    def input_fn() -> Any:
        return {"x": tf.constant([[1.0, 2.0, 3.0]])}, tf.constant([0.0])

    def serving_input_fn() -> Any:
        x = v1.placeholder(tf.float32, [None, 3])
        return estimator_api.export.ServingInputReceiver({"x": x}, {"x": x})

    estimator = estimator_api.Estimator(model_fn, model_dir=str(tmp_path / "run"))
    estimator.train(input_fn, max_steps=1)
    module_exporter = hub.LatestModuleExporter("name", serving_input_fn)
    folder = module_exporter.export(estimator, str(tmp_path / "out"), estimator.latest_checkpoint())
    folder = tf.compat.as_str_any(folder)
    module = hub.Module(folder + "/embedding")
    return {
        "name": module_exporter.name,
        "is_exporter": isinstance(module_exporter, estimator_api.Exporter),
        "files": files(folder),
        "folders": [name.isdigit() for name in sorted(tf.io.gfile.listdir(str(tmp_path / "out")))],
        "values": run({v.name: v for v in module.variables}),
    }
