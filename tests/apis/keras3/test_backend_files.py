"""Files of Keras that one backend wrote, read by another: each session reads those of all three."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import MODELS

from unihub.runtime.installed import Keras, current_keras

if current_keras() is not Keras.KERAS3:
    pytest.skip("only Keras 3 has backends", allow_module_level=True)

import keras
from fixtures import make_backends

BACKENDS = ("tensorflow", "jax", "torch")


@pytest.mark.parametrize("wrote", BACKENDS)
def test_a_file_of_each_backend_is_read_and_trained_on(wrote, monkeypatch):
    # Where the layers' handles are folders.
    monkeypatch.chdir(MODELS)
    expected = np.load(make_backends.FOLDER / f"{wrote}.npz")
    path = make_backends.FOLDER / f"{wrote}.keras"
    weights = make_backends.FOLDER / f"{wrote}.weights.h5"
    # A file of PyTorch names an optimizer that Keras has nowhere else.
    is_whole = wrote == keras.config.backend() or wrote != "torch"
    model = keras.models.load_model(path, safe_mode=False, compile=is_whole)
    if not is_whole:
        make_backends.compiled(model).load_weights(weights)
    close = {"rtol": 1e-5, "atol": 1e-6}
    outputs = model.predict(make_backends.X, verbose=0)
    np.testing.assert_allclose(outputs, expected["outputs"], **close)
    # With the optimizer's moments.
    losses = make_backends.trained(model, make_backends.EPOCHS)
    np.testing.assert_allclose(losses, expected["losses"], **close)
    model.load_weights(weights)
    outputs = model.predict(make_backends.X, verbose=0)
    np.testing.assert_allclose(outputs, expected["outputs"], **close)
