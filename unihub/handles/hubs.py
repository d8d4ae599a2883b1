"""How models of Kaggle and Hugging Face are spelt: as handles, and as URLs of their pages."""

from __future__ import annotations

import os
import re
from typing import List, NoReturn, Optional, Tuple
from urllib.parse import unquote

from unihub.errors import nearest
from unihub.handles.kinds import Handle, HuggingFaceModel, KaggleModel

# As kagglehub spells them.
_FRAMEWORKS = (
    "tensorFlow2 tensorFlow1 tfLite tfJs keras jax flax pax maxText pyTorch transformers "
    "gemmaCpp ggml gguf coral scikitLearn mxnet onnx tensorRtLlm triton vllm api other"
)
FRAMEWORKS = tuple(_FRAMEWORKS.split())
HUGGING_FACE_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
KAGGLE_HOSTS = ("kaggle.com", "www.kaggle.com")

_PART = re.compile(r"(?!\.+$)[\w.\-]+")
_WHOLE_MODEL = re.compile(
    r"(?:kaggle://|https?://(?:www\.)?kaggle\.com/models/)([\w.\-]+)/([\w.\-]+)"
    r"(?:/(?:frameworks/)?(\w+))?(?:/variations)?/?(?:[?#].*)?",
    re.I,
)
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
# What a page shows: a folder, a file, or a file as it is.
_VIEWS = ("tree", "blob", "resolve")
# Named with slashes, as the page of a pull request is.
_REFS = re.compile(r"refs/(?:pr|convert)/[\w.\-]+")
_HOST_WITHOUT_SCHEME = re.compile(
    r"(www\.kaggle\.com|kaggle\.com|huggingface\.co|tfhub\.dev|[\w\-]+:\d+)/", re.I
)


class Misspelt(Exception):
    """A handle of a hub that lacks something, or has too much.

    Attributes:
        found: what it is, in words.
        meant: a handle that is right.
    """

    def __init__(self, found: str, meant: str) -> None:
        super().__init__(found)
        self.found = found
        self.meant = meant


def kaggle(text: str) -> KaggleModel:
    """Of kaggle://owner/model/framework/variation[/version]."""
    rest = text.split("://", 1)[1].strip("/")
    return _kaggle_model(text, rest.split("/") if rest else [])


def kaggle_page(text: str, parts: List[str]) -> KaggleModel:
    """Of the URL of a model's page, or of its download, whose path has these parts."""
    if parts[:2] == ["api", "v1"]:
        parts = parts[2:]
    if parts[:1] != ["models"]:
        example = "https://www.kaggle.com/models/google/yamnet/tensorFlow2/yamnet/1"
        raise Misspelt("a page of Kaggle that is no model's", example)
    words = ("frameworks", "variations", "versions")
    return _kaggle_model(text, [part for part in parts[1:] if part.lower() not in words])


def whole_kaggle_model(text: str) -> Optional[Tuple[str, str, str]]:
    """Owner, name and framework, or "", of a handle or a page that names no variation."""
    found = _WHOLE_MODEL.fullmatch(text)
    if found is None:
        return None
    owner, model, framework = found.groups(default="")
    return owner, model, _framework(framework) or framework


def bare_kaggle(text: str) -> Optional[Handle]:
    """Of owner/model/framework/variation[/version], where there is nothing at that path."""
    parts = text.split("/")
    if len(parts) not in (4, 5) or not all(_PART.fullmatch(part) for part in parts):
        return None
    if _framework(parts[2]) is None or not all(map(_VERSION.fullmatch, parts[4:])):
        return None
    return None if os.path.lexists(text) else _kaggle_model(text, parts)


def hugging_face(text: str) -> HuggingFaceModel:
    """Of hf://owner/name[@revision][/folder]."""
    rest = text.split("://", 1)[1].strip("/")
    before, at, after = rest.partition("@")
    parts = before.split("/") if before else []
    revision = None
    if at:
        named = _REFS.match(after)
        revision = named.group() if named else after.partition("/")[0]
        folder = after[len(revision) :].strip("/")
        parts += folder.split("/") if folder else []
        # As the file system of huggingface_hub writes a revision with slashes.
        revision = unquote(revision)
        if before.count("/") != 1 or "@" in after:
            # It may be a password.
            _refuse_hugging_face([])
        # Git has no such names.
        if not revision or ".." in revision:
            _refuse_hugging_face(parts[:2])
    elif parts[2:3] and parts[2] in _VIEWS:
        return hugging_face_page(parts)
    _refuse_others(parts)
    return _hugging_face_model(parts, revision)


def hugging_face_page(parts: List[str]) -> HuggingFaceModel:
    """Of the URL of a model's page, or of a folder in it, whose path has these parts."""
    _refuse_others(parts)
    if len(parts) > 3 and parts[2] in _VIEWS:
        rest = "/".join(parts[3:])
        named = _REFS.match(rest)
        revision = named.group() if named else unquote(parts[3])
        folder = rest[len(named.group() if named else parts[3]) :].strip("/")
        # The page of a file is that of the model which it lies in.
        if parts[2] != "tree":
            folder = folder.rpartition("/")[0]
        return _hugging_face_model([*parts[:2], *filter(None, folder.split("/"))], revision)
    return _hugging_face_model(parts[:2], None)


def suggestion(text: str) -> Optional[Tuple[str, Tuple[str, ...]]]:
    """The handle that a path at which there is nothing was perhaps meant to be.

    Returns:
        The reason and the handles that it may be, or None.
    """
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        return "it has quotes around it", (text[1:-1],)
    if _HOST_WITHOUT_SCHEME.match(text):
        return f"it starts like a URL, without https:// ({text.partition('/')[0]})", (
            f"https://{text}",
        )
    parts = text.split("/")
    if not all(_PART.fullmatch(part) for part in parts):
        return None
    known = [_framework(part) for part in parts]
    if len(parts) in (4, 5):
        framework = _nearly_a_framework(parts[2].lower())
        if framework is not None:
            return f"{parts[2]!r} is nearly a framework of Kaggle's", (
                "/".join([*parts[:2], framework, *parts[3:]]),
            )
    if len(parts) == 3 and known[2]:
        return "as a model of Kaggle it needs a variation", (f"{text}/VARIATION",)
    if len(parts) == 3 and not any(known):
        owner, model, variation = parts
        if variation.isdigit():
            return "as a model of TF Hub it needs its host", (f"https://tfhub.dev/{text}",)
        return (
            "as a model of Kaggle it needs a framework: owner/model/framework/variation",
            (f"{owner}/{model}/{FRAMEWORKS[0]}/{variation}",),
        )
    if len(parts) == 2:
        return "a model of Hugging Face is written with hf://, one of Kaggle with kaggle://", (
            f"hf://{text}",
            f"kaggle://{text}",
        )
    return None


def _kaggle_model(text: str, parts: List[str]) -> KaggleModel:
    if "@" in text:
        # No name has one: what is before it may be a password.
        parts = []
    if parts[-1:] == ["download"] and len(parts) == 6:
        parts = parts[:-1]
    if len(parts) < 4 or not all(_PART.fullmatch(part) for part in parts):
        owner, model, *rest = [*parts, "OWNER", "MODEL"][: max(len(parts), 2)]
        framework = next(filter(None, map(_framework, rest)), FRAMEWORKS[0])
        variation = next((part for part in rest if not _framework(part)), "VARIATION")
        lacking = "a framework" if rest and not any(map(_framework, rest)) else "a variation"
        missing = lacking if rest else "a framework and a variation"
        found = f"a model of Kaggle that needs {missing}"
        raise Misspelt(found, f"kaggle://{owner}/{model}/{framework}/{variation}")
    owner, model, framework, variation, *version = parts
    known = _framework(framework)
    if known is None or len(version) > 1 or not all(map(_VERSION.fullmatch, version)):
        found = (
            f"framework {framework!r}, which Kaggle does not have"
            if known is None
            else f"version {'/'.join(version)!r}, which is no number"
        )
        close = nearest(framework.lower(), [name.lower() for name in FRAMEWORKS])
        framework = known or next(name for name in FRAMEWORKS if name.lower() == close)
        raise Misspelt(found, f"kaggle://{owner}/{model}/{framework}/{variation}")
    return KaggleModel(owner, model, known, variation, int(version[0]) if version else None)


def _hugging_face_model(parts: List[str], revision: Optional[str]) -> HuggingFaceModel:
    if len(parts) < 2 or not all(_PART.fullmatch(part) for part in parts[:2]):
        _refuse_hugging_face(parts)
    # The model's file stands for the folder that it lies in.
    # Imported only here: a path of this machine needs none of it.
    from unihub.formats.files import PB_FILE, PBTXT_FILE

    folder = parts[2:-1] if parts[-1] in (PB_FILE, PBTXT_FILE) else parts[2:]
    if any(part in ("", ".", "..") for part in folder):
        _refuse_hugging_face(parts[:2])
    return HuggingFaceModel(parts[0], parts[1], revision, "/".join(folder))


def _refuse_others(parts: List[str]) -> None:
    if parts and parts[0] in ("datasets", "spaces", "docs"):
        found = f"a page of Hugging Face's {parts[0]}, and no model's"
        raise Misspelt(found, "https://huggingface.co/owner/name")


def _refuse_hugging_face(parts: List[str]) -> NoReturn:
    owner, name = (
        part if _PART.fullmatch(part) else default
        for part, default in zip([*parts, "", ""], ("OWNER", "NAME"))
    )
    if len(parts) == 1:
        owner, name = "OWNER", owner if owner != "OWNER" else "NAME"
    raise Misspelt("a model of Hugging Face that is not written owner/name", f"hf://{owner}/{name}")


def _framework(name: str) -> Optional[str]:
    key = name.lower().replace("-", "").replace("_", "")
    return next((known for known in FRAMEWORKS if known.lower() == key), None)


def _nearly_a_framework(word: str) -> Optional[str]:
    # Few handles are misspelt.
    import difflib

    names = {name.lower(): name for name in FRAMEWORKS}
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.75)
    return names[found[0]] if found and found[0] != word else None
