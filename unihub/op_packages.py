"""Packages that register ops with TensorFlow when they are imported."""

from __future__ import annotations

from typing import Iterable, Optional

# By package: how its ops' names begin.
PACKAGES = {
    "tensorflow_text": (
        "CaseFoldUTF8",
        "ConstrainedSequence",
        "FastBertNormalize",
        "FastWordpiece",
        "FindSourceOffsets",
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
        "TokenizerFromLogits",
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


def package_of(ops: Iterable[str]) -> Optional[str]:
    """The first known package that registers one of these ops; None if there is none."""
    ops = tuple(ops)
    for package, prefixes in PACKAGES.items():
        if any(op.startswith(prefixes) for op in ops):
            return package
    return None
