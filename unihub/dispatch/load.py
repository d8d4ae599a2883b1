"""The one join: handle → folder → format → cell of the matrix → route → object."""

from __future__ import annotations

import contextlib
import inspect
import os
from typing import Any, Dict, Optional, Tuple, Union

from unihub.apis.request import Origin, Request
from unihub.errors import check_choice, in_template, path_text
from unihub.errors.guard import guarded
from unihub.formats import selection
from unihub.formats.files import variables_digest
from unihub.formats.model import MetaGraph, SavedModel, open_saved_model
from unihub.handles import resolving
from unihub.inspection import before_loading
from unihub.matrix.rows import CELLS
from unihub.matrix.values import Cell, Format, Operation, Route, Runtime
from unihub.runtime import current_runtime

# The arguments of load() that are one of a few words, or None.
_CHOICES: Dict[str, Tuple[str, ...]] = {
    "api": ("module", "load", "keras"),
    "weights": ("mmap",),
}

# The keyword arguments that each API takes beyond those of load() itself.
_ARGUMENTS = {
    "module": ("name",),
    "load": (),
    "keras": ("arguments", "output_shape", "name", "dtype", "input_shape", "batch_input_shape"),
}


@guarded("loading")
def load(
    handle: Union[str, os.PathLike[str]],
    tags: Optional[selection.Tags] = None,
    options: Any = None,
    *,
    op: Union[str, Operation] = Operation.INFERENCE,
    api: Optional[str] = None,
    signature: Optional[str] = None,
    output_key: Optional[str] = None,
    as_dict: Optional[bool] = None,
    training: Optional[bool] = None,
    sha256: Optional[str] = None,
    convert: bool = False,
    on_unsafe: Optional[str] = None,
    fast: bool = True,
    weights: Optional[str] = None,
    **kwargs: Any,
) -> Any:
    """Loads any TensorFlow Hub model the way that suits this TensorFlow.

    Reads the model's format, looks up what the compatibility matrix says of it
    for the running TensorFlow and ``op``, and serves it by the API that is named
    there: hub.Module, tf.saved_model.load or a KerasLayer. A superset of
    ``tensorflow_hub.load(handle, tags, options)``.

    Args:
        handle: a folder, the URL of a model, or what else `unihub.resolve` takes.
        tags: of the MetaGraph to use (one str or several); by default
            "train" when fine-tuning a TF1 format that has it, else none,
            "serve", or the only one.
        options: a tf.saved_model.LoadOptions, for the APIs that take it.
        op: "inference" or "fine_tuning".
        api: "module", "load" or "keras", to pin one of the APIs that are named there.
        signature: name of the signature to call; by default the model's own
            ``__call__``, else "default", "serving_default" or the only one.
        output_key: name of the one output to return; by default the only
            output, or the one called "default", is returned by itself.
        as_dict: True to return all outputs as a dict.
        training: False to fine-tune a TF1 format without its train graph (to
            evaluate); TF2 SavedModels take it on each call instead.
        sha256: of the archive that the model comes in, in hexadecimal: no other
            bytes are loaded.
        convert: True to have a TF1 format converted, once, to a TF2 SavedModel in
            the cache, and that one loaded, which TF2 can fine-tune; see
            `unihub.convert`. ``signature`` is then the one that ``m(inputs)`` is.
        on_unsafe: "warn", "refuse" or "ignore": what to do about a model that
            runs Python or machine code, writes files or connects to the network; by
            default what the settings say, which is to warn, once per model.
            This is advice, not a sandbox; see `unihub.inspect`.
        fast: False to load the whole model. By default, in TF2, only what a
            call or a training step needs is loaded, where the answers are proven equal; the rest
            follows when it is asked for.
        weights: "mmap" to have the weights copied to the cache once, and shared by
            all processes of this machine; None to read them from the model.
        **kwargs: for the API: ``name`` for a Module; ``name``, ``dtype``,
            ``arguments``, ``output_shape`` and so on for a KerasLayer.

    Returns:
        What the API returns: a Module, the object that tf.saved_model.load
        gives, or a Keras layer. ``m(inputs)`` works on each; where the loaded
        object is not callable itself, it is wrapped so that it is.

    Raises:
        MatrixRefusal: when the matrix rules it out.
        UnsafeModel: for ``on_unsafe="refuse"``.
        AssetEscapes: when an asset of the model lies outside of its folder.
        UnihubError: one class per cause; each is also the builtin that
            tensorflow_hub raises there.

    Source: https://www.tensorflow.org/hub/model_compatibility.

    Example:
        >>> half_plus_two = unihub.load("path/to/half_plus_two")
        >>> half_plus_two(tf.constant([2.0]))
    """
    choices = dict(locals())
    line = f"unihub.load({in_template(handle)}, {{argument}}={{example!r}})"
    operation = op if isinstance(op, Operation) else _operation(op, line)
    for argument, value in (("api", api), ("weights", weights)):
        check_choice(argument, value, _CHOICES[argument], line)
    if not (training is None or isinstance(training, bool)):
        from unihub.dispatch.refused import flag

        training = flag(training, line)
    before_loading.check_reaction(on_unsafe, "unihub.load", handle)
    folder = resolving.locate(handle, sha256=sha256)
    text = given = path_text(handle)
    if not os.path.isabs(folder):
        # What is read later is read from here, wherever the process has gone by then.
        folder = given = os.path.join(os.getcwd(), folder)
    with contextlib.ExitStack() as files:
        # Open until the model is loaded: what is checked is what is loaded.
        model, file = files.enter_context(open_saved_model(folder))
        stamp = (file.identity, variables_digest(folder))
        if operation is Operation.CREATION:
            # Imported only here, as below: few ask for what cannot be.
            from unihub.dispatch.refused import CreationIsSaving

            raise CreationIsSaving(handle=text)
        before_loading.check(text, model, on_unsafe, note=weights is not None)
        if convert and model.format is not Format.TF2_SAVED_MODEL and _in_tf2():
            text = _converted(model, signature, tags)
            model, _ = files.enter_context(open_saved_model(text))
            signature = tags = None
        graph = selection.choose_meta_graph(model, text, operation, training, tags)
        if operation is Operation.FINE_TUNING:
            _check_tunable(text, model, graph, signature)
        cell = CELLS[model.format, current_runtime(), operation]
        route = _route(cell, api, text, model)
        _check_arguments(text, route.api, kwargs)
        request = Request(
            handle=text,
            model=model,
            meta_graph=graph,
            tags_given=tags is not None,
            operation=operation,
            training=training,
            signature=signature,
            output_key=output_key,
            as_dict=as_dict,
            options=options,
            fast=fast,
            weights=weights,
            arguments=kwargs,
            origin=Origin(given, folder, model.path, choices, stamp, load),
        )
        return _serve(route.api, request)


def _operation(word: Any, line: str) -> Operation:
    # Imported only here, for most callers name none, or a member.
    from unihub.dispatch.support import chosen

    return chosen(Operation, word, "op", line)


def _in_tf2() -> bool:
    return current_runtime() is Runtime.TF2


def _converted(model: SavedModel, signature: Optional[str], tags: Optional[selection.Tags]) -> str:
    """The folder of the converted model in the cache."""
    # Imported only here, for few loads convert.
    from unihub.conversion.convert import convert_into_cache

    # The load has looked at it.
    return convert_into_cache(model.path, signature=signature, tags=tags, on_unsafe="ignore")


def _check_tunable(
    handle: str, model: SavedModel, graph: MetaGraph, signature: Optional[str]
) -> None:
    # Imported only here, for inference takes what the matrix gives.
    from unihub.inspection.judge import judge

    runtime = current_runtime()
    verdict = judge(handle, model, runtime, Operation.FINE_TUNING, graph, signature)
    if verdict.refusal is not None:
        raise verdict.refusal


def _route(cell: Cell, api: Optional[str], handle: str, model: SavedModel) -> Route:
    if api is None:
        return cell.routes[0]
    for route in cell.routes:
        if route.api == api:
            return route
    from unihub.dispatch.refused import refused_api

    raise refused_api(cell, api, handle, model)


def _check_arguments(handle: str, api: str, arguments: Dict[str, Any]) -> None:
    for argument, value in arguments.items():
        if argument not in _ARGUMENTS[api]:
            from unihub.dispatch.refused import unexpected_argument

            own = inspect.signature(load).parameters.values()
            names = [each.name for each in own if each.kind is each.KEYWORD_ONLY]
            raise unexpected_argument(handle, api, argument, value, names, _ARGUMENTS[api])


def _serve(api: str, request: Request) -> Any:
    # Each API is imported when it is chosen, and TensorFlow with it.
    if api == "module":
        from unihub.apis.module.serving import load_module

        return load_module(request)
    if api == "keras":
        from unihub.apis.layers import load_keras_layer

        return load_keras_layer(request)
    from unihub.apis.saved_model import load_saved_model

    return load_saved_model(request)
