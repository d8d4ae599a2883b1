"""api="load": the object that tf.saved_model.load gives."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Callable, Iterator, Optional

import tensorflow as tf

from unihub.apis.parts import OWN_CLASS, copy_as_loaded, explain_calls
from unihub.apis.request import Origin, Request
from unihub.apis.surroundings import check_fork, check_strategy, keep_while_traced, register_ops
from unihub.errors import NotEvident, UnihubError
from unihub.formats import selection
from unihub.formats.model import DENSE, MetaGraph, SavedModel, read_ops
from unihub.formats.saved_model import saved_model_file
from unihub.inspection.security import refuse_escaping_assets
from unihub.matrix.values import Format, Runtime
from unihub.runtime import current_runtime


def load_saved_model(request: Request) -> Any:
    """Serves a cell of the matrix by `tf.saved_model.load`.

    Returns:
        The loaded object itself where it is callable and no signature was
        asked for; else the same object made callable through the signature.
    """
    which = (request.handle, request.model, request.meta_graph, request.options)
    load_full = functools.partial(_with_parts, *which, origin=request.origin)
    if request.fast and request.fine_tuning:
        tuned = load_frozen(request, for_layer=False)
        if tuned is not None:
            return tuned
    elif request.fast:
        # Each of these rooms is imported by the loads that need it.
        from unihub.apis.lean.capability import may_be_lean

        if may_be_lean(request):
            from unihub.apis.lean.inference import load_lean

            with explained(request.handle, request.meta_graph, request.model):
                lean = load_lean(request, load_full, request.weights)
            if lean is not None:
                return lean
    loaded = load_full()
    if request.signature is None and selection.is_callable(request.meta_graph):
        names = list(request.meta_graph.signatures)
        selection.choose_output(None, request.handle, request.output_key, request.as_dict, names)
        return loaded
    from unihub.apis.proxy import CallableObject

    return CallableObject(loaded, _call_of(request, loaded), request.origin)


def load_frozen(request: Request, for_layer: bool = True) -> Optional[Any]:
    """The object that passes for the loaded one to a layer, or to who trains; None without any.

    Args:
        request: with a signature, if one is called.
        for_layer: whether a layer is made of it.
    """
    graph, handle, model = request.meta_graph, request.handle, request.model
    if model.format is not Format.TF2_SAVED_MODEL or not selection.is_callable(graph):
        return None
    if request.signature is not None and request.signature not in graph.signatures:
        return None
    from unihub.apis.lean.capability import is_tested, may_be_lean

    # The trial of another TensorFlow has no layers in it.
    if not (is_tested() and may_be_lean(request)):
        return None
    from unihub.apis.lean import frozen

    refuse_escaping_assets(handle, model)
    load = load_meta_graph if for_layer else _with_parts
    load_full = functools.partial(load, handle, model, graph, request.options)
    with explained(handle, graph, model):
        kind = frozen.FrozenObject if for_layer else frozen.TrainedObject
        return frozen.load(request, load_full, kind)


def load_meta_graph(
    handle: str,
    model: SavedModel,
    meta_graph: MetaGraph,
    options: Any,
    load: Optional[Callable[..., Any]] = None,
    signature: Optional[str] = None,
    origin: Optional[Origin] = None,
) -> Any:
    """Loads one MetaGraph of a SavedModel, with its ops' packages imported.

    A signature that describes the graph wrongly is left out with a warning, if others do not.

    Args:
        handle: as the caller wrote it.
        model, meta_graph: what to load.
        options: tf.saved_model.LoadOptions, or None.
        load: what does it, if not TensorFlow's own.
        signature, origin: that will be called; how to load it again; None for unknown.

    Raises:
        MistypedSignature: when the signature describes the graph wrongly.
        AssetEscapes: when an asset lies outside of the model's folder.
        MissingOps: when this TensorFlow lacks an op of the graph.
        OptionsNotSupported: when options are given before TensorFlow 2.3.
        LoadFailed: when TensorFlow raises anything.
        StrategyNotSupported: for a TF1 format under a distribution strategy.
        ForkedAfterUse: in a process forked after TensorFlow had run.
    """
    refuse_escaping_assets(handle, model)
    check_fork(handle)
    check_strategy(handle, model.format)
    keywords = {}
    if options is not None:
        if not hasattr(tf.saved_model, "LoadOptions"):
            from unihub.apis.failures import OptionsNotSupported

            raise OptionsNotSupported(version=tf.__version__, handle=handle)
        keywords["options"] = options
    with saved_model_file(model.path) as file, explained(handle, meta_graph, model):
        ops = read_ops(model.path, meta_graph.tags)
        register_ops(handle, ops, meta_graph.tensorflow_version)
        # TensorFlow reads the file by itself.
        file.check_unchanged()
        # load_v2 is tf.saved_model.load, under the name that 1.15 has as well.
        load = load or _loader_of_assets(model, meta_graph) or tf.compat.v1.saved_model.load_v2
        try:
            loaded = load(model.path, tags=list(meta_graph.tags), **keywords)
        except Exception:
            # Few models fail to load.
            from unihub.apis.failures import loader_of_the_rest

            load = loader_of_the_rest(handle, model, meta_graph, signature)
            if load is None:
                raise
            loaded = load(model.path, tags=list(meta_graph.tags), **keywords)
    if signature is not None and signature in meta_graph.signatures:
        _check_dtypes(handle, model, meta_graph, signature, loaded)
    # tensorflow_hub's KerasLayer reads this mark on objects passed to it.
    loaded._is_hub_module_v1 = model.format is Format.TF1_HUB
    if type(loaded).__name__ == OWN_CLASS:
        copy_as_loaded(type(loaded), origin)
    keep_while_traced(loaded)
    if current_runtime() is not Runtime.TF2:
        from unihub.apis.graph_mode import check_weights, offer_initializers

        check_weights(handle, model.path)
        offer_initializers(handle, loaded)
    return loaded


def _with_parts(handle: str, *which: Any, **keywords: Any) -> Any:
    """A loaded object that is called by whoever loads it, and so says what it refuses."""
    loaded = load_meta_graph(handle, *which, **keywords)
    explain_calls(loaded, handle)
    if not callable(loaded):
        from unihub.apis.held import hold_parts

        hold_parts(loaded, OWN_CLASS)
    return loaded


def _loader_of_assets(model: SavedModel, meta_graph: MetaGraph) -> Optional[Callable[..., Any]]:
    """A loader of models whose signatures may return the paths of files, where one is needed."""
    if model.format is Format.TF2_SAVED_MODEL or not meta_graph.assets:
        return None
    from unihub.apis.assets import loader_of_bound

    return loader_of_bound()


@contextlib.contextmanager
def explained(
    handle: str, meta_graph: MetaGraph, model: SavedModel, all_signatures: bool = True
) -> Iterator[None]:
    """Says which model it was when TensorFlow fails to load one, and why.

    Args:
        handle: as the caller wrote it.
        meta_graph, model: that is loaded.
        all_signatures: whether each of its signatures is made a function.

    Raises:
        UnihubError: what the judge says of the model, where it knows the reason.
        LoadFailed: else, in the place of whatever TensorFlow raises; CheckpointCut for what
            it raises where weights end too early.
    """
    try:
        yield
    except UnihubError:
        raise
    # TensorFlow raises nearly every type here, without the handle in any.
    except Exception as error:
        # Few models fail to load.
        from unihub.apis.failures import failure

        raise failure(error, handle, meta_graph, model, all_signatures) from error


def _call_of(request: Request, loaded: Any) -> Callable[..., Any]:
    """The signature to call, or what says why none is evident.

    Loading must succeed then too: the caller may go on with ``.signatures``.
    """
    from unihub.apis.signature import SignatureFunction, Undecided

    try:
        signature = selection.choose_signature(
            request.meta_graph, request.handle, request.signature
        )
    except NotEvident as error:
        return Undecided(error)
    assert signature is not None
    output_key = selection.choose_output(
        signature, request.handle, request.output_key, request.as_dict
    )
    _check_dtypes(request.handle, request.model, request.meta_graph, signature.name, loaded)
    function = loaded.signatures[signature.name]
    return SignatureFunction(function, signature, request.handle, output_key)


def _check_dtypes(
    handle: str, model: SavedModel, meta_graph: MetaGraph, signature: str, loaded: Any
) -> None:
    """Raises MistypedSignature where a function takes other dtypes than its signature says."""
    if signature in loaded.signatures:
        function = loaded.signatures[signature]
        # 1.15 does not tell.
        accepted: Any = (getattr(function, "structured_input_signature", None) or ({},))[-1]
        for name, info in meta_graph.signatures[signature].inputs.items():
            spec = accepted.get(name)
            if info.kind == DENSE and getattr(spec, "dtype", info.dtype) != info.dtype:
                break
        else:
            return
    # Imported only here, for few models are wrong.
    from unihub.inspection.judge import wrong_signatures

    wrong = wrong_signatures(handle, model, meta_graph)
    if signature in wrong:
        raise wrong[signature]
