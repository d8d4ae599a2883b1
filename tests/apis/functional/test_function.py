"""The pure function of a model, beside the model as TensorFlow's own loader gives it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from apis.functional import hand_made
from conftest import MODELS
from fixtures.expected import expected_file, read_cases
from golden import check_golden

import unihub
from unihub.apis.functional.errors import NotLifted, WrongSeed, WrongWeights
from unihub.matrix import Runtime
from unihub.runtime import current_runtime

if current_runtime() is not Runtime.TF2 or tf.__version__.startswith("1."):
    pytest.skip("pure functions need TensorFlow 2", allow_module_level=True)

X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)


def assert_same(actual, expected):
    """Bit by bit, also where nothing is a number."""
    tf.nest.assert_same_structure(actual, expected, expand_composites=True)
    for one, other in zip(
        tf.nest.flatten(actual, expand_composites=True),
        tf.nest.flatten(expected, expand_composites=True),
    ):
        assert tf.convert_to_tensor(one).dtype == tf.convert_to_tensor(other).dtype
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes() or np.array_equal(
            one, other
        )


def saved(module, path, gradients=True):
    # Without this option no gradient is saved.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=gradients)
    tf.saved_model.save(module, str(path), options=options)
    return str(path)


def calls_of_the_whole(name):
    return [case for case in read_cases(expected_file(name)) if "." not in case.signature]


# Its parts have calls, and it has none.
NAMES = sorted(path.name for path in MODELS.iterdir() if path.is_dir())
NAMES.remove("tf2_sub_objects")


@pytest.mark.parametrize("name", NAMES)
def test_each_fixture_is_lifted(name):
    path = str(MODELS / name)
    # The first few: each is a load of all.
    for case in calls_of_the_whole(name)[:2]:
        signature = None if case.signature == "__call__" else case.signature
        loaded = unihub.load(path, api="load", signature=signature, fast=False)
        inputs = {key: tf.constant(value) for key, value in case.inputs.items()}
        sparse = {key.partition("/")[0] for key in inputs if "/" in key}
        for key in sparse:
            parts = [inputs.pop(f"{key}/{part}") for part in ("indices", "values", "dense_shape")]
            inputs[key] = tf.SparseTensor(*parts)
        if len(inputs) == 1:
            (inputs,) = inputs.values()
        if name == "tf2_list":
            inputs = [inputs[key] for key in sorted(inputs)]
        function, weights, state = unihub.functional(path, signature=signature)
        outputs, after = function(weights, state, inputs)
        assert_same(outputs, loaded(inputs))
        assert_same(after, state)


def test_what_is_assigned_comes_out():
    path = str(MODELS / "keras2_saved_model")
    function, weights, state = unihub.functional(path, training=True)
    loaded = unihub.load(path, fast=False)
    names = {variable.name: variable for variable in loaded.variables}
    assert set(state) == {name[:-2] for name in names if "moving" in name}
    for _ in range(3):
        outputs, state = function(weights, state, X)
        assert_same(outputs, loaded(tf.constant(X), training=True))
        for name, value in state.items():
            assert_same(value, names[f"{name}:0"].numpy())
    both = unihub.functional(path)
    assert set(both.weights) == set(weights) and set(both.state) == set(state)
    assert_same(both.function(weights, state, X)[0], loaded(tf.constant(X)))


def test_chance_follows_from_the_seed():
    function, weights, state = unihub.functional(str(MODELS / "tf2_reusable"), training=True)
    one, after = function(weights, state, X, 1)
    assert_same(function(weights, state, X, 1), (one, after))
    assert not np.array_equal(one, function(weights, state, X, 2)[0])
    assert_same(one, function(weights, state, X, tf.constant([0, 1]))[0])
    # Half of it is dropped, the rest is doubled.
    kept = X @ weights["kernel"] + weights["bias"]
    kept = 2.0 * (kept - kept.mean(0))
    np.testing.assert_allclose(np.where(np.asarray(one) == 0, 0, kept), one, atol=1e-5)
    assert 2 < np.count_nonzero(one) < 14
    np.testing.assert_allclose(
        after["moving_mean"],
        0.9 * state["moving_mean"] + 0.1 * (X @ weights["kernel"] + weights["bias"]).mean(0),
        rtol=1e-5,
    )


def test_losses_are_functions_of_the_weights():
    function, weights, state = unihub.functional(str(MODELS / "tf2_reusable"))
    (loss,) = function.regularization_losses(weights, state)
    np.testing.assert_allclose(loss, 0.01 * (weights["kernel"] ** 2).sum(), rtol=1e-6)
    (loss,) = function.regularization_losses({**weights, "kernel": 0 * weights["kernel"]}, state)
    assert loss == 0


def test_loops_branches_tables_and_generators(tmp_path):
    busy = hand_made.Busy()
    function, weights, state = unihub.functional(saved(busy, tmp_path / "busy"))
    assert set(weights) == {"kernel"}
    assert set(state) == {"rows", "calls", "sums", "StateVar"}
    own = {"rows": busy.rows, "calls": busy.calls, "sums": busy.sums}
    own["StateVar"] = busy.generator.state
    # Its count carries over into the next word.
    busy.generator.state.assign([-100, 2**62, 3])
    state["StateVar"] = busy.generator.state.numpy()
    given = {name: tf.constant(value) for name, value in weights.items()}
    for places in ([1, 2, 3], [7], [0, 0, 9, 5]):
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs, state = function(given, state, places)
        gradient = tape.gradient(outputs, given)["kernel"]
        with tf.GradientTape() as tape:
            expected = busy(tf.constant(places))
        assert_same(outputs, expected)
        assert_same(gradient, tape.gradient(expected, busy.kernel))
        assert_same(dict(state), {name: own[name].numpy() for name in state})


def test_every_kind_of_chance(tmp_path):
    function, weights, state = unihub.functional(saved(hand_made.Drawing(), tmp_path / "drawing"))
    outputs, _ = function(weights, state, X, 5)
    assert_same(outputs, function(weights, state, X, 5)[0])
    for one, other in zip(outputs, function(weights, state, X, 6)[0]):
        assert not np.array_equal(one, other)
    uniform, normal, *_, shuffled, drawn = (np.asarray(each) / 2 for each in outputs)
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(normal.mean()) < 1
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, X))
    # What is drawn of three kinds is as likely as its weight says.
    chosen = np.asarray(function(weights, state, np.log([[0.2, 0.3, 0.5]] * 4000), 5)[0][5]) / 2
    np.testing.assert_allclose(
        [(chosen == kind).mean() for kind in range(3)], [0.2, 0.3, 0.5], atol=0.02
    )
    # No two draw the same, nor two rounds of a loop.
    assert len({*uniform.ravel(), *drawn.ravel()}) == uniform.size + drawn.size


def test_the_gradient_is_that_of_the_author(tmp_path):
    path = saved(hand_made.Gradient(), tmp_path / "gradient")
    function, weights, state = unihub.functional(path)
    loaded = unihub.load(path, fast=False)
    x, given = tf.constant(X), {name: tf.constant(value) for name, value in weights.items()}
    with tf.GradientTape() as tape:
        tape.watch([x, given])
        outputs, _ = function(given, state, x)
    found = tape.gradient(outputs, [x, given])
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = loaded(x)
    expected = tape.gradient(outputs, [x, loaded.kernel])
    assert_same([found[0], found[1]["kernel"]], expected)
    np.testing.assert_allclose(found[0], -14.0 * np.ones((8, 1)) * weights["kernel"], rtol=1e-6)


def test_a_gradient_that_was_not_saved_is_refused(tmp_path):
    """TensorFlow has none either; that of the forward ops would be another one."""
    path = saved(hand_made.Gradient(), tmp_path / "gradient", gradients=False)
    function, weights, state = unihub.functional(path)
    x = tf.constant(X)
    assert_same(function(weights, state, x)[0], unihub.load(path)(x))
    with pytest.raises(LookupError) as raised, tf.GradientTape() as tape:
        tape.watch(x)
        # TensorFlow makes the function that computes both.
        tape.gradient(function(weights, state, x)[0], x)
    at_hand = {"model": hand_made.Gradient()}
    check_golden(raised.value.code, str(raised.value), at_hand, path=path)


def test_inputs_are_cast_as_a_load_casts_them():
    function, weights, state = unihub.functional(str(MODELS / "tf2_reusable"))
    expected, _ = function(weights, state, X)
    assert_same(function(weights, state, X.astype(np.float64))[0], expected)
    assert_same(function(weights, state, X.tolist())[0], expected)


def test_several_inputs_and_arguments(tmp_path):
    several = hand_made.Several()
    path = saved(several, tmp_path / "several")
    x = tf.constant(X)
    for training, further in ((False, {}), (True, {"scale": 3.0})):
        function, weights, state = unihub.functional(path, training=training, arguments=further)
        # TensorFlow takes the first trace that may fit where the number of rows is open.
        expected = several(x, 2.0 * x, training=training, **further)
        for inputs in ((X, 2 * X), [x, 2 * X], {"right": 2 * X, "left": X}):
            assert_same(function(weights, state, inputs)[0], expected)
    with pytest.raises(unihub.UnihubError) as caught:
        function(weights, state, X)
    assert caught.value.do == (
        "f(weights, state, {'left': tf.zeros([1, 3]), 'right': tf.zeros([1, 3])})"
    )
    with pytest.raises(unihub.UnihubError, match=r"arguments=\{'scale': \.\.\.\}"):
        unihub.functional(path, arguments={"scal": 3.0})


def test_signatures_and_their_outputs():
    path, name = str(MODELS / "tf2_signatures_only"), "serving_default"
    loaded = tf.saved_model.load(path).signatures[name]
    expected = loaded(left=tf.constant(X), right=tf.constant(2 * X))
    function, *arrays = unihub.functional(path, signature=name, output_key="product")
    assert_same(function(*arrays, {"left": X, "right": 2 * X})[0], expected["product"])
    function, *arrays = unihub.functional(path, signature=name, arguments={"right": 2 * X})
    assert_same(function(*arrays, {"left": X})[0], expected)


def test_what_cannot_be_lifted_is_named_before_it_runs(tmp_path):
    path = saved(hand_made.Acting(), tmp_path / "acting")
    with pytest.raises(NotLifted) as caught:
        unihub.functional(path, on_unsafe="ignore")
    at_hand = {"data": tf.data.Dataset.from_tensors(path + "/saved_model.pb")}
    check_golden("functional-not-lifted", str(caught.value), at_hand, path=path)


def test_weights_that_are_not_the_model_s():
    path = str(MODELS / "tf2_reusable")
    function, weights, state = unihub.functional(path)
    with pytest.raises(WrongWeights) as caught:
        function({**weights, "kernel": weights["kernel"].T}, state, X)
    check_golden("functional-wrong-weights", str(caught.value), {"inputs": X, "seed": 0}, path=path)
    without = {name: value for name, value in weights.items() if name != "bias"}
    for wrong, found in (
        (without, r"weights\['bias'\].* given nothing"),
        ({**weights, "bias": np.array([1, 2])}, "given int64"),
        ([*weights.values()], "given a list"),
        (None, "given a NoneType"),
    ):
        with pytest.raises(WrongWeights, match=f"(?s){found}"):
            function(wrong, state, X)
    training, *_ = unihub.functional(path, training=True)
    with pytest.raises(WrongWeights, match=r"(?s)state\['moving_mean'\].* among the weights"):
        training(state, weights, X)
    # Of another precision they are cast.
    doubled = {name: value.astype(np.float64) for name, value in weights.items()}
    assert_same(function(doubled, state, X)[0], function(weights, state, X)[0])


def test_seeds_that_are_none():
    path = str(MODELS / "tf2_reusable")
    function, weights, state = unihub.functional(path)
    for seed in (1.5, "one", [1, 2, 3], 2**70):
        with pytest.raises(WrongSeed):
            function(weights, state, X, seed)
    with pytest.raises(WrongSeed) as caught:
        function(weights, state, X, None)
    at_hand = {"f": function, "weights": weights, "state": state, "inputs": X}
    check_golden("functional-wrong-seed", str(caught.value), at_hand, path=path)


def test_a_model_without_a_call():
    with pytest.raises(unihub.UnihubError) as caught:
        unihub.functional(str(MODELS / "tf2_sub_objects"))
    assert caught.value.code == "nothing-to-call"


def test_wrong_inputs_are_explained():
    function, weights, state = unihub.functional(str(MODELS / "tf2_reusable"))
    for wrong, code in (
        (X[:, :2], "wrong-input-shape"),
        (X[0], "wrong-input-shape"),
        (X.astype(int), "wrong-input-dtype"),
        (["text"], "wrong-input-dtype"),
        (None, "wrong-input-value"),
        ({"x": X}, "wrong-input-structure"),
        (tf.ragged.constant([[1.0], [2.0, 3.0]]), "wrong-input-structure"),
    ):
        with pytest.raises(unihub.UnihubError) as caught:
            function(weights, state, wrong)
        assert caught.value.code == code
        assert caught.value.do.startswith("f(weights, state, ")
