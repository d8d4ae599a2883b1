"""Models that TensorFlow does not run as they say, each written anew."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

v1 = tf.compat.v1


def _tensor_info(tensor, dtype=None):
    info = v1.saved_model.build_tensor_info(tensor)
    if dtype is not None:
        info.dtype = dtype.as_datatype_enum
    return info


def _save(path, session, **signatures):
    builder = v1.saved_model.Builder(str(path))
    definitions = {
        name: v1.saved_model.build_signature_def(inputs, outputs)
        for name, (inputs, outputs) in signatures.items()
    }
    builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=definitions)
    builder.save()
    return str(path)


def _variable():
    with v1.variable_scope("", use_resource=False):
        return v1.get_variable("v", initializer=2.0)


def mistyped(path):
    """Of two signatures one says float32 of an input that is a string."""
    with tf.Graph().as_default(), v1.Session() as session:
        x, text = v1.placeholder(tf.float32, [None]), v1.placeholder(tf.string, [None], "text")
        y, length = x * _variable(), v1.strings.length(text)
        session.run(v1.global_variables_initializer())
        return _save(
            path,
            session,
            serving_default=({"x": _tensor_info(x)}, {"y": _tensor_info(y)}),
            lengths=({"text": _tensor_info(text, tf.float32)}, {"n": _tensor_info(length)}),
        )


def nowhere(path):
    """Of two signatures one gives a tensor that is not in the graph."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None])
        y = x * _variable()
        session.run(v1.global_variables_initializer())
        given = ({"x": _tensor_info(x)}, {"y": _tensor_info(y)})
        path = _save(path, session, serving_default=given, lost=given)
    file = Path(path, "saved_model.pb")
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].signature_def["lost"].outputs["y"].name = "nowhere:0"
    file.write_bytes(saved.SerializeToString())
    return path


def differently_tagged(path):
    """Of its graphs none is the evident one."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None])
        infos = {"x": _tensor_info(x)}, {"y": _tensor_info(x * _variable())}
        session.run(v1.global_variables_initializer())
        definitions = {"serving_default": v1.saved_model.build_signature_def(*infos)}
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, ["train"], signature_def_map={})
        builder.add_meta_graph(["serve", "gpu"], signature_def_map=definitions)
        builder.save()
    return str(path)


def decodes_images(path):
    with tf.Graph().as_default(), v1.Session() as session:
        files = v1.placeholder(tf.string, [None], "files")
        images = tf.map_fn(lambda one: tf.io.decode_jpeg(one, 3), files, tf.uint8)
        size = tf.shape(images)[1]
        infos = {"files": _tensor_info(files)}, {"size": _tensor_info(size)}
        return _save(path, session, serving_default=infos)


def named_by_objects(path):
    """Its weights are named by the objects that hold them, as Keras 1.15 exports them."""
    with tf.Graph().as_default(), v1.Session() as session:
        with v1.variable_scope("", use_resource=True):
            variable = v1.get_variable("v", initializer=2.0)
        x = v1.placeholder(tf.float32, [None])
        infos = {"x": _tensor_info(x)}, {"y": _tensor_info(x * variable)}
        session.run(v1.global_variables_initializer())
        _save(path, session, serving_default=infos)
        prefix = str(path / "variables" / "variables")
        v1.train.Checkpoint(layer=variable).write(prefix, session=session)
    return str(path)


def without_signatures(path):
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], "input")
        tf.identity(x * _variable(), "output")
        session.run(v1.global_variables_initializer())
        return _save(path, session)


def unfed(path):
    """Of two signatures one needs a placeholder that it does not name."""
    with tf.Graph().as_default(), v1.Session() as session:
        x, keep = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.float32, [], "keep")
        y = x * _variable()
        session.run(v1.global_variables_initializer())
        info = {"x": _tensor_info(x)}
        return _save(
            path,
            session,
            serving_default=(info, {"y": _tensor_info(y)}),
            dropped=(info, {"y": _tensor_info(y * keep)}),
        )


def without_shapes(path):
    """As the first TensorFlow 1 wrote them: its signature tells dtypes and no shapes."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 1])
        # An input that is computed, as of a tf.train.Example.
        inner = tf.identity(x)
        y = inner * _variable()
        session.run(v1.global_variables_initializer())
        infos = _tensor_info(inner), _tensor_info(y)
        for info in infos:
            info.ClearField("tensor_shape")
        path = _save(path, session, serving_default=({"x": infos[0]}, {"y": infos[1]}))
    file = Path(path, "saved_model.pb")
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].meta_info_def.tensorflow_version = "1.0.0"
    file.write_bytes(saved.SerializeToString())
    return path


def gives_references(path):
    """Its signatures give a variable itself."""
    with tf.Graph().as_default(), v1.Session() as session:
        variable = _variable()
        increased = v1.assign_add(variable, 1.0)
        session.run(v1.global_variables_initializer())
        return _save(path, session, increase=({}, {"v": _tensor_info(increased)}))


def counts(path):
    """Of two signatures one counts in a reference variable of int32."""
    with tf.Graph().as_default(), v1.Session() as session:
        with v1.variable_scope("", use_resource=False):
            count = v1.get_variable("count", initializer=0)
        infos = {"n": _tensor_info(tf.identity(count.assign_add(1)))}
        session.run(v1.global_variables_initializer())
        peek = {"n": _tensor_info(tf.identity(count))}
        return _save(path, session, count=({}, infos), peek=({}, peek))


def without_kernel(path):
    """It has an op that TensorFlow 2 registers and does not compute."""
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta_graph = saved.meta_graphs.add()
    meta_graph.meta_info_def.tags.append("serve")
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None])
        (buckets,) = tf.raw_ops.BoostedTreesBucketize(
            float_values=[x], bucket_boundaries=[tf.constant([0.5])]
        )
        inputs, outputs = {"x": _tensor_info(x)}, {"y": _tensor_info(buckets)}
        meta_graph.graph_def.CopyFrom(graph.as_graph_def())
    definition = v1.saved_model.build_signature_def(inputs, outputs)
    meta_graph.signature_def["serving_default"].CopyFrom(definition)
    path.mkdir()
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    return str(path)
