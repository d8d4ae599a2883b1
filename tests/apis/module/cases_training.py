"""Scenarios of fine-tuning: gradients, losses, update ops, graph variants, optimizers."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import exported, spec
from apis.module.observe import (
    attempt,
    collections,
    derivatives,
    initialize,
    run,
    tensor,
    variables,
)

v1 = tf.compat.v1
Keys = v1.GraphKeys
Observations = Dict[str, Any]

SGD = v1.train.GradientDescentOptimizer


def gradients(hub: Any, tmp_path: Any, trainable: bool) -> Observations:
    """By inputs and by variables, whether those are trainable or not."""
    module = hub.Module(spec(hub, fns.dense), trainable=trainable)
    x = tf.constant([[1.0, 2.0, 3.0]])
    loss = tf.reduce_sum(tf.square(module(x)))
    return {"by_input": derivatives(loss, [x]), "by_variables": derivatives(loss, module.variables)}


def gradients_of_gradients(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.scale))
    x = tf.constant(3.0)
    y = module(module(x) ** 2)
    first = tf.gradients(y, x)[0]
    return {"values": run([y, first, tf.gradients(first, x)[0]])}


def gradients_through_control_flow(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.looping))
    x = tf.constant(3.0)
    y = module({"x": x, "n": 4})
    return {"value": run(y), "derived": derivatives(y, [x, *module.variables])}


def gradient_customized(hub: Any, tmp_path: Any) -> Observations:
    """A custom gradient in the module is lost or kept as the framework does."""
    module = hub.Module(spec(hub, fns.with_custom_gradient))
    x = tf.constant(3.0)
    return {"value": derivatives(module(x), [x])}


def gradient_stopped(hub: Any, tmp_path: Any) -> Observations:
    def module_fn() -> None:
        x = v1.placeholder(tf.float32, [])
        hub.add_signature(inputs=x, outputs=x + tf.stop_gradient(x * x))

    module = hub.Module(hub.create_module_spec(module_fn))
    x = tf.constant(3.0)
    return {"value": derivatives(module(x), [x])}


def train_step(hub: Any, tmp_path: Any, optimizer: str) -> Observations:
    """Steps change the weights of a trainable module; its slots are named after them."""
    optimizers = {
        "sgd": lambda: SGD(0.1),
        "momentum": lambda: v1.train.MomentumOptimizer(0.1, 0.9),
        "adagrad": lambda: v1.train.AdagradOptimizer(0.1),
        "adam": lambda: v1.train.AdamOptimizer(0.1),
    }
    module = hub.Module(exported(hub, spec(hub, fns.dense), tmp_path / "m"), trainable=True)
    loss = tf.reduce_sum(tf.square(module([[1.0, 2.0, 3.0]])))
    step = optimizers[optimizer]().minimize(loss)
    with v1.Session() as session:
        initialize(session)
        losses = [session.run(loss)]
        for _ in range(2):
            session.run(step)
            losses.append(session.run(loss))
        weights = session.run(module.variables)
    return {"losses": losses, "weights": weights, "globals": variables(v1.global_variables())}


def moving_average(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.dense), trainable=True)
    average = v1.train.ExponentialMovingAverage(0.5)
    update = average.apply(v1.trainable_variables())
    b = module.variable_map["dense/b"]
    with v1.Session() as session:
        initialize(session)
        session.run(v1.assign(b, [9.0, 9.0]))
        session.run(update)
        value = session.run(average.average(b))
    return {"value": value, "names": sorted(average.variables_to_restore())}


def train_step_frozen(hub: Any, tmp_path: Any) -> Observations:
    """A frozen module under a new head: only the head moves."""
    module = hub.Module(spec(hub, fns.dense))
    head = v1.get_variable("head", initializer=fns.ramp(2, 1))
    loss = tf.reduce_sum(tf.matmul(module([[1.0, 2.0, 3.0]]), head))
    step = SGD(0.1).minimize(loss)
    alone = attempt(lambda: SGD(0.1).minimize(loss, var_list=v1.trainable_variables("module")))
    with v1.Session() as session:
        initialize(session)
        session.run(step)
        return {"alone": alone, "values": session.run([*module.variables, head])}


def regularization(hub: Any, tmp_path: Any, trainable: bool) -> Observations:
    """The losses join the importer's, once per instance, and follow the variables."""
    module = hub.Module(spec(hub, fns.dense, True), trainable=trainable)
    module([[1.0, 2.0, 3.0]])
    module([[1.0, 2.0, 3.0]])
    losses = v1.get_collection(Keys.REGULARIZATION_LOSSES)
    total = v1.losses.get_regularization_loss()
    with v1.Session() as session:
        initialize(session)
        before = session.run(total)
        session.run(v1.assign(module.variable_map["dense/w"], tf.ones([3, 2])))
        after = session.run(total)
    derived = derivatives(total, [module.variable_map["dense/w"]]) if trainable else []
    return {
        "losses": [tensor(loss) for loss in losses],
        "before": before,
        "after": after,
        "gradient": derived,
    }


def update_ops(hub: Any, tmp_path: Any, trainable: bool) -> Observations:
    """Each application adds its own update of the shared moving mean."""
    module_spec = spec(hub, fns.normalized, tags_and_args=fns.TRAIN_AND_SERVE)
    module = hub.Module(module_spec, trainable=trainable, tags={"train"})
    counts = [len(v1.get_collection(Keys.UPDATE_OPS))]
    outputs = []
    for value in ([[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0]]):
        outputs.append(module(value))
        counts.append(len(v1.get_collection(Keys.UPDATE_OPS)))
    updates = v1.get_collection(Keys.UPDATE_OPS)
    with v1.Session() as session:
        initialize(session)
        values = session.run(outputs)
        untouched = session.run(module.variable_map["moving_mean"])
        moved = []
        for update in updates:
            session.run(update)
            moved.append(session.run(module.variable_map["moving_mean"]))
    return {
        "counts": counts,
        "names": [update.name for update in updates],
        "values": values,
        "untouched": untouched,
        "moved": moved,
    }


def update_ops_in_scope(hub: Any, tmp_path: Any) -> Observations:
    """get_collection(UPDATE_OPS, scope) finds the updates of one application."""
    module_spec = spec(hub, fns.normalized, tags_and_args=fns.TRAIN_AND_SERVE)
    with v1.variable_scope("tower"):
        module = hub.Module(module_spec, trainable=True, tags={"train"})
        with tf.name_scope("first"):
            module([[1.0, 2.0]])
        module([[3.0, 4.0]])
    return {
        scope: [op.name for op in v1.get_collection(Keys.UPDATE_OPS, scope=scope)]
        for scope in ("tower", "tower/first", "first", "tower/module")
    }


def update_ops_without_inputs(hub: Any, tmp_path: Any) -> Observations:
    """An update that depends on no input, such as a counter."""

    def module_fn() -> None:
        x = v1.placeholder(tf.float32, [], name="x")
        steps = v1.get_variable("steps", initializer=0, trainable=False)
        v1.add_to_collection(Keys.UPDATE_OPS, steps.assign_add(1, read_value=False))
        hub.add_signature(inputs=x, outputs=x * 2.0)
        hub.add_signature("steps", outputs=tf.identity(steps))

    module = hub.Module(hub.create_module_spec(module_fn), trainable=True)
    created = collections().get(Keys.UPDATE_OPS, [])
    module(1.0)
    module(1.0)
    steps = module(signature="steps")
    updates = v1.get_collection(Keys.UPDATE_OPS)
    with v1.Session() as session:
        initialize(session)
        for update in updates:
            session.run(update)
        return {
            "created": created,
            "names": [update.name for update in updates],
            "steps": session.run(steps),
        }


def fine_tuning(hub: Any, tmp_path: Any) -> Observations:
    """The guide's loop: train tag, update ops, losses; export; reload to serve."""
    module_spec = spec(hub, fns.normalized, tags_and_args=fns.TRAIN_AND_SERVE)
    with tf.Graph().as_default():
        module = hub.Module(module_spec, trainable=True, tags={"train"})
        output = module([[1.0, 2.0], [3.0, 6.0]])
        loss = tf.reduce_sum(tf.square(output - 1.0)) + v1.losses.get_regularization_loss()
        with tf.control_dependencies(v1.get_collection(Keys.UPDATE_OPS)):
            step = SGD(0.01).minimize(loss)
        with v1.Session() as session:
            initialize(session)
            for _ in range(3):
                session.run(step)
            final = session.run(loss)
            module.export(str(tmp_path / "tuned"), session)
    served = hub.Module(str(tmp_path / "tuned"))
    return {
        "loss": final,
        "variables": run({v.name: v for v in served.variables}),
        "served": run(served([[1.0, 2.0]])),
        "tags": hub.load_module_spec(str(tmp_path / "tuned")).get_tags(),
    }


def tags(hub: Any, tmp_path: Any, chosen: Any) -> Observations:
    """Graph variants by their tags: offered, chosen, absent."""
    module_spec = spec(hub, fns.normalized, tags_and_args=fns.TRAIN_AND_SERVE)

    def applied() -> Any:
        module = hub.Module(module_spec, tags=chosen)
        return {
            "value": run(module([[1.0, 2.0], [3.0, 4.0]])),
            "variables": variables(module.variables),
        }

    return {"offered": module_spec.get_tags(), "result": attempt(applied)}


def tags_without_default(hub: Any, tmp_path: Any) -> Observations:
    """A module need not have a variant without tags; exporting takes all variants along."""
    module_spec = spec(
        hub,
        fns.scale,
        tags_and_args=[({"double"}, {"factor": 2.0}), ({"treble", "high"}, {"factor": 3.0})],
    )
    path = exported(hub, module_spec, tmp_path / "m", tags={"double"})
    loaded = hub.load_module_spec(path)
    return {
        "tags": sorted(sorted(tags) for tags in loaded.get_tags()),
        "default": attempt(lambda: hub.Module(module_spec)),
        "loaded_default": attempt(lambda: hub.Module(path)),
        "values": run([hub.Module(path, tags=t)(1.0) for t in ({"double"}, ["high", "treble"])]),
        "part_of_tags": attempt(lambda: hub.Module(path, tags={"high"})),
    }


def tags_with_other_signatures(hub: Any, tmp_path: Any) -> Observations:
    def module_fn(name: str, width: int) -> None:
        x = v1.placeholder(tf.float32, [None, width])
        hub.add_signature(name, x, x * 2.0)

    module_spec = hub.create_module_spec(
        module_fn,
        tags_and_args=[(set(), {"name": "a", "width": 2}), ({"t"}, {"name": "b", "width": 3})],
    )
    return {
        "default": sorted(module_spec.get_signature_names()),
        "tagged": sorted(module_spec.get_signature_names(tags={"t"})),
        "of_module": sorted(hub.Module(module_spec, tags={"t"}).get_signature_names()),
        "shape": module_spec.get_input_info_dict("b", tags={"t"})["default"].get_shape().as_list(),
        "swapped": attempt(lambda: module_spec.get_input_info_dict("a", tags={"t"})),
    }


def tags_with_more_variables(hub: Any, tmp_path: Any) -> Observations:
    """A variant whose variables the exported one has not cannot be loaded."""

    def module_fn(extra: bool) -> None:
        w = v1.get_variable("w", initializer=2.0)
        if extra:
            w = w * v1.get_variable("extra", initializer=5.0)
        hub.add_signature(outputs=tf.identity(w))

    module_spec = hub.create_module_spec(
        module_fn, tags_and_args=[(set(), {"extra": False}), ({"more"}, {"extra": True})]
    )
    small = exported(hub, module_spec, tmp_path / "small")
    large = exported(hub, module_spec, tmp_path / "large", tags={"more"})
    return {
        "fresh": run(hub.Module(module_spec, tags={"more"})()),
        "small_plain": run(hub.Module(small)()),
        "small_more": attempt(lambda: run(hub.Module(small, tags={"more"})())),
        "large_plain": run(hub.Module(large)()),
        "large_more": run(hub.Module(large, tags={"more"})()),
    }


def layers(hub: Any, tmp_path: Any, is_training: bool) -> Observations:
    """A module_fn of tf.compat.v1.layers: convolution, batch norm, dense; one train step."""
    module_spec = spec(hub, fns.layered, tags_and_args=fns.TRAIN_AND_SERVE)
    module = hub.Module(module_spec, trainable=True, tags={"train"} if is_training else None)
    images = np.arange(32, dtype=np.float32).reshape(2, 4, 4, 1)
    output = module({"images": images})
    loss = tf.reduce_mean(tf.square(output)) * 0.01 + v1.losses.get_regularization_loss()
    with tf.control_dependencies(v1.get_collection(Keys.UPDATE_OPS)):
        step = SGD(0.1).minimize(loss)
    with v1.Session() as session:
        initialize(session)
        before = session.run([output, loss])
        session.run(step)
        after = session.run({v.op.name: v for v in module.variables})
    return {
        "variables": variables(module.variables),
        "collections": {
            key: collections().get(key, [])
            for key in (Keys.TRAINABLE_VARIABLES, Keys.UPDATE_OPS, Keys.REGULARIZATION_LOSSES)
        },
        "before": before,
        "after": after,
    }
