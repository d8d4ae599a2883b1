"""Packages that register ops with TensorFlow when they are imported, and which release fits."""

from __future__ import annotations

from typing import Dict, Iterable, Optional

from unihub.errors import beside

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

# These number their releases as TensorFlow does.
_SAME_NUMBER = ("tensorflow_text",)

# By package and TensorFlow: the last release that is for it. Another one brings its own
# TensorFlow along, or does not import.
# Source: what the releases require on PyPI, and of tensorflow_io the table in its README.
RELEASES: Dict[str, Dict[str, str]] = {
    "tensorflow_decision_forests": {
        "2.6": "0.2.0",
        "2.7": "0.2.3",
        "2.8": "0.2.4",
        "2.9": "0.2.7",
        "2.10": "1.0.1",
        "2.11": "1.2.0",
        "2.12": "1.4.0",
        "2.13": "1.5.0",
        "2.14": "1.7.0",
        "2.15": "1.8.1",
        "2.16": "1.9.2",
        "2.17": "1.10.1",
        "2.18": "1.11.0",
        "2.19": "1.12.0",
    },
    "struct2tensor": {
        "2.10": "0.42.0",
        "2.11": "0.43.0",
        "2.12": "0.44.0",
        "2.13": "0.45.0",
        "2.15": "0.46.0",
        "2.16": "0.47.0",
        "2.17": "0.48.1",
    },
    "tensorflow_io": {
        "1.15": "0.8.1",
        "2.0": "0.10.0",
        "2.1": "0.12.0",
        "2.2": "0.14.0",
        "2.3": "0.16.0",
        "2.4": "0.17.1",
        "2.5": "0.19.1",
        "2.6": "0.21.0",
        "2.7": "0.23.1",
        "2.8": "0.25.0",
        "2.9": "0.26.0",
        "2.10": "0.27.0",
        "2.11": "0.31.0",
        "2.12": "0.32.0",
        "2.13": "0.34.0",
        "2.14": "0.35.0",
        "2.15": "0.36.0",
        "2.16": "0.37.1",
    },
    "tensorflow_addons": {
        "2.6": "0.16.1",
        "2.7": "0.17.1",
        "2.8": "0.18.0",
        "2.9": "0.19.0",
        "2.10": "0.20.0",
        "2.11": "0.21.0",
        "2.12": "0.22.0",
        "2.13": "0.23.0",
        "2.14": "0.23.0",
        "2.15": "0.23.0",
    },
}


def package_of(ops: Iterable[str]) -> Optional[str]:
    """The first known package that registers one of these ops; None if there is none."""
    ops = tuple(ops)
    for package, prefixes in PACKAGES.items():
        if any(op.startswith(prefixes) for op in ops):
            return package
    return None


def distribution(package: str) -> str:
    """The name by which pip knows a package."""
    return package.replace("_", "-")


def release_for(package: str, tensorflow: str) -> Optional[str]:
    """The release of a package that is for a TensorFlow: "2.15.*"; None if none is known."""
    number = _minor(tensorflow)
    return f"{number}.*" if package in _SAME_NUMBER else RELEASES.get(package, {}).get(number)


def installing(package: str, tensorflow: str) -> str:
    """The command that installs a package and leaves TensorFlow as it is.

    Where no release is for this TensorFlow, it makes an environment beside, with the
    last TensorFlow that has one.

    Args:
        package: one of `PACKAGES`.
        tensorflow: the version that runs.

    Example:
        >>> installing("tensorflow_text", "2.15.1")
        'pip install "tensorflow-text==2.15.*"'
    """
    name, release = distribution(package), release_for(package, tensorflow)
    if release is not None:
        return f'pip install "{name}=={release}"'
    if package not in RELEASES:
        # pip looks for the release itself, or says that there is none.
        return f'pip install {name} "tensorflow=={tensorflow}"'
    last, release = list(RELEASES[package].items())[-1]
    return (
        f"{beside.with_tensorflow(last, f'{name}=={release}')}"
        f"  # none is for TensorFlow {_minor(tensorflow)}"
    )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
