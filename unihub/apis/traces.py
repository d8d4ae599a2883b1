"""The inputs of a TensorFlow function, as far as it tells."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

# The endings of the tensors that tf.saved_model.load makes of one SparseTensor of a TF1
# signature; those of another composite tensor are numbered.
SPARSE_PARTS = ("indices", "values", "dense_shape")
_NUMBERED = "_component_"


def accepted_arguments(function: Any) -> List[Tuple[Tuple[Any, ...], Mapping[str, Any]]]:
    """The arguments that a function was traced for, by position and by name.

    Args:
        function: a loaded object, restored function, tf.function, signature or any callable.

    Returns:
        One pair for each way to call it; none when the function does not tell.
    """
    # A loaded object has its __call__ as an attribute, which knows what was traced.
    for candidate in (function, function.__call__):
        # In this order: a concrete function has an input_signature in some releases.
        traced = getattr(candidate, "structured_input_signature", None)
        if traced is not None:
            return [traced]
        concrete = getattr(candidate, "concrete_functions", None)
        if concrete:
            return [each.structured_input_signature for each in concrete]
        declared = getattr(candidate, "input_signature", None)
        if declared:
            return [(tuple(declared), {})]
    return []


def accepted_inputs(function: Any) -> List[Any]:
    """The nests of TypeSpec that a function takes, one for each way to call it.

    Returns:
        Nests for the first argument; dicts by name for signatures.
    """
    nests = []
    for args, keywords in accepted_arguments(function):
        nest = args[0] if args else keywords
        leaves = tf.nest.flatten(nest)
        if leaves and all(isinstance(leaf, tf.TypeSpec) for leaf in leaves):
            nests.append(nest)
    return nests


@dataclass(frozen=True)
class Parameters:
    """How a function is called, as Python has it.

    Attributes:
        names: of the arguments that can be given by position.
        keywords: of those that can only be given by name.
        defaults: of both.
        takes_more: whether it takes further ones by name.
        any_number: whether it takes any number by position; the names stand for those.
    """

    names: Sequence[str]
    keywords: Sequence[str]
    defaults: Mapping[str, Any]
    takes_more: bool
    any_number: bool = False

    def bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Dict[str, Any]:
        """The arguments of a call by name, defaults included."""
        return {**self.defaults, **dict(zip(self.names, args)), **kwargs}

    def __str__(self) -> str:
        defaults = self.defaults
        every = (*self.names, *self.keywords)
        return ", ".join(f"{n}={defaults[n]!r}" if n in defaults else n for n in every)


def parameters_of(function: Any) -> Optional[Parameters]:
    """How a function is called; None when it does not tell, or takes any number of arguments.

    Args:
        function: a loaded object, restored function, tf.function or any callable.
    """
    # A loaded object has its __call__ as an attribute, which knows its arguments.
    own = function.__call__
    target = own if hasattr(own, "concrete_functions") else function
    spec = getattr(target, "_function_spec", None)
    if spec is not None:
        # TensorFlow up to 2.12; the first releases have no signature to inspect.
        return _parameters_of_spec(spec.fullargspec, getattr(spec, "is_method", False))
    try:
        given = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return None
    one = inspect.Parameter
    if any(each.kind is one.VAR_POSITIONAL for each in given):
        return None
    by_position = (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    return Parameters(
        names=[each.name for each in given if each.kind in by_position],
        keywords=[each.name for each in given if each.kind is one.KEYWORD_ONLY],
        defaults={each.name: each.default for each in given if each.default is not one.empty},
        takes_more=any(each.kind is one.VAR_KEYWORD for each in given),
    )


def _parameters_of_spec(spec: Any, is_method: bool) -> Optional[Parameters]:
    if spec.varargs:
        return None
    names = spec.args[1:] if is_method else spec.args
    values = spec.defaults or ()
    defaults = dict(zip(names[len(names) - len(values) :], values))
    defaults.update(spec.kwonlydefaults or {})
    return Parameters(names, spec.kwonlyargs, defaults, spec.varkw is not None)


def natural_dtype(nests: Sequence[Any]) -> Optional[tf.DType]:
    """The dtype of the only input, or of the first floating-point one."""
    for nest in nests:
        specs = tf.nest.flatten(nest)
        if len(specs) == 1:
            return dtype_of(specs[0])
        for spec in specs:
            if dtype_of(spec).is_floating:
                return dtype_of(spec)
    return None


def float_dtypes(nests: Sequence[Any]) -> List[tf.DType]:
    """The floating-point dtypes among the inputs, each once."""
    found = {dtype_of(spec).name for nest in nests for spec in tf.nest.flatten(nest)}
    return [tf.as_dtype(name) for name in sorted(found) if tf.as_dtype(name).is_floating]


def dtype_of(spec: Any) -> tf.DType:
    """The dtype of a tensor or TypeSpec; TensorFlow 1.15 hides that of a RaggedTensorSpec."""
    return spec.dtype if hasattr(spec, "dtype") else spec._dtype


def shape_of(spec: Any) -> tf.TensorShape:
    """The shape of a tensor or TypeSpec; TensorFlow 1.15 hides that of a RaggedTensorSpec."""
    return spec.shape if hasattr(spec, "shape") else tf.TensorShape(spec._shape)


def same_structure(inputs: Any, accepted: Any) -> bool:
    """Whether two nests correspond leaf by leaf; a list may stand for a tuple."""
    # Without check_types, tf.nest takes a dict and a list of one length for the same.
    if isinstance(inputs, Mapping) != isinstance(accepted, Mapping):
        return False
    try:
        tf.nest.assert_same_structure(inputs, accepted, check_types=False)
    except (TypeError, ValueError):
        return False
    return True


def sequence_like(sequence: Any, parts: Iterable[Any]) -> Any:
    """A list, tuple or namedtuple of the class of another."""
    return type(sequence)(*parts) if hasattr(sequence, "_fields") else type(sequence)(parts)


def lacks_other_mode(function: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether ``training`` among a layer's arguments holds: no mode but it was traced.

    Else the layer says in which mode a model is, whatever its arguments are, as
    tensorflow_hub's does.
    """
    parameters = parameters_of(function) if "training" in arguments else None
    if parameters is None:
        return False
    calls = [parameters.bound(*call) for call in accepted_arguments(function)]
    modes = [call.get("training") for call in calls]
    # A tensor stands for both.
    told = all(mode is None or isinstance(mode, bool) for mode in modes)
    return told and arguments["training"] in modes and not {True, False}.issubset(modes)


@dataclass(frozen=True)
class Composites:
    """The inputs of a signature that are one sparse or ragged tensor each.

    A loaded TF1 signature takes them apart: it has an input for each component.

    Attributes:
        sparse: names of those that are a SparseTensor.
        ragged: of those that are a RaggedTensor, to the names of their components.
        sole: name of the only input there is, whole; None where there are several.
    """

    sparse: Tuple[str, ...]
    ragged: Mapping[str, Sequence[str]]
    sole: Optional[str]

    def taken_apart(self, inputs: Any) -> Any:
        """Inputs, by name or the sole one, with components in the place of composite tensors."""
        named: Dict[str, Any] = {}
        if isinstance(inputs, Mapping):
            named.update(inputs)
        elif self.sole in self.sparse or self.sole in self.ragged:
            named[str(self.sole)] = inputs
        else:
            return inputs
        for name in self.sparse:
            if isinstance(named.get(name), tf.SparseTensor):
                named.update(sparse_parts(name, named.pop(name)))
        for name in self.ragged:
            if isinstance(named.get(name), tf.RaggedTensor):
                named.update(numbered_parts(name, named.pop(name)))
        return named

    def wholes(self, accepted: Mapping[str, Any], given: Any) -> Mapping[str, Any]:
        """The accepted nest, with sparse tensors in the place of components, if none is given."""
        components = {name: stem for stem in self.sparse for name in sparse_names(stem)}
        if isinstance(given, Mapping) and not components.keys().isdisjoint(given):
            return accepted
        found = {name: spec for name, spec in accepted.items() if name not in components}
        for stem in self.sparse:
            _, values, sizes = (accepted[name] for name in sparse_names(stem))
            found[stem] = tf.SparseTensorSpec([None] * (sizes.shape[0] or 1), values.dtype)
        return found

    # Keras 2 has AutoGraph rewrite what is called within a layer's call().
    taken_apart.autograph_info__ = {}  # type: ignore[attr-defined] # noqa: RUF012


def composites_of(names: Iterable[str]) -> Composites:
    """Which of a signature's inputs are the components of one tensor."""
    names = sorted(names)
    ending = f"_{SPARSE_PARTS[0]}"
    stems = [name[: -len(ending)] for name in names if name.endswith(ending)]
    sparse = [stem for stem in stems if {*sparse_names(stem)} <= {*names}]
    ragged: Dict[str, List[str]] = {}
    for name in names:
        stem, _, place = name.rpartition(_NUMBERED)
        if stem and place.isdigit():
            ragged.setdefault(stem, []).append(name)
    components = {name for stem in sparse for name in sparse_names(stem)}
    components.update(name for parts in ragged.values() for name in parts)
    whole = [*sparse, *ragged, *(name for name in names if name not in components)]
    return Composites(tuple(sparse), ragged, whole[0] if len(whole) == 1 else None)


def sparse_parts(name: str, tensor: tf.SparseTensor) -> Dict[str, Any]:
    """A SparseTensor as the tensors that a loaded TF1 signature takes for it."""
    return dict(zip(sparse_names(name), (tensor.indices, tensor.values, tensor.dense_shape)))


def sparse_names(name: str) -> List[str]:
    """The names of the tensors that a loaded TF1 signature takes for a SparseTensor."""
    return [f"{name}_{part}" for part in SPARSE_PARTS]


def numbered_parts(name: str, tensor: Any) -> Dict[str, Any]:
    """Any other composite tensor as the tensors that a loaded TF1 signature takes for it."""
    parts = tf.nest.flatten(tensor, expand_composites=True)
    return {f"{name}{_NUMBERED}{place}": part for place, part in enumerate(parts)}
