"""Facts of the model behind a handle, without downloading it."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from dataclasses import dataclass
from typing import Any, FrozenSet, Iterator, Optional, Tuple

from unihub import settings
from unihub.errors import UnihubError
from unihub.formats.model import SavedModel, read_saved_model
from unihub.handles.cache.cache import Cache
from unihub.handles.sources import legacy
from unihub.matrix.values import Format


@dataclass(frozen=True)
class Model:
    """Facts of one model.

    Attributes:
        format: its row of the matrix.
        evidence: how that is known, for people.
        certain: whether the model itself was read.
        path: its folder; empty where it was not read.
        tags: of each graph variant; empty where it was not read.
        signatures: of all variants; empty where it was not read.
        callable: whether the loaded object can be called.
        saved: all that was read of it; None where it was not.
    """

    format: Format
    evidence: str
    certain: bool
    path: str = ""
    tags: Tuple[FrozenSet[str], ...] = ()
    signatures: Tuple[str, ...] = ()
    callable: bool = False
    saved: Optional[SavedModel] = None

    @property
    def has_train_graph(self) -> bool:
        return frozenset({"train"}) in self.tags


@dataclass(frozen=True)
class _Published:
    """Handles whose format their publisher's naming tells.

    Attributes:
        pattern: matched against the handle; the group is the model's version.
        first_tf2_version: of a model that changed its format; None for never.
    """

    pattern: str
    first_tf2_version: Optional[int]


_VISION = r"mobilenet_v[12]|inception_v[123]|resnet_v[12]|inception_resnet_v2|p?nasnet|amoebanet"
# Source: the pages of these models, and the tutorials of
# https://www.tensorflow.org/hub that load them as the one or the other.
_PUBLISHED = (
    _Published(r"https://tfhub\.dev/google/nnlm-[^/]+/(\d+)", 2),
    _Published(r"https://tfhub\.dev/google/universal-sentence-encoder/(\d+)", 4),
    _Published(r"https://tfhub\.dev/google/elmo/([123])", None),
    _Published(rf"https://tfhub\.dev/google/imagenet/(?:{_VISION})[^/]*/[^/]+/(\d+)", 4),
)
# A Kaggle handle names its framework, and TensorFlow1 is the TF1 Hub format.
_KAGGLE = re.compile(r"https://(?:www\.)?kaggle\.com/models/[^/]+/[^/]+/tensorflow([12])/", re.I)
_OF_FRAMEWORK = {"1": Format.TF1_HUB, "2": Format.TF2_SAVED_MODEL}


def model_at_hand(handle: Any, script_folder: str) -> Optional[Model]:
    """Looks up what is known of a handle: from its folder, from the cache, or by its name.

    Args:
        handle: a literal of the script.
        script_folder: relative paths are looked for here too.

    Returns:
        None when nothing is known.

    Raises:
        FormatError: when what is there cannot be read.
    """
    if not isinstance(handle, str) or not handle or "\0" in handle:
        return None
    for folder in _folders(handle, script_folder):
        if os.path.isdir(folder):
            return _read(folder)
    return _by_name(handle)


def _folders(handle: str, script_folder: str) -> Iterator[str]:
    if "://" not in handle:
        path = os.path.expanduser(handle)
        yield path
        yield os.path.join(script_folder, path)
        return
    now = settings.current()
    # A damaged or unsafe entry is as good as none here: doctor tells of it.
    with contextlib.suppress(UnihubError):
        entry = Cache(now.cache).find(handle)
        if entry is not None:
            yield entry.path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", legacy.UnsafeCacheIgnored)
        foreign = legacy.tensorflow_hub_entry(handle, now.tfhub_cache)
    if foreign is not None:
        yield foreign


def _read(folder: str) -> Model:
    model = read_saved_model(folder)
    graphs = model.meta_graphs
    return Model(
        format=model.format,
        evidence=model.evidence,
        certain=True,
        path=folder,
        tags=tuple(frozenset(tags) for tags in model.tags),
        signatures=tuple(sorted({name for graph in graphs for name in graph.signatures})),
        callable=model.format is Format.TF2_SAVED_MODEL
        and any(graph.object_graph is not None and graph.object_graph.callable for graph in graphs),
        saved=model,
    )


def _by_name(handle: str) -> Optional[Model]:
    kaggle = _KAGGLE.match(handle)
    if kaggle:
        framework = kaggle.group(1)
        evidence = f"its handle says TensorFlow{framework}"
        return Model(_OF_FRAMEWORK[framework], evidence, certain=False)
    for published in _PUBLISHED:
        match = re.match(published.pattern + r"/?$", handle)
        if match:
            version = int(match.group(1))
            first = published.first_tf2_version
            is_tf2 = first is not None and version >= first
            since = f"it is a TF2 SavedModel since version {first}" if first else "it never changed"
            return Model(
                Format.TF2_SAVED_MODEL if is_tf2 else Format.TF1_HUB,
                f"by its published name and version: {since}",
                certain=False,
            )
    return None
