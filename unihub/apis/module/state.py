"""The state of a module in a graph: variables, tables, assets.

The whole graph of the module is imported once, under a scope of its own. Its
state ops are what all applications of the module share.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Union

import tensorflow as tf

from unihub.apis.module import compat
from unihub.apis.module.errors import (
    NameScopeTaken,
    PartitionsConflict,
    StateOpOutputs,
    VariablesDamaged,
    VariablesMissing,
)
from unihub.apis.module.variant import GraphVariant, scoped_shared_names, split_scope
from unihub.apis.patterns import line_elsewhere
from unihub.errors import listed
from unihub.inspection.checkpoint import OBJECTS, read_checkpoint

_KEYS = tf.compat.v1.GraphKeys

_COLLECTIONS = (
    _KEYS.GLOBAL_VARIABLES,
    _KEYS.MODEL_VARIABLES,
    _KEYS.TABLE_INITIALIZERS,
    _KEYS.ASSET_FILEPATHS,
    _KEYS.COND_CONTEXT,
    _KEYS.WHILE_CONTEXT,
)
_COLLECTIONS_IF_TRAINABLE = (_KEYS.TRAINABLE_VARIABLES, _KEYS.REGULARIZATION_LOSSES)

# A variable, or the parts of a partitioned one in order.
VariableMap = Dict[str, Union[tf.Variable, List[tf.Variable]]]


@dataclass(frozen=True)
class ModuleState:
    """The state of one instance of a module in its graph.

    Attributes:
        graph: that graph.
        variables: from each variable's name in the module to the variable.
        tensors: from the name of each state op's output in the module to the
            tensor that stands for it in this graph.
        saver: saves the variables under their names in the module; None where
            there is no variable. It is made at once, since the graph may be
            finalized when the module is exported.
    """

    graph: tf.Graph
    variables: VariableMap
    tensors: Dict[str, tf.Tensor]
    saver: Optional[tf.compat.v1.train.Saver]

    def save(self, session: tf.compat.v1.Session, prefix: str) -> None:
        """Writes the values that the variables have in a session as a checkpoint."""
        if self.saver:
            self.saver.save(session, prefix, write_meta_graph=False, write_state=False)


def fresh_scope(name: str) -> str:
    """A scope for a module's state that is new as variable and as name scope.

    Args:
        name: what to call it; a number is added if it is not new.

    Returns:
        The absolute scope, without a slash at its end.

    Raises:
        NameScopeTaken: if the new variable scope is in use as a name scope.
    """
    graph = tf.compat.v1.get_default_graph()
    around = tf.compat.v1.get_variable_scope().name
    with graph.name_scope(f"{around}/" if around else ""):
        with tf.compat.v1.variable_scope(
            None, default_name=name, auxiliary_name_scope=False
        ) as variable_scope:
            scope: str = variable_scope.name
        unused = graph.unique_name(name, mark_as_used=False)
    if unused != scope:
        raise NameScopeTaken(scope=scope, name=name)
    return scope


def create_state(
    variant: GraphVariant, scope: str, trainable: bool, checkpoint: Optional[str]
) -> ModuleState:
    """Imports a graph variant under a fresh scope.

    Args:
        variant: the graph to import.
        scope: as fresh_scope returns it.
        trainable: whether to fill TRAINABLE_VARIABLES and
            REGULARIZATION_LOSSES.
        checkpoint: the prefix of the checkpoint with the initial values, or
            None.

    Raises:
        OpsMissing, AttributesMissing: if this TensorFlow cannot read the graph.
        VariablesMissing: if the checkpoint has no files.
        VariablesDamaged: if they are shorter than its index says.
    """
    variant.check_readable()
    parent, name = split_scope(scope)
    with tf.compat.v1.get_default_graph().name_scope(parent), _outside_of_callers_control():
        _import(variant, scope, name, trainable)
        variables = _variables_in(scope)
        if variables and checkpoint:
            _initialize_from(checkpoint, variables)
        return ModuleState(
            tf.compat.v1.get_default_graph(),
            variables,
            _state_tensors(variant, scope),
            _saver(variables),
        )


def _missing(checkpoint: str, count: int) -> VariablesMissing:
    folder = os.path.dirname(os.path.dirname(checkpoint))
    elsewhere = line_elsewhere(folder, "m = unihub.Module({handle!r})")
    remedy = f"fetch or copy the model again, as a whole; then: ls {checkpoint!r}*"
    fails = "is found by TensorFlow" if elsewhere else "is there"
    return VariablesMissing(
        checkpoint=checkpoint, count=count, fails=fails, remedy=elsewhere or remedy
    )


def _initialize_from(checkpoint: str, variables: VariableMap) -> None:
    if not tf.io.gfile.glob(f"{checkpoint}*"):
        raise _missing(checkpoint, len(variables))
    # A session would find out only when it initialises the variables.
    found = read_checkpoint(checkpoint)
    if found is not None and found.damage:
        raise VariablesDamaged(checkpoint=checkpoint, reason=found.damage)
    is_there = found is not None and {*variables} <= {tensor.name for tensor in found.tensors}
    keys = {} if is_there else _keys_by_name(checkpoint)
    named = {keys.get(name, name): variable for name, variable in variables.items()}
    tf.compat.v1.train.init_from_checkpoint(checkpoint, named)


def _keys_by_name(checkpoint: str) -> Dict[str, str]:
    """Where a checkpoint has the variables that it names by the objects that hold them.

    Keras of TensorFlow 1.15 exports such ones beside its graphs.
    """
    reader = tf.train.load_checkpoint(checkpoint)
    if not reader.has_tensor(OBJECTS):
        return {}
    from tensorflow.core.protobuf import trackable_object_graph_pb2 as objects

    graph = objects.TrackableObjectGraph.FromString(reader.get_tensor(OBJECTS))
    return {
        one.full_name: one.checkpoint_key
        for node in graph.nodes
        for one in node.attributes
        if one.full_name
    }


def _outside_of_callers_control() -> Any:
    """A context without the control dependencies, conds and loops around the caller.

    Inside a TPU's function it is without the function as well: the state is of
    the graph around it.
    """
    if compat.in_replicated_function(tf.compat.v1.get_default_graph()):
        return tf.init_scope()
    return tf.control_dependencies(None)


def _import(variant: GraphVariant, scope: str, name: str, trainable: bool) -> None:
    part = variant.part(_COLLECTIONS + (_COLLECTIONS_IF_TRAINABLE if trainable else ()))
    scoped_shared_names(part, scope)
    tf.compat.v1.train.import_meta_graph(part, input_map={}, import_scope=name)


def _state_tensors(variant: GraphVariant, scope: str) -> Dict[str, tf.Tensor]:
    graph = tf.compat.v1.get_default_graph()
    tensors = {}
    for name in variant.state_ops:
        op = graph.get_operation_by_name(f"{scope}/{name}")
        if len(op.outputs) != 1:
            raise StateOpOutputs(op=name, kind=op.type, count=len(op.outputs))
        tensors[f"{name}:0"] = op.outputs[0]
    return tensors


def _variables_in(scope: str) -> VariableMap:
    prefix = f"{scope}/"
    whole: VariableMap = {}
    parts: Dict[str, Dict[int, Any]] = defaultdict(dict)
    for variable in tf.compat.v1.global_variables():
        if not variable.op.name.startswith(prefix):
            continue
        if not hasattr(variable, "_distribute_strategy"):
            # TensorFlow gives it to those that it creates, not to those that it imports;
            # Keras' optimizers ask for it.
            variable._distribute_strategy = None
        name = variable.op.name[len(prefix) :]
        proto = variable.to_proto()
        if not proto.HasField("save_slice_info_def"):
            whole[name] = variable
            continue
        name, _, part = name.rpartition("/")
        partition = proto.save_slice_info_def
        offset = partition.var_offset[0]
        if not partition.full_name.endswith(name):
            raise _conflict(name, f"{part} says that it is one of {partition.full_name}.")
        if offset in parts[name]:
            raise _conflict(name, f"two of them begin at row {offset}.")
        parts[name][offset] = variable
    for name, by_offset in parts.items():
        whole[name] = _partitioned(name, by_offset, whole)
    return whole


def _partitioned(name: str, by_offset: Dict[int, Any], whole: VariableMap) -> List[Any]:
    if name in whole:
        raise _conflict(name, "a variable that is not partitioned has the same name.")
    ordered = [variable for _, variable in sorted(by_offset.items())]
    shapes = [variable.shape.as_list() for variable in ordered]
    if any(shape[1:] != shapes[0][1:] for shape in shapes):
        raise _conflict(name, f"their shapes differ beyond the first axis: {listed(shapes)}.")
    return ordered


def _conflict(variable: str, reason: str) -> PartitionsConflict:
    return PartitionsConflict(variable=repr(variable), reason=reason)


def _saver(variables: VariableMap) -> Optional[tf.compat.v1.train.Saver]:
    if not variables:
        return None
    return tf.compat.v1.train.Saver(
        variables, sharded=True, write_version=tf.compat.v1.train.SaverDef.V2
    )
