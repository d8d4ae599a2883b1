"""A Keras layer or model as an object with the Reusable SavedModel interface, to be saved.

Keras 3 writes a SavedModel by model.export alone, and that for inference; a KerasLayer of
any Keras writes none before it was called.

Source: https://www.tensorflow.org/hub/reusable_saved_models.
"""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import tensorflow as tf

from unihub.apis import traces
from unihub.apis.keras.layer import CommonLayer

# What tf.saved_model.load gives has it for a base.
_TRACKABLE = next(base for base in tf.Module.__mro__ if base.__name__ == "AutoTrackable")


class ReusableModel(tf.Module):
    """The object that is saved. Its attributes are those of the interface.

    Attributes:
        left_out: how many losses of the layer are none of them.
    """

    left_out: int = 0
    variables: Any = None
    trainable_variables: Any = None


def is_keras_3(target: Any) -> bool:
    """Whether an object is a layer or model of Keras 3."""
    keras = sys.modules.get("keras")
    version = getattr(keras, "__version__", "2")
    return version[0] != "2" and isinstance(target, keras.Layer)  # type: ignore[union-attr]


def reusable(layer: Any) -> Optional[Tuple[ReusableModel, Dict[str, Any]]]:
    """Makes the object to save for a KerasLayer, or for a layer or model of Keras 3.

    Returns:
        The object and its signatures; None when the layer does not tell what it takes.
    """
    nests = _accepted(layer)
    if not nests:
        return None
    root = ReusableModel()
    root.variables = _values(layer.variables)
    root.trainable_variables = _values(layer.trainable_variables)
    root.regularization_losses = [
        tf.function(loss, input_signature=[], autograph=False) for loss in _losses(layer)
    ]
    root.resources = list(_resources(layer))

    counts = [0]

    def call(inputs: Any, training: bool = False) -> Any:
        outputs = layer(inputs, training=training)
        # Those of the inputs are there while it is traced.
        counts.append(len(layer.losses))
        return outputs

    root.__call__ = tf.function(call, autograph=False)
    traces = [
        root.__call__.get_concrete_function(nest, training=training)
        for nest in nests
        for training in (True, False)
    ]
    known = {id(variable) for variable in root.variables}
    used = {id(variable): variable for trace in traces for variable in trace.graph.variables}
    # The states of recurrent layers are not among what Keras 3 lists.
    root.variables += [variable for key, variable in used.items() if key not in known]
    root.left_out = max(counts) - len(root.regularization_losses)
    return root, _signatures(root.__call__, nests[0])


def _accepted(layer: Any) -> List[Any]:
    """The nests of TypeSpec that a layer takes; none when it does not tell."""
    if not isinstance(layer, CommonLayer):
        nest = _accepted_by_keras_3(layer)
        return [] if nest is None else [nest]
    found: Dict[str, Any] = {}
    for nest in traces.accepted_inputs(layer._callable):  # type: ignore[attr-defined]
        if layer._signature and len(nest) == 1:  # type: ignore[attr-defined]
            (nest,) = nest.values()
        found.setdefault(repr(nest), nest)
    return list(found.values())


def _accepted_by_keras_3(layer: Any) -> Any:
    inputs = getattr(layer, "inputs", None)
    if inputs:
        # That of a Sequential is what its first layer takes.
        inputs = inputs[0] if len(inputs) == 1 else layer.input
        return tf.nest.map_structure(_spec_of_keras_tensor, inputs)
    shapes = list((layer._build_shapes_dict or {}).values())
    if len(shapes) != 1 or not layer.built:
        return None
    return _specs_of_shapes(shapes[0], layer.input_dtype)


def _spec_of_keras_tensor(tensor: Any) -> Any:
    shape, dtype = (None, *tensor.shape[1:]), tensor.dtype
    if tensor.sparse:
        return tf.SparseTensorSpec(shape, dtype)
    if getattr(tensor, "ragged", False):
        return tf.RaggedTensorSpec(shape, dtype)
    return tf.TensorSpec(shape, dtype, name=tensor.name)


def _specs_of_shapes(shapes: Any, dtype: str) -> Any:
    if isinstance(shapes, dict):
        return {name: _specs_of_shapes(shape, dtype) for name, shape in shapes.items()}
    if all(size is None or isinstance(size, int) for size in shapes):
        return tf.TensorSpec((None, *shapes[1:]), dtype)
    return [_specs_of_shapes(shape, dtype) for shape in shapes]


def _values(variables: Sequence[Any]) -> List[tf.Variable]:
    """The variables of TensorFlow; those of Keras 3 hold one each."""
    return [v if isinstance(v, tf.Variable) else v.value for v in variables]


def _layers(layer: Any) -> List[Any]:
    return layer._flatten_layers() if is_keras_3(layer) else [layer]


def _losses(layer: Any) -> Iterator[Callable[[], Any]]:
    if is_keras_3(layer):
        for variable in layer.trainable_variables:
            if variable.regularizer is not None:
                yield functools.partial(variable.regularizer, variable)
    for part in _layers(layer):
        if isinstance(part, CommonLayer) and part.trainable:  # type: ignore[attr-defined]
            yield from getattr(part._func, "regularization_losses", ())  # type: ignore[attr-defined]


def _resources(layer: Any) -> Iterator[Any]:
    """The belongings of a model beside its variables: tables, files, loaded objects."""
    for part in _layers(layer):
        loaded = part._func if isinstance(part, CommonLayer) else None  # type: ignore[attr-defined]
        if isinstance(loaded, _TRACKABLE):
            yield loaded
    if is_keras_3(layer):
        kinds = (tf.saved_model.Asset, tf.saved_model.experimental.TrackableResource)
        for child in tf.train.TrackableView(layer).descendants():
            if isinstance(child, kinds):
                yield child


def _signatures(call: Any, nest: Any) -> Dict[str, Any]:
    """The call as a signature, where its inputs and outputs are tensors."""
    outputs = call.get_concrete_function(nest, training=False).structured_outputs
    leaves = [*tf.nest.flatten(nest), *tf.nest.flatten(outputs)]
    if not all(isinstance(leaf, (tf.TensorSpec, tf.Tensor)) for leaf in leaves):
        return {}
    specs = dict(zip(_names(nest), tf.nest.flatten(nest)))

    def serve(**inputs: Any) -> Dict[str, Any]:
        packed = tf.nest.pack_sequence_as(nest, [inputs[name] for name in specs])
        outputs = call(packed, training=False)
        if isinstance(outputs, dict) and not any(map(tf.nest.is_nested, outputs.values())):
            return outputs
        return {f"output_{i}": output for i, output in enumerate(tf.nest.flatten(outputs))}

    named = {name: tf.TensorSpec(s.shape, s.dtype, name=name) for name, s in specs.items()}
    return {"serving_default": tf.function(serve, autograph=False).get_concrete_function(**named)}


def _names(nest: Any) -> List[str]:
    """A name for each input: its key, else the one that it bears."""
    leaves = tf.nest.flatten(nest)
    if isinstance(nest, dict) and not any(map(tf.nest.is_nested, nest.values())):
        return sorted(nest)
    names = [leaf.name or "inputs" for leaf in leaves]
    return names if len(set(names)) == len(names) else [f"input_{i}" for i in range(len(names))]
