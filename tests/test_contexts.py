"""load() where scripts call it: traced functions, datasets, threads, other processes."""

from __future__ import annotations

import faulthandler
import gc
import logging
import multiprocessing
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS, ROOT
from golden import check_golden
from spawned import answer

import unihub

X = np.random.RandomState(0).uniform(-1, 1, (4, 3)).astype(np.float32)
TEXTS = np.array(["hub", "the quick fox"])
ROWS = {
    "tf2_reusable": X,
    "tf2_text": TEXTS,
    "tf1_hub_scalar": X[:, 0],
    "tf1_hub_text": TEXTS,
}
APIS = [(name, "load") for name in ROWS] + [("tf2_reusable", "keras"), ("tf1_hub_scalar", "keras")]


def load(name, api="load"):
    return unihub.load(str(MODELS / name), api=api)


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("name", "api"), APIS)
def test_inside_of_a_tf_function(name, api):
    rows = tf.constant(ROWS[name])

    @tf.function(autograph=False)
    def embed(rows):
        return load(name, api)(rows)

    expected = load(name, api)(rows)
    same(embed(rows), expected)
    # What was loaded while tracing outlives the trace.
    gc.collect()
    same(embed(rows), expected)


@pytest.mark.usefixtures("eager")
def test_inside_of_a_tf_function_that_autograph_rewrites():
    path = str(MODELS / "tf2_reusable")
    warnings = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = warnings.append
    tf.get_logger().addHandler(handler)

    @tf.function
    def embed(rows):
        return unihub.load(path)(rows)

    try:
        same(embed(X), load("tf2_reusable")(X))
    finally:
        tf.get_logger().removeHandler(handler)
    # TensorFlow 2.4 warns of retracing as well.
    told = [warning.getMessage() for warning in warnings]
    assert [text for text in told if "AutoGraph" in text] == []


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("name", "api"), APIS)
def test_in_the_map_of_a_dataset(name, api):
    rows = ROWS[name]
    loaded = load(name, api)
    expected = loaded(tf.constant(rows))
    dataset = tf.data.Dataset.from_tensor_slices(rows).batch(len(rows))
    same(next(iter(dataset.map(loaded))), expected)

    def load_and_call(batch):
        return load(name, api)(batch)

    inside = dataset.map(load_and_call)
    gc.collect()
    same(next(iter(inside)), expected)


@pytest.mark.usefixtures("eager")
def test_in_threads():
    expected = {name: load(name)(tf.constant(rows)).numpy() for name, rows in ROWS.items()}
    results, failures = [], []

    def work(name):
        try:
            results.append((name, load(name)(tf.constant(ROWS[name])).numpy()))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ROWS for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(results) == 2 * len(ROWS)
    for name, result in results:
        same(result, expected[name])


def test_in_threads_that_share_a_graph():
    """Each enters the graph, and names its Module: a thread knows no other's names."""
    graph, outputs = tf.Graph(), []

    def work(name):
        with graph.as_default():
            outputs.append(unihub.load(str(MODELS / "tf1_hub_scalar"), name=name)(X[:, 0]))

    for name in ("one", "two"):
        thread = threading.Thread(target=work, args=(name,))
        thread.start()
        thread.join()
    with graph.as_default(), tf.compat.v1.Session() as session:
        unihub.initialize(session)
        one, two = session.run(outputs)
    same(one, two)


IN_TF1 = tf.__version__.startswith("1.")
AFTER_A_FORK = """
import os, sys
import tensorflow as tf
import unihub
handle = sys.argv[1]

def in_child(action):
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        print(action())
    except Exception as error:
        print(error)
    sys.stdout.flush()
    os._exit(0)

def loads():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        outputs = unihub.load(handle)([2.0])
        unihub.initialize(session)
        return session.run(outputs).shape

in_child(loads)
in_child(lambda: not tf.executing_eagerly() or unihub.load(handle)(tf.ones([3])).shape == (3,))
if tf.executing_eagerly():
    unihub.load(handle)(tf.ones([3]))
    print("used")
    in_child(lambda: unihub.load(handle))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="this system is no Linux")
def test_after_a_fork():
    """As servers and data loaders do: the parent imports, the children load."""
    handle = str(MODELS / "tf1_hub_scalar")
    run = subprocess.run(
        [sys.executable, "-c", AFTER_A_FORK, handle],
        cwd=str(ROOT),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    before, _, refusal = run.stdout.partition("used\n")
    assert before == "(1,)\nTrue\n"
    if not IN_TF1:
        refusal = re.sub(r"process \d+", "process <pid>", refusal.rstrip("\n"))
        check_golden("forked-after-use", refusal, models=MODELS)


def test_in_a_spawned_process():
    if IN_TF1 and tf.executing_eagerly():
        pytest.skip("the child does not behave as TensorFlow 2, though this process does")
    # Unlike a bare Process, it tells when the child dies; and the child where it crashed.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, faulthandler.enable) as pool:
        given = str(MODELS / "tf1_hub_scalar"), X[:, 0]
        same(pool.submit(answer, *given).result(), answer(*given))
