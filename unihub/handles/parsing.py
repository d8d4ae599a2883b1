"""What a handle is spelt like: text → one frozen value of a known kind.

`KINDS` holds the kinds in the order in which they are tried. ``str()`` of a
value is a handle that `parse` turns into the same value.
"""

from __future__ import annotations

import ntpath
import os
import re
import sys
from pathlib import PurePath
from typing import Any, Callable, List, NamedTuple, NoReturn, Optional, Tuple, Union
from urllib.parse import unquote, urlsplit

from unihub.errors import UnihubError, nearest, path_text
from unihub.errors.redaction import scrubbed
from unihub.errors.redaction import shown as shown
from unihub.handles.kinds import (
    CustomHandle,
    GcsArchive,
    GcsFolder,
    GfileArchive,
    GfileFolder,
    Handle,
    HttpArchive,
    KaggleModel,
    LocalArchive,
    LocalFolder,
    TfhubModel,
)
from unihub.handles.resolvers import OWN_SCHEMES, resolver_of

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")

# As kagglehub spells them.
_FRAMEWORKS = (
    "tensorFlow2 tensorFlow1 tfLite tfJs keras jax flax pax maxText pyTorch transformers "
    "gemmaCpp ggml gguf coral scikitLearn mxnet onnx tensorRtLlm triton vllm api other"
)
FRAMEWORKS = tuple(_FRAMEWORKS.split())

# Not to be taken for a misspelt scheme of ours.
_OTHER_FILE_SYSTEMS = ("viewfs", "har", "ram", "az", "abfs", "oss", "dfs", "hf")
_REMOTE_SCHEMES = tuple(scheme for scheme in OWN_SCHEMES if scheme != "file")
_NEVER_READ = ("ftp", "ftps", "sftp", "ssh", "scp", "git", "git+https", "data", "mailto")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://(.*)", re.DOTALL)
_ONE_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(?://?)?(?=[^/\\])(.*)", re.DOTALL)
_ONLY_USERINFO = re.compile(r"(?://)?[^/.~][^:]*:.*@.+", re.DOTALL)
_BUCKET = re.compile(r"[\w.\-]+")
_KAGGLE_PART = re.compile(r"(?!\.+$)[\w.\-]+")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_HOST_WITHOUT_SCHEME = re.compile(r"(www\.kaggle\.com|kaggle\.com|tfhub\.dev|[\w\-]+:\d+)/", re.I)


class HandleNotSupported(UnihubError, ValueError):
    """The handle is of no kind that unihub resolves."""

    code = "handle-not-supported"
    what = "{handle} is not a handle that unihub can resolve."
    why = "a handle is {tried}. (found: {found})"
    do = "{remedy}"


Text = Union[str, "os.PathLike[str]"]


class Kind(NamedTuple):
    """How handles of a kind are spelt, and the function that recognises them."""

    spelling: str
    recognise: Callable[[str], Optional[Handle]]


def parse(handle: Text) -> Handle:
    """Reads a handle.

    Nothing is fetched; the file system is asked only whether a path exists.

    Args:
        handle: text, or an os.PathLike. ``~`` is the home folder.

    Returns:
        A frozen value of the kind that the handle is spelt like.

    Raises:
        HandleNotSupported: when it is spelt like none, with the nearest
            spelling where there is one.
        NotAPath: when a PathLike gives no text.
        ArchiveNotSupported: when it is named as an archive that is not read.

    Example:
        >>> parse("google/yamnet/TensorFlow2/yamnet/1")
        KaggleModel(owner='google', model='yamnet', framework='tensorFlow2', ...)
    """
    if not isinstance(handle, (str, os.PathLike)):
        found = f"a {type(handle).__name__}"
        _refuse(scrubbed(repr(handle)), found, "unihub.load('path/to/folder')")
    text = path_text(handle)
    if isinstance(handle, PurePath):
        return _odd_spelling(text) or _local(os.path.expanduser(text))
    _refuse_blank(text)
    for kind in KINDS:
        found = kind.recognise(text)
        if found is not None:
            return found
    raise AssertionError("the last kind takes everything")


def is_archive(name: str) -> bool:
    """Whether a path or the path of a URL is named as an archive is."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def suggestion(text: str) -> Optional[Tuple[str, str]]:
    """What a path at which there is nothing was perhaps meant to be.

    Returns:
        The reason and the handle to use, or None.
    """
    if _HOST_WITHOUT_SCHEME.match(text):
        return f"it starts like a URL, without https:// ({text.partition('/')[0]})", (
            f"https://{text}"
        )
    parts = text.split("/")
    if not all(_KAGGLE_PART.fullmatch(part) for part in parts):
        return None
    known = [_framework(part) for part in parts]
    if len(parts) in (4, 5):
        close = _close(parts[2].lower(), [name.lower() for name in FRAMEWORKS])
        framework = next((name for name in FRAMEWORKS if name.lower() == close), None)
        if framework is not None:
            return f"{parts[2]!r} is nearly a framework of Kaggle's", "/".join(
                [*parts[:2], framework, *parts[3:]]
            )
    if len(parts) == 3 and known[2]:
        return "as a model of Kaggle it needs a variation", f"{text}/VARIATION"
    if len(parts) == 3 and not any(known):
        owner, model, variation = parts
        return (
            "as a model of Kaggle it needs a framework: owner/model/framework/variation",
            f"{owner}/{model}/{FRAMEWORKS[0]}/{variation}",
        )
    return None


def _custom(text: str) -> Optional[Handle]:
    return CustomHandle(text) if resolver_of(text) is not None else None


def _http(text: str) -> Optional[Handle]:
    if _scheme(text) not in ("http", "https"):
        return None
    url = _scheme_in_lower_case(text)
    try:
        parts = urlsplit(url)
        host = parts.hostname
        parts.port  # noqa: B018  (reading it is what checks it)
    # What is raised quotes a part of it.
    except ValueError:
        found = "a URL that cannot be read: its host or port is malformed"
        if "@" in text:
            found += "; in a password / ? # and @ are written %2F %3F %23 and %40"
        _refuse(shown(text), found, "unihub.load('https://…')")
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        fixed = "".join(url.split())
        _refuse(repr(shown(text)), "a URL with white space in it", _load(fixed))
    if not host:
        _refuse(shown(text), "a URL with no host", "unihub.load('https://host/path')")
    if host in ("kaggle.com", "www.kaggle.com"):
        return _kaggle_page(text, [part for part in parts.path.split("/") if part])
    _refuse_other_archive(parts.path, text)
    return HttpArchive(url) if is_archive(parts.path) else TfhubModel(url)


def _kaggle_page(text: str, parts: List[str]) -> Handle:
    if parts[:2] == ["api", "v1"]:
        parts = parts[2:]
    if parts[:1] != ["models"]:
        example = "https://www.kaggle.com/models/google/yamnet/tensorFlow2/yamnet/1"
        _refuse(shown(text), "a page of Kaggle that is no model's", _load(example))
    words = ("frameworks", "variations", "versions")
    return _kaggle_model(text, [part for part in parts[1:] if part.lower() not in words])


def _kaggle_scheme(text: str) -> Optional[Handle]:
    if _scheme(text) != "kaggle":
        return None
    rest = text.split("://", 1)[1].strip("/")
    return _kaggle_model(text, rest.split("/") if rest else [])


def _kaggle_model(text: str, parts: List[str]) -> KaggleModel:
    if "@" in text:
        # No name has one: what is before it may be a password.
        parts = []
    if parts[-1:] == ["download"] and len(parts) == 6:
        parts = parts[:-1]
    if len(parts) < 4 or not all(_KAGGLE_PART.fullmatch(part) for part in parts):
        owner, model, *rest = [*parts, "OWNER", "MODEL"][: max(len(parts), 2)]
        framework = next(filter(None, map(_framework, rest)), FRAMEWORKS[0])
        variation = next((part for part in rest if not _framework(part)), "VARIATION")
        lacking = "a framework" if rest and not any(map(_framework, rest)) else "a variation"
        missing = lacking if rest else "a framework and a variation"
        _refuse(
            shown(text),
            f"a model of Kaggle that needs {missing}",
            _load(f"kaggle://{owner}/{model}/{framework}/{variation}"),
        )
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
        _refuse(shown(text), found, _load(f"kaggle://{owner}/{model}/{framework}/{variation}"))
    return KaggleModel(owner, model, known, variation, int(version[0]) if version else None)


def _gcs(text: str) -> Optional[Handle]:
    if _scheme(text) != "gs":
        return None
    bucket, _, path = text.split("://", 1)[1].partition("/")
    if not _BUCKET.fullmatch(bucket):
        found = f"a gs:// handle with no {'name for a ' if bucket else ''}bucket"
        _refuse(repr(shown(text)), found, "unihub.load('gs://bucket/folder')")
    _refuse_other_archive(path, text)
    if is_archive(path):
        return GcsArchive(bucket, path)
    return GcsFolder(bucket, path.rstrip("/"))


def _file(text: str) -> Optional[Handle]:
    if _scheme(text) != "file":
        return None
    host, slash, path = text.split("://", 1)[1].partition("/")
    if host not in ("", "localhost"):
        found, remedy = f"a file:// handle of host {host!r}", _load(f"file:///{host}{slash}{path}")
        if "@" in text:
            found, remedy = "a file:// handle with a user", "unihub.load('file:///path/to/folder')"
        _refuse(shown(text), found, remedy)
    path = unquote(slash + path)
    _refuse_blank(path)
    return _local(path[1:] if re.match(r"/[A-Za-z]:", path) and os.name == "nt" else path)


def _gfile(text: str) -> Optional[Handle]:
    scheme = _scheme(text)
    if scheme is None or os.path.lexists(text):
        return None
    if scheme in _NEVER_READ:
        _refuse(shown(text), f"a {scheme}:// handle", "download it, then unihub.load('folder')")
    rest = text.split("://", 1)[1]
    close = _close_scheme(scheme)
    if close and scheme not in OWN_SCHEMES + _OTHER_FILE_SYSTEMS:
        _refuse(shown(text), f"{scheme}://, which is nearly {close}://", _load(f"{close}://{rest}"))
    if not rest.strip("/"):
        _refuse(shown(text), f"a {scheme}:// handle with no path", _load(f"{scheme}://…/folder"))
    uri = f"{scheme}://{rest}".rstrip("/")
    _refuse_other_archive(uri, uri)
    return GfileArchive(uri) if is_archive(uri) else GfileFolder(uri)


def _odd_spelling(text: str) -> Optional[Handle]:
    """Refuses what is no path in all likelihood, unless there is something at it."""
    if os.path.lexists(text) or os.path.lexists(os.path.expanduser(text)):
        return None
    if text.strip() != text:
        _refuse(repr(shown(text)), "white space around it", _load(text.strip()))
    slash = _ONE_SLASH.fullmatch(text)
    scheme, rest = slash.groups() if slash else ("", "")
    meant = scheme.lower() if scheme.lower() in _REMOTE_SCHEMES else _close_scheme(scheme)
    if meant in _REMOTE_SCHEMES:
        spelt = shown(f"{scheme}://{rest}").replace("://", text[len(scheme) : -len(rest)], 1)
        _refuse(spelt, "a URL without its ://", _load(f"{meant}://{rest}"))
    drive, rest = ntpath.splitdrive(text)
    if os.name != "nt" and (re.fullmatch("[A-Za-z]:", drive) or text.startswith("\\\\")):
        fixed = rest.replace("\\", "/").lstrip("/")
        _refuse(text, f"a path of Windows, and this is {sys.platform}", _load(fixed or "folder"))
    if _ONLY_USERINFO.fullmatch(text):
        _refuse(
            shown(text),
            "a user and password without https://",
            _load("https://" + text.lstrip("/")),
        )
    return None


def _bare_kaggle(text: str) -> Optional[Handle]:
    parts = text.split("/")
    if len(parts) not in (4, 5) or not all(_KAGGLE_PART.fullmatch(part) for part in parts):
        return None
    if _framework(parts[2]) is None or not all(map(_VERSION.fullmatch, parts[4:])):
        return None
    return None if os.path.lexists(text) else _kaggle_model(text, parts)


def _local(path: str) -> Handle:
    _refuse_blank(path)
    expanded = os.path.expanduser(path)
    if is_archive(expanded) and not os.path.isdir(expanded):
        return LocalArchive(expanded)
    if os.path.isfile(expanded):
        _refuse_other_archive(expanded, expanded)
    return LocalFolder(expanded)


KINDS: Tuple[Kind, ...] = (
    Kind("a handle of register_resolver", _custom),
    Kind("the http(s) URL of an archive, or of a model at TF Hub or Kaggle", _http),
    Kind("kaggle://owner/model/framework/variation[/version]", _kaggle_scheme),
    Kind("gs://bucket/path", _gcs),
    Kind("file:///path", _file),
    Kind("s3://, hdfs:// and what else TensorFlow reads", _gfile),
    Kind("", _odd_spelling),
    Kind("owner/model/framework/variation[/version] at Kaggle", _bare_kaggle),
    Kind("a local folder, .tar, .tar.gz, .tgz or .zip", _local),
)


def _refuse(handle: str, found: str, remedy: str) -> NoReturn:
    spellings = [kind.spelling for kind in KINDS if kind.spelling]
    raise HandleNotSupported(
        handle=handle, found=found, remedy=remedy, tried="; ".join(reversed(spellings))
    )


def _refuse_other_archive(name: str, text: str) -> None:
    """Raises for what is named as an archive that is not read, before it is downloaded."""
    # A folder of this machine needs none of them.
    from unihub.handles.archive.extract_errors import ArchiveNotSupported, other_suffix, unpacking

    suffix = other_suffix(name)
    if suffix:
        reason = f"{suffix} archives are not read"
        raise ArchiveNotSupported(archive=shown(text), reason=reason, remedy=unpacking(shown(text)))


def _refuse_blank(text: str) -> None:
    remedy = "unihub.load('path/to/folder')"
    if not text:
        _refuse("''", "an empty string", remedy)
    if not text.strip():
        _refuse(repr(text), "white space only", remedy)
    if "\0" in text:
        _refuse(repr(shown(text)), "a NUL character", _load(text.replace("\0", "")))


def _scheme(text: str) -> Optional[str]:
    match = _SCHEME.fullmatch(text)
    return match.group(1).lower() if match else None


def _scheme_in_lower_case(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    return scheme.lower() + separator + rest


def _load(handle: str) -> str:
    # A line to paste ends where the query, which is hidden, began.
    text = shown(handle)
    return f"unihub.load({text[:-2] if text.endswith('?…') else text!r})"


def _close(word: str, choices: Any) -> Optional[str]:
    # Few handles are misspelt.
    import difflib

    found = difflib.get_close_matches(word, choices, n=1, cutoff=0.75)
    return found[0] if found and found[0] != word else None


def _close_scheme(scheme: str) -> Optional[str]:
    return _close(scheme.lower(), OWN_SCHEMES[:5]) if len(scheme) > 3 else None


def _framework(name: str) -> Optional[str]:
    key = name.lower().replace("-", "").replace("_", "")
    return next((known for known in FRAMEWORKS if known.lower() == key), None)
