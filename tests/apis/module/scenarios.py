"""The table of scenarios that our hub.Module and tensorflow_hub's must agree on.

A scenario is a function of the library under test and an empty folder. It builds in the
default graph, which is fresh, and returns what it observed. To add one, add a line.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import tensorflow as tf
from apis.module import cases_apply as apply
from apis.module import cases_around as around
from apis.module import cases_assets as assets
from apis.module import cases_creation as creation
from apis.module import cases_export as export
from apis.module import cases_graph as graph
from apis.module import cases_scopes as scopes
from apis.module import cases_state as state
from apis.module import cases_training as training
from apis.module.observe import plain

v1 = tf.compat.v1


@dataclass(frozen=True)
class Need:
    """What a scenario needs of the stack, and why not every stack has it."""

    present: Callable[[], bool]
    reason: str


def _has_layers() -> bool:
    try:
        return callable(v1.layers.dense)
    except AttributeError:
        return False


LAYERS = Need(_has_layers, "tf.compat.v1.layers went away with Keras 3")
ESTIMATOR = Need(lambda: hasattr(v1, "estimator"), "TensorFlow 2.16 and later have no Estimator")


@dataclass(frozen=True)
class Change:
    """What ours does in place of the real hub.Module's outcome, and why."""

    outcome: Any
    reason: str


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    Attributes:
        observe: function of (hub, tmp_path, **arguments) to observations.
        arguments: what it is called with.
        needs: what the stack must have.
        differs: by observation, why TensorFlow 2's outcome is not that of 1.15.
        improves: by observation, what ours does better than the real one.
    """

    observe: Callable[..., Dict[str, Any]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs: Tuple[Need, ...] = ()
    differs: Mapping[str, str] = field(default_factory=dict)
    improves: Mapping[str, Change] = field(default_factory=dict)

    def missing(self) -> Optional[str]:
        """Why it cannot run in this stack, if it cannot."""
        return next((need.reason for need in self.needs if not need.present()), None)

    @property
    def id(self) -> str:
        module = self.observe.__module__.rpartition(".")[2].replace("cases_", "")
        values = "-".join(_text(value) for value in self.arguments.values())
        return "{}.{}{}".format(module, self.observe.__name__, "-" + values if values else "")


def _text(value: Any) -> str:
    return (
        value.strip("/") or "empty" if isinstance(value, str) else str(value).replace("set()", "{}")
    )


Observe = Callable[..., Dict[str, Any]]
NEEDS: Dict[Observe, Tuple[Need, ...]] = {
    training.layers: (LAYERS,),
    around.registered_twice: (ESTIMATOR,),
    around.exporter: (ESTIMATOR,),
}
DIFFERS: Dict[str, Dict[str, str]] = {
    "apply.converted-resource_variable": {
        "result": "in TensorFlow 2 a resource variable counts as a composite tensor"
    },
    "apply.iterator": {
        "values": "TensorFlow 2 colocates an iterator with its data, as a module's state may not be"
    },
    "creation.created-variable_in_cond": dict.fromkeys(
        ("as_it_is", "dropped"), "tf.cond builds functions in TensorFlow 2, not contexts"
    ),
}
_IN_FUNCTIONS = "a function's graph is one within which a module of the graph around it applies"


def _floats(*values: float) -> List[Any]:
    return [{"float32": value} for value in values]


IMPROVES: Dict[str, Dict[str, Change]] = {
    "apply.converted-resource_variable": {
        "result": Change(
            {
                "output": "module_apply_default/add:0 float32 [2, 2]",
                "value": {"float32": [[1.1, -0.87], [1.28, -0.6]]},
            },
            "a variable's value is taken in TensorFlow 2 as it is in 1.15",
        )
    },
    **{
        f"creation.signature_with_odd_name-{name}": {
            "result": Change(
                f"module_apply_{scope}/one:0 float32 []",
                "a signature is applied whatever its name, and not those alone that can be a scope",
            )
        }
        for name, scope in {"a b": "a_b", "a/b": "a_b", "ä": "_"}.items()
    },
    "graph.within_cond-2": {"values": Change([{"float32": 6.0}, _floats(2.0, 3.0)], _IN_FUNCTIONS)},
    "graph.within_while-2": {
        "values": Change([{"float32": 32.0}, _floats(32.0, 80.0)], _IN_FUNCTIONS)
    },
    "graph.looping_within_while-2": {
        "values": Change([{"float32": 64.0}, _floats(64.0, 192.0)], _IN_FUNCTIONS)
    },
    "graph.within_map-2": {"value": Change({"float32": [2.0, 4.0]}, _IN_FUNCTIONS)},
    "graph.within_cond_with_table-2": {"value": Change({"int64": [2]}, _IN_FUNCTIONS)},
    "graph.partitioned_within_while-2": {
        "values": Change([{"int32": 9}, {"float32": [[3.3, 2.85]]}], _IN_FUNCTIONS)
    },
    "graph.defined_function": {"value": Change(_floats(2.0, 4.0), _IN_FUNCTIONS)},
    "graph.dataset": {"values": Change(_floats(2.0, 4.0), _IN_FUNCTIONS)},
}


def cases(observe: Observe, **choices: Any) -> List[Scenario]:
    """One scenario for each combination of the choices."""
    return [
        _annotated(Scenario(observe, dict(zip(choices, combination))))
        for combination in itertools.product(*choices.values())
    ]


def case(observe: Observe) -> Scenario:
    return cases(observe)[0]


def _annotated(scenario: Scenario) -> Scenario:
    return replace(
        scenario,
        needs=NEEDS.get(scenario.observe, ()),
        differs=DIFFERS.get(scenario.id, {}),
        improves=IMPROVES.get(scenario.id, {}),
    )


BOTH = (False, True)
FLOWS = (1, 2)

SCENARIOS: Tuple[Scenario, ...] = (
    case(apply.scalar),
    *cases(apply.converted, value=apply.VALUES),
    *cases(apply.dtype, dtype=apply.TYPED),
    *cases(apply.signature, name=apply.INPUTS, as_dict=BOTH),
    case(apply.signature_names),
    case(apply.signature_unknown),
    case(apply.signature_default_absent),
    *cases(apply.misfit, inputs=apply.MISFITS),
    case(apply.sparse),
    case(apply.ragged),
    *cases(apply.shape, of=apply.SHAPES),
    case(apply.shape_narrowed),
    case(apply.several_times),
    case(apply.chained),
    case(apply.two_modules_of_one_spec),
    case(apply.wrong_graph),
    case(apply.input_is_unused),
    case(apply.input_is_inner_tensor),
    case(apply.placeholder_unfed),
    case(apply.random),
    case(apply.asserting),
    case(apply.python_function),
    case(apply.queue),
    case(apply.mutable_table),
    case(apply.table_of_application),
    case(apply.iterator),
    case(apply.eager),
    case(apply.function),
    case(apply.mapping),
    case(scopes.unique_names),
    *cases(scopes.scope, within=scopes.SCOPES),
    case(scopes.scope_reused_later),
    case(scopes.scope_after_variables),
    case(scopes.name_scope_taken),
    case(scopes.name_of_operation_taken),
    case(scopes.name_with_slash),
    case(state.from_something_else),
    *cases(state.filled, trainable=BOTH, tags=(set(), {"train"})),
    case(state.initial_values),
    case(state.initialized_again),
    case(state.initial_value_of_variable),
    case(state.monitored_session),
    case(state.variables_sorted),
    *cases(state.variable_dtype, dtype=state.HELD),
    *cases(state.variable_kind, use_resource=BOTH),
    case(state.variable_of_unknown_shape),
    case(state.variable_methods),
    case(state.variable_from_variable),
    case(state.variable_in_no_collection),
    case(state.no_variables),
    *cases(state.partitioned, use_resource=BOTH),
    case(state.partitioned_exported),
    case(state.partitioned_trained),
    case(assets.table),
    case(assets.tables_of_two_instances),
    case(assets.vocabulary),
    case(assets.asset),
    case(assets.assets_of_equal_names),
    case(assets.asset_shared_by_graphs),
    case(assets.asset_missing),
    case(state.restored_by_saver),
    *cases(state.initialized_from_checkpoint, partition=BOTH),
    case(state.graph_exported),
    case(state.frozen),
    case(state.two_graphs),
    *cases(training.gradients, trainable=BOTH),
    case(training.gradients_of_gradients),
    case(training.gradients_through_control_flow),
    case(training.gradient_customized),
    case(training.gradient_stopped),
    *cases(training.train_step, optimizer=("sgd", "momentum", "adagrad", "adam")),
    case(training.moving_average),
    case(training.train_step_frozen),
    *cases(training.regularization, trainable=BOTH),
    *cases(training.update_ops, trainable=BOTH),
    case(training.update_ops_in_scope),
    case(training.update_ops_without_inputs),
    case(training.fine_tuning),
    *cases(
        training.tags,
        chosen=(None, set(), {"train"}, ["train"], ["absent"], ["train", "more"]),
    ),
    case(training.tags_without_default),
    case(training.tags_with_other_signatures),
    case(training.tags_with_more_variables),
    *cases(training.layers, is_training=BOTH),
    *cases(graph.branching_inside, flow=FLOWS),
    *cases(graph.looping_inside, flow=FLOWS),
    *cases(graph.mapping_inside, flow=FLOWS),
    *cases(graph.module_of_other_flow, inside=FLOWS, outside=FLOWS),
    *cases(graph.within_cond, flow=FLOWS),
    *cases(graph.within_while, flow=FLOWS),
    *cases(graph.within_map, flow=FLOWS),
    *cases(graph.within_cond_with_table, flow=FLOWS),
    *cases(graph.updates_within_cond, flow=FLOWS),
    *cases(graph.partitioned_within_while, flow=FLOWS),
    *cases(graph.created_in_cond, flow=FLOWS),
    *cases(graph.looping_within_while, flow=FLOWS),
    *cases(graph.device, device=("none", "cpu", "job", "function")),
    *cases(graph.colocation, how=graph.COLOCATIONS),
    case(graph.colocation_ambiguous),
    case(graph.colocation_follows_device),
    *cases(graph.colocation_refused, how=("input", "state_with_input")),
    case(graph.control_dependencies),
    case(graph.wrapped_function),
    case(graph.defined_function),
    case(graph.dataset),
    case(graph.replicated_for_tpu),
    *cases(graph.strategy, kind=("default", "one_device", "mirrored")),
    *cases(graph.nested, trainable=BOTH),
    case(graph.nested_values),
    case(graph.nested_updates),
    case(graph.nested_table),
    case(graph.nested_twice),
    *cases(creation.created, of=creation.BUILT),
    case(creation.created_without_signature),
    case(creation.created_with_arguments),
    case(creation.created_in_fresh_graph),
    case(creation.created_from_outer_tensor),
    *cases(creation.signature_added, of=creation.ADDED),
    *cases(creation.signature_with_odd_name, name=("a:b", "a b", "a/b", "ä", "_a", "9")),
    case(creation.signature_outside_module_fn),
    case(creation.attached_messages),
    case(creation.attached_by_tags),
    case(creation.attached_twice),
    case(creation.attached_under),
    case(creation.attached_something_else),
    case(export.written),
    case(export.reloaded),
    case(export.reloaded_twice_with_assets),
    *cases(export.reloaded_composite, kind=("sparse", "ragged")),
    case(export.export_of_changed_values),
    case(export.export_refused),
    case(export.export_where_something_is),
    *cases(export.spec_exported, scope=("", "some/scope/")),
    case(export.spec_export_refused),
    *cases(
        export.spec_loaded,
        spoilt=("whole", "missing", "no_module_def", "no_saved_model", "empty_module_def",
                "format_unspecified", "format_4", "required_feature", "unknown_field",
                "spoilt_module_def", "spoilt_saved_model"),
    ),
    case(export.spec_loaded_by),
    case(export.operation_unknown),
    case(export.asset_outside),
    *cases(export.saved_model, use_resource=BOTH),
    *cases(export.saved_model_built, main_op=BOTH),
    case(export.saved_model_of_collections),
    case(export.evaluated),
    *cases(export.evaluated_with, kind=("sparse", "ragged", "table", "train_tag", "partitioned")),
    case(export.evaluated_unknown_tags),
    case(around.image_information),
    case(around.image_information_exported),
    *cases(around.text_column, trainable=BOTH),
    case(around.text_column_of_spec),
    case(around.text_column_refused),
    *cases(around.sparse_text_column, combiner=("sum", "mean", "sqrtn"), default=("", None)),
    case(around.image_column),
    case(around.columns_in_linear_model),
    case(around.registered_twice),
    case(around.exporter),
)  # fmt: skip


# Those that export and load: a module written by one library is read by the other.
INTERCHANGED: Tuple[Scenario, ...] = tuple(
    scenario
    for scenario in SCENARIOS
    if scenario.observe
    in (
        state.initial_values,
        state.no_variables,
        state.variable_dtype,
        state.variable_kind,
        state.partitioned_exported,
        state.partitioned_trained,
        assets.vocabulary,
        assets.assets_of_equal_names,
        assets.asset_shared_by_graphs,
        training.fine_tuning,
        training.train_step,
        training.tags_without_default,
        training.tags_with_more_variables,
        graph.looping_inside,
        graph.branching_inside,
        graph.nested,
        graph.nested_table,
        creation.attached_messages,
        export.written,
        export.reloaded,
        export.reloaded_twice_with_assets,
        export.reloaded_composite,
        export.saved_model,
        export.saved_model_built,
        export.spec_exported,
        export.evaluated,
    )
)


# How graphs come to be built, by what brings a process there. The TF1 column of the matrix
# has two such cases in TensorFlow 2: an explicit graph, and all of it without v2 behaviour.
MODES: Dict[str, Callable[[], Any]] = (
    {"tf1": lambda: None}
    if tf.__version__.startswith("1.")
    else {"graph": lambda: None, "compat": v1.disable_v2_behavior}
)


def observed(scenario: Scenario, hub: Any, folder: Path) -> Any:
    """The plain observations of one scenario, made in a fresh graph."""
    with tf.Graph().as_default():
        return plain(scenario.observe(hub, folder, **scenario.arguments))
