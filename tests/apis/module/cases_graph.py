"""Scenarios of the graph around and inside: control flow, devices, colocation, functions."""

from __future__ import annotations

import contextlib
from typing import Any, Dict

import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import exported, spec
from apis.module.observe import (
    attempt,
    collections,
    derivatives,
    infos,
    initialize,
    run,
    state_ops,
    tensor,
    variables,
)

v1 = tf.compat.v1
Observations = Dict[str, Any]


@contextlib.contextmanager
def control_flow(version: int) -> Any:
    """Graphs built within get cond and while as operations (1) or as functions (2)."""
    was_v2 = v1.control_flow_v2_enabled()
    switch = {True: v1.enable_control_flow_v2, False: v1.disable_control_flow_v2}
    switch[version == 2]()
    try:
        yield
    finally:
        switch[was_v2]()


def branching_inside(hub: Any, tmp_path: Any, flow: int) -> Observations:
    with control_flow(flow):
        module_spec = spec(hub, fns.branching)
        module = hub.Module(exported(hub, module_spec, tmp_path / "m"))
        x = [tf.constant(3.0), tf.constant(-3.0)]
        outputs = [module(value) for value in x]
        derived = [derivatives(y, [x_, *module.variables]) for y, x_ in zip(outputs, x)]
        return {
            "values": run(outputs),
            "derived": derived,
            "collections": collections(),
        }


def looping_inside(hub: Any, tmp_path: Any, flow: int) -> Observations:
    with control_flow(flow):
        module = hub.Module(exported(hub, spec(hub, fns.looping), tmp_path / "m"))
        x = tf.constant(3.0)
        outputs = [module({"x": x, "n": n}) for n in (0, 4)]
        derived = derivatives(outputs[1], [x, *module.variables])
        return {
            "values": run(outputs),
            "derived": derived,
            "outputs": [tensor(y) for y in outputs],
            "collections": collections(),
        }


def mapping_inside(hub: Any, tmp_path: Any, flow: int) -> Observations:
    with control_flow(flow):
        module = hub.Module(exported(hub, spec(hub, fns.mapping), tmp_path / "m"))
        x = tf.constant([1.0, 2.0])
        y = module(x)
        return {"values": [run(y), derivatives(y, [x])]}


def module_of_other_flow(hub: Any, tmp_path: Any, inside: int, outside: int) -> Observations:
    """A module made with one kind of control flow, used where the other kind is on."""
    with control_flow(inside):
        path = exported(hub, spec(hub, fns.looping), tmp_path / "m")
    with control_flow(outside):
        module = hub.Module(path)
        y = v1.cond(tf.constant(True), lambda: tf.constant(5.0), lambda: tf.constant(6.0))
        return {"value": run(module({"x": y, "n": 3}))}


def within_cond(hub: Any, tmp_path: Any, flow: int) -> Observations:
    """Applied in a branch of tf.cond, with state from outside."""
    with control_flow(flow):
        module = hub.Module(spec(hub, fns.scale), trainable=True)
        chosen = v1.placeholder_with_default(True, [])

        def applied() -> Any:
            x = tf.constant(3.0)
            y = v1.cond(chosen, lambda: module(x), lambda: tf.identity(x))
            return run(y), derivatives(y, [x, *module.variables])

        return {"values": attempt(applied)}


def within_while(hub: Any, tmp_path: Any, flow: int) -> Observations:
    with control_flow(flow):
        module = hub.Module(spec(hub, fns.scale), trainable=True)

        def applied() -> Any:
            start = tf.constant(1.0)
            y = v1.while_loop(lambda x: x < 20.0, module, [start])
            return run(y), derivatives(y, [start, *module.variables])

        return {"values": attempt(applied)}


def within_map(hub: Any, tmp_path: Any, flow: int) -> Observations:
    with control_flow(flow):
        module = hub.Module(spec(hub, fns.scale))
        return {"value": attempt(lambda: run(tf.map_fn(module, tf.constant([1.0, 2.0]))))}


def within_cond_with_table(hub: Any, tmp_path: Any, flow: int) -> Observations:
    with control_flow(flow):
        module = hub.Module(spec(hub, fns.lookup))

        def applied() -> Any:
            missing = tf.constant([0], tf.int64)
            return run(v1.cond(tf.constant(True), lambda: module(["two"]), lambda: missing))

        return {"value": attempt(applied)}


def updates_within_cond(hub: Any, tmp_path: Any, flow: int) -> Observations:
    """Update ops of an application in a branch stay in that branch."""
    with control_flow(flow):
        module = hub.Module(spec(hub, fns.normalized), trainable=True)
        x = tf.constant([[1.0, 2.0], [3.0, 4.0]])

        def applied() -> Any:
            y = v1.cond(tf.constant(True), lambda: module(x), lambda: x)
            return {"value": run(y), "collections": collections()}

        return {"result": attempt(applied)}


def partitioned_within_while(hub: Any, tmp_path: Any, flow: int) -> Observations:
    with control_flow(flow):
        module = hub.Module(spec(hub, fns.partitioned))

        def applied() -> Any:
            start = (0, tf.zeros([1, 2]))
            step = lambda i, total: (i + 3, total + module(tf.cast([i], tf.int64)))  # noqa: E731
            return run(v1.while_loop(lambda i, _: i < 7, step, start))

        return {"values": attempt(applied)}


def created_in_cond(hub: Any, tmp_path: Any, flow: int) -> Observations:
    """Created and applied within a branch: its state lies outside of it."""
    with control_flow(flow):
        module_spec = spec(hub, fns.scale)

        def applied() -> Any:
            x = tf.constant(3.0)
            y = v1.cond(tf.constant(True), lambda: hub.Module(module_spec)(x), lambda: x)
            return {"value": run(y), "variables": variables(v1.global_variables())}

        return {"result": attempt(applied)}


def looping_within_while(hub: Any, tmp_path: Any, flow: int) -> Observations:
    """A loop in the module, in a loop around it."""
    with control_flow(flow):
        module = hub.Module(spec(hub, fns.looping))

        def applied() -> Any:
            start = tf.constant(1.0)
            y = v1.while_loop(lambda x: x < 50.0, lambda x: module({"x": x, "n": 2}), [start])
            return run(y), derivatives(y, [start, *module.variables])

        return {"values": attempt(applied)}


def _placed(tensors: Any) -> Any:
    return {value.name: value.op.device for value in tensors}


def device(hub: Any, tmp_path: Any, device: str) -> Observations:
    """Devices in force at creation and at application, and those set within the module."""
    places = {
        "none": "",
        "cpu": "/device:CPU:1",
        "job": "/job:worker/task:1",
        "function": lambda op: "/device:CPU:3" if op.type == "Mul" else "/device:CPU:4",
    }
    made = {}
    for name, module_fn in (("plain", fns.scale), ("placed", fns.devices)):
        with v1.device(places[device]):
            module = hub.Module(spec(hub, module_fn))
            inside = module(1.0)
        outside = module(1.0)
        made[name] = _placed([inside, outside]), [v.device for v in module.variables]
    return {"devices": made}


COLOCATIONS = ("with_input", "with_state", "state_with_state", "with_one_of_two_outputs")


def colocation(hub: Any, tmp_path: Any, how: str) -> Observations:
    """Constraints follow inputs to what replaces them."""
    module = hub.Module(spec(hub, fns.colocated, how))

    def applied() -> Any:
        anchor = tf.constant([1.0], name="anchor")
        with v1.colocate_with(anchor.op):
            held = tf.constant([2.0], name="held")
        two = {"first": anchor, "second": held}
        outputs = [module(two if how == "with_one_of_two_outputs" else x) for x in (anchor, held)]
        return {
            "groups": [[g.decode() for g in y.op.colocation_groups()] for y in outputs],
            "values": run(outputs),
        }

    groups = [[g.decode() for g in v.op.colocation_groups()] for v in module.variables]
    return {"state": groups, "applied": attempt(applied)}


def colocation_ambiguous(hub: Any, tmp_path: Any) -> Observations:
    """A constraint on one operation whose outputs are replaced by two is refused."""
    module = hub.Module(spec(hub, fns.colocated, "with_one_of_two_outputs"))
    apart = {"first": tf.constant([1.0]), "second": tf.constant([2.0])}
    together = dict(zip(("first", "second"), tf.split(tf.constant([1.0, 2.0]), 2)))
    return {
        "apart": attempt(lambda: tensor(module(apart))),
        "together": attempt(lambda: tensor(module(together))),
    }


def colocation_follows_device(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.colocated, "with_input"))
    with tf.device("/device:CPU:5"):
        x = tf.constant([1.0], name="there")
    with tf.device("/device:CPU:6"):
        y = module(x)
    return {"devices": _placed([y])}


def colocation_refused(hub: Any, tmp_path: Any, how: str) -> Observations:
    return {"result": attempt(lambda: spec(hub, fns.colocated, how).get_tags())}


def control_dependencies(hub: Any, tmp_path: Any) -> Observations:
    """Those in force hold for the application, not for the state."""
    counter = v1.get_variable("counter", initializer=0)
    with tf.control_dependencies([v1.assign_add(counter, 1)]):
        module = hub.Module(spec(hub, fns.scale))
        y = module(2.0)
    with v1.Session() as session:
        initialize(session)
        counts = [session.run(counter)]
        value = session.run(y)
        counts.append(session.run(counter))
    return {"value": value, "counts": counts}


def wrapped_function(hub: Any, tmp_path: Any) -> Observations:
    """Created and applied in wrap_function, the only kind of function that is pruned."""
    path = exported(hub, spec(hub, fns.dense), tmp_path / "m")

    def applied() -> Any:
        function = v1.wrap_function(
            lambda x: hub.Module(path)(x), [tf.TensorSpec([None, 3], tf.float32)]
        )
        y = function(tf.constant([[1.0, 2.0, 3.0]]))
        names = sorted(v.name for v in function.graph.variables)
        return {"names": names, "shape": y.shape.as_list()}

    return {"result": attempt(applied)}


def defined_function(hub: Any, tmp_path: Any) -> Observations:
    """A module of the outer graph, within a tf.function that is called there."""
    module = hub.Module(spec(hub, fns.scale))
    doubled = tf.function(lambda x: module(x))
    return {"value": attempt(lambda: run([doubled(tf.constant(x)) for x in (1.0, 2.0)]))}


def dataset(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.scale))

    def mapped() -> Any:
        elements = v1.data.Dataset.from_tensor_slices([1.0, 2.0]).map(module)
        iterator = v1.data.make_initializable_iterator(elements)
        following = iterator.get_next()
        with v1.Session() as session:
            initialize(session)
            session.run(iterator.initializer)
            return [session.run(following), session.run(following)]

    return {"values": attempt(mapped)}


def replicated_for_tpu(hub: Any, tmp_path: Any) -> Observations:
    """Built, not run: the state lies outside of the replicate context."""
    module_spec = spec(hub, fns.scale)

    def rewritten() -> Any:
        outputs = v1.tpu.rewrite(lambda x: hub.Module(module_spec)(x), [tf.constant(1.0)])
        return {"outputs": len(outputs), "variables": variables(v1.global_variables())}

    return {"result": attempt(rewritten)}


def strategy(hub: Any, tmp_path: Any, kind: str) -> Observations:
    """Under the scope of a distribution strategy with one device."""
    strategies = {
        "default": tf.distribute.get_strategy,
        "one_device": lambda: tf.distribute.OneDeviceStrategy("/cpu:0"),
        "mirrored": lambda: tf.distribute.MirroredStrategy(["/cpu:0"]),
    }
    module_spec = spec(hub, fns.dense, True)

    def applied() -> Any:
        with strategies[kind]().scope():
            module = hub.Module(module_spec, trainable=True)
            y = module([[1.0, 2.0, 3.0]])
        return {"value": run(y), "names": [v.name for v in module.variables]}

    return {"result": attempt(applied)}


def nested(hub: Any, tmp_path: Any, trainable: bool) -> Observations:
    """A module in a module: one state, one checkpoint, both trained or neither."""
    inner = exported(hub, spec(hub, fns.dense, True), tmp_path / "inner")
    outer = spec(hub, fns.nested, inner, trainable)
    path = exported(hub, outer, tmp_path / "outer")
    module = hub.Module(path, trainable=True)
    output = module([[1.0, 2.0, 3.0]])
    return {
        "variables": variables(module.variables),
        "value": run(output),
        "derived": derivatives(output, module.variables),
        "saved": sorted(v1.train.list_variables(path + "/variables/variables")),
        "collections": collections(),
        "state": state_ops(),
    }


def nested_values(hub: Any, tmp_path: Any) -> Observations:
    """The inner module's pre-trained values, not its initializers, are the outer's."""
    with tf.Graph().as_default():
        module = hub.Module(spec(hub, fns.scale))
        with v1.Session() as session:
            initialize(session)
            session.run(v1.assign(module.variables[0], 7.0))
            module.export(str(tmp_path / "inner"), session)
    outer = hub.Module(spec(hub, fns.nested, str(tmp_path / "inner")))
    return {"value": run(outer(1.0))}


def nested_updates(hub: Any, tmp_path: Any) -> Observations:
    """Update ops of the inner module reach the graph that applies the outer."""
    inner = spec(hub, fns.normalized)
    module = hub.Module(spec(hub, fns.nested, inner), trainable=True)
    module([[1.0, 2.0]])
    module([[3.0, 4.0]])
    return {"collections": collections()}


def nested_table(hub: Any, tmp_path: Any) -> Observations:
    (tmp_path / "words.txt").write_text("a\nb\n")
    inner = exported(hub, spec(hub, fns.vocabulary, str(tmp_path / "words.txt")), tmp_path / "in")
    outer = spec(hub, fns.nested, inner, False, tf.string)
    path = exported(hub, outer, tmp_path / "out")
    module = hub.Module(path)
    return {"value": run(module(["b", "c"])), "inputs": infos(module.get_input_info_dict())}


def nested_twice(hub: Any, tmp_path: Any) -> Observations:
    innermost = spec(hub, fns.scale)
    outer = spec(hub, fns.nested, spec(hub, fns.nested, innermost))
    module = hub.Module(outer, trainable=True)
    output = module(3.0)
    return {
        "variables": variables(module.variables),
        "value": run(output),
        "derived": derivatives(output, module.variables),
    }
