"""What the judge says of a model is what happens to who does it."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest
import tensorflow as tf
from conftest import MODELS
from golden import check_golden
from inspection import judged_models

import unihub
from unihub.apis.missing_ops import OpsWithoutKernelWarning
from unihub.errors import UnihubError
from unihub.formats import read_saved_model
from unihub.inspection.judge import MistypedSignature, judge
from unihub.inspection.lacking import lacking_ops
from unihub.matrix import Operation, Runtime, Status
from unihub.runtime import current_runtime


def verdict_of(path, operation):
    return judge(path, read_saved_model(path), current_runtime(), operation)


def test_a_model_without_anything_to_call(tmp_path, eager):
    path = str(tmp_path / "model")
    holder = tf.Module()
    holder.weight = tf.Variable(1.0)
    tf.saved_model.save(holder, path)
    verdict = verdict_of(path, Operation.INFERENCE)
    assert (verdict.status, verdict.refusal.code) == (Status.REFUSED, "nothing-to-call")
    loaded = unihub.load(path)
    assert loaded.weight.numpy() == 1.0
    with pytest.raises(UnihubError) as raised:
        loaded(1.0)
    assert str(raised.value) == str(verdict.refusal)


def test_a_graph_without_signatures_is_run_in_a_session(tmp_path, eager):
    path, x = judged_models.without_signatures(tmp_path / "model"), [3.0]
    use, loaded = full_verdict(path), unihub.load(path)
    error = refused(lambda: loaded(x))
    assert use.note == f"{error.why} Instead: {error.do}"
    check_golden("nothing-to-call-of-graph", str(error), path=path)
    names = {"tf": tf, "unihub": unihub}
    exec(error.do, names)
    assert names["s"].run("output:0", {"input:0": x}) == [6.0]


def test_parts_that_can_be_called(eager):
    path = str(MODELS / "tf2_sub_objects")
    verdict = verdict_of(path, Operation.INFERENCE)
    assert verdict.status is Status.LIMITED
    assert "encoder" in verdict.note


class Parts(tf.Module):
    """Its functions read what is beside them."""

    def __init__(self):
        self.weight = tf.Variable(2.0)
        keys, values = tf.constant(["a"]), tf.constant([5.0])
        filled = tf.lookup.KeyValueTensorInitializer(keys, values)
        self.table = tf.lookup.StaticHashTable(filled, -1.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def score(self, words):
        return self.table.lookup(words) * self.weight


@pytest.mark.parametrize("signatures", [{}, None])
def test_a_part_lives_without_the_whole(signatures, tmp_path, eager):
    path, parts = str(tmp_path / "model"), Parts()
    tf.saved_model.save(parts, path, signatures=signatures or {"score": parts.score})
    part = unihub.load(path, fast=False).score
    gc.collect()
    assert part(["a"]).numpy() == [10.0]
    layer = unihub.KerasLayer(unihub.load(path).score)
    gc.collect()
    assert layer(tf.constant(["b"])).numpy() == [-2.0]


def test_a_part_in_a_list_lives_and_explains_itself_too(tmp_path, eager):
    spec = tf.TensorSpec([None])
    whole, part = tf.Module(), tf.Module()
    whole.weight = tf.Variable(2.0)
    part.__call__ = tf.function(lambda x: x * whole.weight, input_signature=[spec])
    whole.parts = [part]
    whole.named = {"a": (tf.function(lambda x: x + whole.weight, input_signature=[spec]),)}
    path = str(tmp_path / "model")
    tf.saved_model.save(whole, path, signatures={})
    for fast in (True, False):
        for get, answer in ((lambda m: m.parts[0], 6.0), (lambda m: m.named["a"][0], 5.0)):
            found = get(unihub.load(path, fast=fast))
            gc.collect()
            assert found(tf.constant([3.0])).numpy() == [answer]
            error = refused(lambda found=found: found(tf.ones([1, 2])))
            assert error.code == "wrong-input-shape"
    assert "input 'x' of named['a'][0] of" in str(error)
    (_, line), _ = verdict_of(path, Operation.INFERENCE).code
    exec(line, {"unihub": unihub, "inputs": tf.ones([1])})


def test_arguments_that_a_call_has_not(tmp_path, eager):
    """m(inputs, training=...) is said of models that take it."""
    model = tf.train.Checkpoint(weight=tf.Variable(2.0))
    model.variables = model.trainable_variables = [model.weight]
    model.__call__ = tf.function(
        lambda x: x * model.weight, input_signature=[tf.TensorSpec([], tf.float32)]
    )
    without = str(tmp_path / "model")
    tf.saved_model.save(model, without)
    for path, takes in ((str(MODELS / "tf2_reusable"), True), (without, False)):
        code = dict(verdict_of(path, Operation.FINE_TUNING).code)
        assert ("training=is_training" in code["load"]) is takes


def refused(action):
    with pytest.raises(UnihubError) as raised:
        action()
    return raised.value


def full_verdict(path, runtime=None, operation=Operation.INFERENCE):
    (use,) = (
        use
        for use in unihub.inspect(path).uses
        if (use.runtime, use.operation) == (runtime or current_runtime(), operation)
    )
    return use


class Calls(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    def two(self, first, second):
        return first + second

    @tf.function(input_signature=[])
    def none(self):
        return tf.constant(1.0)

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def one(self, x=1.0):
        return x

    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([], tf.bool)])
    def trained(self, x, training):
        return x

    @tf.function
    def by_name(self, *, first, second):
        return first + second

    @tf.function
    def more(self, x, **others):
        return x + others["second"]

    @tf.function
    def any_number(self, *tensors):
        return tf.add_n(tensors)

    @tf.function
    def either(self, x, training=None):
        return x

    @tf.function
    def first(self, training, x):
        return x

    @tf.function
    def trains(self, x, training=True):
        return x


TRACED = {
    "by_name": lambda call, x: call(first=x, second=x),
    "more": lambda call, x: call(x, second=x),
    "any_number": lambda call, x: call(x, x),
    "either": lambda call, x: call(x, training=False),
    "first": lambda call, x: call(False, x),
    "trains": lambda call, x: call(x),
}


@pytest.mark.parametrize(
    ("name", "call", "apis"),
    [
        ("two", "m(first, second)", ["load"]),
        ("none", "m()", ["load"]),
        ("one", "m(inputs)", ["load", "keras"]),
        ("trained", "m(inputs, training=False)", ["load", "keras"]),
        ("either", "m(inputs, training=False)", ["load", "keras"]),
        ("by_name", "m(first=first, second=second)", ["load"]),
        ("more", "m(x, second=second)", ["load"]),
        ("any_number", "m(x0, x1)", ["load"]),
        ("first", "m(training=False, x=x)", ["load"]),
        ("trains", "m(inputs)", ["load", "keras"]),
    ],
)
def test_a_call_is_written_with_the_inputs_that_it_takes(name, call, apis, tmp_path, eager):
    obj = Calls()
    obj.__call__ = getattr(obj, name)
    if name in TRACED:
        TRACED[name](obj.__call__.get_concrete_function, tf.TensorSpec([None]))
    path = str(tmp_path / "model")
    tf.saved_model.save(obj, path, signatures={})
    use = full_verdict(path)
    assert [api for api, _ in use.code] == apis
    assert use.code[0][1] == f"m = unihub.load({path!r}); {call}"
    given = dict.fromkeys(("first", "second", "inputs", "x", "x0", "x1"), tf.ones([2]))
    for _, line in use.code:
        names = {"unihub": unihub, **given}
        exec(line if "; " in line else f"m = {line}; m(inputs)", names)


def trained_in(modes, path):
    model = tf.train.Checkpoint(weight=tf.Variable(2.0))
    model.variables = model.trainable_variables = [model.weight]
    model.__call__ = tf.function(lambda x, training=True: x * model.weight)
    for mode in modes:
        model.__call__.get_concrete_function(tf.TensorSpec([None, 1]), training=mode)
    tf.saved_model.save(model, str(path), signatures={})
    return str(path)


@pytest.mark.parametrize(
    ("modes", "mode"),
    [
        ([True], True),
        ([False], False),
        ([None], None),
        ([None, True], True),
        ([None, False], False),
    ],
)
def test_a_model_that_was_not_traced_for_both_modes_trains_in_one(modes, mode, tmp_path, eager):
    path = trained_in(modes, tmp_path / "model")
    use = full_verdict(path, operation=Operation.FINE_TUNING)
    assert use.status is Status.LIMITED
    assert f"traced for training={mode} only" in use.note
    code = dict(use.code)
    layer = eval(code["keras"], {"unihub": unihub})
    model = tf.keras.Sequential([layer])
    model.compile("sgd", "mse")
    model.fit(tf.ones([4, 1]), tf.zeros([4, 1]), verbose=0)
    assert layer.trainable_weights[0].numpy() != 2.0
    assert model.predict(tf.ones([2, 1]), verbose=0).shape == (2, 1)
    names = {"unihub": unihub, "inputs": tf.ones([2, 1])}
    exec(code["load"], names)
    assert names["m"].trainable_variables
    tuning = unihub.validate(path).uses[-1]
    assert (tuning.kept, tuning.found) == (True, use.note)


@pytest.mark.parametrize("fast", [True, False])
def test_a_loss_that_takes_inputs_cannot_be_trained_on(fast, tmp_path, eager):
    model = tf.train.Checkpoint(weight=tf.Variable(2.0))
    model.variables = model.trainable_variables = [model.weight]
    spec = tf.TensorSpec([None, 1])
    model.__call__ = tf.function(lambda x: x * model.weight, input_signature=[spec])
    by = tf.TensorSpec([], tf.float32, "by")
    model.regularization_losses = [
        tf.function(lambda by: model.weight * by, input_signature=[by]),
    ]
    path = str(tmp_path / "model")
    tf.saved_model.save(model, path, signatures={})
    error = refused(lambda: unihub.load(path, op="fine_tuning", fast=fast))
    assert "takes by: float32[]" in error.why
    assert str(refused(lambda: unihub.KerasLayer(path, trainable=True))) == str(error)
    assert full_verdict(path, operation=Operation.FINE_TUNING).note.startswith(error.why)
    assert unihub.validate(path).uses[-1].kept is False
    names = {"unihub": unihub}
    exec(error.do.partition("; or ")[0], names)
    assert names["m"].regularization_losses[0](tf.constant(3.0)).numpy() == 6.0


def test_a_concrete_function_is_called_as_a_function(tmp_path, eager):
    model = tf.train.Checkpoint(weight=tf.Variable(2.0))
    model.variables = model.trainable_variables = [model.weight]
    spec = tf.TensorSpec([None, 1], tf.float32, "x")
    model.__call__ = tf.function(lambda x: x * model.weight).get_concrete_function(spec)
    path = str(tmp_path / "model")
    tf.saved_model.save(model, path, signatures={})
    for operation in (Operation.INFERENCE, Operation.FINE_TUNING):
        use = full_verdict(path, operation=operation)
        assert (use.status, sorted(dict(use.code))) == (Status.FULL, ["keras", "load"])
        for _, line in use.code:
            names = {"unihub": unihub, "inputs": tf.ones([2, 1])}
            exec(line if "; " in line else f"m = {line}; m(inputs)", names)
    assert [use.kept for use in unihub.validate(path).uses] == [True, True, None, True]


def test_a_signature_of_another_dtype_than_its_graph(tmp_path, eager):
    path = judged_models.mistyped(tmp_path / "model")
    use = full_verdict(path)
    assert (use.status, [api for api, _ in use.code]) == (Status.LIMITED, ["load", "keras"])
    assert unihub.load(path)([3.0]).numpy() == [6.0]
    assert unihub.load(path, fast=False)([3.0]).numpy() == [6.0]
    layer = unihub.KerasLayer(path, signature="serving_default", output_key="y")
    assert layer(tf.constant([3.0])).numpy() == [6.0]
    errors = [
        refused(lambda: unihub.load(path, signature="lengths", fast=False)),
        refused(lambda: unihub.load(path, signature="lengths")),
        refused(lambda: unihub.KerasLayer(path, signature="lengths", output_key="n")),
        refused(lambda: unihub.convert(path, tmp_path / "converted", dry_run=True)),
    ]
    assert len(set(map(str, errors))) == 1
    assert use.note == f"Without the signature 'lengths': {errors[0].why}"
    check_golden("mistyped-signature", str(errors[0]), path=path)
    assert full_verdict(path, operation=Operation.FINE_TUNING).status is Status.REFUSED
    assert "convert=True" not in full_verdict(path, operation=Operation.FINE_TUNING).note


def test_a_signature_of_a_tensor_that_is_not_there(tmp_path, eager):
    path = judged_models.nowhere(tmp_path / "model")
    use = full_verdict(path)
    assert (use.status, [api for api, _ in use.code]) == (Status.LIMITED, ["load", "keras"])
    for fast in (True, False):
        assert unihub.load(path, fast=fast)([3.0]).numpy() == [6.0]
    layer = unihub.KerasLayer(path, signature="serving_default", output_key="y")
    assert layer(tf.constant([3.0])).numpy() == [6.0]
    errors = [
        refused(lambda: unihub.load(path, signature="lost", fast=False)),
        refused(lambda: unihub.load(path, signature="lost")),
        refused(lambda: unihub.KerasLayer(path, signature="lost", output_key="y")),
        refused(lambda: unihub.convert(path, tmp_path / "converted", dry_run=True)),
    ]
    assert len(set(map(str, errors))) == 1
    assert "its output 'y' is nowhere:0, which is not in the graph" in errors[0].why
    assert use.note == f"Without the signature 'lost': {errors[0].why}"


def test_a_signature_that_does_not_name_all_that_it_needs(tmp_path, eager):
    path = judged_models.unfed(tmp_path / "model")
    use = full_verdict(path)
    assert (use.status, [api for api, _ in use.code]) == (Status.LIMITED, ["load", "keras"])
    for fast in (True, False):
        assert unihub.load(path, fast=fast)([3.0]).numpy() == [6.0]
    errors = [
        refused(lambda: unihub.load(path, signature="dropped", fast=False)),
        refused(lambda: unihub.load(path, signature="dropped")),
        refused(lambda: unihub.KerasLayer(path, signature="dropped", output_key="y")),
        refused(lambda: unihub.convert(path, tmp_path / "converted", dry_run=True)),
    ]
    assert len(set(map(str, errors))) == 1
    assert errors[0].code == "signature-input-missing"
    assert use.note == f"Without the signature 'dropped': {errors[0].why}"
    (one, *_) = unihub.inspect(path).meta_graphs
    assert {s.name: bool(s.example) for s in one.signatures} == {
        "serving_default": True,
        "dropped": False,
    }
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        y = unihub.load(path, signature="dropped")([3.0])
        ops = graph.get_operations()
        keep = [op for op in ops if op.type == "Placeholder" and op.name.endswith("keep")]
        session.run(tf.compat.v1.global_variables_initializer())
        assert session.run(y, {op.outputs[0]: 0.5 for op in keep}) == [3.0]


def test_a_signature_that_tells_no_shape_takes_any(tmp_path):
    path = judged_models.without_shapes(tmp_path / "model")
    assert all(
        x.shape is None for x in unihub.inspect(path).meta_graphs[0].signatures[0].inputs.values()
    )
    for fast in (True, False) if tf.executing_eagerly() else ():
        assert unihub.load(path, fast=fast)([[3.0], [4.0]]).numpy().tolist() == [[6.0], [8.0]]
    with tf.Graph().as_default():
        assert unihub.load(path)([[3.0], [4.0]]).shape.as_list() == [2, 1]


def test_a_module_says_so_too(tmp_path, graph):
    path = judged_models.mistyped(tmp_path / "model")
    m = unihub.load(path, api="module")
    with pytest.raises(MistypedSignature, match="its input 'text' is float32, and in the graph"):
        m(tf.constant([1.0]), signature="lengths", as_dict=True)
    assert m([3.0]).shape.as_list() == [1]
    m = unihub.load(judged_models.nowhere(tmp_path / "other"), api="module")
    with pytest.raises(MistypedSignature, match="'y' is nowhere:0, which is not in the graph"):
        m(tf.constant([1.0]), signature="lost")
    assert m([3.0]).shape.as_list() == [1]


def test_tags_that_have_to_be_named(tmp_path, eager):
    path = judged_models.differently_tagged(tmp_path / "model")
    use = full_verdict(path)
    assert use.status is Status.LIMITED
    assert use.note.startswith("Name the tags of the graph to use: ['train'], ['gpu', 'serve'].")
    assert "tags=['gpu', 'serve']" in use.code[0][1]
    given = {"unihub": unihub, "inputs": tf.constant([3.0])}
    for _, line in use.code:
        exec(line, given)
    assert given["m"]([3.0]).numpy() == [6.0]


def test_a_line_is_printed_with_an_image_where_texts_are_decoded(tmp_path, eager):
    path = judged_models.decodes_images(tmp_path / "model")
    (signature,) = unihub.inspect(path).meta_graphs[0].signatures
    names = {"unihub": unihub, "tf": tf}
    exec(signature.example.replace("; m(", "; y = m("), names)
    assert int(names["y"]) == 224


def test_signatures_that_give_a_variable_itself(tmp_path, eager):
    path = judged_models.gives_references(tmp_path / "model")
    error = refused(lambda: unihub.load(path))
    check_golden("reference-output", str(error), path=path)
    assert full_verdict(path).status is Status.REFUSED
    assert error.why in full_verdict(path).note
    in_graph_mode = full_verdict(path, Runtime.TF1_COMPAT)
    assert [api for api, _ in in_graph_mode.code] == ["module"]
    names = {"tf": tf, "unihub": unihub}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        exec(in_graph_mode.code[0][1], names)
        session.run(tf.compat.v1.global_variables_initializer())
        assert session.run(names["m"]()) == 3.0


def test_a_signature_that_counts_in_a_reference_variable(tmp_path, eager):
    path = judged_models.counts(tmp_path / "model")
    use = full_verdict(path)
    assert use.code == (("load", f"m = unihub.load({path!r}, signature='peek'); m()"),)
    count = unihub.load(path, signature="count")
    errors = [refused(count), refused(unihub.load(path, signature="count", fast=False))]
    assert use.note.startswith("Name the signature to call: 'count', 'peek'.")
    assert f"Without the signature 'count': {errors[0].why}" in use.note
    assert len(set(map(str, errors))) == 1
    check_golden("counting-reference", str(errors[0]), path=path)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        n = unihub.load(path, signature="count")()
        session.run(tf.compat.v1.global_variables_initializer())
        assert session.run(n) == 1


def test_ops_that_tensorflow_registers_and_does_not_compute(tmp_path, eager):
    path = judged_models.without_kernel(tmp_path / "model")
    use = full_verdict(path)
    assert use.status is Status.REFUSED
    with pytest.warns(OpsWithoutKernelWarning, match="BoostedTreesBucketize"):
        loaded = unihub.load(path, fast=False)
    with pytest.raises(Exception, match="BoostedTreesBucketize"):
        loaded([1.0])
    error = lacking_ops(path, ["BoostedTreesBucketize"])
    assert error.why in use.note
    check_golden("ops-without-kernel", str(error), path=path, tensorflow=tf.__version__)


def test_ops_are_judged_without_tensorflow_too(tmp_path, eager):
    path = judged_models.without_kernel(tmp_path / "model")
    script = (
        "import sys, unihub; uses = unihub.inspect(sys.argv[1]).uses; "
        "print({use.runtime.value: use.status.value for use in uses[:3]}, "
        "'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, path], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().strip() == (
        "{'tf1': 'full', 'tf1_compat': 'refused', 'tf2': 'refused'} False"
    )
