"""Tensors as signatures describe them, and tensors made to fit them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

import tensorflow as tf

from unihub.apis.exact import inexact
from unihub.apis.fitting import reshaped
from unihub.apis.input_lines import Call, is_name, made_up
from unihub.apis.module import compat
from unihub.apis.module.errors import TensorInfoMalformed
from unihub.errors import UnihubError, listed

# Any composite tensor can be described; these are the ones that are tried.
SUPPORTED_TYPES = (tf.Tensor, tf.SparseTensor, tf.RaggedTensor)

# Taken as they are: tf.convert_to_tensor would refuse them or make them dense.
_COMPOSITE_TYPES = (tf.SparseTensor, tf.RaggedTensor, tf.IndexedSlices)


class InputsDiffer(UnihubError, TypeError):
    """The inputs given are not the ones that the signature names."""

    code = "module-inputs-differ"
    what = "the inputs of the signature {signature} are {expected}, but {given} given."
    why = "{reason}"
    do = "m({call}signature={signature})"


class InputNotAccepted(UnihubError, TypeError, ValueError):
    """An input has another type, dtype or shape than the signature's."""

    code = "module-input-not-accepted"
    what = "the input {name} of the signature {signature} cannot be {got}."
    why = "the signature expects {expected}.{cause}"
    do = "{hint}"


class TypeNotSupported(UnihubError, ValueError):
    """A signature takes or returns a kind of tensor that Module does not handle."""

    code = "module-type-not-supported"
    what = "the signature {signature} has the {role} {name} of type {kind}."
    why = "a Module handles Tensor, SparseTensor and RaggedTensor. (found: {kind})"
    do = "use another signature of the module, out of: m.get_signature_names()"


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature, before there is a tensor.

    Attributes:
        type_spec: the tf.TypeSpec of the tensor.
    """

    type_spec: Any

    @property
    def dtype(self) -> tf.DType:
        return compat.spec_dtype(self.type_spec)

    def get_shape(self) -> tf.TensorShape:
        return compat.spec_shape(self.type_spec)

    @property
    def is_sparse(self) -> bool:
        return isinstance(self.type_spec, tf.SparseTensorSpec)

    @property
    def is_composite(self) -> bool:
        """Whether it is made of several tensors, as a SparseTensor is."""
        return not isinstance(self.type_spec, tf.TensorSpec)

    @property
    def is_supported_type(self) -> bool:
        return issubclass(self.type_spec.value_type, SUPPORTED_TYPES)


def infos_of(protos: Mapping[str, Any]) -> Dict[str, TensorInfo]:
    """The TensorInfo of each entry of a SignatureDef's inputs or outputs."""
    return {name: TensorInfo(_type_spec(proto)) for name, proto in protos.items()}


def component_names(proto: Any) -> List[str]:
    """The names of the tensors that a TensorInfo message is made of.

    The order is that of tf.nest.flatten(tensor, expand_composites=True).
    """
    encoding = proto.WhichOneof("encoding")
    if encoding == "name":
        return [proto.name]
    if encoding == "coo_sparse":
        sparse = proto.coo_sparse
        return [
            sparse.indices_tensor_name,
            sparse.values_tensor_name,
            sparse.dense_shape_tensor_name,
        ]
    if encoding == "composite_tensor":
        return [component.name for component in proto.composite_tensor.components]
    raise TensorInfoMalformed(found=str(encoding))


def bind_inputs(protos: Mapping[str, Any], inputs: Mapping[str, Any]) -> Dict[str, tf.Tensor]:
    """From the names of a signature's input tensors to the tensors to put there."""
    bound: Dict[str, tf.Tensor] = {}
    for name, proto in protos.items():
        tensors = tf.nest.flatten(inputs[name], expand_composites=True)
        bound.update(zip(component_names(proto), tensors))
    return bound


def collect_outputs(
    protos: Mapping[str, Any], tensor_named: Callable[[str], tf.Tensor]
) -> Dict[str, Any]:
    """The outputs of a signature, composite ones put together again."""
    outputs = {}
    for name, proto in protos.items():
        tensors = [tensor_named(component) for component in component_names(proto)]
        encoding = proto.WhichOneof("encoding")
        if encoding == "name":
            outputs[name] = tensors[0]
        elif encoding == "coo_sparse":
            outputs[name] = tf.SparseTensor(*tensors)
        else:
            outputs[name] = tf.nest.pack_sequence_as(
                _type_spec(proto), tensors, expand_composites=True
            )
    return outputs


def check_supported(infos: Mapping[str, TensorInfo], signature: str, role: str) -> None:
    """Raises TypeNotSupported for an input or output that Module does not handle."""
    for name, info in sorted(infos.items()):
        if not info.is_supported_type:
            raise TypeNotSupported(
                signature=repr(signature),
                role=role,
                name=repr(name),
                kind=info.type_spec.value_type.__name__,
            )


def name_inputs(inputs: Any, expected: Mapping[str, Any], signature: str) -> Dict[str, Any]:
    """The inputs of a call by name, whichever way they were passed.

    Args:
        inputs: a dict, or the one input of a signature that has one, or None.
        expected: the signature's inputs; only the names matter.
        signature: named in the errors.

    Raises:
        InputsDiffer: if the names are not the expected ones.
    """
    if inputs is None:
        inputs = {}
    if not isinstance(inputs, dict):
        if len(expected) != 1:
            raise _inputs_differ(expected, signature, "one value was")
        return {next(iter(expected)): inputs}
    if set(inputs) != set(expected):
        given = listed(sorted(inputs, key=str))
        raise _inputs_differ(expected, signature, f"{given} {_were(inputs)}", inputs)
    return dict(inputs)


def with_named(
    inputs: Any, named: Mapping[str, Any], expected: Mapping[str, Any], signature: str
) -> Dict[str, Any]:
    """The inputs of a call by keyword, with those that were passed in a dict.

    Raises:
        InputsDiffer: if a value without a name was passed as well.
    """
    if inputs is None or isinstance(inputs, dict):
        return {**(inputs or {}), **named}
    given = f"one value, and {listed(sorted(named))} by keyword, were"
    raise _inputs_differ(expected, signature, given)


def fit_inputs(
    inputs: Mapping[str, Any], expected: Mapping[str, TensorInfo], signature: str
) -> Dict[str, Any]:
    """Tensors made of the inputs, of the dtypes and shapes that are expected.

    Raises:
        InputNotAccepted: for an input that is or becomes another tensor.
    """
    return {
        name: _fit(value, expected[name], name, signature) for name, value in sorted(inputs.items())
    }


def _fit(value: Any, info: TensorInfo, name: str, signature: str) -> Any:
    if isinstance(value, _COMPOSITE_TYPES):
        tensor = value
    else:
        try:
            numbers = inexact(value, info.dtype) if info.is_supported_type else None
            if numbers is None:
                tensor = tf.convert_to_tensor(value, dtype=info.dtype)
            else:
                # It is told as what it is.
                tensor = tf.convert_to_tensor(numbers)
        except (TypeError, ValueError) as error:
            raise _not_accepted(value, info, name, signature, error) from error
    if not compat.type_spec_of(tensor).is_compatible_with(info.type_spec):
        raise _not_accepted(tensor, info, name, signature)
    return tensor


def _type_spec(proto: Any) -> Any:
    encoding = proto.WhichOneof("encoding")
    if encoding == "composite_tensor":
        return compat.decode_type_spec(proto.composite_tensor.type_spec)
    specs = {"name": tf.TensorSpec, "coo_sparse": tf.SparseTensorSpec}
    if encoding not in specs:
        raise TensorInfoMalformed(found=str(encoding))
    # A scalar's is there, and empty.
    shape = tf.TensorShape(proto.tensor_shape if proto.HasField("tensor_shape") else None)
    return specs[encoding](shape, tf.as_dtype(proto.dtype))


def _inputs_differ(
    expected: Mapping[str, Any], signature: str, given: str, named: Iterable[str] = ()
) -> InputsDiffer:
    """The error whose line has what was given by its name, and makes up the rest."""
    parts = [
        f"{name!r}: {name if name in named and is_name(name) else _made_up(info)}"
        for name, info in sorted(expected.items())
    ]
    return InputsDiffer(
        signature=repr(signature),
        expected=listed(sorted(expected)),
        given=given,
        reason="inputs are passed as a dict, each under its name; a single one may be passed alone."
        if parts
        else "this signature takes no inputs.",
        call=f"{{{', '.join(parts)}}}, " if parts else "",
    )


def _made_up(info: Any) -> str:
    spec = info.type_spec if isinstance(info, TensorInfo) else compat.type_spec_of(info)
    return made_up(spec, "...")


def _were(values: Any) -> str:
    return "was" if len(values) <= 1 else "were"


def _not_accepted(
    value: Any, info: TensorInfo, name: str, signature: str, error: Optional[Exception] = None
) -> InputNotAccepted:
    is_tensor = isinstance(value, (tf.Tensor, *_COMPOSITE_TYPES))
    given = TensorInfo(compat.type_spec_of(value)) if is_tensor else None
    return InputNotAccepted(
        name=repr(name),
        signature=repr(signature),
        got=_described(given) if given else f"of type {type(value).__name__}",
        expected=_described(info),
        # What TensorFlow says of a tensor is no more than what is shown already.
        cause="" if given or not error else f" (TensorFlow: {str(error).splitlines()[0]})",
        hint=_hint(given, info),
    )


def _described(info: TensorInfo) -> str:
    kind = info.type_spec.value_type.__name__
    if not info.is_supported_type:
        return f"of type {kind}"
    return f"a {kind} of shape {_shape_text(info.get_shape())} and dtype {info.dtype.name}"


def _shape_text(shape: tf.TensorShape) -> str:
    if shape.rank is None:
        return "<unknown>"
    return "[" + ", ".join("None" if n is None else str(n) for n in shape.as_list()) + "]"


# How to make the one kind of tensor out of the other.
_CONVERSIONS = {
    (tf.Tensor, tf.SparseTensor): "tf.sparse.from_dense(x)",
    (tf.Tensor, tf.RaggedTensor): "tf.RaggedTensor.from_tensor(x)",
    (tf.SparseTensor, tf.Tensor): "tf.sparse.to_dense(x)",
    (tf.SparseTensor, tf.RaggedTensor): "tf.RaggedTensor.from_sparse(x)",
    (tf.RaggedTensor, tf.Tensor): "x.to_tensor()",
    (tf.RaggedTensor, tf.SparseTensor): "x.to_sparse()",
    (tf.IndexedSlices, tf.Tensor): "tf.convert_to_tensor(x)",
}


def _hint(given: Optional[TensorInfo], expected: TensorInfo) -> str:
    """The line that turns what was given into what is expected."""
    given_kind = tf.Tensor if given is None else given.type_spec.value_type
    conversion = _CONVERSIONS.get((given_kind, expected.type_spec.value_type))
    if conversion:
        return f"m({conversion})"
    if given is None or not given.is_supported_type:
        return f"m(tf.convert_to_tensor(x, tf.{expected.dtype.name}))"
    if given.dtype != expected.dtype:
        return f"m(tf.cast(x, tf.{expected.dtype.name}))"
    wanted = expected.get_shape()
    if wanted.rank == 1:
        return "m(tf.reshape(x, [-1]))"
    if wanted.rank is not None and given.get_shape().rank == wanted.rank - 1:
        return "m(tf.expand_dims(x, 0))"
    fitted = reshaped("x", given.get_shape(), wanted, Call("the module"))
    if fitted is None:
        return "m.get_input_info_dict()  # dtypes and shapes of what it takes"
    return f"m({fitted})"
