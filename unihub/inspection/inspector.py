"""From a handle to what its model is, without TensorFlow."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Dict, Iterable, Iterator, List, Optional, Tuple, Union, overload
from typing import Callable as AnyCallable

from unihub.errors import path_text
from unihub.errors.guard import guarded
from unihub.formats import selection
from unihub.formats.files import CHECKPOINT
from unihub.formats.model import MetaGraph, Named, SavedModel, open_saved_model
from unihub.inspection import security
from unihub.inspection.attachments import read_attachments
from unihub.inspection.callables import Callable, read_callables
from unihub.inspection.checkpoint import Checkpoint, read_checkpoint
from unihub.inspection.examples import (
    callable_example,
    composite_arguments,
    signature_example,
)
from unihub.inspection.facts import (
    Asset,
    CallableInfo,
    CheckpointInfo,
    MetaGraphInfo,
    SignatureInfo,
)
from unihub.inspection.graph_facts import graph_facts, with_shapes
from unihub.inspection.keras_metadata import read_keras_metadata
from unihub.inspection.model_info import ModelInfo, RemoteInfo
from unihub.inspection.op_dangers import control_flow_v1, unknown_ops
from unihub.inspection.parsed_inputs import ParsedInputs
from unihub.inspection.uses import present_runtime, runs_as_shown, uses_of
from unihub.inspection.variables import (
    Variable,
    variables_of_collections,
    variables_of_objects,
)
from unihub.matrix.values import Format

if TYPE_CHECKING:
    # Python 3.7 has none.
    from typing import Literal

_MOST_FILES = 100_000


@overload
def inspect(
    handle: Union[str, os.PathLike[str]], *, download: Literal[True] = True
) -> ModelInfo: ...


@overload
def inspect(
    handle: Union[str, os.PathLike[str]], *, download: bool
) -> Union[ModelInfo, RemoteInfo]: ...


@guarded("inspecting")
def inspect(
    handle: Union[str, os.PathLike[str]], *, download: bool = True
) -> Union[ModelInfo, RemoteInfo]:
    """Tells what a model is, from its files alone and without TensorFlow.

    Args:
        handle: a folder, or any handle that `unihub.load` takes.
        download: whether a model that is neither here nor cached is downloaded.

    Returns:
        Its format and the evidence for it, graph variants, signatures, callables,
        variables, ops, assets, what can be done with it in each runtime, and what it
        can do outside of its graph. It prints as text and shows as a card in a
        notebook. Without ``download``, of a model that is neither here nor cached, a
        `unihub.inspection.model_info.RemoteInfo`: what its server says of it.

    Raises:
        FormatError: there is no readable model. It is also an OSError where the
            path is missing or a file is damaged, and a ValueError where what is
            there is not a model.

    Source: https://www.tensorflow.org/guide/saved_model and
    https://www.tensorflow.org/hub/reusable_saved_models.

    Example:
        >>> info = unihub.inspect("half_plus_two")
        >>> info.format.value, len(info.meta_graphs[0].variables), info.findings
        ('tf1_saved_model', 2, ())
    """
    text = path_text(handle) if isinstance(handle, (str, os.PathLike)) else ""
    # Python 3.7 refuses to look for what has a NUL in it.
    if not (text and "\0" not in text and os.path.isdir(text)):
        # Imported only here, for it takes longer than inspecting most models.
        from unihub.handles import parsing, resolving
        from unihub.inspection.at_hand import is_at_hand

        if not download and not is_at_hand(handle):
            from unihub.inspection import remote

            return remote.known(handle)
        folder, text = resolving.locate(handle), parsing.shown(text)
    else:
        folder = text
    with open_saved_model(folder) as (model, file):
        checkpoint = read_checkpoint(os.path.join(folder, CHECKPOINT))
        keras = read_keras_metadata(folder, file.meta_graphs[0].message("object_graph_def"))
        scans = [security.Scan(message, file.path) for message in file.meta_graphs]
        facts = [
            graph_facts(scan.graph, graph, scan.meta_graph)
            for scan, graph in zip(scans, model.meta_graphs)
        ]
        runtime = present_runtime()
        return ModelInfo(
            handle=text,
            path=folder,
            format=model.format,
            evidence=model.evidence,
            tensorflow_version=model.meta_graphs[0].tensorflow_version,
            bytes=_total_size(folder),
            module_format=model.module_format,
            required_features=model.required_features,
            checkpoint=_checkpoint(checkpoint),
            keras=keras,
            meta_graphs=tuple(
                _meta_graph(
                    text,
                    model,
                    graph,
                    scan,
                    checkpoint,
                    functools.partial(runs_as_shown, text, model, graph, runtime, of_graph),
                )
                for graph, scan, of_graph in zip(model.meta_graphs, scans, facts)
            ),
            uses=uses_of(text, model, facts),
            runtime=runtime,
            findings=security.findings_of(
                model, scans, has_lambda=keras is not None and keras.has_lambda
            ),
        )


def _meta_graph(
    handle: str,
    model: SavedModel,
    graph: MetaGraph,
    scan: security.Scan,
    checkpoint: Optional[Checkpoint],
    runs: AnyCallable[[Optional[str]], bool],
) -> MetaGraphInfo:
    message, file = scan.meta_graph, scan.file
    collections = message.entries("collection_def")
    objects = message.message("object_graph_def")
    ops = tuple(sorted(scan.graph.ops()))
    # Those that `unihub.load` chooses by itself need not be named.
    evident = selection.evident_meta_graph(model)
    tags = None if evident is not None and graph.tags == evident.tags else graph.tags
    is_tf2 = model.format is Format.TF2_SAVED_MODEL
    variables: Tuple[Variable, ...]
    children = graph.object_graph.children_by_name() if graph.object_graph else {}
    if is_tf2:
        variables = variables_of_objects(objects, children)
    else:
        variables = variables_of_collections(collections, checkpoint, file)
    parsed = ParsedInputs(scan.graph)
    callables = read_callables(objects, children) if is_tf2 else ()
    composites = composite_arguments(callables)
    return MetaGraphInfo(
        tags=graph.tags,
        tensorflow_version=graph.tensorflow_version,
        signatures=tuple(
            SignatureInfo(
                s.name,
                s.inputs,
                s.outputs,
                signature_example(handle, with_shapes(scan.graph, s), tags, parsed, composites)
                if runs(s.name)
                else "",
            )
            for s in graph.signatures.values()
        ),
        callables=tuple(_callables(handle, callables, parsed, runs(None))),
        sub_objects=graph.object_graph.callables if graph.object_graph else (),
        variables=variables,
        regularization_losses=graph.regularization_losses,
        collections=graph.collections,
        ops=ops,
        packages=Named({name: tuple(found) for name, found in unknown_ops(ops).items()}),
        control_flow_v1=control_flow_v1(ops),
        attachments=read_attachments(collections, file),
        assets=tuple(_assets(model.path, graph.assets)),
    )


def _callables(
    handle: str, found: Iterable[Callable], parsed: ParsedInputs, is_run: bool
) -> Iterator[CallableInfo]:
    for one in found:
        example = callable_example(handle, one, parsed) if is_run else ""
        yield CallableInfo(one.path, one.arguments, one.accepted, example)


def _assets(folder: str, names: Iterable[str]) -> Iterator[Asset]:
    for name in names:
        file = os.path.join(folder, "assets", name)
        is_inside = not security.escapes(name) and os.path.isfile(file)
        yield Asset(name, os.path.getsize(file) if is_inside else None)


def _checkpoint(checkpoint: Optional[Checkpoint]) -> Optional[CheckpointInfo]:
    if checkpoint is None:
        return None
    return CheckpointInfo(
        len(checkpoint.tensors), checkpoint.bytes, checkpoint.shards, checkpoint.damage
    )


def _total_size(folder: str) -> int:
    sizes: Dict[str, int] = {}
    for parent, _, names in os.walk(folder):
        paths: List[str] = [os.path.join(parent, name) for name in names]
        sizes.update((path, os.stat(path).st_size) for path in paths if os.path.isfile(path))
        if len(sizes) > _MOST_FILES:
            break
    return sum(sizes.values())
