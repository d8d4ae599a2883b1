"""The ModelHandler in pipelines that run, also with several worker processes."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
import tempfile
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("apache_beam") is None:
    pytest.skip("apache_beam is not installed", allow_module_level=True)

import apache_beam as beam
import tensorflow as tf
from apache_beam.metrics import MetricsFilter
from apache_beam.ml.inference.base import KeyedModelHandler, ModelMetadata, RunInference
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from conftest import MODELS, ROOT
from engines.columns import (
    OF_COMPLEX,
    OF_DTYPES,
    answers,
    check_dtypes,
    png,
    save_dtypes,
    secret_handle,
)
from engines.killing import BY_HAND, check_job
from golden import check_golden

import unihub
from unihub.engines.beam import ModelHandler
from unihub.engines.errors import NoInferenceArguments
from unihub.errors import UnknownChoice

MODEL = str(MODELS / "tf2_reusable")
SCALAR = str(MODELS / "tf1_hub_scalar")
X = np.arange(300, dtype=np.float32).reshape(100, 3)


def expected(model=MODEL, column="x", x=X):
    return next(iter(unihub.Predictor(model)({column: x}).values()))


def ran(elements, handler, **kwargs):
    """What a pipeline gives, in any order."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "results")
        with beam.Pipeline(FnApiRunner()) as pipeline:
            results = pipeline | beam.Create(elements) | RunInference(handler, **kwargs)
            _ = results | beam.combiners.ToList() | beam.Map(keep, path)
        with open(path, "rb") as file:
            found = pickle.load(file)
    assert len(found) == len(elements)
    return found


def keep(results, path):
    with open(path, "wb") as file:
        pickle.dump(results, file)


def write_keyed(keyed):
    key, result = keyed
    return key, [round(float(value), 3) for value in result.inference]


def test_rows_of_two_worker_processes(tmp_path, monkeypatch):
    # They find this file by its name.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    options = PipelineOptions(["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    handler = KeyedModelHandler(ModelHandler(MODEL, max_batch_size=16))
    with beam.Pipeline(FnApiRunner(), options=options) as pipeline:
        rows = pipeline | beam.Create(list(enumerate(X))) | beam.Reshuffle()
        results = rows | RunInference(handler) | beam.Map(write_keyed)
        results | beam.io.WriteToText(str(tmp_path / "out"))
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    found = dict(map(ast.literal_eval, lines))
    assert (len(lines), sorted(found)) == (100, list(range(100)))
    np.testing.assert_allclose([found[i] for i in range(100)], expected(), atol=1e-3)


@BY_HAND
def test_a_job_whose_worker_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    monkeypatch.chdir(tmp_path)
    check_job("beam", ["--direct_running_mode=multi_processing", "--direct_num_workers=2"])


@pytest.mark.parametrize("large", [{}, {"large_model": True}, {"model_copies": 2}])
def test_arrays_and_tensors(large):
    handler = ModelHandler(MODEL, min_batch_size=2, max_batch_size=8, **large)
    for elements in ([*X], [tf.constant(row) for row in X[:5]], X[:5].tolist()):
        found = ran(elements, handler)
        results = sorted(tuple(one.inference.tolist()) for one in found)
        np.testing.assert_allclose(
            results, sorted(map(tuple, expected(x=np.array(elements)))), rtol=1e-5
        )
        assert {one.model_id for one in found} == {MODEL}


def test_text_images_and_dicts():
    inputs, outputs = answers("tf1_hub_text", "default")
    (words,) = inputs.values()
    found = ran([word.decode() for word in words.tolist()], ModelHandler(MODELS / "tf1_hub_text"))
    of_word = {one.example: one.inference for one in found}
    for word, value in zip(words.tolist(), outputs["default"]):
        np.testing.assert_allclose(of_word[word.decode()], value, rtol=1e-5)
    image = png(np.zeros((16, 16, 3), np.uint8))
    (one,) = ran([image], ModelHandler(MODELS / "tf1_hub_image", resize=True))
    assert one.inference.shape == (5,)
    inputs, outputs = answers("tf1_hub_multi", "pair")
    rows = [{"left": left, "right": right} for left, right in zip(*inputs.values())]
    found = ran(rows, ModelHandler(MODELS / "tf1_hub_multi", signature="pair"))
    assert sorted(one.inference["larger"].tolist() for one in found) == sorted(
        outputs["larger"].tolist()
    )


@pytest.mark.parametrize(
    ("signature", "values"), [("serving_default", OF_DTYPES), ("complex", OF_COMPLEX)]
)
def test_every_dtype(tmp_path, signature, values):
    save_dtypes(str(tmp_path))
    rows = [dict(zip(values, row)) for row in zip(*values.values())]
    found = ran(rows, ModelHandler(str(tmp_path), signature=signature))
    inferences = [one.inference for row in rows for one in found if one.example == row]
    columns = {name: [np.asarray(row[name]) for row in inferences] for name in inferences[0]}
    check_dtypes({n: [value.tolist() for value in column] for n, column in columns.items()}, values)


def test_bad_rows_are_null():
    found = ran([1.0, "two", None], ModelHandler(SCALAR, on_bad="null", as_dict=True))
    assert [one.inference is None for one in found] == [one.example != 1.0 for one in found]
    handler = ModelHandler(MODEL, on_bad="null")
    for batch in ([{}], [{"id": 1, "text": ""}], [None]):
        results = handler.run_inference(batch, handler.load_model())
        assert [one.inference for one in results] == [None]


def test_what_beam_asks_of_a_handler():
    handler = ModelHandler(MODEL, max_batch_size=7, env_vars={"UNIHUB_TRIED": "yes"})
    assert handler.batch_elements_kwargs() == {"max_batch_size": 7}
    assert handler.get_metrics_namespace() == "unihub"
    assert handler.get_num_bytes([X[0], {"x": X[1], "word": "four"}]) == 12 + 12 + 4
    assert not handler.share_model_across_processes()
    assert ModelHandler(MODEL, large_model=True).share_model_across_processes()
    assert len(pickle.dumps(handler)) < 3_000
    for name, nearest in (("signatre", "signature"), ("batch_size", "max_batch_size")):
        with pytest.raises(UnknownChoice, match=rf"(.|\n)*ModelHandler\(.*, {nearest}=\.\.\.\)"):
            ModelHandler(MODEL, **{name: 64})
    with pytest.raises(UnknownChoice, match="on_unsafe"):
        ModelHandler(MODEL, on_unsafe="stop").load_model()
    with pytest.raises(NoInferenceArguments) as refused:
        handler.validate_inference_args({"training": True})
    situation = {"RunInference": RunInference, "model_handler": handler}
    check_golden("no-inference-arguments", str(refused.value), situation)


def test_no_secret_travels():
    with secret_handle(MODEL) as handle:
        written = pickle.dumps(KeyedModelHandler(ModelHandler(handle)))
        assert b"s3cret" not in written
        (found,) = ran([X[0]], ModelHandler(handle))
    assert "s3cret" not in repr(found)


def test_metrics():
    pipeline = beam.Pipeline(FnApiRunner())
    _ = pipeline | beam.Create([*X]) | RunInference(ModelHandler(MODEL))
    result = pipeline.run()
    result.wait_until_finish()
    found = result.metrics().query(MetricsFilter().with_name("num_inferences"))
    assert [(one.key.metric.namespace, one.committed) for one in found["counters"]] == [
        ("unihub", 100)
    ]


@pytest.mark.parametrize("path", [SCALAR, os.path.join(SCALAR, "saved_model.pb")])
def test_the_model_is_refreshed(path):
    """By a side input, as Beam's automatic model refresh gives it: WatchFilePattern finds files."""
    with beam.Pipeline(FnApiRunner()) as pipeline:
        refresh = pipeline | "refresh" >> beam.Create([ModelMetadata(path, "scalar")])
        results = (
            pipeline
            | beam.Create([2.0])
            | RunInference(
                ModelHandler(MODELS / "tf1_hub_control_flow"),
                model_metadata_pcoll=beam.pvalue.AsSingleton(refresh).pvalue,
            )
        )
        answer = float(expected(SCALAR, "default", np.array([2.0]))[0])
        assert_that(results | beam.Map(lambda one: float(one.inference)), equal_to([answer]))


@pytest.mark.parametrize("name", ["beam_batch", "beam_streaming"])
def test_example(name, tmp_path):
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py")]
    run = subprocess.run(command, cwd=str(tmp_path), capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
