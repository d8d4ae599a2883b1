"""Creation: the three formats, written by what the matrix names for each."""

from __future__ import annotations

import inspect
import shutil
from typing import Any, Callable, Mapping, Optional, Tuple

import tensorflow as tf

from unihub.errors import UnihubError, first_line
from unihub.formats.model import open_saved_model, read_saved_model
from unihub.formats.object_graph import has_traced_call

# What TensorFlow adds to a sentence that more lines follow.
_BELOW = " See the information below:"
# Where some losses are left out.
_REMADE = (
    "keras.Sequential([unihub.KerasLayer({path!r}, trainable=True), "
    "keras.layers.ActivityRegularization(l2=1e-4)])  # or what else made them"
)
_UNNESTED = (
    "x = keras.Input(inner.input_shape[1:]); unihub.save(keras.Sequential([x, *inner.layers, "
    "*outer]), {path!r} + '-new')  # the layers of the model within, and those behind it"
)


class SaveFailed(UnihubError, RuntimeError, ValueError):
    """TensorFlow could not write the model."""

    code = "save-failed"
    what = "TensorFlow {version} could not write a {format} to {path}."
    why = "it says: {reason}"
    do = "{remedy}"


class SaveNeedsSession(UnihubError, RuntimeError, ValueError):
    """Graph mode keeps the values of variables in a session, and none was given."""

    code = "save-needs-session"
    what = "{path} cannot be written without a session."
    why = "in graph mode the values of the variables live in a session."
    do = (
        "with tf.compat.v1.Session() as session: unihub.initialize(session); "
        "unihub.save(obj, {path!r})"
    )


class WrongThingToSave(UnihubError, TypeError):
    """The object cannot be written in that format."""

    code = "wrong-thing-to-save"
    what = "an object of type {given} cannot be written as a {format}."
    why = "this format is written from {wanted}."
    do = "{remedy}"


class SavedWithoutCall(UnihubError, ValueError):
    """The object can be called, and what would be written of it cannot."""

    code = "saved-without-call"
    what = "{path} was not written: there would be nothing in it to call."
    why = "a SavedModel holds graphs, traced for inputs that are known, and {found}."
    do = "{remedy}"


class LossesNotSaved(UnihubError, ValueError):
    """A layer or model has losses that a SavedModel does not hold."""

    code = "losses-not-saved"
    what = "{path} was written without {missing} of the losses of its {given}."
    why = "a SavedModel holds losses that are functions of weights alone, and {reason}."
    do = "{remedy}"


class LossesNotSavedWarning(UserWarning):
    """A model is written without some of its losses."""


def save_tf1_hub(
    target: Any,
    path: str,
    session: Any = None,
    checkpoint_path: Optional[str] = None,
    **creation: Any,
) -> None:
    """Writes a TF1 Hub module.

    Args:
        target: a module_fn (its variables are initialised afresh), a
            ModuleSpec (with ``checkpoint_path``), or a Module (with the
            ``session`` that holds its variables; the default one otherwise);
            those of tensorflow_hub as well.
        path: the folder to write.
        session: tf.compat.v1.Session.
        checkpoint_path: of the variables' values, for a ModuleSpec.
        **creation: ``tags_and_args`` and ``drop_collections`` for a module_fn.
    """
    # Only here, for a TF2 SavedModel is written without them.
    from unihub.apis.module.compat import is_of_tensorflow_hub
    from unihub.apis.module.create import create_module_spec
    from unihub.apis.module.module import Module
    from unihub.apis.module.spec import ModuleSpec, as_module_spec

    if isinstance(target, Module) or is_of_tensorflow_hub(target, "module.Module"):
        target.export(path, _session_or_default(session, path))
        return
    if inspect.isfunction(target):
        target = create_module_spec(target, **creation)
    elif isinstance(target, ModuleSpec) or is_of_tensorflow_hub(target, "module_spec.ModuleSpec"):
        target = as_module_spec(target)
    else:
        raise WrongThingToSave(
            given=type(target).__name__,
            format="TF1 Hub module",
            wanted="a module_fn, a ModuleSpec or a Module",
            remedy="unihub.save(module_fn, path)  # module_fn calls unihub.add_signature(...)",
        )
    if checkpoint_path is not None:
        target.export(path, checkpoint_path=checkpoint_path)
        return
    with tf.Graph().as_default():
        module = Module(target)
        with tf.compat.v1.Session() as fresh:
            fresh.run(tf.compat.v1.global_variables_initializer())
            module.export(path, fresh)


def save_tf1_saved_model(session: Any, path: str, inputs: Any = None, outputs: Any = None) -> None:
    """Writes a TF1 SavedModel with the signature "serving_default".

    Args:
        session: the tf.compat.v1.Session that holds the variables.
        path: the folder to write.
        inputs, outputs: dicts from names to tensors of the session's graph.
    """
    if not hasattr(session, "graph") or not inputs or not outputs:
        raise WrongThingToSave(
            given=type(session).__name__,
            format="TF1 SavedModel",
            wanted="a session, with the tensors that go in and out",
            remedy='unihub.save(session, path, format="tf1_saved_model", '
            'inputs={"x": x}, outputs={"y": y})',
        )
    with session.graph.as_default():
        tf.compat.v1.saved_model.simple_save(session, path, inputs, outputs)


def save_tf2_saved_model(
    target: Any, path: str, signatures: Any = None, options: Any = None, session: Any = None
) -> None:
    """Writes a TF2 SavedModel by `tf.saved_model.save`.

    Args:
        target: a trackable object: a tf.Module, a Keras model or layer, a loaded model.
        path: the folder to write.
        signatures: as tf.saved_model.save takes them.
        options: tf.saved_model.SaveOptions, from TensorFlow 2.3 on.
        session: in graph mode, the one that holds the variables.
    """
    keywords = {} if options is None else {"options": options}
    if hasattr(target, "structured_input_signature"):
        raise _function_alone(target, path)
    roots = []

    def write() -> None:
        root, own = _with_signatures(target)
        roots.append(root)
        chosen = own if signatures is None else signatures
        tf.saved_model.save(root, path, signatures=chosen, **keywords)

    if tf.executing_eagerly():
        _explained(write, target, path)
    else:
        session = _session_or_default(session, path)
        with session.as_default():
            _initialize_save_counter(target, session)
            _explained(write, target, path)
    refusal = _hollow(target, path)
    if refusal is not None:
        # It was absent or empty.
        shutil.rmtree(path)
        raise refusal
    left_out = losses_left_out(target, path, roots[-1])
    if left_out is not None:
        # Few have any.
        from unihub.apis.keras.errors import warn_of

        warn_of(left_out, LossesNotSavedWarning)


def _hollow(target: Any, path: str) -> Optional[SavedWithoutCall]:
    """The error for what was written without anything to call, and is called or holds such."""
    with open_saved_model(path) as (model, file):
        (graph,), written = file.meta_graphs, model.meta_graphs[0]
        assert written.object_graph is not None
        if written.signatures or has_traced_call(graph.message("object_graph_def")):
            return None
        if callable(getattr(target, "__wrapped__", target)):
            return _without_call(target, path)
        held = None if written.object_graph.callables else _keras_3_in(target)
    if held is None:
        return None
    return SavedWithoutCall(
        path=path,
        found=f"of what this {type(target).__name__} holds, {held!r}, Keras 3 writes no call",
        remedy=f"unihub.save(obj.{held}, {path!r})",
    )


def _keras_3_in(target: Any) -> Optional[str]:
    return next((name for name, value in vars(target).items() if _is_keras_3(value)), None)


def _is_keras_3(target: Any) -> bool:
    # It needs what a KerasLayer needs.
    from unihub.apis.keras.reusable import is_keras_3

    return is_keras_3(target)


def losses_left_out(target: Any, path: str, root: Any) -> Optional[LossesNotSaved]:
    """The error for losses that training has and what was written to ``path`` has not.

    ``root`` is the object that stood for the target.
    """
    reason, remedy = "others depend on the inputs, or on what is computed of them", _REMADE
    missing = getattr(root, "left_out", 0)
    if root is target and hasattr(target, "losses") and hasattr(target, "_flatten_layers"):
        written = read_saved_model(path).meta_graphs[0].regularization_losses
        missing = len(target.losses) - written
        own = sum(len(part._callable_losses) for part in target._flatten_layers())
        if missing > 0 and own > written:
            reason, remedy = "Keras 2 writes none of a model within a model", _UNNESTED
    if missing <= 0:
        return None
    return LossesNotSaved(
        path=path,
        missing=missing,
        given=type(target).__name__,
        reason=reason,
        remedy=remedy.format(path=path),
    )


def _without_call(target: Any, path: str) -> SavedWithoutCall:
    given = type(target).__name__
    found = f"this {given} has not been called yet"
    remedy = f"obj(inputs); unihub.save(obj, {path!r})  # inputs: a batch of what it takes"
    if hasattr(target, "add_weight") and not hasattr(target, "fit"):
        found = f"this {given}, a layer, has not been called in a model"
        remedy = remedy.replace("obj", "model")
        remedy = f"model = tf.keras.Sequential([obj]); {remedy}"
    elif not hasattr(type(target).__call__, "get_concrete_function") and not hasattr(target, "fit"):
        found = f"the __call__ of {given} is plain Python"
        remedy = remedy.replace("obj(", "obj.__call__(", 1)
        remedy = f"obj.__call__ = tf.function(obj.__call__); {remedy}"
    return SavedWithoutCall(path=path, found=found, remedy=remedy)


def _with_signatures(target: Any) -> Tuple[Any, Any]:
    """The object to hand to TensorFlow, and the signatures that it has of itself."""
    # Imported only here: it needs what a KerasLayer needs.
    from unihub.apis.keras.layer import CommonLayer
    from unihub.apis.keras.reusable import is_keras_3, reusable

    if isinstance(target, CommonLayer) or is_keras_3(target):
        return reusable(target) or (target, {})
    signatures = getattr(target, "signatures", None)
    # Of a loaded object. TensorFlow would choose one among its functions, be it a loss.
    return target, signatures if isinstance(signatures, Mapping) else None


def _explained(write: Callable[[], None], target: Any, path: str) -> None:
    try:
        write()
    # Reference variables, untracked resources and symbolic captures raise
    # ValueError, AssertionError, TypeError and more.
    except Exception as error:
        is_function = hasattr(target, "get_concrete_function") and not isinstance(target, tf.Module)
        if is_function or not hasattr(target, "_gather_saveables_for_checkpoint"):
            raise _function_alone(target, path) from error
        remedy = f"tf.saved_model.save(obj, {path + '-new'!r})  # for TensorFlow's own traceback"
        if not tf.executing_eagerly():
            remedy = "tf.compat.v1.enable_resource_variables()  # before the variables are made"
        elif "untracked" in str(error):
            remedy = (
                f"obj.used = [v]; unihub.save(obj, {path!r})  # v: each variable and table that "
                "its functions use, and no attribute of it leads to"
            )
        elif isinstance(error, TypeError) and _is_keras_3(target):
            # TensorFlow's own writes such a model without its call.
            remedy = (
                f"x = [keras.Input(s) for s in shapes]; unihub.save(keras.Model(x, obj(*x)), "
                f"{path!r})  # shapes: of what its call takes, without the batch"
            )
        raise SaveFailed(
            version=tf.__version__,
            format="TF2 SavedModel",
            path=path,
            reason=f"{type(error).__name__}: {first_line(error).replace(_BELOW, '')}",
            remedy=remedy,
        ) from error


def _function_alone(target: Any, path: str) -> WrongThingToSave:
    return WrongThingToSave(
        given=type(target).__name__,
        format="TF2 SavedModel",
        wanted="an object that holds functions and variables: a tf.Module, a Keras model",
        remedy=f"obj = tf.Module(); obj.__call__ = f; unihub.save(obj, {path!r})  "
        "# f: a tf.function with an input_signature",
    )


def _initialize_save_counter(target: Any, session: Any) -> None:
    # A Checkpoint makes it when it is first saved, too late for its user to initialise it.
    if not isinstance(target, tf.train.Checkpoint):
        return
    counter = target.save_counter
    if not session.run(tf.compat.v1.is_variable_initialized(counter)):
        session.run(counter.initializer)


def _session_or_default(session: Any, path: str) -> Any:
    session = session or tf.compat.v1.get_default_session()
    if session is None:
        raise SaveNeedsSession(path=path)
    return session
