"""initialize runs what is needed, once, and resets nothing."""

from __future__ import annotations

import dataclasses
import functools
import gc
import importlib
import weakref
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from golden import check_golden

import unihub
from unihub.apis.module import initialize as initializing
from unihub.apis.module.initialize import Initialized, initialize

v1 = tf.compat.v1

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])

NOTHING = Initialized(variables=(), tables=())


def lookup_fn(hub: Any) -> None:
    """The number of each word, times w."""
    words = v1.placeholder(tf.string, [None], name="words")
    pairs = tf.lookup.KeyValueTensorInitializer(
        tf.constant(["one", "two"]), tf.constant([1, 2], tf.int64)
    )
    numbers = tf.lookup.StaticHashTable(pairs, -1).lookup(words)
    w = v1.get_variable("w", initializer=10.0)
    hub.add_signature(inputs=words, outputs=tf.cast(numbers, tf.float32) * w)


def lookup_module(hub: Any = unihub) -> Any:
    return hub.Module(hub.create_module_spec(functools.partial(lookup_fn, hub)), trainable=True)


@pytest.fixture
def session(graph):
    with v1.Session() as session:
        yield session


def libraries() -> Any:
    """Ours, and tensorflow_hub where it has a Module."""
    return [unihub, importlib.import_module("tensorflow_hub")] if VERSION < (2, 16) else [unihub]


@pytest.mark.parametrize("hub", libraries(), ids=lambda hub: getattr(hub, "__name__", "unihub"))
def test_module(hub, session):
    output = lookup_module(hub)(["one", "two", "three"])
    done = initialize(session)
    assert session.run(output).tolist() == [10, 20, -10]
    assert done.variables == ("module/w",)
    assert len(done.tables) == 1 and done.tables[0].startswith("module/")


def test_module_of_tensorflow_1(models, session):
    """Gives the values that TensorFlow's own initializers give."""
    module = unihub.Module(str(models / "tf1_hub_text"))
    output = module(["the cat sat", ""])
    initialize(session)
    with v1.Session() as other:
        other.run([v1.global_variables_initializer(), v1.tables_initializer()])
        expected = other.run(output)
    np.testing.assert_array_equal(session.run(output), expected)
    assert np.any(expected)


def test_result_is_a_value(session):
    v1.get_variable("w", initializer=1.0)
    done = initialize(session)
    assert done == Initialized(variables=("w",), tables=())
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.variables = ()


def test_again_does_nothing(session, graph):
    lookup_module()
    initialize(session)
    operations = len(graph.get_operations())
    assert initialize(session) == NOTHING
    assert len(graph.get_operations()) == operations


def test_nothing_to_do(session):
    assert initialize(session) == NOTHING


@pytest.mark.parametrize("use_resource", [False, True])
def test_trained_values_stay(use_resource, session):
    w = v1.get_variable("w", initializer=1.0, use_resource=use_resource)
    initialize(session)
    session.run(v1.assign(w, 5.0))
    assert initialize(session) == NOTHING
    assert session.run(w) == 5.0


def test_values_of_others_stay(session):
    """Values that came from elsewhere, such as a checkpoint, are values as well."""
    restored = v1.get_variable("restored", initializer=1.0)
    v1.get_variable("fresh", initializer=1.0)
    session.run(restored.assign(7.0))
    assert initialize(session) == Initialized(("fresh",), ())
    assert session.run(restored) == 7.0


def test_what_came_up_since(session):
    v1.get_variable("first", initializer=1.0)
    initialize(session)
    module = lookup_module()
    done = initialize(session)
    assert (done.variables, len(done.tables)) == (("module/w",), 1)
    assert session.run(module(["two"])).tolist() == [20]


def test_optimizer_slots(session):
    module = lookup_module()
    v1.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(module(["one"])))
    assert initialize(session).variables == ("module/w", "module/w/Momentum")


def test_local_variables(session):
    v1.get_variable("local", initializer=1.0, collections=[v1.GraphKeys.LOCAL_VARIABLES])
    _, update = v1.metrics.mean([1.0, 3.0])
    assert set(initialize(session).variables) == {"local", "mean/total", "mean/count"}
    assert session.run(update) == 2.0


def test_partitioned_variable(session):
    v1.get_variable("w", [4], partitioner=v1.fixed_size_partitioner(2))
    assert initialize(session).variables == ("w/part_0", "w/part_1")


def test_variable_in_two_collections(session):
    keys = [v1.GraphKeys.GLOBAL_VARIABLES, v1.GraphKeys.LOCAL_VARIABLES]
    v1.get_variable("w", initializer=1.0, collections=keys)
    assert initialize(session).variables == ("w",)


def test_each_session_by_itself(graph):
    output = lookup_module()(["two"])
    for _ in range(2):
        with v1.Session() as session:
            done = initialize(session)
            assert (done.variables, len(done.tables)) == (("module/w",), 1)
            assert session.run(output).tolist() == [20]


def test_tables_run_once(session):
    """An initializer that is not idempotent shows how often it ran."""
    runs = v1.get_variable("runs", initializer=0)
    v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, v1.assign_add(runs, 1).op)
    for _ in range(3):
        initialize(session)
    assert session.run(runs) == 1


def test_failed_table_runs_again(session):
    w = v1.get_variable("w", initializer=0)
    asserted = v1.assert_equal(w, 1)
    v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, asserted)
    with pytest.raises(tf.errors.InvalidArgumentError):
        initialize(session)
    session.run(v1.assign(w, 1))
    assert initialize(session) == Initialized((), (asserted.name,))


def test_inside_other_scopes(session):
    placeholder = v1.placeholder(tf.float32, [])
    v1.get_variable("w", initializer=1.0)
    with tf.control_dependencies([placeholder]), v1.name_scope("scope"):
        assert initialize(session).variables == ("w",)


def test_default_session(session):
    v1.get_variable("w", initializer=1.0)
    assert initialize().variables == ("w",)


def test_exported_graph_is_as_before(session):
    v1.get_variable("w", initializer=1.0)
    before = sorted(v1.train.export_meta_graph().collection_def)
    initialize(session)
    assert sorted(v1.train.export_meta_graph().collection_def) == before


def test_sessions_are_not_kept(graph):
    lookup_module()
    session = v1.Session()
    initialize(session)
    reference = weakref.ref(session)
    session.close()
    del session
    gc.collect()
    assert reference() is None


def test_finalized_after_the_first_time(session, graph):
    w = v1.get_variable("w", initializer=1.0)
    initialize(session)
    graph.finalize()
    assert initialize(session) == NOTHING
    with v1.Session() as other:
        assert initialize(other).variables == ("w",)
        assert other.run(w) == 1.0


def test_no_session(graph):
    with pytest.raises(initializing.NoSession) as raised:
        initialize()
    assert isinstance(raised.value, ValueError)
    check_golden("initialize-without-session", str(raised.value))


def test_session_of_another_graph(session):
    with tf.Graph().as_default():
        v1.get_variable("w", initializer=1.0)
        lookup_module()
        with pytest.raises(initializing.SessionOfOtherGraph) as raised:
            initialize(session)
    assert isinstance(raised.value, ValueError)
    check_golden("initialize-another-graph", str(raised.value))


def test_finalized_graph(session, graph):
    v1.get_variable("w", initializer=1.0)
    graph.finalize()
    with pytest.raises(initializing.GraphFinalized) as raised:
        initialize(session)
    assert isinstance(raised.value, RuntimeError)
    check_golden("initialize-finalized-graph", str(raised.value))


def test_eager(eager):
    with pytest.raises(initializing.InitializeInEagerMode) as raised:
        initialize()
    assert isinstance(raised.value, RuntimeError)
    check_golden("initialize-in-eager-mode", str(raised.value), {"graph": tf.Graph()})
