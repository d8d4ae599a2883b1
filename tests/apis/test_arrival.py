"""What was sent is loaded in another process, its weights shared."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pytest
import spawned
import tensorflow as tf
from conftest import MODELS

import unihub
from unihub.apis import arrival
from unihub.matrix import Runtime
from unihub.runtime import current_runtime

if current_runtime() is not Runtime.TF2:
    pytest.skip("in graph mode nothing is sent", allow_module_level=True)

X = np.ones((2, 3), np.float32)


@pytest.mark.skipif(tf.__version__.startswith("1."), reason="it is not told of v2_behavior")
def test_a_spawned_process_is_given_the_model_itself():
    m = unihub.load(MODELS / "tf2_reusable")
    layer = unihub.load(MODELS / "tf2_reusable", op="fine_tuning")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for loaded in (m, layer):
            before = np.asarray(loaded(X)).tolist()
            assert pool.apply(spawned.call, (loaded, X)) == before
        predictor = unihub.Predictor(MODELS / "tf2_reusable")
        assert pool.apply(spawned.predict, (predictor, X)) == spawned.predict(predictor, X)


@pytest.mark.skipif(tf.__version__.startswith("1."), reason="1.15 maps no weights")
def test_weights_are_shared_where_the_cache_can_be_written(tmp_path, monkeypatch):
    m = unihub.load(MODELS / "tf2_reusable")
    written = pickle.dumps(m)
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o700)
    monkeypatch.setattr(arrival, "WORTH_SHARING", 0)
    np.testing.assert_array_equal(pickle.loads(written)(X), m(X))
    assert len(list((tmp_path / "cache" / "weights").iterdir())) == 1
    again = pickle.dumps(pickle.loads(written))
    (tmp_path / "file").touch()
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "file" / "cache"))
    np.testing.assert_array_equal(pickle.loads(again)(X), m(X))
