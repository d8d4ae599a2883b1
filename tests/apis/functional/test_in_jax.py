"""Pure functions on arrays of JAX: jit, grad, vmap."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from conftest import MODELS

if find_spec("jax") is None:
    pytest.skip("JAX is not installed: see nox -s jax", allow_module_level=True)

import jax
import tensorflow as tf
from apis.functional import hand_made

import unihub
from unihub.apis.functional.errors import NotCompiled

X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def normalizing():
    f, weights, state = unihub.functional(str(MODELS / "keras2_saved_model"), training=True)
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


def test_chance_loops_and_gradients_of_their_author(tmp_path):
    path = str(tmp_path / "gradient")
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(hand_made.Gradient(), path, options=options)
    f, weights, state = unihub.functional(path)
    weights = jax.tree.map(jax.numpy.asarray, weights)
    found = jax.grad(lambda x: f(weights, state, x)[0].sum())(X)
    all_close(found, -14.0 * np.ones((8, 1)) * np.asarray(weights["kernel"]))
    dropping, weights, state = unihub.functional(str(MODELS / "tf2_reusable"), training=True)
    weights = jax.tree.map(jax.numpy.asarray, weights)
    drop = jax.jit(lambda seed: dropping(weights, state, X, seed)[0])
    all_close(drop(jax.random.key(1)), drop(jax.random.PRNGKey(1)))
    assert not np.array_equal(drop(1) == 0, drop(2) == 0)
    busy = hand_made.Busy()
    tf.saved_model.save(busy, str(tmp_path / "busy"))
    f, weights, state = unihub.functional(str(tmp_path / "busy"))
    with pytest.raises(NotCompiled, match="a table"):
        jax.jit(f)(jax.tree.map(jax.numpy.asarray, weights), state, [1, 2])


def test_text_is_refused():
    f, weights, state = unihub.functional(str(MODELS / "tf2_text"))
    weights = jax.tree.map(jax.numpy.asarray, weights)
    with pytest.raises(NotCompiled, match="inputs of <U1"):
        f(weights, state, np.array(["a"]))


def test_losses():
    f, weights, state = unihub.functional(str(MODELS / "tf2_reusable"))
    weights = jax.tree.map(jax.numpy.asarray, weights)
    found = jax.grad(lambda w: sum(f.regularization_losses(w, state)))(weights)
    all_close(found["kernel"], 0.02 * weights["kernel"])
