"""A module inside functions of the graph that holds its state.

tensorflow_hub refuses these. A function runs all of its stateful ops at each
call: what must not run again is the initializers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from apis.module import module_fns as fns
from tensorflow.python.ops.control_flow_ops import ControlFlowContext

import unihub as hub
from unihub.apis.module.errors import CollectionsInFunction

v1 = tf.compat.v1


@pytest.fixture
def v2_control_flow() -> Any:
    enabled = v1.control_flow_v2_enabled()
    v1.enable_control_flow_v2()
    yield
    if not enabled:
        v1.disable_control_flow_v2()


def run(fetches: Any) -> Any:
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        return session.run(fetches)


def test_trained_values_survive_calls(graph: tf.Graph) -> None:
    module = hub.Module(fns.spec(hub, fns.scale), trainable=True)
    function = tf.function(lambda x: module(x))
    output = function(tf.constant(3.0))
    assign = v1.assign(module.variables[0], 5.0)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(assign)
        assert [session.run(output), session.run(output)] == [15.0, 15.0]


def test_gradients_reach_the_variables(graph: tf.Graph) -> None:
    module = hub.Module(fns.spec(hub, fns.scale), trainable=True)
    output = tf.function(lambda x: module(x))(tf.constant(3.0))
    assert run(tf.gradients(output, module.variables)) == [3.0]


def test_dataset_map(graph: tf.Graph) -> None:
    module = hub.Module(fns.spec(hub, fns.lookup))
    dataset = v1.data.Dataset.from_tensors(["one", "two"]).map(module)
    iterator = v1.data.make_initializable_iterator(dataset)
    item = iterator.get_next()
    with v1.Session() as session:
        session.run([v1.tables_initializer()])
        session.run(iterator.initializer)
        assert session.run(item).tolist() == [1, 2]


def test_module_with_v2_control_flow_in_a_loop(graph: tf.Graph, v2_control_flow: Any) -> None:
    module = hub.Module(fns.spec(hub, fns.looping))
    _, found = tf.while_loop(
        lambda i, _: i < 2, lambda i, y: (i + 1, module({"x": y, "n": 3})), [0, 1.0]
    )
    assert run(found) == 64.0


def test_input_from_the_outer_graph(graph: tf.Graph, v2_control_flow: Any) -> None:
    module = hub.Module(fns.spec(hub, fns.scale))
    outer = tf.constant(4.0)
    found = tf.cond(tf.constant(True), lambda: module(outer), lambda: outer)
    assert run(found) == 8.0


@pytest.mark.parametrize("kind", ["sparse", "ragged"])
def test_composite_inputs(kind: str, graph: tf.Graph) -> None:
    module = hub.Module(fns.spec(hub, getattr(fns, kind)))
    value = tf.sparse.from_dense([[1.0]]) if kind == "sparse" else tf.ragged.constant([[1.0]])
    output = tf.function(lambda: module(value))()
    found = run(output)
    assert (found.tolist() if kind == "sparse" else found.to_list()) == [[3.0]]


def test_update_ops_cannot_leave_a_function(graph: tf.Graph) -> None:
    spec = fns.spec(hub, fns.normalized, tags_and_args=fns.TRAIN_AND_SERVE)
    module = hub.Module(spec, trainable=True, tags={"train"})
    with pytest.raises(CollectionsInFunction) as caught:
        tf.function(lambda: module(tf.constant([[1.0, 2.0]])))()
    assert "update_ops" in str(caught.value)


class TPUReplicateContext(ControlFlowContext):
    """Stands where tf.compat.v1.tpu.replicate has its own, which needs a TPU to run."""

    def AddOp(self, op: Any) -> None:
        pass

    def AddValue(self, tensor: Any) -> Any:
        return tensor

    def to_control_flow_context_def(self, context_def: Any, export_scope: Any = None) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("module_fn", [fns.scale, fns.lookup])
def test_state_stays_outside_of_a_replicated_function(module_fn: Any, graph: tf.Graph) -> None:
    spec = fns.spec(hub, module_fn)
    inputs = ["two"] if module_fn is fns.lookup else 3.0

    def replicated() -> Any:
        TPUReplicateContext().Enter()
        module = hub.Module(spec, trainable=True)
        return [module(inputs), module(inputs)]

    outputs = tf.function(replicated, autograph=False)()
    assert [variable.graph for variable in v1.global_variables()] == [graph] * (
        module_fn is fns.scale
    )
    first, second = run(outputs)
    assert first == second


def test_a_second_input_is_not_taken_for_a_signature(graph: tf.Graph) -> None:
    module = hub.Module(fns.spec(hub, fns.scale))
    for second in (np.ones([2]), tf.ones([2]), 1.0):
        with pytest.raises(TypeError, match="wrong-type: signature= was given as") as refused:
            module(np.float32(1.0), second)
        assert list(eval(refused.value.do, {"m": module})) == ["default"]


def test_imaginary_parts_are_not_left_out_in_silence(graph: tf.Graph) -> None:
    module = hub.Module(fns.spec(hub, fns.scale))
    with pytest.raises(TypeError, match="module-input-not-accepted"):
        module(np.complex64(1 + 2j))
