"""Graphs of the TF1 formats that look plain and are not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from fast.lean_loading import full_object, lean_object

v1 = tf.compat.v1
X = tf.constant([[1.0, 2.0, 3.0]])


def saved(path, build, **arguments):
    """Writes a SavedModel of what `build` makes of a placeholder and its variables."""
    config = v1.ConfigProto(allow_soft_placement=True)
    with tf.Graph().as_default(), v1.Session(config=config) as session:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        outputs, more = build(x)
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        signature = v1.saved_model.predict_signature_def({"x": x}, outputs)
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, **{**arguments, **more}
        )
        builder.save()
    return path


def variable(name="w", use_resource=True, **keywords):
    value = np.arange(6, dtype="float32").reshape(3, 2)
    return v1.get_variable(name, initializer=value, use_resource=use_resource, **keywords)


def plain(x):
    return {"y": tf.matmul(x, variable())}, {}


def referenced(x):
    return {"y": tf.matmul(x, variable(use_resource=False))}, {}


def under_another_name(x):
    w = variable()
    return {"y": tf.matmul(x, w)}, {"saver": v1.train.Saver({"elsewhere": w})}


def two_with_names_exchanged(x):
    a, b = variable("a"), variable("b", use_resource=False)
    product = tf.matmul(x, a * 2 + b)
    return {"y": product}, {"saver": v1.train.Saver({"a": b, "b": a})}


def sharded(x):
    w = variable()
    return {"y": tf.matmul(x, w)}, {"saver": v1.train.Saver(sharded=True)}


def fed_in_the_middle(x):
    w = variable()
    hidden = tf.matmul(x, w)
    return {"y": hidden + 1, "x_again": tf.identity(x)}, {}


def an_input_is_an_output(x):
    return {"y": x, "z": x + 1}, {}


def with_a_control_input(x):
    w = variable()
    with tf.control_dependencies([x, w.op, tf.no_op()]):
        return {"y": tf.matmul(x, w)}, {}


def with_a_loop(x):
    w = variable()
    y = v1.while_loop(lambda y: tf.reduce_sum(y) < 100, lambda y: y * 2, [tf.matmul(x, w)])
    return {"y": y}, {}


def with_two_of_a_name(x):
    w = variable()
    return {"b": tf.matmul(x, w), "a": tf.matmul(x, w), "c": tf.reduce_sum(w)}, {}


def with_names_like_ours(x):
    w = variable("variable_0", use_resource=False)
    y = tf.matmul(tf.identity(x, name="input_0"), tf.identity(w, name="read_variable_0"))
    return {"y": y}, {}


def with_an_unused_table(x):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a"], [1]), default_value=0
    )
    del table
    return {"y": tf.matmul(x, variable())}, {"main_op": v1.tables_initializer()}


@pytest.mark.parametrize(
    "build",
    [
        plain,
        referenced,
        under_another_name,
        two_with_names_exchanged,
        sharded,
        fed_in_the_middle,
        an_input_is_an_output,
        with_a_control_input,
        with_two_of_a_name,
        with_an_unused_table,
        with_names_like_ours,
    ],
    ids=lambda build: build.__name__,
)
def test_loaded_as_by_tensorflow(build, tmp_path):
    path = saved(str(tmp_path / "model"), build)
    lean = lean_object(path, as_dict=True)
    assert lean is not None
    found, expected = lean(X), full_object(path, as_dict=True)(X)
    assert list(found) == list(expected)
    for name in expected:
        assert found[name].numpy().tobytes() == expected[name].numpy().tobytes()


def set_by_the_init_op(x):
    w = variable()
    return {"y": tf.matmul(x, w)}, {"main_op": w.assign(w + 1).op}


def writing(x):
    w = variable()
    with tf.control_dependencies([w.assign_add(tf.ones_like(w))]):
        return {"y": tf.matmul(x, w)}, {}


def drawing(x):
    return {"y": x + tf.random.uniform([1, 3])}, {}


def local(x):
    w = variable(collections=[v1.GraphKeys.LOCAL_VARIABLES])
    return {"y": tf.matmul(x, w + variable("v"))}, {}


def in_parts(x):
    w = v1.get_variable("parts", [3, 2], partitioner=v1.fixed_size_partitioner(3))
    return {"y": tf.matmul(x, tf.convert_to_tensor(w))}, {}


def on_another_device(x):
    w = variable()
    with tf.device("GPU:0"):
        return {"y": tf.matmul(x, w)}, {}


def of_python(x):
    return {"y": v1.py_func(lambda x: x, [x], tf.float32)}, {}


@pytest.mark.parametrize(
    "build",
    [
        set_by_the_init_op,
        with_a_loop,
        writing,
        drawing,
        local,
        in_parts,
        on_another_device,
        of_python,
    ],
    ids=lambda build: build.__name__,
)
def test_left_to_tensorflow(build, tmp_path):
    path = saved(str(tmp_path / "model"), build)
    assert lean_object(path, as_dict=True) is None


def test_a_damaged_checkpoint_is_left_to_tensorflow(tmp_path):
    path = saved(str(tmp_path / "model"), plain)
    for file in (tmp_path / "model" / "variables").iterdir():
        content = file.read_bytes()
        for damaged in (b"", content[:-9], content[:-1] + b"?"):
            file.write_bytes(damaged)
            lean = lean_object(path)
            if lean is not None:
                # What TensorFlow itself does not notice.
                assert lean(X).numpy().tolist() == full_object(path)(X).numpy().tolist()
        file.write_bytes(content)
    assert lean_object(path) is not None


def test_a_checkpoint_of_another_model_is_left_to_tensorflow(tmp_path):
    path = saved(str(tmp_path / "model"), plain)
    saved(str(tmp_path / "other"), two_with_names_exchanged)
    for file in (tmp_path / "other" / "variables").iterdir():
        file.replace(tmp_path / "model" / "variables" / file.name)
    assert lean_object(path) is None
