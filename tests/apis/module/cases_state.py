"""Scenarios of a module's variables: collections, values, kinds, parts, checkpoints."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import exported, spec
from apis.module.observe import (
    attempt,
    collections,
    files,
    infos,
    initialize,
    run,
    state_ops,
    tensor,
    variable_map,
    variables,
)

v1 = tf.compat.v1
Keys = v1.GraphKeys
Observations = Dict[str, Any]


def _complete(hub: Any, folder: Any) -> Any:
    words = folder / "words.txt"
    words.write_text("a\nb\n")

    def module_fn(is_training: bool) -> None:
        fns.normalized(hub, is_training)
        with v1.variable_scope("more"):
            hidden = v1.get_variable("fixed", initializer=1.0, trainable=False)
            v1.add_to_collection(Keys.MODEL_VARIABLES, hidden)
        table = fns.file_table(str(words))
        word = v1.placeholder(tf.string, [None])
        hub.add_signature("look_up", word, table.lookup(word))

    return hub.create_module_spec(module_fn, tags_and_args=fns.TRAIN_AND_SERVE)


def filled(hub: Any, tmp_path: Any, trainable: bool, tags: Any) -> Observations:
    """All collections after creation, and after each application."""
    module = hub.Module(_complete(hub, tmp_path), trainable=trainable, tags=tags)
    created = collections()
    module([[1.0, 2.0]])
    once = collections()
    module([[3.0, 4.0]])
    module(["a"], signature="look_up")
    return {"created": created, "once": once, "thrice": collections(), "state": state_ops()}


def initial_values(hub: Any, tmp_path: Any) -> Observations:
    """Fresh from the spec: what the initializers say. From a folder: what was trained."""
    module_spec = spec(hub, fns.dense)
    with tf.Graph().as_default():
        trained = hub.Module(module_spec)
        with v1.Session() as session:
            initialize(session)
            session.run([v1.assign(v, v * 0.0 + 0.5) for v in trained.variables])
            trained.export(str(tmp_path / "m"), session)
    fresh, loaded = hub.Module(module_spec), hub.Module(str(tmp_path / "m"))
    return {
        "fresh": run({v.op.name: v for v in fresh.variables}),
        "loaded": run({v.op.name: v for v in loaded.variables}),
    }


def initialized_again(hub: Any, tmp_path: Any) -> Observations:
    """Running the initializers again brings the pre-trained values back."""
    module = hub.Module(exported(hub, spec(hub, fns.dense), tmp_path / "m"))
    kept = module.variables[0]
    with v1.Session() as session:
        unset = attempt(lambda: session.run(kept))
        before = len(session.run(v1.report_uninitialized_variables()))
        session.run(v1.variables_initializer(module.variables))
        first = session.run(kept)
        after = len(session.run(v1.report_uninitialized_variables()))
        session.run(v1.assign(kept, [9.0, 9.0]))
        initialize(session)
        again = session.run(kept)
    return {"unset": unset, "before": before, "first": first, "after": after, "again": again}


def initial_value_of_variable(hub: Any, tmp_path: Any) -> Observations:
    """The initial value of a loaded module's variable is the pre-trained one."""
    module = hub.Module(exported(hub, spec(hub, fns.dense), tmp_path / "m"))
    copy = v1.get_variable("copy", initializer=module.variable_map["dense/b"].initial_value)
    return {"value": run(copy)}


def monitored_session(hub: Any, tmp_path: Any) -> Observations:
    """A finalised graph, initialised by the framework."""
    (tmp_path / "words.txt").write_text("x\ny\n")
    vocabulary = hub.Module(spec(hub, fns.vocabulary, str(tmp_path / "words.txt")))
    dense = hub.Module(exported(hub, spec(hub, fns.dense), tmp_path / "m"))
    fetches = [vocabulary(["y"]), dense([[1.0, 1.0, 1.0]])]
    with v1.train.MonitoredSession() as session:
        values = session.run(fetches)
        finalized = attempt(lambda: dense([[1.0, 1.0, 1.0]]))
    return {"values": values, "finalized": finalized}


def variables_sorted(hub: Any, tmp_path: Any) -> Observations:
    def module_fn() -> None:
        for name in ("c", "a", "b/z", "b/a"):
            v1.get_variable(name, initializer=1.0)
        plain_variable = v1.Variable([1, 2], name="plain")
        hub.add_signature(outputs=tf.identity(plain_variable))

    with v1.variable_scope("outer"):
        module = hub.Module(hub.create_module_spec(module_fn))
    return {"variables": variables(module.variables), "map": variable_map(module)}


HELD = {
    "float16": np.float16([1.5, 2]),
    "float64": np.float64([1.5, 2]),
    "int32": np.int32([1, -2]),
    "int64": np.int64([1, 2 ** 40]),
    "uint8": np.uint8([1, 255]),
    "bool": np.array([True, False]),
    "string": np.array(["ä", "b"]),
    "complex64": np.complex64([1 + 2j]),
    "empty": np.zeros([0, 2], np.float32),
}  # fmt: skip


def variable_dtype(hub: Any, tmp_path: Any, dtype: str) -> Observations:
    """Variables of each dtype: fresh, exported and loaded."""
    module_spec = spec(hub, fns.holding, HELD[dtype])
    fresh = hub.Module(module_spec)
    loaded = hub.Module(exported(hub, module_spec, tmp_path / "m"), trainable=True)
    return {
        "variables": variables(fresh.variables + loaded.variables),
        "values": run([fresh(), loaded()]),
    }


def variable_kind(hub: Any, tmp_path: Any, use_resource: bool) -> Observations:
    """Resource and ref variables, each applied, assigned, exported and loaded."""
    module_spec = spec(hub, fns.dense, arguments={"use_resource": use_resource})
    module = hub.Module(module_spec, trainable=True)
    output = module([[1.0, 0.0, 0.0]])
    with v1.Session() as session:
        initialize(session)
        session.run([v1.assign_add(v, tf.ones_like(v)) for v in module.variables])
        value = session.run(output)
        module.export(str(tmp_path / "m"), session)
    loaded = hub.Module(str(tmp_path / "m"))
    return {
        "variables": variables(module.variables),
        "value": value,
        "loaded": run(loaded([[1.0, 0.0, 0.0]])),
        "collections": collections(),
    }


def variable_of_unknown_shape(hub: Any, tmp_path: Any) -> Observations:
    """A variable may change its shape where it was declared without one."""

    def module_fn() -> None:
        start = v1.placeholder_with_default(np.float32([1, 2]), None)
        kept = v1.Variable(start, validate_shape=False, use_resource=False, name="kept")
        hub.add_signature(outputs=kept * 2.0)

    module_spec = hub.create_module_spec(module_fn)
    module = hub.Module(exported(hub, module_spec, tmp_path / "m"))
    output = module()
    with v1.Session() as session:
        initialize(session)
        values = [session.run(output)]
        session.run(v1.assign(module.variables[0], [1.0, 2.0, 3.0], validate_shape=False))
        values.append(session.run(output))
    return {"output": tensor(output), "values": values}


def variable_methods(hub: Any, tmp_path: Any) -> Observations:
    """A module's variables are as other variables are."""
    module = hub.Module(exported(hub, spec(hub, fns.dense), tmp_path / "m"), trainable=True)
    b = module.variable_map["dense/b"]
    with v1.Session() as session:
        session.run(b.initializer)
        values = [b.eval(session), session.run(b.value()), session.run(b.read_value())]
        session.run(b.assign([3.0, 4.0]))
        session.run(b.assign_add([1.0, 1.0]))
        values.append(session.run(b * 2.0))
        b.load([7.0, 8.0], session)
        values.append(session.run(b[0]))
    return {
        "values": values,
        "type": isinstance(b, tf.Variable),
        "device": b.device,
        "graph": b.graph is v1.get_default_graph(),
        "collected": v1.get_collection(Keys.TRAINABLE_VARIABLES, scope="module/dense/b") == [b],
    }


def variable_from_variable(hub: Any, tmp_path: Any) -> Observations:
    def module_fn() -> None:
        first = v1.get_variable("first", initializer=2.0)
        second = v1.get_variable("second", initializer=first.initial_value * 3.0)
        hub.add_signature(outputs=second * 1.0)

    output = hub.Module(hub.create_module_spec(module_fn))()
    return {"value": run(output)}


def variable_in_no_collection(hub: Any, tmp_path: Any) -> Observations:
    def module_fn() -> None:
        w = v1.get_variable("w", initializer=2.0, collections=[])
        hub.add_signature(outputs=w * 1.0)

    module = hub.Module(hub.create_module_spec(module_fn))
    output = module()
    return {"map": variable_map(module), "value": attempt(lambda: run(output))}


def no_variables(hub: Any, tmp_path: Any) -> Observations:
    def module_fn() -> None:
        x = v1.placeholder(tf.float32, [])
        hub.add_signature(inputs=x, outputs=x + 1.0)

    module_spec = hub.create_module_spec(module_fn)
    path = exported(hub, module_spec, tmp_path / "m")
    module = hub.Module(path)
    return {
        "variables": variables(module.variables),
        "map": variable_map(module),
        "files": files(path),
        "value": run(module(1.0)),
    }


def partitioned(hub: Any, tmp_path: Any, use_resource: bool) -> Observations:
    """A partitioned variable is one entry of variable_map, with its parts in order."""
    module = hub.Module(spec(hub, fns.partitioned, use_resource), trainable=True)
    output = module([0, 3, 6])
    return {
        "map": variable_map(module),
        "variables": variables(module.variables),
        "value": run(output),
        "collections": collections(),
    }


def partitioned_exported(hub: Any, tmp_path: Any) -> Observations:
    path = exported(hub, spec(hub, fns.partitioned), tmp_path / "m")
    with v1.variable_scope("outer"):
        module = hub.Module(path, name="again")
    return {
        "saved": sorted(v1.train.list_variables(path + "/variables/variables")),
        "map": variable_map(module),
        "variables": variables(module.variables),
        "value": run(module([0, 3, 6])),
    }


def partitioned_trained(hub: Any, tmp_path: Any) -> Observations:
    module = hub.Module(spec(hub, fns.partitioned), trainable=True)
    loss = tf.reduce_sum(module([0, 3, 6]))
    step = v1.train.GradientDescentOptimizer(1.0).minimize(loss)
    with v1.Session() as session:
        initialize(session)
        session.run(step)
        parts = session.run(module.variable_map["sharded/table"])
        module.export(str(tmp_path / "m"), session)
    loaded = hub.Module(str(tmp_path / "m"))
    return {"parts": parts, "loaded": run(loaded([0, 3, 6]))}


def restored_by_saver(hub: Any, tmp_path: Any) -> Observations:
    """The checkpoint of an enclosing model holds the module's variables."""

    def model() -> Any:
        with v1.variable_scope("tower"):
            module = hub.Module(spec(hub, fns.dense), trainable=True, name="text")
            head = v1.get_variable("head", initializer=2.0)
        return module([[1.0, 2.0, 3.0]]) * head

    checkpoint = str(tmp_path / "model")
    with tf.Graph().as_default():
        output = model()
        with v1.Session() as session:
            initialize(session)
            session.run([v1.assign_add(v, tf.ones_like(v)) for v in v1.global_variables()])
            before = session.run(output)
            v1.train.Saver().save(session, checkpoint)
    output = model()
    with v1.Session() as session:
        v1.train.Saver().restore(session, checkpoint)
        after = session.run(output)
    return {"saved": sorted(v1.train.list_variables(checkpoint)), "before": before, "after": after}


def initialized_from_checkpoint(hub: Any, tmp_path: Any, partition: bool) -> Observations:
    """variable_map serves as the assignment map of init_from_checkpoint."""
    checkpoint = str(tmp_path / "plain")
    with tf.Graph().as_default():
        v1.get_variable("sharded/table", initializer=fns.ramp(7, 2) * 10)
        v1.get_variable("whole", initializer=np.float32([1, 2]))
        v1.get_variable("dense/w", initializer=fns.ramp(3, 2) * 10)
        v1.get_variable("dense/b", initializer=np.float32([1, 2]))
        with v1.Session() as session:
            initialize(session)
            v1.train.Saver().save(session, checkpoint)
    module = hub.Module(spec(hub, fns.partitioned if partition else fns.dense))
    v1.train.init_from_checkpoint(checkpoint, module.variable_map)
    return {"values": run({v.name: v for v in module.variables})}


def graph_exported(hub: Any, tmp_path: Any) -> Observations:
    """The graph around a module goes through export_meta_graph and back."""
    (tmp_path / "words.txt").write_text("a\nb\n")
    dense = hub.Module(exported(hub, spec(hub, fns.dense, True), tmp_path / "m"), trainable=True)
    vocabulary = hub.Module(spec(hub, fns.vocabulary, str(tmp_path / "words.txt")))
    names = [dense([[1.0, 2.0, 3.0]]).name, vocabulary(["b"]).name]
    meta_graph = v1.train.export_meta_graph()
    with tf.Graph().as_default():
        v1.train.import_meta_graph(meta_graph)
        return {"values": run(names), "collections": collections()}


def frozen(hub: Any, tmp_path: Any) -> Observations:
    """A graph with a module in it, its variables turned into constants."""
    module = hub.Module(spec(hub, fns.dense))
    output = module(v1.placeholder(tf.float32, [None, 3], name="fed"))
    with v1.Session() as session:
        initialize(session)
        graph_def = v1.graph_util.convert_variables_to_constants(
            session, v1.get_default_graph().as_graph_def(), [output.op.name]
        )
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(graph_def, name="")
        value = session.run(output.name, {"fed:0": [[1.0, 2.0, 3.0]]})
        stateful = [op.name for op in graph.get_operations() if "Var" in op.type]
    return {"value": value, "stateful": stateful}


def two_graphs(hub: Any, tmp_path: Any) -> Observations:
    """One loaded spec serves many graphs."""
    module_spec = hub.load_module_spec(exported(hub, spec(hub, fns.dense), tmp_path / "m"))
    values = []
    for _ in range(2):
        with tf.Graph().as_default():
            values.append(run(hub.Module(module_spec)([[1.0, 2.0, 3.0]])))
    return {"values": values, "inputs": infos(module_spec.get_input_info_dict())}


def from_something_else(hub: Any, tmp_path: Any) -> Observations:
    return {
        "number": attempt(lambda: hub.Module(42)),
        "none": attempt(lambda: hub.Module(None)),
        "missing_folder": attempt(lambda: hub.Module(str(tmp_path / "missing"))),
        "is_spec": isinstance(spec(hub, fns.scale), hub.ModuleSpec),
    }
