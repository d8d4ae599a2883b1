"""Which package a model needs for its ops, and whether a script imports it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterable, Optional, Tuple

from unihub.checking.models import Model
from unihub.formats.model import read_ops
from unihub.inspection.op_dangers import unknown_ops

# Handles whose publisher says which package registers their ops.
# Source: "Prerequisites" on the pages of these models, which are in
# https://github.com/tensorflow/tfhub.dev under assets/docs; Kaggle has them from there.
_KAGGLE_TF2 = (
    r"https://(?:www\.)?kaggle\.com/models/{}/(?:frameworks/)?tensorflow2/(?:variations/)?{}/"
)
_PUBLISHED = tuple(
    (re.compile(pattern, re.IGNORECASE), "tensorflow_text")
    for pattern in (
        # Version 1 is in the TF1 Hub format and takes tf_sentencepiece.
        r"https://tfhub\.dev/google/universal-sentence-encoder-multilingual(-large|-qa)?/[23]\b",
        r"https://tfhub\.dev/tensorflow/(?:al)?bert_[a-z_]+_preprocess/\d",
        _KAGGLE_TF2.format("google/universal-sentence-encoder", r"multilingual(-large|-qa)?"),
        _KAGGLE_TF2.format("tensorflow/(?:al)?bert", r"[a-z-]+-preprocess"),
    )
)

# What imports the package, or may.
_IMPORT_IT_TOO = {"tensorflow_text": ("tensorflow_models", "official", "keras_nlp", "keras_hub")}


@dataclass(frozen=True)
class Need:
    """A package that registers ops of a model when it is imported.

    Attributes:
        package: the name that is imported.
        evidence: how that is known, for people.
        certain: whether the model itself was read.
    """

    package: str
    evidence: str
    certain: bool


def need_of(handle: Any, model: Optional[Model]) -> Optional[Need]:
    """Finds what a model needs, by its graph where it is at hand, else by its published name.

    Raises:
        FormatError: when its graph cannot be read.
    """
    if model is not None and model.certain:
        return _need_of_graphs(model.path, model.tags)
    if isinstance(handle, str):
        for pattern, package in _PUBLISHED:
            if pattern.match(handle):
                return Need(package, "by the page of the model", certain=False)
    return None


@lru_cache(maxsize=None)
def _need_of_graphs(path: str, tags: Tuple[Iterable[str], ...]) -> Optional[Need]:
    # What every graph variant needs is needed whichever is loaded.
    ops = [set(read_ops(path, one)) for one in tags]
    for package, needed in unknown_ops(set.intersection(*ops)).items():
        if package:
            return Need(package, f"it has the op {needed[0]}", certain=True)
    return None


def imports(modules: Iterable[str], package: str) -> bool:
    """Whether a script that imports these modules imports the package."""
    return not {package, *_IMPORT_IT_TOO.get(package, ())}.isdisjoint(modules)


def may_import_more(modules: Iterable[str], folder: str) -> bool:
    """Whether modules of the script's own are imported, which may import whatever they like."""
    own = (os.path.join(folder, name) for name in modules)
    return any(os.path.isfile(path + ".py") or os.path.isdir(path) for path in own)
