"""Scenarios of scopes: where a module's state goes, and under which names."""

from __future__ import annotations

import contextlib
from typing import Any, Dict

import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import spec
from apis.module.observe import attempt, collections, run, tensor, variable_map, variables

v1 = tf.compat.v1
Observations = Dict[str, Any]


def unique_names(hub: Any, tmp_path: Any) -> Observations:
    """Instances of one name get fresh scopes, and so do their applications."""
    module_spec = spec(hub, fns.scale)
    modules = [hub.Module(module_spec, name=name) for name in ("m", "m", "m_1", "m", "other")]
    return {
        "variables": [variables(module.variables) for module in modules],
        "outputs": [tensor(module(1.0)) for module in modules + modules[:2]],
    }


@contextlib.contextmanager
def _twice_reopened() -> Any:
    with v1.variable_scope("outer") as scope:
        pass
    with v1.variable_scope(scope):
        yield


@contextlib.contextmanager
def _back_at_original_name_scope() -> Any:
    with v1.variable_scope("outer") as scope:
        pass
    with v1.variable_scope(scope, auxiliary_name_scope=False), tf.name_scope(
        scope.original_name_scope
    ):
        yield


@contextlib.contextmanager
def _both_scopes() -> Any:
    with tf.name_scope("names"), v1.variable_scope("outer"):
        yield


@contextlib.contextmanager
def _escaped_name_scope() -> Any:
    with v1.variable_scope("outer"), v1.name_scope(None):
        yield


@contextlib.contextmanager
def _nested_variable_scopes() -> Any:
    with v1.variable_scope("outer"), v1.variable_scope("inner"):
        yield


@contextlib.contextmanager
def _condition() -> Any:
    with tf.control_dependencies([tf.constant(1.0, name="condition")]):
        yield


def _double_getter(getter: Any, *args: Any, **kwargs: Any) -> Any:
    return getter(*args, **kwargs) * 2.0


SCOPES = {
    "root": lambda: contextlib.nullcontext(),
    "name_scope": lambda: tf.name_scope("names"),
    "variable_scope": lambda: v1.variable_scope("outer"),
    "nested_variable_scopes": _nested_variable_scopes,
    "name_and_variable_scope": _both_scopes,
    "reopened_scope": _twice_reopened,
    "original_name_scope": _back_at_original_name_scope,
    "escaped_name_scope": _escaped_name_scope,
    "no_name_scope": lambda: v1.variable_scope("outer", auxiliary_name_scope=False),
    "reuse": lambda: v1.variable_scope("outer", reuse=True),
    "auto_reuse": lambda: v1.variable_scope("outer", reuse=v1.AUTO_REUSE),
    "custom_getter": lambda: v1.variable_scope("outer", custom_getter=_double_getter),
    "partitioner": lambda: v1.variable_scope("outer", partitioner=v1.fixed_size_partitioner(2)),
    "initializer": lambda: v1.variable_scope("outer", initializer=v1.ones_initializer()),
    "regularizer": lambda: v1.variable_scope("outer", regularizer=tf.reduce_sum),
    "constraint": lambda: v1.variable_scope("outer", constraint=tf.nn.relu),
    "caching_device": lambda: v1.variable_scope("outer", caching_device="/device:CPU:0"),
    "ref_variables": lambda: v1.variable_scope("outer", use_resource=False),
    "float64": lambda: v1.variable_scope("outer", dtype=tf.float64),
    "control_dependencies": _condition,
    "init_scope": lambda: tf.init_scope(),
    "device": lambda: tf.device("/device:CPU:0"),
}


def scope(hub: Any, tmp_path: Any, within: str) -> Observations:
    """What a scope around a module does to it, and what it does not."""
    module_spec = spec(hub, fns.dense, True)
    with SCOPES[within]():
        module = hub.Module(module_spec, trainable=True)
        outputs = [module([[1.0, 2.0, 3.0]]), module([[4.0, 5.0, 6.0]])]
        second = hub.Module(module_spec, trainable=True)
    outputs.append(module([[7.0, 8.0, 9.0]]))
    return {
        "variables": variables(module.variables + second.variables),
        "variable_map": variable_map(module),
        "outputs": [tensor(y) for y in outputs],
        "values": run(outputs),
        "collections": collections(),
    }


def scope_reused_later(hub: Any, tmp_path: Any) -> Observations:
    """Entering a module's scope again does not find its variables by get_variable."""
    hub.Module(spec(hub, fns.dense))
    with v1.variable_scope("module", reuse=v1.AUTO_REUSE):
        found = attempt(lambda: tensor(v1.get_variable("dense/w", [3, 2])))
    with v1.variable_scope("module", reuse=True):
        required = attempt(lambda: tensor(v1.get_variable("dense/b", [2])))
    return {"found": found, "required": required}


def scope_after_variables(hub: Any, tmp_path: Any) -> Observations:
    """A scope of the module's name that already has variables is passed over."""
    with v1.variable_scope("module"):
        v1.get_variable("mine", initializer=1.0, use_resource=True)
    module = hub.Module(spec(hub, fns.scale))
    return {"variables": variables(v1.global_variables()), "output": tensor(module(1.0))}


def name_scope_taken(hub: Any, tmp_path: Any) -> Observations:
    with tf.name_scope("module"):
        tf.constant(1.0)
    return {"result": attempt(lambda: variables(hub.Module(spec(hub, fns.scale)).variables))}


def name_of_operation_taken(hub: Any, tmp_path: Any) -> Observations:
    tf.constant(1.0, name="module")
    return {"result": attempt(lambda: variables(hub.Module(spec(hub, fns.scale)).variables))}


def name_with_slash(hub: Any, tmp_path: Any) -> Observations:
    named = attempt(lambda: variables(hub.Module(spec(hub, fns.scale), name="a/b").variables))
    return {"result": named}
