"""Making a module: create_module_spec, add_signature, attach_message."""

from __future__ import annotations

import inspect
import logging
import re
from typing import Any, Callable, Dict, Iterable, Optional, Tuple

import tensorflow as tf

from unihub.apis.module.colocation import check_input_colocation, check_state_colocation
from unihub.apis.module.compat import MetaGraphDef, SavedModel
from unihub.apis.module.marker import Attachment, write_attachments
from unihub.apis.module.spec import ModuleSpec
from unihub.apis.module.tensors import SUPPORTED_TYPES
from unihub.apis.module.variant import DEFAULT_SIGNATURE, tags_text
from unihub.errors import UnihubError, listed
from unihub.errors.arguments import wrong_type

_log = logging.getLogger(__name__)

# Collections of the graph that module_fn builds. Their keys are not str, so
# that neither module_fn nor export_meta_graph comes across them. They are those
# of tensorflow_hub: module_fn may declare by either library.
_SIGNATURES = ("__saved_model_lib_signatures",)
_ATTACHMENTS = ("__hub_module_attachments",)

_KEY_PATTERN = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*$")

TagsAndArgs = Iterable[Tuple[Iterable[str], Dict[str, Any]]]


class NoSignatures(UnihubError, ValueError):
    """module_fn declared no signature."""

    code = "module-without-signatures"
    what = "module_fn declared no signature."
    why = "a module is used through its signatures alone. (tags: {tags})"
    do = "unihub.add_signature(inputs=x, outputs=y)  # inside module_fn"


class SignatureTypes(UnihubError, ValueError, AttributeError):
    """add_signature was given something other than tensors."""

    code = "module-signature-types"
    what = "the signature {signature} was declared with {found}."
    why = "inputs and outputs are Tensor, SparseTensor or RaggedTensor."
    do = "unihub.add_signature(inputs=x, outputs=tf.convert_to_tensor(y))"


class AttachmentKeyMalformed(UnihubError, ValueError):
    """attach_message was given a key that is no identifier."""

    code = "module-attachment-key"
    what = "{key} cannot be the key of an attached message."
    why = "a key is a letter, then letters, digits and underscores."
    do = 'unihub.attach_message("my_key", message)'


def create_module_spec(
    module_fn: Callable[..., Any],
    tags_and_args: Optional[TagsAndArgs] = None,
    drop_collections: Optional[Iterable[str]] = None,
) -> ModuleSpec:
    """Makes a ModuleSpec from a function that builds a graph.

    The function is called in a new graph, in which variables are resource
    variables unless it asks for others, and declares what the module offers
    with add_signature and attach_message.

    Args:
        module_fn: builds the graph; what it returns is not used.
        tags_and_args: for each graph variant its tags and the keyword
            arguments to call module_fn with; one variant without tags and
            arguments where None.
        drop_collections: the graph collections to leave out.

    Returns:
        The ModuleSpec, with one graph variant per call.

    Raises:
        NoSignatures: if a call declared no signature.
        CollectionsNotSupported: if a graph has collections that a module
            cannot carry, and they are not dropped.
        StateColocated: if a variable is colocated with another kind of op.
        RepeatedTags: if two variants have the same tags.

    Source: https://www.tensorflow.org/hub/tf1_hub_module#creating_a_new_module

    Example:
        >>> def module_fn(is_training):
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 8])
        ...     y = tf.compat.v1.layers.batch_normalization(x, training=is_training)
        ...     unihub.add_signature(inputs=x, outputs=y)
        >>> spec = unihub.create_module_spec(
        ...     module_fn,
        ...     [(set(), {"is_training": False}), ({"train"}, {"is_training": True})],
        ... )
    """
    dropped = tuple(drop_collections or ())
    saved_model = SavedModel()
    tags_and_args = [*(tags_and_args or [((), {})])]
    for _, arguments in tags_and_args:
        _check_module_fn(module_fn, arguments)
    for tags, arguments in tags_and_args:
        meta_graph = _built(module_fn, arguments, frozenset(tags), dropped)
        saved_model.meta_graphs.append(meta_graph)
    return ModuleSpec(saved_model)


def add_signature(
    name: Optional[str] = None, inputs: Optional[Any] = None, outputs: Optional[Any] = None
) -> None:
    """Declares a signature; to be called in module_fn.

    Args:
        name: the signature's name; None stands for "default".
        inputs: a dict of Tensor, SparseTensor or RaggedTensor, or a single one
            that is then named "default"; None where there is no input.
        outputs: likewise.

    Raises:
        SignatureTypes: for anything else than these tensors.
        InputColocated: if an input is colocated with another op.

    Source: https://www.tensorflow.org/hub/tf1_hub_module#creating_a_new_module

    Example:
        >>> unihub.add_signature("square", inputs={"x": x}, outputs={"y": x * x})
    """
    if not (name is None or isinstance(name, str)):
        line = 'unihub.add_signature("name", inputs=x, outputs=y)'
        raise wrong_type("name", name, "the name of a signature, as text", line)
    name = name or DEFAULT_SIGNATURE
    named_inputs, named_outputs = _by_name(inputs), _by_name(outputs)
    _check_types(name, named_inputs, named_outputs)
    _warn_of_inputs_of_multiple_outputs(name, named_inputs)
    check_input_colocation(name, named_inputs)
    signature = tf.compat.v1.saved_model.build_signature_def(
        _tensor_infos(named_inputs), _tensor_infos(named_outputs)
    )
    tf.compat.v1.add_to_collection(_SIGNATURES, (name, signature))


def attach_message(key: str, message: Any) -> None:
    """Attaches a protocol buffer message; to be called in module_fn.

    Args:
        key: the name to read it by with get_attached_message: a letter, then
            letters, digits and underscores. A later message replaces an
            earlier one of the same key.
        message: the message, of any type.

    Raises:
        AttachmentKeyMalformed: if the key is of another form.

    Source: tensorflow_hub 0.15's hub.attach_message.

    Example:
        >>> unihub.attach_message("labels", tf.train.BytesList(value=[b"cat", b"dog"]))
    """
    if not (isinstance(key, str) and _KEY_PATTERN.match(key)):
        raise AttachmentKeyMalformed(key=repr(key))
    if not hasattr(message, "SerializeToString") or isinstance(message, type):
        line = 'unihub.attach_message("my_key", tf.train.BytesList(value=[b"a"]))'
        raise wrong_type("the message", message, "a protocol buffer message", line)
    attached = Attachment(key, message.SerializeToString())
    tf.compat.v1.add_to_collection(_ATTACHMENTS, attached)


def _check_module_fn(module_fn: Any, arguments: Dict[str, Any]) -> None:
    line = "unihub.create_module_spec(module_fn)"
    accepted = "a function that builds a graph"
    if inspect.isfunction(module_fn) or inspect.ismethod(module_fn):
        try:
            inspect.signature(module_fn).bind(**arguments)
            return
        except TypeError as error:
            accepted = f"a function of the arguments in tags_and_args ({error})"
            line = 'unihub.create_module_spec(module_fn, [(set(), {"is_training": False})])'
    # A layer or model is called by a function.
    elif callable(module_fn) and not hasattr(module_fn, "trainable_variables"):
        return
    raise wrong_type("module_fn", module_fn, accepted, line)


def _built(
    module_fn: Callable[..., Any],
    arguments: Dict[str, Any],
    tags: Iterable[str],
    dropped: Iterable[str],
) -> MetaGraphDef:
    with tf.Graph().as_default() as graph:
        with tf.compat.v1.variable_scope("", use_resource=True):
            module_fn(**arguments)
        for key in dropped:
            graph.clear_collection(key)
        check_state_colocation(graph, tags_text(tags))
        signatures = graph.get_collection(_SIGNATURES)
        if not signatures:
            raise NoSignatures(tags=tags_text(tags))
        # So that older releases, which do not know the newest attributes, read it.
        meta_graph = tf.compat.v1.train.export_meta_graph(strip_default_attrs=True)
        meta_graph.meta_info_def.tags.extend(sorted(tags))
        for name, signature in signatures:
            meta_graph.signature_def[name].CopyFrom(signature)
        write_attachments(meta_graph, graph.get_collection(_ATTACHMENTS))
    return meta_graph


def _by_name(tensors: Any) -> Dict[str, Any]:
    if tensors is None:
        return {}
    return tensors if isinstance(tensors, dict) else {DEFAULT_SIGNATURE: tensors}


def _tensor_infos(tensors: Dict[str, Any]) -> Dict[str, Any]:
    build = tf.compat.v1.saved_model.build_tensor_info
    return {name: build(tensor) for name, tensor in tensors.items()}


def _check_types(signature: str, inputs: Dict[str, Any], outputs: Dict[str, Any]) -> None:
    named = [("input", *item) for item in sorted(inputs.items())]
    named += [("output", *item) for item in sorted(outputs.items())]
    found = [
        f"the {role} {name!r} of type {type(value).__name__}"
        for role, name, value in named
        if not isinstance(value, SUPPORTED_TYPES) or type(value).__name__ == "EagerTensor"
    ]
    if found:
        raise SignatureTypes(signature=repr(signature), found=", ".join(found))


def _warn_of_inputs_of_multiple_outputs(signature: str, inputs: Dict[str, Any]) -> None:
    tensors = tf.nest.flatten(inputs, expand_composites=True)
    names = [tensor.name for tensor in tensors if len(tensor.op.outputs) != 1]
    if names:
        _log.error(
            "The signature %r has inputs from ops with several outputs: %s. If another op of "
            "the module is colocated with them, the module may fail when it is applied.",
            signature,
            listed(names),
        )
