"""Pure functions on arrays of JAX: under jit, grad and vmap."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterable, List, Sequence, Tuple

import jax
import numpy as np
import tensorflow as tf
from jax.custom_batching import sequential_vmap
from jax.experimental import jax2tf

from unihub.apis.functional.arguments import integers
from unihub.apis.functional.errors import CutTo32Bits, NotCompiled, WrongSeed
from unihub.apis.functional.pure import Lifted, PureCall
from unihub.errors import listed

_FLOAT0 = jax.dtypes.float0
_WITHOUT_KERNEL = re.compile(r"(\w+) \(No registered")
# Of which JAX keeps half by default.
_WIDE = ("int64", "uint64", "float64", "complex128")


def called(function: PureCall, weights: Any, state: Any, inputs: Any, seed: Any) -> Any:
    """Calls a pure function, some of whose arguments are arrays of JAX; see `PureFunction`.

    Raises:
        NotCompiled: XLA compiles nothing of the kind.
        CutTo32Bits: it reads a variable of 64 bits, which JAX was not told to keep.
    """
    given = function.needed(weights, state)
    arrays = tf.nest.map_structure(lambda leaf: _array(function, leaf, inputs), inputs)
    nest = function.nest_of(tf.nest.map_structure(_spec, arrays))
    lifted = function.trace(nest)
    names = sorted(slot.name for slot in lifted.effects.read)
    check_bits(function, names)
    changed = [slot.name for slot in lifted.effects.changed()]
    flat = [jax.numpy.asarray(given[name]) for name in names]
    flat += [*tf.nest.flatten(arrays), _seed(function, seed)]
    results = _compiled(function, lifted, nest, names, flat)(*flat)
    count = len(results) - len(changed)
    after = dict(zip(changed, results[count:]))
    rest = iter(results[:count])
    outputs = tf.nest.map_structure(
        lambda leaf: None if leaf is None else next(rest), lifted.outputs
    )
    return outputs, {name: after.get(name, value) for name, value in state.items()}


def check_bits(function: PureCall, names: Iterable[str]) -> None:
    """Raises CutTo32Bits where variables have more bits than JAX keeps of them."""
    if jax.config.jax_enable_x64:
        return
    for name in names:
        dtype = function.dtype_of(name).name
        if dtype in _WIDE:
            raise CutTo32Bits(handle=function.handle, name=f"the variable {name!r}", dtype=dtype)


def losses(function: PureCall, weights: Any, state: Any) -> List[Any]:
    """The regularization losses of weights that are arrays of JAX."""
    given = function.needed_by_losses(weights, state)
    names = sorted(given)
    check_bits(function, names)

    def in_tensorflow(*values: Any) -> List[Any]:
        return function.losses_of(_cast(function, names, values))

    if not function.has_losses:
        return []
    run = function.cached("losses in JAX", lambda: _differentiable(tf_function(in_tensorflow)))
    return list(run(*(jax.numpy.asarray(given[name]) for name in names)))


def tf_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """As a tf.function, so that it runs as a graph outside of jit as well."""
    return tf.function(function, autograph=False)  # type: ignore[no-any-return]


def _compiled(
    function: PureCall, lifted: Lifted, nest: Any, names: Sequence[str], flat: Sequence[Any]
) -> Callable[..., Any]:
    shapes = tuple((array.shape, str(array.dtype)) for array in flat)

    def in_tensorflow(*values: Any) -> List[Any]:
        given, rest = values[: len(names)], values[len(names) : -1]
        leaves = map(tf.cast, rest, (spec.dtype for spec in tf.nest.flatten(nest)))
        inputs = tf.nest.pack_sequence_as(nest, list(leaves))
        seed = tf.cast(values[-1], tf.int64)
        outputs, after = function.traced(nest, _cast(function, names, given), inputs, seed)
        results = [leaf for leaf in tf.nest.flatten(outputs) if leaf is not None]
        return [*results, *after.values()]

    def made() -> Callable[..., Any]:
        run = tf_function(in_tensorflow)
        _check(function, lifted, run, flat)
        return _differentiable(run)

    return function.cached((repr(nest), shapes), made)  # type: ignore[no-any-return]


def _check(function: PureCall, lifted: Lifted, run: Any, flat: Sequence[Any]) -> None:
    """Raises NotCompiled for what XLA does not compile, before JAX meets it."""
    found = sorted(lifted.uncompiled())
    leaves = [leaf for leaf in tf.nest.flatten(lifted.outputs) if leaf is not None]
    found += [type(leaf).__name__ for leaf in leaves if not _is_dense(leaf)]
    shapes = [tensor.shape for tensor in run.get_concrete_function(*map(_spec, flat)).outputs]
    if not all(shape.is_fully_defined() for shape in shapes):
        found.append("outputs whose shape depends on numbers")
    if found:
        raise NotCompiled(handle=function.handle, found=listed(found), backend="jax")
    try:
        compiled = tf.function(run, autograph=False, jit_compile=True)
        compiled.experimental_get_compiler_ir(*map(_spec, flat))(stage="hlo_serialized")
    except (ValueError, tf.errors.OpError) as error:
        reason = str(error).strip().partition("\n")[0]
        without = sorted(set(_WITHOUT_KERNEL.findall(str(error))))
        if without:
            reason = f"{', '.join(without)}, of which XLA has no kernel"
        raise NotCompiled(handle=function.handle, found=reason, backend="jax") from error


def _is_dense(leaf: Any) -> bool:
    return isinstance(leaf, (tf.Tensor, tf.TensorSpec))


def _differentiable(run: Callable[..., Any]) -> Callable[..., Any]:
    """A function of TensorFlow for JAX, with its gradient; each again for gradients of it.

    jax2tf.call_tf has one as well, but nothing for vmap, which here calls it in turn.
    """
    forward = sequential_vmap(jax2tf.call_tf(run, has_side_effects=False))

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def call(*arguments: Any) -> Any:
        return forward(*arguments)

    def fwd(*arguments: Any) -> Tuple[Any, Any]:
        # By itself, so that it has a gradient, too.
        return call(*arguments), arguments

    def bwd(arguments: Sequence[Any], upstream: Sequence[Any]) -> Tuple[Any, ...]:
        given = [each for each in upstream if each.dtype != _FLOAT0]
        which = tuple(each.dtype != _FLOAT0 for each in upstream)
        floats = [_is_float(each) for each in arguments]
        if which not in backward:
            backward[which] = _differentiable(_gradient(run, floats, which))
        found = iter(backward[which](*arguments, *given))
        return tuple(
            next(found) if is_float else np.zeros(each.shape, _FLOAT0)
            for each, is_float in zip(arguments, floats)
        )

    backward: Dict[Any, Any] = {}
    call.defvjp(fwd, bwd)
    return call  # type: ignore[no-any-return]


def _gradient(run: Any, floats: Sequence[bool], which: Sequence[bool]) -> Callable[..., Any]:
    def gradient(*values: Any) -> List[Any]:
        arguments, upstream = values[: len(floats)], values[len(floats) :]
        sources = [each for each, is_float in zip(arguments, floats) if is_float]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            results = run(*arguments)
        results = [each for each, is_given in zip(results, which) if is_given]
        found = tape.gradient(
            results, sources, list(upstream), unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        found = [tf.convert_to_tensor(each) for each in found]
        for each, source in zip(found, sources):
            # Of rows that are looked up in a table TensorFlow forgets how many there are.
            each.set_shape(source.shape)
        return found

    return tf_function(gradient)


def _cast(function: PureCall, names: Sequence[str], values: Sequence[Any]) -> Dict[str, Any]:
    # JAX has no 64 bits by default.
    return {name: tf.cast(v, function.dtype_of(name)) for name, v in zip(names, values)}


def _is_float(array: Any) -> bool:
    return bool(jax.numpy.issubdtype(array.dtype, jax.numpy.inexact))


def _array(function: PureCall, leaf: Any, inputs: Any) -> Any:
    sizes = [size for size in getattr(leaf, "shape", ()) if not hasattr(size, "__index__")]
    if sizes:
        raise NotCompiled(
            handle=function.handle, found=f"inputs of the open size {sizes[0]}", backend="jax"
        )
    dtype = getattr(leaf, "dtype", type(leaf).__name__)
    kind = getattr(dtype, "name", dtype)
    try:
        array = jax.numpy.asarray(leaf)
    except OverflowError:
        array, kind = None, "int64"
    except (TypeError, ValueError, RuntimeError):
        if not function.takes_text:
            function.refuse(inputs)
        raise NotCompiled(
            handle=function.handle, found=f"inputs of {kind}", backend="jax"
        ) from None
    # Those within jit have been cut by JAX before.
    is_whole = array is not None and (array.dtype.name == kind or kind not in _WIDE[:2])
    if not is_whole and not np.array_equal(array, np.asarray(leaf)):
        raise CutTo32Bits(handle=function.handle, name="an input", dtype=kind)
    return array


def _spec(array: Any) -> Any:
    return tf.TensorSpec(array.shape, tf.as_dtype(array.dtype))


def _seed(function: PureCall, seed: Any) -> Any:
    if hasattr(seed, "dtype") and jax.dtypes.issubdtype(seed.dtype, jax.dtypes.prng_key):
        seed = jax.random.key_data(seed)
    bits = 64 if jax.config.jax_enable_x64 else 32
    given = seed if isinstance(seed, jax.Array) else integers(seed)
    is_kept = given is not None and jax.numpy.issubdtype(given.dtype, np.integer)
    if is_kept and isinstance(given, np.ndarray) and bits == 32:
        is_kept = np.array_equal(given, given.astype(np.int32))
    if not is_kept or given.size not in (1, 2):
        raise WrongSeed(found=repr(seed), handle=function.handle, bits=bits)
    given = jax.numpy.asarray(given)
    given = given.ravel()
    if given.dtype == np.uint32:
        given = jax.lax.bitcast_convert_type(given, np.int32)
    return given if given.size == 2 else jax.numpy.pad(given, (1, 0))
