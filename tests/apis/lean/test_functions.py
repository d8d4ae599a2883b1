"""Functions that call others, branch and loop, run as TensorFlow's own loader runs them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.lean_loading import counted, full_object, lean_object

from unihub.apis.lean import functions
from unihub.apis.lean.functions import called_functions
from unihub.apis.lean.objects import concrete_function
from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import FunctionDef, SavedModel

not_converted = tf.autograph.experimental.do_not_convert
X = tf.constant([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])


class Model(tf.Module):
    """A signature of a body that takes a tensor and the model's variables."""

    def __init__(self, body, extra=()):
        super().__init__()
        self.w = tf.Variable(np.linspace(-1, 1, 9).reshape(3, 3).astype("float32"))
        self.b = tf.Variable([0.5, 0.25, 0.125])
        self.extra = list(extra)
        self._body = body

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])
    def call(self, x):
        y = self._body(self, x)
        return y if isinstance(y, dict) else {"y": y}


def saved(path, body, extra=()):
    model = Model(body, extra)
    tf.saved_model.save(model, path, signatures=model.call)
    return path


@not_converted
def branching(model, x):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: x @ model.w, lambda: x * model.b)


@not_converted
def switching(model, x):
    branches = [lambda: x @ model.w, lambda: x + model.b, lambda: x - 1, lambda: -x]
    return tf.switch_case(tf.cast(x[0, 0], tf.int32), branches)


@not_converted
def looping(model, x):
    return tf.while_loop(
        lambda i, y: tf.reduce_sum(tf.abs(y)) < 100 * model.b[0],
        lambda i, y: (i + 1, y @ model.w + model.b + tf.cast(i, tf.float32)),
        [0, x],
        maximum_iterations=20,
    )[1]


def of_lists(model, x):
    array = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[None])
    for row in tf.range(tf.shape(x)[0]):
        array = array.write(row, x[row, : row + 1] * model.b[0])
    return {"y": array.concat(), "n": array.size()}


@not_converted
def mapping(model, x):
    return tf.map_fn(lambda row: tf.linalg.matvec(model.w, row), x)


@not_converted
def folding(model, x):
    return tf.scan(lambda state, row: state * model.b + row, x, tf.zeros([3]))


@not_converted
def nested(model, x):
    def step(i, y):
        branches = [lambda: y @ model.w, lambda: tf.map_fn(lambda row: row + model.b, y)]
        return i + 1, tf.switch_case(i % 2, branches)

    loop = lambda: tf.while_loop(lambda i, y: i < 4, step, [0, x])[1]  # noqa: E731
    return tf.cond(tf.size(x) > 0, loop, lambda: x)


@not_converted
def asserting(model, x):
    def loop(i, y):
        tf.debugging.assert_less(y, 1e6)
        return i + 1, y @ model.w

    return tf.while_loop(lambda i, y: i < 3, loop, [0, x])[1]


BODIES = [branching, switching, looping, of_lists, mapping, folding, nested, asserting]
INPUTS = [X, -X, X[:1], X[:0], X * 0]


def outputs(call, *args):
    """What a call gives, or the kind of its error."""
    try:
        found = call(*args)
    except tf.errors.OpError as error:
        return type(error)
    return [(name, v.dtype, v.shape.as_list(), v.numpy().tobytes()) for name, v in found.items()]


def gradients(model, x):
    try:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(model(x)["y"] ** 2)
        found = tape.gradient(total, [x, model.w, model.b])
    # TensorFlow has none where a loaded loop branches on variables.
    except ValueError as error:
        return type(error)
    return [None if g is None else tf.convert_to_tensor(g).numpy().tobytes() for g in found]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_control_flow_gives_what_the_full_load_gives(body, tmp_path):
    path = saved(str(tmp_path / "model"), body)
    lean, loads = counted(path, as_dict=True)
    full = full_object(path, as_dict=True)
    for x in INPUTS:
        expected = outputs(full, x)
        assert isinstance(expected, list) != (body is switching and x is INPUTS[3])
        assert outputs(lean, x) == expected
        assert loads.count == 0
    traced = tf.function(lambda x: lean(x), autograph=False)
    assert outputs(traced, X) == outputs(full, X)
    assert loads.count == 0
    found = gradients(lean, X)
    assert found == gradients(full, X)
    assert isinstance(found, list) == (body is not nested)
    assert outputs(lean, X) == outputs(full, X)


@not_converted
def drawing(model, x):
    return tf.cond(tf.size(x) > 0, lambda: x + tf.random.uniform([3]), lambda: x)


@not_converted
def writing(model, x):
    def step(i):
        model.b.assign_add([1.0, 1.0, 1.0])
        return i + 1

    tf.while_loop(lambda i: i < 2, step, [0])
    return x + model.b


@not_converted
def of_python(model, x):
    return tf.map_fn(lambda row: tf.numpy_function(lambda x: x, [row], tf.float32), x)


@not_converted
def of_a_dataset(model, x):
    return tf.data.Dataset.from_tensor_slices(x).reduce(tf.zeros([3]), lambda s, row: s + row)


@not_converted
def compiled(model, x):
    return tf.cond(
        tf.size(x) > 0,
        lambda: tf.function(lambda: x @ model.w, jit_compile=True)(),
        lambda: x,
    )


@pytest.mark.parametrize(
    "body",
    [drawing, writing, of_python, of_a_dataset, compiled],
    ids=lambda body: body.__name__,
)
def test_what_a_branch_or_loop_may_not_do(body, tmp_path):
    path = saved(str(tmp_path / "model"), body)
    assert lean_object(path, as_dict=True) is None


def recurrent(*layers):
    """A body of Keras's layers, and their variables."""

    @not_converted
    def body(model, x):
        y = tf.stack([x, x * 2, x + 1], axis=1)
        for layer in layers:
            y = layer(y)
        return y

    body(None, X)
    weights = [weight for layer in layers for weight in layer.weights]
    return body, [w if isinstance(w, tf.Variable) else w.value for w in weights]


def test_recurrent_layers_of_keras(tmp_path):
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    body, variables = recurrent(
        layers.LSTM(4, return_sequences=True), layers.LSTM(4, go_backwards=True)
    )
    path = saved(str(tmp_path / "model"), body, variables)
    lean, loads = counted(path, as_dict=True)
    expected = outputs(full_object(path, as_dict=True), X)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda x: outputs(lean, x), [X] * 8)) == [expected] * 8
    assert loads.count == 0


def test_the_gradient_of_a_recurrent_layer_of_keras(tmp_path):
    tf.keras.utils.set_random_seed(0)
    path = saved(str(tmp_path / "model"), *recurrent(tf.keras.layers.GRU(4)))
    lean, loads = counted(path, as_dict=True)
    full = full_object(path, as_dict=True)
    assert outputs(lean, X) == outputs(full, X)
    assert loads.count == 0
    found = gradients(lean, X)
    assert isinstance(found, list)
    assert found == gradients(full, X)


def function(name, *nodes, **attributes):
    """A FunctionDef of nodes (name, op)."""
    made = FunctionDef()
    made.signature.name = name
    for node, op in nodes:
        made.node_def.add(name=node, op=op)
    for key, value in attributes.items():
        made.attr[key].s = value
    return made


def implementation(name, device):
    return function(name, api_implements=b"lstm", api_preferred_device=device)


def test_a_function_that_another_stands_in_for_is_declined():
    mine, gpu, cpu = (
        implementation(name, device)
        for name, device in (("mine", b"CPU"), ("gpu", b"GPU"), ("cpu", b"CPU"))
    )
    assert functions.closure({"mine": mine, "gpu": gpu}, "mine") == ["mine"]
    for library, name in (
        ({"mine": mine, "gpu": gpu, "cpu": cpu}, "mine"),
        ({"mine": mine, "gpu": gpu}, "gpu"),
        ({"gpu": gpu}, "gpu"),
        ({"none": function("none", api_implements=b"lstm")}, "none"),
    ):
        with pytest.raises(Declined, match="several functions"):
            functions.closure(library, name)


def test_what_is_called_is_found_and_renamed_in_every_attribute():
    outer = function("outer", ("c", "Case"), ("w", "While"), ("by_name", "inner"))
    case, loop, by_name = outer.node_def
    case.attr["Tin"].list.type.extend([])
    case.attr["Tout"].list.type.extend([])
    for name in ("first", "second"):
        case.attr["branches"].list.func.add(name=name)
    loop.attr["T"].list.type.extend([])
    loop.attr["cond"].func.name = "cond"
    loop.attr["body"].func.name = "first"
    loop.attr["_output_shapes"].list.shape.add()
    library = {name: function(name) for name in ("first", "second", "cond", "inner", "unused")}
    library["outer"] = outer
    names = functions.closure(library, "outer")
    assert sorted(names) == ["cond", "first", "inner", "outer", "second"]
    copies = {copy.signature.name: copy for copy in functions.copies(library, names, "_1")}
    assert sorted(copies) == ["cond_1", "first_1", "inner_1", "outer_1", "second_1"]
    case, loop, by_name = copies["outer_1"].node_def
    assert [called.name for called in case.attr["branches"].list.func] == ["first_1", "second_1"]
    assert (loop.attr["cond"].func.name, loop.attr["body"].func.name) == ("cond_1", "first_1")
    assert "_output_shapes" not in loop.attr
    assert by_name.op == "inner_1"
    assert outer.node_def[2].op == "inner"
    del library["second"]
    with pytest.raises(Declined, match="the function second is missing"):
        functions.closure(library, "outer")


def test_an_interface_is_no_longer_that_of_other_models():
    renamed = functions.renamed(implementation("mine", b"CPU"), {"mine"}, "_1")
    assert renamed.signature.name == "mine_1"
    assert renamed.attr["api_implements"].s == b"lstm_1"


def described(function, names, known=None):
    """A FunctionDef, with the functions that it calls under their first names.

    Attributes of nodes are those that `known` has too: TensorFlow adds the defaults.
    """
    known = known or function
    kept = {node.name: set(node.attr) for node in known.node_def}
    found = FunctionDef()
    found.CopyFrom(function)
    found.signature.name = ""
    for node in found.node_def:
        node.ClearField("experimental_type")
        node.op = names.get(node.op, node.op)
        for called in called_functions(node):
            called.name = names[called.name]
        for name in set(node.attr) - kept[node.name]:
            if not name.startswith("_"):
                del node.attr[name]
    for place in [place for place, noted in found.arg_attr.items() if not len(noted.attr)]:
        del found.arg_attr[place]
    nodes = sorted(found.node_def, key=lambda node: node.name)
    del found.node_def[:]
    # The names of outputs are given anew.
    ends = sorted(found.control_ret.values())
    returned = [found.ret[output.name] for output in found.signature.output_arg]
    for field in ("ret", "control_ret"):
        found.ClearField(field)
    for field in ("output_arg", "control_output"):
        found.signature.ClearField(field)
    return found, nodes, ends, returned


@pytest.mark.parametrize(
    "name", ["tf2_reusable", "tf2_text", "keras2_saved_model", "keras3_export", "nested"]
)
def test_the_functions_are_those_that_tensorflow_makes(name, tmp_path):
    # What TensorFlow computes depends on all of this, to the last bits.
    load = pytest.importorskip("tensorflow.python.saved_model.function_deserialization")
    path = saved(str(tmp_path / "model"), nested) if name == "nested" else MODELS / name
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        (meta_graph,) = SavedModel.FromString(file.read()).meta_graphs
    library = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    names = functions.closure(
        library, concrete_function(meta_graph.object_graph_def, "serving_default")
    )
    ours = dict(zip(names, functions.copies(library, names, "_1")))
    theirs = {
        name: function.function_def
        for name, function in load.load_function_def_library(
            meta_graph.graph_def.library, meta_graph.object_graph_def
        ).items()
    }
    first_names = [
        {function.signature.name: name for name, function in found.items()}
        for found in (ours, theirs)
    ]
    for name in names:
        mine, own = ours[name], theirs[name]
        assert described(mine, first_names[0]) == described(own, first_names[1], mine)
