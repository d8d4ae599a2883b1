"""Initial values for what has none yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Set, Tuple
from weakref import WeakKeyDictionary

import tensorflow as tf

from unihub.errors import UnihubError, first_line, listed
from unihub.errors.arguments import wrong_type

# A collection of _Check. The key is not a str, so that it stays out of exported
# graphs.
_CHECKS = ("unihub.apis.module", "initialization checks")

_RESTORE = "RestoreV2"

# The names of the initializers of tables that ran in each session.
_ran: WeakKeyDictionary[Any, Set[str]] = WeakKeyDictionary()


class InitializeInEagerMode(UnihubError, RuntimeError):
    """There is no graph to initialise."""

    code = "initialize-in-eager-mode"
    what = "there is nothing to initialise in eager execution."
    why = (
        "variables and tables of a graph are initialised in a session; those of eager "
        "execution are as they are made."
    )
    do = "with graph.as_default(), tf.compat.v1.Session() as session: unihub.initialize(session)"


class NoSession(UnihubError, ValueError):
    """No session was given, and none is the default."""

    code = "initialize-without-session"
    what = "there is no session to initialise."
    why = "none was given, and there is no default session."
    do = "with tf.compat.v1.Session() as session: unihub.initialize(session)"


class SessionOfOtherGraph(UnihubError, ValueError):
    """The session runs another graph than the current one."""

    code = "initialize-another-graph"
    what = "the session belongs to another graph than the current one."
    why = (
        "it could not run what initialises the {count} variables and tables of the "
        "current graph. (its own graph has {own_count})"
    )
    do = "with session.graph.as_default(): unihub.initialize(session)"


class GraphFinalized(UnihubError, RuntimeError):
    """Ops would have to be added to a graph that takes none."""

    code = "initialize-finalized-graph"
    what = "the variables of a finalized graph cannot be checked."
    why = (
        "to tell whether a variable is initialised takes an op, and the graph accepts no "
        "new one. (not checked: {names})"
    )
    do = (
        "call unihub.initialize(session) before graph.finalize(); a MonitoredSession "
        "initialises its graph itself"
    )


@dataclass(frozen=True)
class Initialized:
    """The result of a call of initialize.

    Attributes:
        variables: the names of the variables.
        tables: the names of the ops that fill tables.
    """

    variables: Tuple[str, ...]
    tables: Tuple[str, ...]


@dataclass(frozen=True)
class _Check:
    """An op that tells which of some variables are uninitialised.

    Attributes:
        variables: by the name that the op tells.
        uninitialized: a string Tensor of these names.
    """

    variables: Dict[str, Any]
    uninitialized: Any


def initialize(session: Optional[tf.compat.v1.Session] = None) -> Initialized:
    """Initialises the current graph's variables and tables that are not yet.

    Variables that have a value, such as a trained one, keep it. Each table is
    filled once per session. Called again, it does what came up since.

    Args:
        session: a session of the current graph; the default session if None.

    Returns:
        What was initialised.

    Raises:
        InitializeInEagerMode: in eager execution.
        NoSession: if there is neither a session nor a default one.
        SessionOfOtherGraph: if the session is not one of the current graph.
        GraphFinalized: if the graph is finalized and has variables that no
            earlier call has seen.
        VariablesDamaged: if the values of variables cannot be read.

    Source: https://www.tensorflow.org/hub/tf1_hub_module, which runs
    tf.global_variables_initializer and tf.tables_initializer instead.

    Example:
        >>> with tf.Graph().as_default():
        ...     embeddings = unihub.Module("path/to/module")(["a sentence"])
        ...     with tf.compat.v1.Session() as session:
        ...         unihub.initialize(session)
        ...         session.run(embeddings)
    """
    if tf.executing_eagerly():
        raise InitializeInEagerMode()
    if session is None:
        session = tf.compat.v1.get_default_session()
    if session is None:
        raise NoSession()
    graph = tf.compat.v1.get_default_graph()
    if not hasattr(session, "run") or not hasattr(session, "graph"):
        line = "unihub.initialize(tf.compat.v1.Session())"
        raise wrong_type("session", session, "a session of the current graph", line)
    if session.graph is not graph:
        raise SessionOfOtherGraph(count=_count(graph), own_count=_count(session.graph))
    return Initialized(_initialize_variables(session), _initialize_tables(session))


def _initialize_variables(session: Any) -> Tuple[str, ...]:
    checks = _checks(session.graph)
    variables = {name: one for check in checks for name, one in check.variables.items()}
    found = run_initializers(session, [check.uninitialized for check in checks])
    names = [tf.compat.as_str_any(name) for part in found for name in part]
    run_initializers(session, [variables[name].initializer for name in names])
    return tuple(names)


def _initialize_tables(session: Any) -> Tuple[str, ...]:
    ran = _ran.setdefault(session, set())
    tables = session.graph.get_collection(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS)
    fresh = {table.name: table for table in tables if table.name not in ran}
    run_initializers(session, list(fresh.values()))
    ran.update(fresh)
    return tuple(fresh)


def run_initializers(session: Any, fetches: List[Any]) -> List[Any]:
    """The values that a session gives for some fetches, among them initializers.

    Raises:
        VariablesDamaged: if the file with the value of a variable is.
    """
    try:
        # A session of an empty graph refuses to run even nothing.
        values: List[Any] = session.run(fetches) if fetches else []
    except tf.errors.OpError as error:
        if getattr(error.op, "type", "") != _RESTORE:
            raise
        from unihub.apis.module.errors import VariablesDamaged

        prefix = tf.get_static_value(error.op.inputs[0])
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise VariablesDamaged(checkpoint=tf.compat.as_str_any(prefix), reason=reason) from error
    return values


def _checks(graph: tf.Graph) -> List[_Check]:
    """The checks of all variables; the ones that earlier calls made are used again."""
    known = {name for check in graph.get_collection(_CHECKS) for name in check.variables}
    fresh = {one.op.name: one for one in _variables(graph) if one.op.name not in known}
    if fresh:
        if graph.finalized:
            raise GraphFinalized(names=listed(fresh))
        # Wherever the caller stands, the op runs by itself.
        with tf.control_dependencies(None):
            names = tf.compat.v1.report_uninitialized_variables(list(fresh.values()))
        graph.add_to_collection(_CHECKS, _Check(fresh, names))
    checks: List[_Check] = graph.get_collection(_CHECKS)
    return checks


def _variables(graph: tf.Graph) -> List[Any]:
    keys = tf.compat.v1.GraphKeys
    return [
        *graph.get_collection(keys.GLOBAL_VARIABLES),
        *graph.get_collection(keys.LOCAL_VARIABLES),
    ]


def _count(graph: tf.Graph) -> int:
    tables = graph.get_collection(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS)
    return len({one.op.name for one in _variables(graph)}) + len(tables)
