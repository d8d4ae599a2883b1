"""Where a model of tfhub.dev is at Kaggle, and what variations a model of Kaggle has.

Kaggle's public API is asked; where it does not answer, the rule by which the models were
renamed says what the name may be: google/nnlm-en-dim50 became google/nnlm, variation
en-dim50.

Source: https://www.kaggle.com/docs/models.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import quote, unquote, urlsplit

from unihub.errors import listed
from unihub.handles import hubs
from unihub.handles.download.transfer_errors import TransferError
from unihub.handles.parsing import HandleNotSupported
from unihub.handles.sources.asking import ask_json
from unihub.handles.sources.context import Context

KAGGLE = "https://www.kaggle.com"
TFHUB_HOSTS = ("tfhub.dev", "www.tfhub.dev")
# The models that are in these formats can be loaded.
_FRAMEWORKS = ("tensorflow2", "tensorflow1")
# Folders of tfhub.dev that no name at Kaggle has.
_DROPPED = ("imagenet", "lite-model", "tfjs-model", "collections")
_MOST_SPLITS = 4


class KaggleVariationNeeded(HandleNotSupported):
    """The name of a model of Kaggle, without that of one of its variations."""

    code = "kaggle-variation-needed"
    what = "{handle} is a model of Kaggle, and which variation of it is not said."
    why = "{reason}"
    do = "{remedy}"


class TfhubDevFailed(TransferError):
    """tfhub.dev does not give a model, which Kaggle has by another name."""

    code = "tfhub-dev-failed"
    what = "tfhub.dev does not give {handle}."
    why = "{reason} What it had is at Kaggle, by other names. ({found})"
    do = "{remedy}"


class Variation(NamedTuple):
    """A variation of a model at Kaggle, with the number of its newest version."""

    framework: str
    slug: str
    version: int

    def handle(self, owner: str, model: str) -> str:
        """The handle that loads it."""
        version = f"/{self.version}" if self.version else ""
        return f"kaggle://{owner}/{model}/{self.framework}/{self.slug}{version}"


def variation_needed(text: str, context: Context) -> Optional[KaggleVariationNeeded]:
    """The error for a handle that names a model of Kaggle as a whole; None for another."""
    found = hubs.whole_kaggle_model(text)
    if found is None:
        return None
    owner, model, framework = found
    answered = variations(owner, model, context)
    there = [one for one in answered or () if framework.lower() in ("", one.framework.lower())]
    loadable = _loadable(there)
    guess = f"kaggle://{owner}/{model}/{framework or hubs.FRAMEWORKS[0]}/{model}"
    best = loadable[0].handle(owner, model) if loadable else guess
    reason = f"Kaggle, which lists them, {_said(answered, context)}."
    if there:
        reason = f"it has the variations {_named(there)}."
        if not loadable:
            reason += " None of them is of TensorFlow."
    shown = f"kaggle://{owner}/{model}" + (f"/{framework}" if framework else "")
    return KaggleVariationNeeded(handle=shown, reason=reason, remedy=f"unihub.load({best!r})")


def moved(url: str, reason: str, context: Context) -> Optional[TfhubDevFailed]:
    """The error for a model that tfhub.dev does not give, with where Kaggle may have it.

    Args:
        url: that was asked.
        reason: why it was not given, a sentence.

    Returns:
        None for the URL of another host, or of no model.
    """
    handles, found = at_kaggle(url, context)
    if not handles:
        return None
    remedy = "; or ".join(f"unihub.load({handle!r})" for handle in handles[:2])
    return TfhubDevFailed(handle=url, reason=reason, found=found, remedy=remedy)


def at_kaggle(url: str, context: Context) -> Tuple[List[str], str]:
    """Handles of a model of tfhub.dev at Kaggle, the likeliest first, and who says so.

    Returns:
        No handles for the URL of another host, or of no model.
    """
    parts = urlsplit(url)
    names = [part for part in unquote(parts.path).split("/") if part]
    if parts.hostname not in TFHUB_HOSTS or len(names) < 2:
        return [], ""
    owner, words = names[0], _words(names[1:])
    there: Optional[List[Variation]] = []
    for model, variation in splits(words):
        there = variations(owner, model, context)
        if there is None:
            break
        chosen = _chosen(there, model, variation, "-".join(words))
        if chosen is not None:
            found = f"Kaggle has {owner}/{model} with {_named(there)}"
            return [chosen.handle(owner, model)], found
    guesses = [
        f"kaggle://{owner}/{model}/{hubs.FRAMEWORKS[0]}/{variation}"
        for model, variation in splits(words)
    ]
    said = _said(there, context)
    return guesses, f"Kaggle {said}; by the rule it is one of {listed(guesses)}"


def splits(words: Sequence[str]) -> List[Tuple[str, str]]:
    """The names that a model may have at Kaggle, with its variation; the likeliest first.

    Example:
        >>> splits(["nnlm", "en", "dim50"])[:2]
        [('nnlm-en-dim50', 'nnlm-en-dim50'), ('nnlm-en', 'dim50')]
    """
    whole = "-".join(words)
    found = [(whole, whole)]
    for at in range(len(words) - 1, 0, -1):
        found.append(("-".join(words[:at]), "-".join(words[at:])))
    # The first word alone is the name of many families.
    return list(dict.fromkeys([found[0], found[-1], *found[1:-1]]))[:_MOST_SPLITS]


def kaggle_endpoint() -> str:
    """Where Kaggle's public API is asked, without its last slash."""
    return os.environ.get("KAGGLE_API_ENDPOINT", KAGGLE).rstrip("/")


def variations(owner: str, model: str, context: Context) -> Optional[List[Variation]]:
    """Handles that Kaggle has of a model; none where it has none, None where it does not answer."""
    if context.settings.offline:
        return None
    url = f"{kaggle_endpoint()}/api/v1/models/{quote(owner, safe='')}/{quote(model, safe='')}/get"
    try:
        # It only serves a message.
        once = replace(context, settings=replace(context.settings, retries=0))
        answer, page = ask_json(url, once)
        found = page.get("instances", ()) if answer.status == 200 else ()
        return [
            Variation(str(one["framework"]), str(one["slug"]), int(one.get("versionNumber") or 0))
            for one in found
        ]
    except TransferError:
        return None
    except (ValueError, KeyError, TypeError):
        return []


def _said(there: Optional[List[Variation]], context: Context) -> str:
    if there is not None:
        return "named none"
    return "was not asked, for unihub is offline" if context.settings.offline else "does not answer"


def _loadable(there: Iterable[Variation]) -> List[Variation]:
    """Those of TensorFlow, the newer format first."""
    found = [one for one in there if one.framework.lower() in _FRAMEWORKS]
    return sorted(found, key=lambda one: _FRAMEWORKS.index(one.framework.lower()))


def _named(there: Iterable[Variation]) -> str:
    return listed(f"{one.framework}/{one.slug}" for one in there)


def _words(names: List[str]) -> List[str]:
    if names[-1].isdigit() and len(names) > 1:
        names = names[:-1]
    kept = [name for name in names if name not in _DROPPED] or names
    return "-".join(kept).lower().replace("_", "-").split("-")


def _chosen(there: List[Variation], model: str, variation: str, whole: str) -> Optional[Variation]:
    loadable = _loadable(there)
    for name in (variation, whole, model):
        for one in loadable:
            if one.slug.lower() == name:
                return one
    return loadable[0] if loadable else None
