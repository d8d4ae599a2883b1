"""Graphs of the TF1 formats that look plain and are not."""

from __future__ import annotations

import os
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import counted, full_object, lean_object

from unihub.apis.lean import graphs
from unihub.apis.lean.private import SavedModel

v1 = tf.compat.v1
X = tf.constant([[1.0, 2.0, 3.0]])


def saved(path, build, **arguments):
    """Writes a SavedModel of what `build` makes of a placeholder and its variables."""
    config = v1.ConfigProto(allow_soft_placement=True)
    with tf.Graph().as_default(), v1.Session(config=config) as session:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        outputs, more = build(x)
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        session.run(v1.tables_initializer())
        signature = v1.saved_model.predict_signature_def({"x": x}, outputs)
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, **{**arguments, **more}
        )
        builder.save()
        # The model has copies of its own.
        for file in session.run(v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)):
            os.unlink(file)
            os.rmdir(os.path.dirname(file))
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
    y = v1.while_loop(lambda y: tf.reduce_sum(y) < 100, lambda y: y * 2 + w[0], [tf.matmul(x, w)])
    return {"y": y}, {}


def with_a_loop_of_version_1(x):
    v1.disable_control_flow_v2()
    try:
        return with_a_loop(x)
    finally:
        v1.enable_control_flow_v2()


def with_branches(x):
    w, v = variable(), variable("v", use_resource=False)
    y = v1.cond(tf.reduce_sum(x) > 6, lambda: tf.matmul(x, w), lambda: tf.matmul(x, v) - 1)
    z = tf.switch_case(tf.cast(x[0, 0], tf.int32), [lambda: y, lambda: y + 1, lambda: y @ w[:2]])
    return {"y": y, "z": z}, {}


def calling(x):
    w = variable()

    @tf.function(autograph=False)
    def inner(x):
        return tf.split(tf.matmul(x, w), 2, axis=1)

    @tf.function(autograph=False)
    def outer(x):
        first, second = inner(x)
        return tf.cond(tf.size(x) > 0, lambda: [inner(x + 1)[0], second], lambda: [second, first])

    first, second = outer(x)
    return {"first": first, "second": second}, {}


def calling_by_name(x):
    function = pytest.importorskip("tensorflow.python.framework.function")

    @function.Defun(tf.float32, tf.float32)
    def swapped(a, b):
        return b + 1, a * 2

    first, second = swapped(x, tf.matmul(x, variable() @ tf.ones([2, 3])))
    return {"first": first, "second": second}, {}


def of_values(name="t", values=(5, 6), **keywords):
    initializer = tf.lookup.KeyValueTensorInitializer(["1", "2"], list(values), tf.string, tf.int64)
    return v1.lookup.StaticHashTable(initializer, -1, name=name, **keywords)


def of_a_file():
    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "vocabulary.txt"), "w") as file:
        file.write("3\n2\n")
    index = tf.lookup.TextFileIndex
    initializer = tf.lookup.TextFileInitializer(
        os.path.join(folder, "vocabulary.txt"),
        tf.string,
        index.WHOLE_LINE,
        tf.int64,
        index.LINE_NUMBER,
    )
    return v1.lookup.StaticHashTable(initializer, -1)


def words_of(x):
    return tf.strings.as_string(tf.cast(x, tf.int32))


def with_a_table(x):
    return {"y": of_values().lookup(words_of(x))}, {"main_op": v1.tables_initializer()}


def with_a_table_and_no_init_op(x):
    return {"y": of_values().lookup(words_of(x))}, {}


def with_tables_and_files(x):
    words, loop = words_of(x), lambda words: of_tables[0].lookup(words)
    of_tables = of_values(), of_values("u", (7, 8)), of_a_file(), of_a_file()
    outputs = {str(place): table.lookup(words) for place, table in enumerate(of_tables)}
    outputs["size"] = of_tables[2].size()
    outputs["looped"] = tf.map_fn(loop, words, tf.int64)
    with tf.control_dependencies([of_tables[1].resource_handle.op]):
        outputs["w"] = tf.matmul(x, variable())
    assets = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
    outputs["path"] = tf.identity(assets[0])
    return outputs, {"main_op": v1.tables_initializer(), "assets_collection": assets}


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
        with_a_loop,
        with_a_loop_of_version_1,
        with_branches,
        calling,
        calling_by_name,
        with_a_table,
        with_a_table_and_no_init_op,
        with_tables_and_files,
    ],
    ids=lambda build: build.__name__,
)
def test_loaded_as_by_tensorflow(build, tmp_path):
    path = saved(str(tmp_path / "model"), build)
    lean, loads = counted(path, as_dict=True)
    assert lean is not None
    full = full_object(path, as_dict=True)
    for x in (X, X - 1):
        found, expected = lean(x), full(x)
        assert list(found) == list(expected)
        for name in expected:
            assert found[name].dtype == expected[name].dtype
            assert np.asarray(found[name]).tolist() == np.asarray(expected[name]).tolist()
    assert loads.count == 0


def test_a_table_goes_on_when_the_full_object_is_loaded(tmp_path):
    path = saved(str(tmp_path / "model"), with_tables_and_files)
    lean, loads = counted(path, as_dict=True)
    before = {name: np.asarray(value).tolist() for name, value in lean(X).items()}
    assert before["2"] == [[-1, 1, 0]]
    assert loads.count == 0
    assert len(lean.variables) == 1
    assert loads.count == 1
    assert {name: np.asarray(value).tolist() for name, value in lean(X).items()} == before


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


def with_a_table_to_write_to(x):
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    return {"y": table.lookup(words_of(x))}, {}


def with_a_table_shared_by_name(x):
    handle = tf.raw_ops.HashTableV2(
        key_dtype=tf.string, value_dtype=tf.int64, shared_name="s", use_node_name_sharing=True
    )
    return looked_up(x, handle, filled(handle, [5, 6]))


def with_a_table_filled_twice(x):
    handle = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return looked_up(x, handle, filled(handle, [5, 6]), filled(handle, [5, 6]))


def with_a_table_filled_under_another_name(x):
    handle = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return looked_up(x, handle, filled(handle, [5, 6]), filled(tf.identity(handle), [5, 6]))


def with_a_table_that_nothing_fills(x):
    handle = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return looked_up(x, handle)


def with_two_init_ops(x):
    outputs, more = with_a_table(x)
    for collection in ("saved_model_main_op", "legacy_init_op"):
        v1.add_to_collection(collection, more["main_op"])
    return outputs, {}


def with_a_table_of_a_variable(x):
    handle = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return looked_up(x, handle, filled(handle, tf.cast(variable("v")[0], tf.int64)))


def with_a_table_of_random_numbers(x):
    handle = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return looked_up(x, handle, filled(handle, tf.random.uniform([2], 0, 9, tf.int64)))


def with_a_table_of_a_table(x):
    handle = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return looked_up(x, handle, filled(handle, of_values().lookup(tf.constant(["1", "2"]))))


def filled(handle, values):
    return tf.raw_ops.LookupTableImportV2(table_handle=handle, keys=["1", "2"], values=values)


def looked_up(x, handle, *operations):
    default = tf.constant(-1, tf.int64)
    y = tf.raw_ops.LookupTableFindV2(table_handle=handle, keys=words_of(x), default_value=default)
    return {"y": y}, {"main_op": tf.group(v1.tables_initializer(), *operations)}


def writing_in_a_branch(x):
    w = variable()

    @tf.function(autograph=False)
    def write():
        with tf.control_dependencies([w.assign_add(tf.ones_like(w))]):
            return tf.identity(x)

    return {"y": tf.matmul(tf.cond(tf.size(x) > 0, write, lambda: x), w)}, {}


def of_python(x):
    return {"y": v1.py_func(lambda x: x, [x], tf.float32)}, {}


@pytest.mark.parametrize(
    "build",
    [
        set_by_the_init_op,
        with_a_table_to_write_to,
        with_a_table_shared_by_name,
        with_a_table_filled_twice,
        with_a_table_filled_under_another_name,
        with_a_table_that_nothing_fills,
        with_two_init_ops,
        with_a_table_of_a_variable,
        with_a_table_of_random_numbers,
        with_a_table_of_a_table,
        writing_in_a_branch,
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


def shapes_of_inputs(function):
    return [
        [tf.TensorShape(shape) for shape in attributes.attr["_output_shapes"].list.shape]
        for _, attributes in sorted(function.arg_attr.items())
    ]


@pytest.mark.parametrize("build", [plain, calling, with_a_table], ids=lambda build: build.__name__)
def test_the_function_is_that_of_tensorflow(build, tmp_path):
    # What TensorFlow makes of a function depends on all of this, to the last bits.
    path = saved(str(tmp_path / "model"), build)
    function, *others = planned(path)
    own = full_object(path, as_dict=True).signatures["serving_default"].function_def
    assert shapes_of_inputs(function) == shapes_of_inputs(own) == [[tf.TensorShape([None, 3])]]
    for found in (function, *others):
        assert found.attr["_construction_context"] == own.attr["_construction_context"]
        assert not any("_output_shapes" in node.attr for node in found.node_def)
    outside = ("VarHandleOp", "HashTableV2")
    assert sorted(node.op for node in function.node_def) == sorted(
        node.op for node in own.node_def if node.op not in outside
    )


def planned(path):
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        (meta_graph,) = SavedModel.FromString(file.read()).meta_graphs
    prefix = os.path.join(path, "variables", "variables")
    return graphs.plan_signature(meta_graph, "serving_default", prefix, "_1").functions


def test_an_input_of_two_shapes_is_left_to_tensorflow(tmp_path):
    path = saved(str(tmp_path / "model"), plain)
    file = tmp_path / "model" / "saved_model.pb"
    saved_model = SavedModel.FromString(file.read_bytes())
    signature = saved_model.meta_graphs[0].signature_def["serving_default"]
    signature.inputs["x"].tensor_shape.dim[0].size = 7
    file.write_bytes(saved_model.SerializeToString())
    assert lean_object(path, as_dict=True) is None
