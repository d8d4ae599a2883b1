"""Pure functions on arrays of JAX: jit, grad, vmap."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import MODELS

if find_spec("jax") is None:
    pytest.skip("JAX is not installed: see nox -s jax", allow_module_level=True)

import jax
import tensorflow as tf
from apis.functional import hand_made
from golden import check_golden

import unihub
from unihub.apis.functional import in_jax
from unihub.apis.functional.errors import CutTo32Bits, NotCompiled, WrongSeed, WrongWeights

X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def normalizing():
    f, weights, state = unihub.functional(str(MODELS / "keras2_saved_model"), training=True)
    return f, jax.tree.map(jax.numpy.asarray, weights), jax.tree.map(jax.numpy.asarray, state)


@pytest.fixture(scope="module")
def dropping():
    f, weights, state = unihub.functional(str(MODELS / "tf2_reusable"), training=True)
    return f, jax.tree.map(jax.numpy.asarray, weights), jax.tree.map(jax.numpy.asarray, state)


def all_close(one, other, tolerance=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), one, other
    )


def test_jit_and_gradients(normalizing):
    f, weights, state = normalizing
    arrays = [{name: np.asarray(v) for name, v in each.items()} for each in (weights, state)]
    expected, after = f(*arrays, X)
    for call in (f, jax.jit(f)):
        outputs, moved = call(weights, state, X)
        all_close(outputs, np.asarray(expected))
        all_close(moved, {name: np.asarray(value) for name, value in after.items()})

    def loss(weights, x):
        return (f(weights, state, x)[0] ** 2).sum()

    found = jax.jit(jax.grad(loss, argnums=(0, 1)))(weights, X)
    given, x = {name: tf.constant(v) for name, v in arrays[0].items()}, tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch([given, x])
        total = tf.reduce_sum(f(given, arrays[1], x)[0] ** 2)
    gradients, of_inputs = tape.gradient(total, [given, x])
    all_close(found[0], {name: np.asarray(g) for name, g in gradients.items()}, 1e-4)
    all_close(found[1], np.asarray(of_inputs), 1e-4)


def test_vmap_and_gradients_of_gradients(normalizing):
    f, weights, state = normalizing
    many = np.stack([X, 2 * X, X[::-1]])

    def loss(x):
        return (f(weights, state, x)[0] ** 3).sum()

    found = jax.vmap(jax.grad(loss))(many)
    for one, x in zip(found, many):
        all_close(one, jax.grad(loss)(x), 1e-4)
    curvature = jax.grad(lambda x: (jax.grad(loss)(x) ** 2).sum())(X)
    step = 1e-2 * np.ones_like(X) * curvature / np.abs(curvature).max()
    values = [float((jax.grad(loss)(X + sign * step) ** 2).sum()) for sign in (1, -1)]
    assert np.isclose(values[0] - values[1], 2 * float((curvature * step).sum()), rtol=0.2)


def test_chance_loops_and_gradients_of_their_author(tmp_path, dropping):
    path = str(tmp_path / "gradient")
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(hand_made.Gradient(), path, options=options)
    f, weights, state = unihub.functional(path)
    weights = jax.tree.map(jax.numpy.asarray, weights)
    found = jax.grad(lambda x: f(weights, state, x)[0].sum())(X)
    all_close(found, -14.0 * np.ones((8, 1)) * np.asarray(weights["kernel"]))
    f, weights, state = dropping
    drop = jax.jit(lambda seed: f(weights, state, X, seed)[0])
    all_close(drop(jax.random.key(1)), drop(jax.random.PRNGKey(1)))
    assert not np.array_equal(drop(1) == 0, drop(2) == 0)
    # The seed alone is JAX's.
    arrays = [{name: np.asarray(v) for name, v in each.items()} for each in (weights, state)]
    many = jax.vmap(lambda seed: f(*arrays, X, seed)[0])(jax.random.split(jax.random.key(1), 3))
    assert len({each.tobytes() for each in np.asarray(many)}) == 3
    busy = hand_made.Busy()
    tf.saved_model.save(busy, str(tmp_path / "busy"))
    f, weights, state = unihub.functional(str(tmp_path / "busy"))
    with pytest.raises(NotCompiled, match="a table"), jax.enable_x64(True):
        jax.jit(f)(jax.tree.map(jax.numpy.asarray, weights), state, [1, 2])


def test_what_arrays_do_not_hold_is_refused(tmp_path):
    tf.saved_model.save(hand_made.Drawing(), str(tmp_path / "drawing"))
    f, weights, state = unihub.functional(str(tmp_path / "drawing"))
    with pytest.raises(NotCompiled, match=r"StatelessRandomGamma\w*, of which XLA has no kernel"):
        f(weights, state, jax.numpy.asarray(X))
    f, weights, state = unihub.functional(str(MODELS / "tf2_text"))
    weights = jax.tree.map(jax.numpy.asarray, weights)
    with pytest.raises(NotCompiled, match="inputs of str32"):
        f(weights, state, np.array(["a"]))
    f, weights, state = unihub.functional(str(MODELS / "tf2_reusable"))
    open_rows = jax.ShapeDtypeStruct(jax.export.symbolic_shape("rows, 3"), np.float32)
    with pytest.raises(NotCompiled, match="the open size rows"):
        jax.eval_shape(lambda x: f(weights, state, x), open_rows)


def test_generators_keep_their_64_bits_or_are_refused(tmp_path):
    path = str(tmp_path / "generating")
    tf.saved_model.save(hand_made.Generating(), path)
    f, weights, state = unihub.functional(path)
    _, after = f(weights, state, X)
    weights = jax.tree.map(jax.numpy.asarray, weights)
    for call in (f, jax.jit(f)):
        with pytest.raises(CutTo32Bits) as caught:
            call(weights, state, X)
    check_golden("functional-64-bits", str(caught.value), {"jax": Unchanged()}, path=path)
    with pytest.raises(CutTo32Bits, match="the variable 'StateVar'"):
        in_jax.check_bits(f, f.reads)
    with jax.enable_x64(True):
        call = jax.jit(f)
        outputs, moved = call(weights, state, X)
        np.testing.assert_array_equal(moved["StateVar"], after["StateVar"])
        assert not np.array_equal(outputs, call(weights, moved, X)[0])
        np.testing.assert_array_equal(outputs, call(weights, state, X)[0])


class Unchanged:
    """JAX, for the line that advises a setting: other tests are not to have it."""

    config = SimpleNamespace(update=lambda name, value: getattr(jax.config, name))


def test_rows_of_a_table_have_gradients(tmp_path):
    module, path = hand_made.Looking(), str(tmp_path / "looking")
    tf.saved_model.save(module, path, signatures={"found": module.found})
    f, weights, state = unihub.functional(path)
    places = jax.numpy.asarray([1, 5, 1])
    gradient = jax.jit(jax.grad(lambda weights: f(weights, state, places)[0].sum()))(weights)
    expected = np.zeros((6, 2))
    np.add.at(expected, [1, 5, 1], 1.0)
    all_close(gradient["rows"], expected)
    f, weights, state = unihub.functional(path, signature="found")
    with pytest.raises(NotCompiled, match="outputs whose shape depends on numbers"):
        f(weights, state, places)


def test_outputs_of_every_kind(tmp_path):
    path = str(tmp_path / "kinds")
    tf.saved_model.save(hand_made.Kinds(), path)
    f, weights, state = unihub.functional(path)
    x = np.array([1.0 + 2.0j, 3.0], np.complex64)
    expected, _ = f(weights, state, x)
    # The seed alone tells whose arrays are wanted.
    for inputs, seed in ((jax.numpy.asarray(x), 0), (x, jax.random.key(0))):
        outputs, _ = jax.jit(f)(weights, state, inputs, seed)
        assert outputs.pop("none") is None
        assert isinstance(outputs["any"], jax.Array)
        for name, value in outputs.items():
            np.testing.assert_array_equal(value, expected[name])
        outputs, _ = f(weights, state, inputs, seed)
        assert outputs["none"] is None
        assert isinstance(outputs["any"], jax.Array)


def test_inputs_of_every_kind(tmp_path):
    path = str(tmp_path / "several")
    tf.saved_model.save(hand_made.Several(), path)
    f, weights, state = unihub.functional(path, arguments={"scale": 3.0})
    weights = jax.tree.map(jax.numpy.asarray, weights)
    for inputs in ((X, 2 * X), {"left": X, "right": jax.numpy.asarray(2.0 * X)}):
        outputs, _ = jax.jit(f)(weights, state, inputs)
        all_close(outputs["sum"], 3 * X * np.asarray(weights["kernel"]) + 2 * X)
        all_close(outputs["nest"], [X])


def test_arguments_that_do_not_fit(dropping):
    f, weights, state = dropping
    half = jax.tree.map(lambda each: each.astype(jax.numpy.bfloat16), weights)
    assert f(half, state, X.astype(np.float64))[0].dtype == np.float32
    for wrong, code in (
        (X[0], "wrong-input-shape"),
        (jax.numpy.ones((1, 3), int), "wrong-input-dtype"),
        ("text", "wrong-input-dtype"),
        (None, "wrong-input-value"),
        ({"x": X}, "wrong-input-structure"),
        (np.full((1, 3), 2**40), "functional-64-bits"),
        ([[2**40, 0, 0]], None),
    ):
        if code is None:
            # Python numbers become what the model takes.
            assert f(weights, state, wrong)[0].shape == (1, 2)
            continue
        with pytest.raises(unihub.UnihubError) as caught:
            f(weights, state, wrong)
        assert caught.value.code == code
    for seed in (None, "one", 1.5, 2**40, [1, 2, 3]):
        with pytest.raises(WrongSeed):
            f(weights, state, X, seed)
    with pytest.raises(WrongWeights, match="int32"):
        f(jax.tree.map(lambda each: each.astype(int), weights), state, X)


def test_a_loaded_object_under_jit_names_functional():
    path = str(MODELS / "tf2_reusable")
    loaded = unihub.load(path)
    for transformed in (jax.jit(loaded), jax.grad(lambda x: loaded(x).sum()), jax.vmap(loaded)):
        with pytest.raises(unihub.UnihubError) as caught:
            transformed(jax.numpy.asarray(X))
        assert caught.value.code == "outside-tensorflow"
    exec(caught.value.do, {"unihub": unihub, "x": jax.numpy.asarray(X)})
    # Outside of it, its arrays are arrays.
    all_close(loaded(jax.numpy.asarray(X)).numpy(), loaded(tf.constant(X)).numpy())


def test_a_loop_of_one_s_own(dropping):
    f, weights, state = dropping

    @jax.jit
    def step(weights, state, seed):
        def loss(weights):
            outputs, after = f(weights, state, X, seed)
            return ((outputs - 1.0) ** 2).mean() + sum(f.regularization_losses(weights)), after

        (value, after), gradients = jax.value_and_grad(loss, has_aux=True)(weights)
        return jax.tree.map(lambda w, g: w - 0.05 * g, weights, gradients), after, value

    values, seeds = [], jax.random.split(jax.random.key(0), 30)
    for seed in seeds:
        weights, state, value = step(weights, state, seed)
        values.append(float(value))
    assert np.mean(values[-10:]) < np.mean(values[:10])
    found = jax.grad(lambda w: sum(f.regularization_losses(w, state)))(weights)
    all_close(found["kernel"], 0.02 * weights["kernel"])
