"""Parses handles by their spelling: text → one frozen value of a known kind.

`KINDS` holds the kinds in the order in which they are tried. ``str()`` of a
value is a handle that `parse` turns into the same value.
"""

from __future__ import annotations

import ntpath
import os
import re
import sys
from pathlib import PurePath
from typing import Any, Callable, NamedTuple, NoReturn, Optional, Tuple, Union
from urllib.parse import unquote, urlsplit

from unihub.errors import UnihubError, path_text
from unihub.errors.redaction import scrubbed
from unihub.errors.redaction import shown as shown
from unihub.handles import hubs
from unihub.handles.kinds import (
    CustomHandle,
    GcsArchive,
    GcsFolder,
    GfileArchive,
    GfileFolder,
    Handle,
    HttpArchive,
    LocalArchive,
    LocalFolder,
    TfhubModel,
)
from unihub.handles.resolvers import OWN_SCHEMES, resolver_of

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")

# Not to be taken for a misspelt scheme of ours.
_OTHER_FILE_SYSTEMS = ("viewfs", "har", "ram", "az", "abfs", "oss", "dfs")
_REMOTE_SCHEMES = tuple(scheme for scheme in OWN_SCHEMES if scheme != "file")
_NEVER_READ = ("ftp", "ftps", "sftp", "ssh", "scp", "git", "git+https", "data", "mailto")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://(.*)", re.DOTALL)
_ONE_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(?://?)?(?=[^/\\])(.*)", re.DOTALL)
_ONLY_USERINFO = re.compile(r"(?://)?[^/.~][^:]*:.*@.+", re.DOTALL)
_BUCKET = re.compile(r"[\w.\-]+")


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
        _refuse(scrubbed(repr(handle)), found, _meant(handle))
    text = path_text(handle)
    if isinstance(handle, PurePath):
        return _odd_spelling(text) or _local(os.path.expanduser(text))
    _refuse_blank(text)
    for kind in KINDS:
        try:
            found = kind.recognise(text)
        except hubs.Misspelt as error:
            _refuse(shown(text), error.found, _load(error.meant))
        if found is not None:
            return found
    raise AssertionError("the last kind takes everything")


def is_archive(name: str) -> bool:
    """Whether a path or the path of a URL is named as an archive is."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


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
    names = [part for part in parts.path.split("/") if part]
    if host in hubs.KAGGLE_HOSTS:
        return hubs.kaggle_page(text, names)
    if host in hubs.HUGGING_FACE_HOSTS and not is_archive(parts.path):
        return hubs.hugging_face_page(names)
    _refuse_other_archive(parts.path, text)
    return HttpArchive(url) if is_archive(parts.path) else TfhubModel(url)


def _kaggle(text: str) -> Optional[Handle]:
    return hubs.kaggle(text) if _scheme(text) == "kaggle" else None


def _hugging_face(text: str) -> Optional[Handle]:
    return hubs.hugging_face(text) if _scheme(text) == "hf" else None


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
    Kind("kaggle://owner/model/framework/variation[/version]", _kaggle),
    Kind("hf://owner/name at Hugging Face", _hugging_face),
    Kind("gs://bucket/path", _gcs),
    Kind("file:///path", _file),
    Kind("s3://, hdfs:// and what else TensorFlow reads", _gfile),
    Kind("", _odd_spelling),
    Kind("owner/model/framework/variation[/version] at Kaggle", hubs.bare_kaggle),
    Kind("a local folder, .tar, .tar.gz, .tgz or .zip", _local),
)


def _refuse(handle: str, found: str, remedy: str) -> NoReturn:
    spellings = [kind.spelling for kind in KINDS if kind.spelling]
    raise HandleNotSupported(
        handle=handle, found=found, remedy=remedy, tried="; ".join(reversed(spellings))
    )


def _meant(handle: Any) -> str:
    """The line for what is neither text nor a path."""
    if isinstance(handle, bytes):
        return _load(os.fsdecode(handle))
    if isinstance(handle, (list, tuple)) and len(handle) == 1 and isinstance(handle[0], str):
        return _load(handle[0])
    if callable(handle) or hasattr(handle, "signatures"):
        return "m(inputs)  # it is loaded already"
    return "unihub.load('path/to/folder')"


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


def _close_scheme(scheme: str) -> Optional[str]:
    if len(scheme) <= 3:
        return None
    # Few handles are misspelt.
    import difflib

    found = difflib.get_close_matches(scheme.lower(), OWN_SCHEMES[:5], n=1, cutoff=0.75)
    return found[0] if found and found[0] != scheme.lower() else None
