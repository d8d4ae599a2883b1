"""Inputs made up for a signature, on which the original runs."""

from __future__ import annotations

import itertools
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy as np
import tensorflow as tf

from unihub.conversion import errors
from unihub.conversion.functions import Structure
from unihub.conversion.variant import Variant
from unihub.errors import first_line, listed

Inputs = Dict[str, Any]

_BATCH = 3
# What unknown sizes other than the batch may be, the likeliest first: those of
# sequences and images, then of vectors whose size only the weights tell.
_LIKELY_SIZES = (2, 8, 32, 96, 224)
_SIZES = (*_LIKELY_SIZES, *range(1, 17), 20, 28, 50, 64, 100, 128, 256, 299, 300, 512, 768, 1024)
_MOST_ELEMENTS = 5_000_000
_TEXTS = ("the quick brown fox", "")
_PARSERS = ("ParseExample", "ParseExampleV2")


def example_inputs(
    variant: Variant, signature: str, handle: str, given: Optional[Mapping[str, Any]] = None
) -> Inputs:
    """Tensors by input name, on which the original runs.

    Args:
        variant: the graph for inference.
        signature: name of the signature.
        handle: for errors.
        given: the caller's own, in the place of made-up ones.

    Raises:
        NoExampleInputs: if it runs on none that were tried.
        WrongExampleInputs: if the caller's are not the signature's.
    """
    structure = Structure(variant.signatures[signature])
    example = "{" + ", ".join(f"{name!r}: ..." for name in structure.input_specs) + "}"
    facts = {"handle": handle, "signature": signature, "example": example}
    candidates: List[Tuple[str, Inputs]]
    if given is not None:
        if set(given) != set(structure.input_specs):
            accepted = listed(structure.input_specs)
            raise errors.WrongExampleInputs(given=listed(sorted(given)), accepted=accepted, **facts)
        try:
            candidates = [("those given", _converted(given, structure))]
        except (TypeError, ValueError) as error:
            shown = f"no tensors: {first_line(error)}"
            accepted = listed(f"{name}: {spec}" for name, spec in structure.input_specs.items())
            raise errors.WrongExampleInputs(given=shown, accepted=accepted, **facts) from error
    else:
        candidates = list(_candidates(structure, variant))
    reason = tried = ""
    for shapes, inputs in candidates:
        tried = shapes
        try:
            variant.original.run(structure.outputs, variant.original.feeds(signature, inputs))
        except (tf.errors.OpError, ValueError) as error:
            reason = _reason(error)
            continue
        return inputs
    raise errors.NoExampleInputs(reason=reason, tried=tried, **facts)


def _converted(given: Mapping[str, Any], structure: Structure) -> Inputs:
    composite = (tf.SparseTensor, tf.RaggedTensor)
    return {
        name: value if isinstance(value, composite) else tf.convert_to_tensor(value, spec.dtype)
        for name, value in given.items()
        for spec in [structure.input_specs[name]]
    }


def _candidates(structure: Structure, variant: Variant) -> Iterator[Tuple[str, Inputs]]:
    strings = any(spec.dtype == tf.string for spec in _specs(structure))
    texts: List[Any] = list(_TEXTS) if strings else [""]
    if strings:
        parsed = _serialized_example(variant)
        texts = [parsed, *texts] if parsed else texts
    # What tells no rank is a batch, or a number that says how: keep_prob.
    is_open = any(spec.shape.rank is None for spec in _specs(structure))
    for text, rank in itertools.product(texts, (1, 0) if is_open else (1,)):
        specs = {name: _ranked(spec, rank) for name, spec in structure.input_specs.items()}
        for size in _SIZES:
            if any(_elements(spec, size) > _MOST_ELEMENTS for spec in specs.values()):
                continue
            random = np.random.RandomState(0)
            inputs = {name: _value(spec, size, text, random) for name, spec in specs.items()}
            shapes = {name: tuple(value.shape.as_list()) for name, value in inputs.items()}
            yield f"shapes {shapes}", inputs


def _ranked(spec: Any, rank: int) -> Any:
    """A dense spec of any shape as one of that many axes."""
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is not None:
        return spec
    return tf.TensorSpec([None] * rank, spec.dtype)


def _value(spec: Any, size: int, text: Any, random: np.random.RandomState) -> Any:
    if isinstance(spec, tf.SparseTensorSpec):
        dense = _dense(spec, size, text, random)
        if spec.dtype != tf.string:
            dense = tf.where(tf.random.stateless_uniform(dense.shape, [1, 2]) < 0.7, dense, 0)
        return tf.sparse.from_dense(dense)
    if isinstance(spec, tf.RaggedTensorSpec):
        dense = _dense(spec, max(size, 2), text, random)
        shape = dense.shape.as_list()
        # Rows of different lengths, where the lengths are free.
        lengths = [shape[1] - (row % 2) for row in range(shape[0])]
        dtype = getattr(spec, "row_splits_dtype", tf.int64)
        return tf.RaggedTensor.from_tensor(dense, lengths=lengths, row_splits_dtype=dtype)
    return _dense(spec, size, text, random)


def _dense(spec: Any, size: int, text: Any, random: np.random.RandomState) -> Any:
    shape, dtype = _shape(spec, size), spec.dtype
    if dtype == tf.string:
        return tf.fill(shape, text)
    if dtype == tf.bool:
        return tf.constant(random.rand(*shape) < 0.5)
    if dtype.is_integer:
        # Small enough for any vocabulary.
        return tf.cast(random.randint(0, 2, size=shape), dtype)
    return tf.cast(random.uniform(0, 1, size=shape), dtype)


def _shape(spec: Any, size: int) -> List[int]:
    known = [None] * (1 + getattr(spec, "ragged_rank", 0))
    if spec.shape.rank is not None:
        known = spec.shape.as_list()
    return [
        (_BATCH if axis == 0 else size) if one is None else one for axis, one in enumerate(known)
    ]


def _elements(spec: Any, size: int) -> int:
    return int(np.prod(_shape(spec, size), dtype=np.int64))


def _specs(structure: Structure) -> List[Any]:
    return list(structure.input_specs.values())


def _reason(error: Exception) -> str:
    """TensorFlow's words on an op, without where it was built."""
    lines = str(error).strip().splitlines()
    places = [place for place, line in enumerate(lines) if "[[{{node" in line]
    return lines[places[0] - 1] if places and places[0] else first_line(error)


def _serialized_example(variant: Variant) -> Optional[bytes]:
    """A tf.train.Example with the dense features that the graph parses, if it does."""
    for op in variant.original.graph.get_operations():
        if op.type in _PARSERS:
            return _example_for(variant, op)
    return None


def _example_for(variant: Variant, op: Any) -> bytes:
    if op.type == "ParseExampleV2":
        keys = variant.original.run(op.inputs[3])
    else:
        sparse, dense = op.get_attr("Nsparse"), op.get_attr("Ndense")
        keys = variant.original.run(list(op.inputs)[2 + sparse : 2 + sparse + dense])
    features = {}
    for key, dtype, proto in zip(keys, op.get_attr("Tdense"), op.get_attr("dense_shapes")):
        sizes = tf.TensorShape(proto).as_list() if proto is not None else []
        count = int(np.prod([1 if size is None else size for size in sizes]))
        name = tf.compat.as_str_any(key if isinstance(key, bytes) else np.asarray(key).item())
        features[name] = _feature(tf.as_dtype(dtype), count)
    proto = tf.train.Example(features=tf.train.Features(feature=features))
    serialized: bytes = proto.SerializeToString()
    return serialized


def _feature(dtype: Any, count: int) -> Any:
    if dtype == tf.string:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"fox"] * count))
    if dtype.is_integer:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[1] * count))
    return tf.train.Feature(float_list=tf.train.FloatList(value=np.linspace(0, 1, count)))
