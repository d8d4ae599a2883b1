"""Several workers of Keras 3: what is said, and whether the way out that it names is one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS, ROOT
from golden import check_golden

import unihub
from unihub.runtime.installed import Keras, current_keras

if current_keras() is not Keras.KERAS3 or not tf.executing_eagerly():
    pytest.skip("for Keras 3", allow_module_level=True)

from unihub.apis.keras3.workers import FitUnderWorkers

MODEL = str(MODELS / "tf2_reusable")
X, Y = np.linspace(-1, 1, 24).reshape(8, 3).astype("f"), np.ones((8, 2), "f")
WORKERS, RATE = 2, 0.1


def losses(model, strategy=None):
    """Those of a loop of one's own, of all replicas together."""
    replicas = strategy.num_replicas_in_sync if strategy else 1
    index = int(json.loads(os.environ["TF_CONFIG"])["task"]["index"]) if strategy else 0
    x, y = X[index::replicas], Y[index::replicas]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            # Without dropout: as in evaluation.
            loss = tf.reduce_mean((model(x, training=False) - y) ** 2) / replicas
        gradients = tape.gradient(loss, model.trainable_variables)
        if strategy:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce("sum", gradients)
            loss = context.all_reduce("sum", loss)
        for variable, gradient in zip(model.trainable_variables, gradients):
            variable.assign_sub(RATE * gradient)
        return loss

    return [float(strategy.run(step) if strategy else step()) for _ in range(3)]


def work():
    """What one of the workers prints."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope(), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        unihub.load(MODEL, op="fine_tuning")
        said = [str(one.message) for one in warned if one.filename == __file__]
        model = unihub.load(MODEL, op="fine_tuning", api="load")
    print(json.dumps([said, losses(model, strategy)]))


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def test_fit_is_said_not_to_run_and_a_loop_runs():
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(WORKERS)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    started = []
    for index in range(WORKERS):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        environment = {**os.environ, "TF_CONFIG": config, "PYTHONPATH": path}
        command = [sys.executable, os.path.abspath(__file__)]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
    printed = [worker.communicate()[0].splitlines() for worker in started]
    alone = losses(unihub.load(MODEL, op="fine_tuning", api="load"))
    found = FitUnderWorkers(handle=MODEL, strategy="MultiWorkerMirroredStrategy", replicas=WORKERS)
    check_golden("fit-under-workers", str(found), {"unihub": unihub}, path=MODEL)
    for lines in printed:
        (said,), together = json.loads(lines[-1])
        assert said == f"{found.what} {found.why} To do: {found.do}"
        np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert alone[0] > alone[-1]


if __name__ == "__main__":
    work()
