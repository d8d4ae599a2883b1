"""From a handle in one of the TF1 formats to a Reusable SavedModel on disk."""

from __future__ import annotations

import gc
import hashlib
import os
import tempfile
from typing import Any, Dict, List, Mapping, Optional

import tensorflow as tf
from packaging.version import Version

from unihub import __version__, runtime
from unihub.apis.module.saved_model import saved_model_proto, variables_path
from unihub.apis.surroundings import register_ops
from unihub.conversion import errors, files
from unihub.conversion.build import (
    Converted,
    Source,
    attached_messages_json,
    build,
)
from unihub.conversion.check import Comparison
from unihub.conversion.example_inputs import Inputs, example_inputs
from unihub.conversion.report import ConversionReport
from unihub.conversion.state import file_names
from unihub.conversion.variant import Variant
from unihub.errors import UnihubError, first_line
from unihub.errors.arguments import tag_set
from unihub.formats import selection
from unihub.formats.model import MetaGraph, SavedModel, open_saved_model, read_ops
from unihub.handles import resolving
from unihub.inspection import before_loading
from unihub.inspection.judge import unconvertible
from unihub.matrix.values import Format, Runtime

_TRAIN = "train"
# The first whose SaveOptions leave custom gradients out.
_OLDEST = Version("2.6")
# What a line begins with that offers to convert into the cache.
_LOAD = "unihub.load({handle!r}, convert=True, "


def convert(
    handle: str,
    path: str,
    signature: Optional[str],
    tags: Optional[selection.Tags],
    overwrite: bool,
    dry_run: bool,
    inputs: Mapping[str, Mapping[str, Any]],
    call: str = "",
    on_unsafe: Optional[str] = None,
) -> ConversionReport:
    """Does what `unihub.convert` says.

    ``call`` is how the line begins that an error offers, if not with a call of it.
    """
    check_runtime("unihub.convert", f"unihub.convert({handle!r}, {path!r})")
    if not dry_run:
        files.check_target(handle, path, overwrite)
    # Open until it is written: what is searched is what is converted.
    with open_saved_model(resolving.resolve(handle)) as (model, _):
        if model.format is Format.TF2_SAVED_MODEL:
            raise errors.AlreadyTF2(handle=handle, evidence=model.evidence)
        # It is run, to be compared with what is made of it.
        before_loading.check(handle, model, on_unsafe, call="")
        quoted = repr(path).replace("{", "{{").replace("}", "}}")
        call = call or f"unihub.convert({{handle!r}}, {quoted}, "
        source = _source(handle, model, tags, signature, call)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                converted = build(source, _attached_messages(source, scratch))
                examples = {
                    name: example_inputs(source.inference, name, handle, inputs.get(name))
                    for name in source.inference.signatures
                }
                if dry_run:
                    folder = os.path.join(scratch, "model")
                    return _written(source, model, converted, examples, folder, None)
                with files.folder_beside(path) as beside:
                    folder = os.path.join(beside, "model")
                    report = _written(source, model, converted, examples, folder, path)
                    files.publish(folder, path)
                    return report
        except (UnihubError, OSError):
            raise
        # TensorFlow makes functions of what no function was meant to be, and fails in many ways.
        except Exception as error:
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise errors.ConversionFailed(
                handle=handle, version=tf.__version__, reason=reason
            ) from error
        finally:
            for variant in source.variants:
                variant.original.close()


def convert_once(
    handle: str,
    cache: str,
    signature: Optional[str],
    tags: Optional[selection.Tags],
    on_unsafe: Optional[str] = None,
) -> str:
    """Does what `unihub.conversion.convert.convert_once` says."""
    check_runtime("unihub.load(..., convert=True)", f"unihub.load({handle!r}, convert=True)")
    line = f"unihub.load({handle!r}, convert=True, tags=['serve'])"
    chosen = None if tags is None else sorted(tag_set(tags, line))
    content = files.tree_hash(resolving.resolve(handle))
    key = hashlib.sha256(repr((content, signature, chosen, __version__)).encode()).hexdigest()
    path = os.path.join(cache, key[:32])
    if not os.path.isdir(path):
        try:
            convert(handle, path, signature, chosen, False, False, {}, _LOAD, on_unsafe)
        except (errors.TargetExists, OSError):
            # Another process was faster; it publishes only what is complete.
            if not os.path.isdir(path):
                raise
    return path


def check_runtime(action: str, command: str) -> None:
    """Raises ConversionNeedsTF2 outside of TF2."""
    here = runtime.current_runtime()
    if here is not Runtime.TF2 or Version(tf.__version__) < _OLDEST:
        raise errors.ConversionNeedsTF2(
            action=action,
            # An older one is in the TF2 column too, TensorFlow 1.15 with v2 behaviour among them.
            runtime=f"TensorFlow {tf.__version__}" if here is Runtime.TF2 else here.label,
            version=tf.__version__,
            command=command,
        )


def _source(
    handle: str,
    model: SavedModel,
    tags: Optional[selection.Tags],
    signature: Optional[str],
    call: str,
) -> Source:
    graph = selection.choose_meta_graph(model, handle, tags=tags, call=call)
    training = _train_graph(model, graph)
    chosen = selection.choose_signature(graph, handle, signature, call)
    assert chosen is not None
    for one in (graph, training):
        if one is not None:
            refusal = unconvertible(handle, model, one)
            if refusal is not None:
                raise refusal
            ops = read_ops(model.path, one.tags)
            register_ops(handle, ops, one.tensorflow_version)
    saved_model = saved_model_proto(model.path)
    variants: List[Optional[Variant]] = []
    for one in (graph, training):
        variants.append(None if one is None else _variant(handle, saved_model, model, one))
    assert variants[0] is not None
    keep_all = model.format is Format.TF1_HUB
    return Source(handle, variants[0], variants[1], chosen.name, keep_all)


def _train_graph(model: SavedModel, graph: MetaGraph) -> Optional[MetaGraph]:
    """The graph with the same tags and "train", or the one with "train" alone."""
    if _TRAIN in graph.tags:
        return None
    variants = {frozenset(one.tags): one for one in model.meta_graphs}
    with_tags = variants.get(frozenset((*graph.tags, _TRAIN)))
    return with_tags or variants.get(frozenset((_TRAIN,)))


def _variant(handle: str, saved_model: Any, model: SavedModel, graph: MetaGraph) -> Variant:
    wanted = set(graph.tags)
    (found,) = [one for one in saved_model.meta_graphs if set(one.meta_info_def.tags) == wanted]
    return Variant(found, variables_path(model.path), handle)


def _attached_messages(source: Source, scratch: str) -> Optional[str]:
    """The file of attached messages, or None where there are none."""
    messages = attached_messages_json(source.variants)
    if messages is None:
        return None
    path = os.path.join(scratch, files.ATTACHED_MESSAGES_FILE)
    with open(path, "w", encoding="utf-8") as file:
        file.write(messages)
    return path


def _written(
    source: Source,
    model: SavedModel,
    converted: Converted,
    examples: Mapping[str, Inputs],
    folder: str,
    path: Optional[str],
) -> ConversionReport:
    """Writes into a folder, and compares what is loaded from there."""
    files.write(converted.root, converted.signatures, folder, _origin(source, model))
    comparison = Comparison(source, converted, tf.saved_model.load(folder), examples)
    try:
        comparison.run()
    except UnihubError:
        raise
    # Early releases cannot differentiate some of what they save, and say so in many ways.
    except Exception as error:
        reason = f"what was written does not run: {type(error).__name__}: {first_line(error)}"
        raise errors.ConversionMismatch(handle=source.handle, failed=reason) from error
    report = _report(source, model, converted, comparison, path)
    if not report.passed:
        failed = "; ".join(str(check) for check in report.checks if not check.passed)
        raise errors.ConversionMismatch(handle=source.handle, failed=failed)
    # Loaded tables and variables hold files of the folder that is to be moved.
    del comparison
    gc.collect()
    return report


def _origin(source: Source, model: SavedModel) -> Dict[str, Any]:
    return {
        "handle": source.handle,
        "sha256": files.tree_hash(model.path),
        "format": model.format.value,
        "tags": [list(variant.tags) for variant in source.variants],
        "signature": source.signature,
        "unihub": __version__,
        "tensorflow": tf.__version__,
        "written_by_tensorflow": source.inference.meta_graph.meta_info_def.tensorflow_version,
    }


def _report(
    source: Source,
    model: SavedModel,
    converted: Converted,
    comparison: Comparison,
    path: Optional[str],
) -> ConversionReport:
    state = converted.state
    names = state.in_original_order()
    keys = sorted({key for variant in source.variants for key in variant.attachments})
    return ConversionReport(
        handle=source.handle,
        path=path,
        format=model.format.label,
        tags=source.inference.tags,
        train_tags=None if source.training is None else source.training.tags,
        signature=source.signature,
        callables=dict(converted.callables),
        variables=tuple(names),
        trainable_variables=tuple(name for name in names if state.variables[name].trainable),
        gradients=comparison.gradients,
        unconnected=comparison.unconnected,
        regularization_losses=len(source.last.losses),
        update_ops=len(source.last.update_ops),
        tables=len(state.tables),
        assets=file_names(state),
        attached_messages=tuple(keys),
        remarks=converted.remarks,
        checks=tuple(comparison.checks),
    )
