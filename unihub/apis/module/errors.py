"""Errors of modules: of their folders, their specs and their use in a graph.

Those of creation, of tensors and of colocation stand beside the code that
raises them. Each class is also the builtin (or the tf.errors class) that
tensorflow_hub raises in the same situation; two of them where tensorflow_hub
raises either, by the way the situation came about.
"""

from __future__ import annotations

import tensorflow as tf

from unihub.apis.tensorflow_error import TensorFlowError
from unihub.errors import UnihubError, beside


class NotAModuleSpec(UnihubError, ValueError):
    """A Module was asked for with something that is neither spec nor handle."""

    code = "module-spec-not-understood"
    what = "{found} is neither a ModuleSpec nor a handle."
    why = "a Module is made from a ModuleSpec or from a str that names one. (found: {kind})"
    do = "{remedy}"


class NotInGraphMode(UnihubError, RuntimeError):
    """A Module was instantiated in eager execution."""

    code = "module-in-eager-mode"
    what = "a Module cannot be instantiated in eager execution."
    why = (
        "its variables, tables and signatures are imported into a tf.Graph, and eager "
        "execution has none."
    )
    do = (
        "{remedy}; or with tf.Graph().as_default(): m = unihub.Module({spec}); or call "
        "tf.compat.v1.disable_v2_behavior() first"
    )


class NoSuchVariant(UnihubError, ValueError, KeyError):
    """The module has no graph variant with the tags asked for."""

    code = "module-no-such-variant"
    what = "the module has no graph variant with the tags {tags}."
    why = "a graph variant is chosen by its exact set of tags. (found: {variants})"
    do = "unihub.Module(spec, tags={nearest})"


class RepeatedTags(UnihubError, ValueError):
    """Two graph variants of one module have the same tags."""

    code = "module-tags-repeated"
    what = "two graph variants have the same tags {tags}."
    why = "tags are how a variant is chosen, so that each set may be used once. (found: {variants})"
    do = (
        'unihub.create_module_spec(module_fn, tags_and_args=[(set(), {{}}), ({{"train"}}, '
        '{{"is_training": True}})])'
    )


class NoSuchSignature(UnihubError, ValueError, KeyError):
    """The graph variant has no signature of that name."""

    code = "module-no-such-signature"
    what = "the module has no signature {signature}."
    why = "the graph variant with the tags {tags} has other ones. (found: {signatures})"
    do = "m(inputs, signature={nearest})"


class NameScopeTaken(UnihubError, RuntimeError):
    """The variable scope is free, but the name scope is not."""

    code = "module-name-scope-taken"
    what = "the name scope {scope} is in use already."
    why = (
        "a module's variables and ops share one scope, which must be new as a variable "
        "scope and as a name scope; here only the variable scope {scope} is new."
    )
    do = 'unihub.Module(spec, name="{name}_1")'


class OtherGraph(UnihubError, RuntimeError):
    """The module is used in a graph that does not hold its state."""

    code = "module-in-another-graph"
    what = "the module cannot be {action} here."
    why = "its variables live in the graph where it was instantiated, and {which} is another one."
    do = "with graph.as_default(): m = unihub.Module(spec); y = m(x)"


class NoDefaultOutput(UnihubError, TypeError):
    """One output was asked for, and none is called "default"."""

    code = "module-no-default-output"
    what = 'the signature {signature} has no output named "default".'
    why = "without as_dict=True a Module returns that one. (found: {outputs})"
    do = "m(inputs, signature={signature}, as_dict=True)[{nearest}]"


class EvaluationOver(UnihubError, RuntimeError, AttributeError):
    """The function of eval_function_for_module was called too late."""

    code = "module-evaluation-over"
    what = "the module's function is called after the end of its with statement."
    why = "its session is closed there."
    do = "with unihub.eval_function_for_module(spec) as evaluate: outputs = evaluate(inputs)"


class NoAttachedMessage(UnihubError, KeyError):
    """No message is attached under a key that is required."""

    code = "module-no-attached-message"
    what = "the module has no attached message {key}."
    why = (
        "its publisher attached none of that name to the graph variant with the tags "
        "{tags}. (found: {keys})"
    )
    do = "spec.get_attached_message({key}, message_type)  # None where there is none"


class NoCheckpointPath(UnihubError, ValueError):
    """ModuleSpec.export was called without a checkpoint."""

    code = "module-export-without-checkpoint"
    what = "the spec cannot be exported to {path} without a checkpoint."
    why = (
        "a spec holds graphs and no values of variables; checkpoint_path says where to "
        "take them from."
    )
    do = 'spec.export({path!r}, checkpoint_path="path/to/model.ckpt")'


class SavedModelBroken(UnihubError, OSError):
    """saved_model.pb is not a protocol buffer."""

    code = "module-saved-model-broken"
    what = "{file} cannot be read."
    why = "it is not the message SavedModel. ({cause})"
    do = "fetch or copy it again, and compare with the source: sha256sum {file!r}"


class AssetOutsideModule(UnihubError, ValueError):
    """An asset's file name leads out of the module's folder."""

    code = "module-asset-outside"
    what = "the asset {asset} is not inside {folder}."
    why = (
        "an asset is a file in the model's own folder assets/; a name that leads out of "
        "it could read any file of this computer."
    )
    do = "do not use this model unless you trust where it came from"


class AssetNotConstant(UnihubError, TypeError):
    """The op that holds an asset's path is not a scalar string constant."""

    code = "module-asset-not-constant"
    what = "the asset {node} is not a scalar string constant."
    why = (
        "the path of an asset is replaced on export and on load, which only works in a "
        "tf.constant of one string. (found: {found})"
    )
    do = (
        "tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS, "
        'tf.constant("path/to/file"))'
    )


class AssetCollectionBroken(UnihubError, ValueError):
    """The collection of assets does not hold tensors."""

    code = "module-asset-collection-broken"
    what = "the collection asset_filepaths holds something other than tensors."
    why = "its entries are the constants with the paths of assets. (found: {found})"
    do = (
        "tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS, "
        'tf.constant("path/to/file"))'
    )


class CollectionsNotSupported(UnihubError, ValueError):
    """The graph has collections that a module cannot carry."""

    code = "module-collections-not-supported"
    what = "the graph has collections that a module cannot carry: {collections}."
    why = "what they mean is known only to the code that filled them."
    do = (
        "unihub.create_module_spec(module_fn, drop_collections={choice}); or "
        "unihub.create_module_spec_from_saved_model(path, drop_collections={choice})"
    )


class AttachmentsBroken(UnihubError, ValueError):
    """The collection of attached messages has another kind of content."""

    code = "module-attachments-broken"
    what = "the attached messages of the module cannot be read."
    why = "they are stored as a list of bytes. (found: {found})"
    do = "fetch or copy the module again, and compare with the source: sha256sum saved_model.pb"


class StateOpOutputs(UnihubError, ValueError):
    """A state op has other than one output."""

    code = "module-state-op-outputs"
    what = "the state op {op} ({kind}) has {count} outputs."
    why = "state is handed to each application of the module as one tensor per op."
    do = "publish the module without ops of the type {kind}"


class TensorInfoMalformed(UnihubError, ValueError):
    """A signature describes a tensor in a way that no TensorFlow wrote."""

    code = "module-tensor-info-malformed"
    what = "a signature describes a tensor in an unknown way."
    why = (
        "a TensorInfo names one tensor, three of a SparseTensor, or those of a composite "
        "tensor. (found: {found})"
    )
    do = "fetch or copy the model again, and compare with the source: sha256sum saved_model.pb"


class PartitionsConflict(UnihubError, RuntimeError):
    """The parts of a partitioned variable do not fit together."""

    code = "module-partitions-conflict"
    what = "the parts of the variable {variable} do not fit together."
    why = "{reason}"
    do = "publish the module with distinct names for its variables"


class CollectionsInFunction(UnihubError, NotImplementedError):
    """A module with collections was applied inside a function's graph."""

    code = "module-collections-in-function"
    what = "the module cannot be applied inside a function."
    why = "it brings collections, which a function's graph does not pass on. (found: {collections})"
    do = "with tf.init_scope(): outputs = m(inputs)  # outside of the function, which takes outputs"


class FolderMissing(TensorFlowError, OSError, tf.errors.NotFoundError):  # type: ignore[misc]
    """A handle names no file or folder."""

    error_code = tf.errors.NOT_FOUND
    code = "module-folder-missing"
    what = "{folder} does not exist."
    why = (
        "a handle without https:// is the path of a folder, seen from where Python was "
        "started. (current folder: {current})"
    )
    do = "ls {path!r}"


class NotAModule(TensorFlowError, OSError, tf.errors.NotFoundError):  # type: ignore[misc]
    """A folder has no tfhub_module.pb; it may be a model of another format."""

    error_code = tf.errors.NOT_FOUND
    code = "module-marker-missing"
    what = "{folder} is {kind}, not a TF1 Hub module."
    why = "it has no file tfhub_module.pb{reason}. (found: {found})"
    do = "{remedy}"


class VariablesInObjects(UnihubError, ValueError, NotImplementedError):
    """A TF2 SavedModel with variables is to be made a module."""

    code = "module-of-tf2-variables"
    what = "no module can be made of {handle}: it is a TF2 SavedModel with variables."
    why = (
        "a module finds its variables in graph collections. A TF2 SavedModel has them in "
        "objects, and in a module they would never get their values."
    )
    do = "{remedy}"


class SavedModelMissing(TensorFlowError, OSError, tf.errors.NotFoundError):  # type: ignore[misc]
    """A folder has no saved_model.pb."""

    error_code = tf.errors.NOT_FOUND
    code = "module-saved-model-missing"
    what = "{folder} holds no SavedModel."
    why = "it has neither saved_model.pb nor saved_model.pbtxt. (found: {found})"
    do = "fetch or copy the model again, as a whole; then: ls {folder!r}"


class VariablesMissing(  # type: ignore[misc]
    TensorFlowError, OSError, tf.errors.NotFoundError, tf.errors.InvalidArgumentError
):
    """A module has variables, but its folder no values for them."""

    error_code = tf.errors.NOT_FOUND
    code = "module-variables-missing"
    what = "the module has variables ({count}), but no values for them."
    why = "no file of the checkpoint {checkpoint} {fails}."
    do = "{remedy}"


class VariablesDamaged(  # type: ignore[misc]
    TensorFlowError,
    OSError,
    tf.errors.DataLossError,
    tf.errors.FailedPreconditionError,
    tf.errors.NotFoundError,
    tf.errors.OutOfRangeError,
):
    """The values of variables are cut off, or not those that were written."""

    error_code = tf.errors.DATA_LOSS
    code = "module-variables-damaged"
    what = "the values of variables cannot be read."
    why = "a file of the checkpoint {checkpoint} is missing, cut or damaged. ({reason})"
    do = "fetch or copy the model again, as a whole; then: ls -l {checkpoint!r}*"


class NotAFolder(  # type: ignore[misc]
    TensorFlowError, OSError, tf.errors.FailedPreconditionError
):
    """The path of a module is that of a file."""

    error_code = tf.errors.FAILED_PRECONDITION
    code = "module-not-a-folder"
    what = "{file} is a file, and a module is a folder."
    why = (
        "a module is made of tfhub_module.pb, saved_model.pb and the folders variables/ "
        "and assets/."
    )
    do = "{remedy}"


class OpsMissing(TensorFlowError, ValueError, tf.errors.NotFoundError):  # type: ignore[misc]
    """The module uses ops that this TensorFlow does not have."""

    error_code = tf.errors.NOT_FOUND
    code = "module-ops-missing"
    what = "the module uses ops that TensorFlow {version} does not have: {ops}."
    why = "{why}"
    do = "{remedy}"


class AttributesMissing(  # type: ignore[misc]
    TensorFlowError, ValueError, tf.errors.InvalidArgumentError
):
    """The module uses attributes of ops that this TensorFlow does not have."""

    error_code = tf.errors.INVALID_ARGUMENT
    code = "module-attributes-missing"
    what = (
        "the module uses attributes of ops that TensorFlow {version} does not have: {attributes}."
    )
    why = "it was made by TensorFlow {writer}, and what they change is part of what it computes."
    do = beside.NEWER


class ModuleExists(TensorFlowError, OSError, tf.errors.AlreadyExistsError):  # type: ignore[misc]
    """The folder to export to holds a module already."""

    error_code = tf.errors.ALREADY_EXISTS
    code = "module-exists"
    what = "{folder} holds a module already."
    why = "an export never overwrites one. (found: tfhub_module.pb)"
    do = "m.export({folder!r} + '_2', session)"
