"""Why a model cannot be converted: one class and code per cause."""

from __future__ import annotations

from unihub.errors import UnihubError
from unihub.inspection.convertible import PythonFunction as PythonFunction
from unihub.inspection.convertible import StateNotSupported as StateNotSupported
from unihub.inspection.convertible import TPUOnly as TPUOnly


class ConversionNeedsTF2(UnihubError, NotImplementedError):
    """Conversion and validation work in TF2 only."""

    code = "convert-needs-tf2"
    what = "{action} does not run in {runtime}."
    why = (
        "a Reusable SavedModel is made of functions and eager variables, which "
        "TensorFlow has from 2.6 on, with eager execution. (here: TensorFlow {version})"
    )
    do = "run it by itself in TensorFlow 2: {command}"


class AlreadyTF2(UnihubError, ValueError):
    """There is nothing to convert."""

    code = "convert-already-tf2"
    what = "{handle} is a TF2 SavedModel already."
    why = "only the TF1 formats are converted. (found: {evidence})"
    do = "print(unihub.validate({handle!r}))  # what it can be used for"


class TargetExists(UnihubError, FileExistsError):
    """There is something where the converted model is to be written."""

    code = "convert-target-exists"
    what = "{path} exists already."
    why = "a converted model is written into a folder of its own. (found: {found})"
    do = "{remedy}"


class V1ControlFlow(UnihubError, NotImplementedError):
    """Gradients would have to pass through TF1's own conds and loops."""

    code = "convert-v1-control-flow"
    what = "{handle} has TF1 control flow under gradients, which TF2 cannot differentiate."
    why = (
        "the ops Switch, Merge, Enter, … of tf.cond and tf.while_loop have gradients only in "
        "the graph that built them. (signature {signature!r}: {ops})"
    )
    do = "with tf.Graph().as_default(): unihub.load({handle!r}, op='fine_tuning')  # in TF1 mode"


class NoGradient(UnihubError, LookupError, NotImplementedError):
    """An op between variables and outputs has no gradient here."""

    code = "convert-no-gradient"
    what = "{handle} cannot be differentiated in TensorFlow {version}."
    why = (
        "on the way from its variables or inputs to its outputs: {reason} (signature {signature!r})"
    )
    do = "unihub.load({handle!r})  # for inference, as it is"


class ReferenceVariableUse(UnihubError, NotImplementedError):
    """An op works on a reference variable in a way that resource variables do not have."""

    code = "convert-reference-variables"
    what = "{handle} uses reference variables in ways that resource variables do not have."
    why = (
        "reads, assignments and scatter updates are turned into those of resource variables; "
        "these ops are not: {ops}. (signature {signature!r})"
    )
    do = "with tf.Graph().as_default(): unihub.load({handle!r}, op='fine_tuning')  # in TF1 mode"


class PartitionsNotJoined(UnihubError, ValueError, NotImplementedError):
    """The parts of a partitioned variable do not make one variable."""

    code = "convert-partitions"
    what = "the parts of the variable {variable!r} of {handle} cannot be joined."
    why = "{reason}"
    do = "with tf.Graph().as_default(): unihub.load({handle!r}, op='fine_tuning')  # in TF1 mode"


class UpdateOpInputs(UnihubError, ValueError, NotImplementedError):
    """An update op needs what the signature is not given."""

    code = "convert-update-op-inputs"
    what = "an update op of {handle} depends on tensors outside of the signature {signature!r}."
    why = (
        "each training call runs all update ops, and knows no value of {placeholders}. "
        "(update ops: {ops})"
    )
    do = "unihub.convert({handle!r}, path, signature={example!r})"


class LossInputs(UnihubError, ValueError, NotImplementedError):
    """A regularization loss is not one of the variables alone."""

    code = "convert-loss-inputs"
    what = "a regularization loss of {handle} depends on the inputs of a call."
    why = (
        "regularization_losses are functions without arguments. ({loss!r} depends on "
        "{placeholders})"
    )
    do = "with tf.Graph().as_default(): unihub.load({handle!r}, op='fine_tuning')  # in TF1 mode"


class VariableWithoutValue(UnihubError, ValueError):
    """The checkpoint does not hold a variable that the graph needs."""

    code = "convert-variable-without-value"
    what = "the variable {variable!r} of {handle} has no value."
    why = "neither the checkpoint nor the initialisation gives it one. (checkpoint: {found})"
    do = (
        "with tf.Graph().as_default(): m = unihub.load({handle!r}, op='fine_tuning')  # in TF1 "
        "mode, where unihub.initialize(session) gives it one; or use a model with all of variables/"
    )


class TableWithoutContents(UnihubError, ValueError):
    """Nothing in the graph fills a table."""

    code = "convert-table-without-contents"
    what = "the table {table!r} of {handle} is never filled."
    why = "no op of the graph initialises it from a file or from constants. (found: {found})"
    do = "with tf.Graph().as_default(): unihub.load({handle!r})  # in TF1 mode"


class TrainGraphDiffers(UnihubError, ValueError):
    """The train graph is not one of the same model."""

    code = "convert-train-graph-differs"
    what = "the train graph {tags} of {handle} does not fit its graph for inference."
    why = "{reason}"
    do = "unihub.convert({handle!r}, path, tags={tags})  # the train graph by itself"


class NoExampleInputs(UnihubError, ValueError):
    """The original does not run on inputs made up for it."""

    code = "convert-needs-inputs"
    what = "no inputs could be made up on which the signature {signature!r} of {handle} runs."
    why = (
        "a converted model is compared with the original on them. The last attempt "
        "({tried}) gave: {reason}"
    )
    do = "unihub.convert({handle!r}, path, inputs={{{signature!r}: {example}}})"


class WrongExampleInputs(UnihubError, ValueError):
    """The caller's inputs are not those of the signature."""

    code = "convert-wrong-inputs"
    what = "the inputs given for the signature {signature!r} of {handle} are {given}."
    why = "the signature takes {accepted}."
    do = "unihub.convert({handle!r}, path, inputs={{{signature!r}: {example}}})"


class ConversionFailed(UnihubError, RuntimeError, ValueError):
    """TensorFlow failed to make a TF2 SavedModel of a model; nothing was left behind."""

    code = "convert-failed"
    what = "TensorFlow {version} could not make a TF2 SavedModel of {handle}."
    why = "it says: {reason}"
    do = "with tf.Graph().as_default(): unihub.load({handle!r}, op='fine_tuning')  # in TF1 mode"


class ConversionMismatch(UnihubError, AssertionError, RuntimeError):
    """The converted model is not equal to the original; nothing was left behind."""

    code = "convert-mismatch"
    what = "the model converted from {handle} does not equal the original; it was removed."
    why = "compared on the same inputs after reloading: {failed}"
    do = (
        "with tf.Graph().as_default(): unihub.load({handle!r}, op='fine_tuning')  # in TF1 mode; "
        "or report it with the model's name and this text"
    )
