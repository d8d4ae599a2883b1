"""Modules exported by a real Estimator, and the errors where there is none."""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import check_golden

import unihub
from unihub.apis.module import estimator as exporting
from unihub.errors import UnihubError

v1 = tf.compat.v1

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])

needs_estimator = pytest.mark.skipif(
    VERSION >= (2, 16), reason="TensorFlow 2.16 and later have no Estimator"
)
needs_none = pytest.mark.skipif(VERSION < (2, 16), reason="this TensorFlow has Estimators")


def module_fn() -> None:
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    w = v1.get_variable("w", initializer=np.ones([3, 2], np.float32))
    unihub.add_signature(inputs=x, outputs=tf.matmul(x, w))


def real_module_fn() -> None:
    hub = importlib.import_module("tensorflow_hub")
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    w = v1.get_variable("w", initializer=np.ones([3, 2], np.float32))
    hub.add_signature(inputs=x, outputs=tf.matmul(x, w))


def estimator_of(hub: Any, function: Any, folder: Any, names: Any = ("encoder",)) -> Any:
    """An Estimator that trains one module per name, by one step of -0.1."""
    spec = hub.create_module_spec(function)

    def model_fn(features: Any, labels: Any, mode: Any) -> Any:
        output = features["x"]
        for name in names:
            module = hub.Module(spec, trainable=True)
            hub.register_module_for_export(module, name)
            output = module(features["x"])
        if mode == v1.estimator.ModeKeys.PREDICT:
            return v1.estimator.EstimatorSpec(mode, predictions=output)
        if not names:
            output = output * v1.get_variable("alone", initializer=1.0)
        loss = tf.reduce_sum(output)
        step = v1.train.GradientDescentOptimizer(0.1).minimize(
            loss, global_step=v1.train.get_global_step()
        )
        return v1.estimator.EstimatorSpec(mode, loss=loss, train_op=step)

    return v1.estimator.Estimator(model_fn, model_dir=str(folder))


def input_fn() -> Any:
    return {"x": tf.constant([[1.0, 1.0, 1.0]])}, tf.constant([0.0])


def serving_input_fn() -> Any:
    x = v1.placeholder(tf.float32, [None, 3])
    return v1.estimator.export.ServingInputReceiver({"x": x}, {"x": x})


def files(folder: Any) -> Any:
    return sorted(
        os.path.relpath(os.path.join(parent, name), str(folder))
        for parent, _, names in os.walk(str(folder))
        for name in names
    )


def weights(path: str) -> Any:
    with tf.Graph().as_default(), v1.Session() as session:
        module = unihub.Module(path)
        session.run(v1.global_variables_initializer())
        return session.run(module.variable_map["w"]).tolist()


@needs_estimator
def test_exports_the_trained_values(tmp_path):
    estimator = estimator_of(unihub, module_fn, tmp_path / "run")
    estimator.train(input_fn, steps=1)
    exporter = exporting.LatestModuleExporter("modules", serving_input_fn)
    folder = exporter.export(estimator, tmp_path / "out")
    assert os.path.dirname(folder.decode()) == str(tmp_path / "out")
    np.testing.assert_allclose(weights(f"{folder.decode()}/encoder"), np.full([3, 2], 0.9))


@needs_estimator
def test_writes_what_tensorflow_hub_writes(tmp_path):
    real = importlib.import_module("tensorflow_hub")
    found = []
    for hub, function, name in ((unihub, module_fn, "ours"), (real, real_module_fn, "theirs")):
        estimator = estimator_of(hub, function, tmp_path / name, ["a", "b/c"])
        estimator.train(input_fn, steps=1)
        exporter = hub.LatestModuleExporter("modules", serving_input_fn)
        folder = exporter.export(
            estimator, str(tmp_path / "out" / name), estimator.latest_checkpoint()
        )
        assert os.listdir(str(tmp_path / "out" / name)) == [os.path.basename(folder).decode()]
        found.append((type(folder), len(os.path.basename(folder)), files(folder.decode())))
    assert found[0] == found[1]


@needs_estimator
def test_in_train_and_evaluate(tmp_path):
    estimator = estimator_of(unihub, module_fn, tmp_path / "run")
    exporter = exporting.LatestModuleExporter("modules", serving_input_fn)
    v1.estimator.train_and_evaluate(
        estimator,
        v1.estimator.TrainSpec(input_fn, max_steps=2),
        v1.estimator.EvalSpec(input_fn, steps=1, exporters=exporter),
    )
    (export,) = (tmp_path / "run" / "export" / "modules").iterdir()
    np.testing.assert_allclose(weights(str(export / "encoder")), np.full([3, 2], 0.8), rtol=1e-6)


@needs_estimator
def test_deletes_the_oldest(tmp_path):
    estimator = estimator_of(unihub, module_fn, tmp_path / "run")
    estimator.train(input_fn, steps=1)
    out = tmp_path / "out"
    for name in ("1500000001", "1500000002", "1500000003", "notes", "12"):
        (out / name).mkdir(parents=True)
    exporter = exporting.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=2)
    newest = exporter.export(estimator, str(out))
    expected = {"12", "1500000003", "notes", os.path.basename(newest).decode()}
    assert {path.name for path in out.iterdir()} == expected


@needs_estimator
def test_exports_of_one_second_are_kept_apart(tmp_path):
    estimator = estimator_of(unihub, module_fn, tmp_path / "run")
    estimator.train(input_fn, steps=1)
    exporter = exporting.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=None)
    folders = [exporter.export(estimator, str(tmp_path / "out")) for _ in range(3)]
    assert folders == sorted(set(folders))
    assert len(list((tmp_path / "out").iterdir())) == 3


@needs_estimator
def test_nothing_registered(tmp_path, caplog):
    estimator = estimator_of(unihub, module_fn, tmp_path / "run", names=())
    estimator.train(input_fn, steps=1)
    exporter = exporting.LatestModuleExporter("modules", serving_input_fn)
    with caplog.at_level(logging.WARNING, "unihub"):
        assert exporter.export(estimator, str(tmp_path / "out")) is None
    assert "model_fn registers no module" in caplog.text
    assert not (tmp_path / "out").exists()


@needs_estimator
def test_no_checkpoint(tmp_path):
    estimator = estimator_of(unihub, module_fn, tmp_path / "run")
    exporter = exporting.LatestModuleExporter("modules", serving_input_fn)
    with pytest.raises(exporting.NoCheckpoint) as raised:
        exporter.export(estimator, str(tmp_path / "out"))
    assert isinstance(raised.value, ValueError)
    check_golden("exporter-without-checkpoint", str(raised.value), folder=tmp_path / "run")


@needs_estimator
def test_name_taken(graph):
    module = unihub.Module(unihub.create_module_spec(module_fn))
    exporting.register_module_for_export(module, "encoder")
    exporting.register_module_for_export(module, "other")
    with pytest.raises(exporting.ExportNameTaken) as raised:
        exporting.register_module_for_export(module, "encoder")
    assert isinstance(raised.value, ValueError)
    check_golden("export-name-taken", str(raised.value), {"m": module})


@needs_estimator
@pytest.mark.parametrize("count", [0, -1])
def test_keeps_none(count):
    with pytest.raises(exporting.ExportsToKeep) as raised:
        exporting.LatestModuleExporter("modules", serving_input_fn, count)
    assert isinstance(raised.value, ValueError)
    check_golden("exporter-keeps-none", str(raised.value), count=count)


@needs_estimator
def test_is_an_exporter():
    exporter = exporting.LatestModuleExporter("modules", serving_input_fn)
    assert isinstance(exporter, v1.estimator.Exporter)
    assert exporter.name == "modules"


@needs_none
def test_no_estimator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotImplementedError) as raised:
        exporting.LatestModuleExporter("modules", serving_input_fn)
    assert isinstance(raised.value, UnihubError)
    with tf.Graph().as_default(), v1.Session() as session:
        at_hand = {"m": unihub.Module(unihub.create_module_spec(module_fn)), "session": session}
        unihub.initialize(session)
        check_golden("estimator-gone", str(raised.value), at_hand, version=tf.__version__)


@needs_none
def test_nothing_to_register_for(graph, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = unihub.Module(unihub.create_module_spec(module_fn))
    with pytest.raises(exporting.EstimatorGone) as raised:
        exporting.register_module_for_export(module, "encoder")
    with v1.Session() as session:
        unihub.initialize(session)
        at_hand = {"m": module, "session": session}
        check_golden("estimator-gone-register", str(raised.value), at_hand, version=tf.__version__)
