"""Whether somebody would notice that TensorFlow's own function is not the one that runs."""

from __future__ import annotations

from unihub.apis.lean.private import (
    are_ops_intercepted,
    default_graphs,
    is_variable_watched,
    no_tape,
    thread_state,
)


def is_anyone_listening(while_loading: bool = False) -> bool:
    """Whether what this thread does is recorded, changed or placed by somebody.

    A tape or a forward accumulator records the gradient of a call. A variable watcher
    notes which variables a call reads, though recording may be stopped: a
    tf.custom_gradient, and in it tf.recompute_grad and keras.RematScope. A function that
    is traced takes the call into its graph, and notes its variables even in
    tf.init_scope. A strategy chooses among copies of variables; a device scope says where
    a call runs; op callbacks, such as those of tf.debugging, see each op, or all that are
    executed.

    Args:
        while_loading: also, whether what is made now is changed: by a variable or resource
            creator, or by a name scope, which is in the names of variables.
    """
    state = thread_state()
    if (
        not no_tape()
        or default_graphs.stack
        or is_variable_watched()
        or not state.is_eager
        or state.device_name
        or state.op_callbacks
        or are_ops_intercepted()
    ):
        return True
    graph = default_graphs._global_default_graph
    if graph is None:
        return while_loading and bool(state.scope_name)
    if graph._distribution_strategy_stack:
        return True
    return while_loading and bool(
        state.scope_name
        or graph._variable_creator_stack
        or any(graph._resource_creator_stack.values())
    )
