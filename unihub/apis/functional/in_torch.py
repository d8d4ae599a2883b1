"""Pure functions on tensors of PyTorch, whose memory TensorFlow reads where it is."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence, Set

import numpy as np
import tensorflow as tf
import torch

from unihub.apis.functional.arguments import seed_of
from unihub.apis.functional.errors import NotCompiled, OtherDevice
from unihub.apis.functional.pure import PureCall

# TensorFlow's kernels load from addresses that are multiples of this.
_ALIGNMENT = 64


@torch.compiler.disable  # type: ignore[untyped-decorator]
def called(function: PureCall, weights: Any, state: Any, inputs: Any, seed: Any) -> Any:
    """Calls a pure function, some of whose arguments are tensors of PyTorch; see `PureFunction`.

    Raises:
        NotCompiled: an input is text, or an output no dense tensor of numbers.
        OtherDevice: a tensor is where TensorFlow does not compute.
    """
    leaves = tf.nest.flatten(inputs)
    if any(isinstance(leaf, torch.Tensor) and leaf.is_meta for leaf in leaves):
        return _outputs_without_data(function, inputs), dict(state)
    given = _variables(function, function.needed(weights, state))
    leaves = [_tensor(function, leaf, inputs) for leaf in leaves]
    pair = seed_of(seed.cpu().numpy() if isinstance(seed, torch.Tensor) else seed, function.handle)
    found: Dict[str, Any] = {}

    def run(*tensors: Any) -> List[Any]:
        nest = tf.nest.pack_sequence_as(inputs, tensors[len(given) :])
        found["outputs"], found["after"] = function.run(dict(zip(given, tensors)), nest, pair)
        outputs = [each for each in tf.nest.flatten(found["outputs"]) if each is not None]
        return [*outputs, *found["after"].values()]

    for name in function.assigns:
        # Whoever takes the new state over may write it into the old one's memory.
        given[name] = given[name].clone()
    results = _Call.apply(run, function, torch.is_grad_enabled(), *given.values(), *leaves)
    count = len(results) - len(found["after"])
    after = dict(zip(found["after"], (each.detach() for each in results[count:])))
    rest = iter(results[:count])
    outputs = tf.nest.map_structure(
        lambda each: None if each is None else next(rest), found["outputs"]
    )
    return outputs, {name: after.get(name, value) for name, value in state.items()}


@torch.compiler.disable  # type: ignore[untyped-decorator]
def losses(function: PureCall, weights: Any, state: Any) -> List[Any]:
    """The regularization losses of weights that are tensors of PyTorch."""
    given = _variables(function, function.needed_by_losses(weights, state))
    if not function.has_losses:
        return []

    def run(*tensors: Any) -> List[Any]:
        return function.run_losses(dict(zip(given, tensors)))

    return list(_Call.apply(run, function, torch.is_grad_enabled(), *given.values()))


class _Call(torch.autograd.Function):  # type: ignore[misc]
    """A call of TensorFlow, whose tape computes the gradients; theirs are those of a call again."""

    @staticmethod
    def forward(
        ctx: Any, run: Callable[..., List[Any]], function: Any, recorded: bool, *given: Any
    ) -> Any:
        tensors = [_to_tensorflow(each) for each in given]
        needed = [recorded and needs for needs in ctx.needs_input_grad[3:]]
        ctx.needed = needed
        ctx.sources = [tensor for tensor, needs in zip(tensors, needed) if needs]
        if ctx.sources:
            ctx.run, ctx.function = run, function
            # So that PyTorch finds out when these are changed before the gradients are computed:
            # TensorFlow computes them with all that were given, in the same memory.
            ctx.save_for_backward(*given)
            with tf.GradientTape(persistent=True) as ctx.tape:
                ctx.tape.watch(ctx.sources)
                ctx.results = run(*tensors)
        else:
            ctx.results = run(*tensors)
        # Those that TensorFlow computes gradients with are not to be changed in place.
        results = tuple(_to_torch(function, each).clone() for each in ctx.results)
        ctx.mark_non_differentiable(*(each for each in results if not _is_float(each)))
        return results

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        if torch.is_grad_enabled():
            return (None, None, None, *_gradients_with_graph(ctx, upstream))
        held = {each.data_ptr() for each in (*ctx.saved_tensors, *upstream) if each is not None}
        pairs = [
            (result, _to_tensorflow(gradient))
            for result, gradient in zip(ctx.results, upstream)
            if gradient is not None and (result.dtype.is_floating or result.dtype.is_complex)
        ]
        found = ctx.tape.gradient(
            [result for result, _ in pairs],
            ctx.sources,
            output_gradients=[gradient for _, gradient in pairs],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        rest = iter(found)
        gradients = [_gradient(next(rest), held) if needs else None for needs in ctx.needed]
        return (None, None, None, *gradients)


def _gradients_with_graph(ctx: Any, upstream: Sequence[Any]) -> List[Any]:
    """The gradients as a call of their own, for `create_graph=True`."""
    given, call = ctx.saved_tensors, ctx.run
    which = [
        each is not None and (result.dtype.is_floating or result.dtype.is_complex)
        for each, result in zip(upstream, ctx.results)
    ]

    def run(*tensors: Any) -> List[Any]:
        arguments, gradients = tensors[: len(given)], tensors[len(given) :]
        sources = [each for each, needs in zip(arguments, ctx.needed) if needs]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            results = call(*arguments)
        found = tape.gradient(
            [each for each, is_given in zip(results, which) if is_given],
            sources,
            output_gradients=list(gradients),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return [tf.convert_to_tensor(each) for each in found]

    further = [each for each, is_given in zip(upstream, which) if is_given]
    found = iter(_Call.apply(run, ctx.function, True, *given, *further))
    return [next(found) if needs else None for needs in ctx.needed]


def _outputs_without_data(function: PureCall, inputs: Any) -> Any:
    """The outputs for tensors that have shapes alone, by which Keras builds models."""
    specs = tf.nest.map_structure(
        lambda leaf: tf.TensorSpec(leaf.shape, str(leaf.dtype).rpartition(".")[2]), inputs
    )

    def empty(spec: Any) -> Any:
        if spec is None:
            return None
        sizes = [1 if size is None else size for size in spec.shape]
        return torch.empty(sizes, dtype=getattr(torch, spec.dtype.name), device="meta")

    return tf.nest.map_structure(
        empty, function.trace(function.nest_of(specs, as_given=True)).outputs
    )


def _gradient(tensor: Any, held: Set[int]) -> Any:
    """A gradient in memory of its own: PyTorch adds to it and clips it in place."""
    found = _to_torch(None, tf.convert_to_tensor(tensor))
    if found.data_ptr() in held:
        found = found.clone()
    held.add(found.data_ptr())
    return found


def _variables(function: PureCall, needed: Dict[str, Any]) -> Dict[str, Any]:
    """Variables by name as tensors, in the dtypes that TensorFlow computes in."""
    given = {}
    for name, value in needed.items():
        given[name] = _tensor(function, value, value)
        dtype = getattr(torch, function.dtype_of(name).name, None)
        if dtype is not None:
            given[name] = given[name].to(dtype)
    return given


def _tensor(function: PureCall, value: Any, inputs: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        try:
            value = _of_array(value)
        except (TypeError, ValueError, RuntimeError):
            if not function.takes_text:
                function.refuse(inputs)
            kind = getattr(value, "dtype", type(value).__name__)
            raise NotCompiled(
                handle=function.handle, found=f"inputs of {kind}", backend="torch"
            ) from None
    if value.layout is not torch.strided or value.is_nested:
        kind = "a nested tensor" if value.is_nested else f"a tensor of the layout {value.layout}"
        raise NotCompiled(handle=function.handle, found=kind, backend="torch")
    if value.device.type != "cpu" and not _computes_on(value.device.type):
        raise OtherDevice(handle=function.handle, device=str(value.device), devices=_devices())
    return value


def _of_array(value: Any) -> Any:
    if not (isinstance(value, (np.ndarray, np.generic)) or tf.is_tensor(value)):
        return torch.as_tensor(value)
    # In memory of its own: others may write into an array before the gradients are computed.
    array = np.array(value, order="C")
    if array.dtype.name == "bfloat16":
        # NumPy has it by another package, of which PyTorch does not know.
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _devices() -> str:
    return ", ".join(sorted({each.device_type for each in tf.config.list_logical_devices()}))


def _computes_on(kind: str) -> bool:
    return kind == "cuda" and "GPU" in _devices()


def _to_tensorflow(value: Any) -> Any:
    # What PyTorch conjugates or negates only when it is read is not so in memory.
    value = value.detach().resolve_conj().resolve_neg()
    # Both share memory but for what they count differently.
    if value.numel() == 0:
        return tf.zeros(tuple(value.shape), tf.as_dtype(str(value.dtype).rpartition(".")[2]))
    if value.dtype == torch.bool:
        return tf.constant(value.cpu().numpy())
    value = value.contiguous()
    if value.data_ptr() % _ALIGNMENT:
        value = value.clone()
    return tf.experimental.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(value))


def _to_torch(function: Any, tensor: Any) -> Any:
    if not isinstance(tensor, tf.Tensor) or tensor.dtype in (tf.string, tf.variant):
        kind = getattr(tensor, "dtype", tf.string).name
        found = f"outputs that are {type(tensor).__name__} of {kind}"
        raise NotCompiled(handle=function.handle, found=found, backend="torch")
    if 0 in tensor.shape:
        return torch.empty(tuple(tensor.shape), dtype=getattr(torch, tensor.dtype.name))
    if tensor.dtype == tf.bool:
        return torch.from_numpy(np.array(tensor))
    return torch.utils.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(tensor))


def _is_float(tensor: Any) -> bool:
    return bool(tensor.is_floating_point() or tensor.is_complex())
