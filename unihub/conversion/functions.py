"""Functions of TF2 made of parts of the original's graph."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import tensorflow as tf

from unihub.apis.module.tensors import component_names, infos_of
from unihub.conversion import compat, errors
from unihub.conversion.part import Part, Place
from unihub.conversion.state import Binding
from unihub.errors import listed

_V1 = tf.compat.v1

_V1_CONTROL_FLOW = frozenset(
    f"{prefix}{op}"
    for prefix in ("", "Ref")
    for op in ("Switch", "Merge", "Enter", "Exit", "NextIteration")
)

Specs = Dict[str, Any]


class Structure:
    """The inputs and outputs of a signature, and the tensors they are made of.

    Attributes:
        input_specs, output_specs: tf.TypeSpec by name, in alphabetical order.
        inputs, outputs: names of the tensors in the original's graph.
    """

    def __init__(self, definition: Any) -> None:
        self.input_specs, self.inputs = _flattened(definition.inputs)
        self.output_specs, self.outputs = _flattened(definition.outputs)

    @property
    def argument(self) -> Any:
        """The spec of the function's argument: of the sole input, or a dict of them."""
        specs = {name: _named(spec, name) for name, spec in self.input_specs.items()}
        return next(iter(specs.values())) if len(specs) == 1 else specs

    def tensors(self, argument: Any) -> List[Any]:
        """The tensors that an argument consists of, in the order of ``inputs``."""
        named = {next(iter(self.input_specs)): argument} if len(self.input_specs) == 1 else argument
        return self.components(named)

    def components(self, inputs: Mapping[str, Any]) -> List[Any]:
        """The tensors that inputs by name consist of."""
        ordered = [inputs[name] for name in self.input_specs]
        tensors: List[Any] = tf.nest.flatten(ordered, expand_composites=True)
        return tensors

    def result(self, tensors: Sequence[Any]) -> Any:
        """Returns the sole output, or a dict of them."""
        outputs = self.outputs_by_name(tensors)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def outputs_by_name(self, tensors: Sequence[Any]) -> Dict[str, Any]:
        """The outputs put together again."""
        outputs: Dict[str, Any] = tf.nest.pack_sequence_as(
            self.output_specs, list(tensors), expand_composites=True
        )
        return outputs


def trace(part: Part, bindings: Mapping[str, Binding], specs: Sequence[Any]) -> Any:
    """A function that runs a part of the original's graph, and no more of it.

    The order of its ops is that of TF1: what the graph's edges say.

    Args:
        part: what to run.
        bindings: from the names of state nodes to what stands for them.
        specs: TensorSpecs of the part's inputs.

    Returns:
        A ConcreteFunction from tensors to a list of tensors.
    """

    def body(*arguments: Any) -> List[Any]:
        graph = _V1.get_default_graph()
        given = dict(zip(part.inputs, arguments))
        given.update((f"{name}:0", bind(graph)) for name, bind in bindings.items())
        used = {
            name if ":" in name else f"{name}:0"
            for node in part.graph_def.node
            for name in node.input
        }
        wanted = [name for name in part.outputs if name not in given]
        imported = tf.graph_util.import_graph_def(
            part.graph_def,
            input_map={name: tensor for name, tensor in given.items() if name in used},
            return_elements=[*wanted, *part.control_outputs],
            name="",
        )
        given.update(zip(wanted, imported or ()))
        with tf.control_dependencies((imported or [])[len(wanted) :]):
            return [tf.identity(given[name]) for name in part.outputs]

    return _V1.wrap_function(body, list(specs))


def callable_of(
    structure: Structure, inference: Callable[..., Any], training: Callable[..., Any]
) -> Any:
    """A tf.function ``call(inputs, training=False)``, traced in both modes."""

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def call(inputs: Any, training: bool = False) -> Any:
        function = training_function if training else inference
        return structure.result(function(*structure.tensors(inputs)))

    training_function = training
    for mode in (True, False):
        call.get_concrete_function(structure.argument, training=mode)
    return call


def signature_of(structure: Structure, inference: Callable[..., Any]) -> Any:
    """The ConcreteFunction of a SavedModel signature: tensors by name in, a dict out.

    A SparseTensor goes in as three tensors and a RaggedTensor as its
    components, under the names that tf.saved_model.load gives them.
    """
    names = _component_names(structure.input_specs)
    flat = tensor_specs(structure)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def signature(**tensors: Any) -> Dict[str, Any]:
        outputs = inference(*[tensors[name] for name in names])
        return structure.outputs_by_name(outputs)

    specs = {name: tf.TensorSpec(one.shape, one.dtype, name) for name, one in zip(names, flat)}
    return signature.get_concrete_function(**specs)


def loss_of(function: Callable[..., Any], place: int) -> Any:
    """A tf.function without arguments that gives one of a function's outputs."""

    @tf.function(autograph=False, input_signature=[])  # type: ignore[untyped-decorator]
    def regularization_loss() -> Any:
        return function()[place]

    return regularization_loss


def component_names_of(structure: Structure) -> List[str]:
    """The names under which a signature takes the tensors of its inputs."""
    return _component_names(structure.input_specs)


def tensor_specs(structure: Structure) -> List[Any]:
    """The TensorSpecs of the tensors that the inputs consist of."""
    specs = list(structure.input_specs.values())
    return list(tf.nest.flatten(specs, expand_composites=True))


def check_differentiable(function: Any, place: Place) -> None:
    """Raises for what TensorFlow could not differentiate, once it is asked to.

    Raises:
        V1ControlFlow: for conds and loops of TF1 between inputs and outputs.
        NoGradient: for an op without a gradient there.
    """
    ops = _between(function.graph)
    control_flow = [f"{op.name} ({op.type})" for op in ops if op.type in _V1_CONTROL_FLOW]
    if control_flow:
        raise errors.V1ControlFlow(
            handle=place.handle, signature=place.signature, ops=listed(sorted(control_flow))
        )
    functions = [one.signature.name for one in function.graph.as_graph_def().library.function]
    missing = [op for op in ops if not compat.has_gradient(op, functions)]
    if missing:
        shown = listed(f"{op.name} ({op.type})" for op in missing)
        raise errors.NoGradient(
            version=tf.__version__,
            handle=place.handle,
            signature=place.signature,
            reason=f"there is no gradient of {shown}.",
        )


def _between(graph: Any) -> List[Any]:
    """The ops on differentiable ways from a function's inputs to its outputs."""
    after = _walk(
        [tensor for tensor in graph.inputs if _is_differentiable(tensor)],
        lambda tensor: [
            output
            for op in tensor.consumers()
            for output in op.outputs
            if _is_differentiable(output)
        ],
    )
    before = _walk(
        [tensor for tensor in graph.outputs if _is_differentiable(tensor)],
        lambda tensor: [one for one in tensor.op.inputs if _is_differentiable(one)],
    )
    both = after & before
    return [op for op in graph.get_operations() if any(o.ref() in both for o in op.outputs)]


def _walk(start: Sequence[Any], following: Callable[[Any], List[Any]]) -> Any:
    todo, found = list(start), set()
    while todo:
        tensor = todo.pop()
        if tensor.ref() not in found:
            found.add(tensor.ref())
            todo += following(tensor)
    return found


def _is_differentiable(tensor: Any) -> bool:
    dtype = tensor.dtype.base_dtype
    return dtype.is_floating or dtype.is_complex or dtype in (tf.resource, tf.variant)


def _flattened(protos: Mapping[str, Any]) -> Tuple[Specs, List[str]]:
    infos = infos_of(protos)
    names = sorted(infos)
    specs = {name: infos[name].type_spec for name in names}
    return specs, [one for name in names for one in component_names(protos[name])]


def _named(spec: Any, name: str) -> Any:
    if isinstance(spec, tf.TensorSpec):
        return tf.TensorSpec(spec.shape, spec.dtype, name=identifier(name))
    return spec


def identifier(name: str) -> str:
    """A name as an argument of a function may have it."""
    text = "".join(one if one.isalnum() or one == "_" else "_" for one in name)
    return text if text.isidentifier() else f"_{text}"


def _component_names(specs: Specs) -> List[str]:
    names: List[str] = []
    for name, spec in specs.items():
        name = identifier(name)
        if isinstance(spec, tf.TensorSpec):
            names.append(name)
        elif isinstance(spec, tf.SparseTensorSpec):
            names += [f"{name}_{part}" for part in ("indices", "values", "dense_shape")]
        else:
            count = len(tf.nest.flatten(spec, expand_composites=True))
            names += [f"{name}_component_{place}" for place in range(count)]
    return names
