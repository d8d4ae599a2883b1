"""Ops that a model needs and this TensorFlow may lack."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Iterable, List, Optional, Tuple

from unihub.errors import Message, UnihubError, listed

# Packages that register ops when imported, and how their ops' names begin.
PACKAGES = {
    "tensorflow_text": (
        "CaseFoldUTF8",
        "ConstrainedSequence",
        "FastBertNormalize",
        "FastWordpiece",
        "HubModuleSplitter",
        "MaxSpanningTree",
        "MstSolver",
        "NormalizeUTF8",
        "PhraseTokenize",
        "RegexSplitWithOffsets",
        "RougeL",
        "SentenceFragments",
        "Sentencepiece",
        "SplitMergeTokenize",
        "StateBasedSentenceBreaker",
        "TFText>",
        "UnicodeScriptTokenize",
        "Utf8Binarize",
        "WhitespaceTokenize",
        "WordpieceTokenize",
    ),
    "tensorflow_decision_forests": ("SimpleML",),
    "tensorflow_addons": ("Addons>",),
    "tensorflow_recommenders_addons": ("TFRA>",),
    "tensorflow_io": ("IO>",),
    "struct2tensor": ("DecodeProtoSparse", "EquiJoin", "RunGraph"),
    "tensorflow_ranking": ("TFR>",),
}


class MissingOps(UnihubError, RuntimeError, ValueError):
    """The graph uses ops that no imported package registers."""

    message = Message(
        code="missing-ops",
        what="{handle} uses ops that TensorFlow {version} does not have: {ops}.",
        why="{why}",
        do="{remedy}",
    )


def register_ops(handle: str, ops: Iterable[str]) -> None:
    """Makes sure that every op a model uses is known, importing packages for it.

    Args:
        handle: of the model, for the error.
        ops: names of the ops in the model's graph.

    Raises:
        MissingOps: when an op stays unknown; names the package to install.
    """
    missing = _unregistered(ops)
    if not missing:
        return
    package = _package_of(missing)
    if package is not None and find_spec(package) is not None:
        importlib.import_module(package)
        missing = _unregistered(missing)
    if missing:
        raise _missing_ops(handle, missing, package)


def _missing_ops(handle: str, missing: List[str], package: Optional[str]) -> MissingOps:
    import tensorflow as tf

    if package is None:
        why = "they come from a package that unihub does not know, or from a newer TensorFlow."
        remedy = "import the package that the model's page names, before unihub.load({!r})"
        remedy = remedy.format(handle)
    else:
        why = f"they come with the package {package}, which is not installed or too old."
        remedy = f"pip install {package.replace('_', '-')}  # then: import {package}"
    return MissingOps(
        handle=handle, version=tf.__version__, ops=listed(missing), why=why, remedy=remedy
    )


def _unregistered(ops: Iterable[str]) -> List[str]:
    # Not public; it is what TensorFlow itself asks when it imports a graph.
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):
        return [op for op in ops if op_def_registry.get(op) is None]
    # TensorFlow 1.15 hands out the whole table instead.
    registered = op_def_registry.get_registered_ops()
    return [op for op in ops if op not in registered]


def _package_of(ops: List[str]) -> Optional[str]:
    def known(prefixes: Tuple[str, ...]) -> bool:
        return any(op.startswith(prefixes) for op in ops)

    return next((package for package, prefixes in PACKAGES.items() if known(prefixes)), None)
