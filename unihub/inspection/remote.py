"""Asks what can be known of a model that is not here, without downloading it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import quote, unquote, urlencode, urlsplit

from unihub import settings
from unihub.errors import listed, path_text
from unihub.errors.redaction import redacted
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.handles import parsing
from unihub.handles.cache.cache import Cache
from unihub.handles.download.transfer_errors import TransferError
from unihub.handles.kinds import (
    HUGGING_FACE,
    CustomHandle,
    GcsArchive,
    GcsFolder,
    GfileArchive,
    GfileFolder,
    Handle,
    HttpArchive,
    HuggingFaceModel,
    KaggleModel,
    TfhubModel,
)
from unihub.handles.sources.asking import Answer, ask_json, probe
from unihub.handles.sources.context import Context
from unihub.handles.sources.moved import KAGGLE, at_kaggle, kaggle_endpoint
from unihub.handles.sources.tfhub import asking_for, mirrored
from unihub.inspection.model_info import RemoteInfo

_FOUND = (200, 206)
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")
_FILE_NAME = re.compile(r"""filename\*?=(?:UTF-8'')?"?([^";]+)""", re.IGNORECASE)
_GCS_FIELDS = "nextPageToken,items(name,size)"
_REASONS = {
    401: "it asks for credentials",
    403: "it asks for credentials, or for a licence to be accepted",
    404: "there is nothing by this name",
    410: "it was withdrawn",
}


def known(handle: Union[str, os.PathLike[str]]) -> RemoteInfo:
    """Asks what is at a handle, without downloading it.

    Costs one request or two, whatever the model's size, and none offline.

    Args:
        handle: of any kind that is not a path of this machine.

    Returns:
        What the server says.

    Raises:
        HandleNotSupported: the handle is spelt like none.
        ValueError: it is a path of this machine.

    Example:
        >>> print(known("https://example.org/model.tar.gz"))
        https://example.org/model.tar.gz: an archive by HTTP, not downloaded
          ...
    """
    given = parsing.parse(handle)
    if type(given) not in _ASKED:
        raise ValueError(f"{given} is of this machine: unihub.inspect reads it")
    info = RemoteInfo(handle=given.shown, kind=given.kind, parts=_parts(given))
    now = settings.current()
    if now.offline:
        return replace(info, problem="unihub is offline, so that nobody was asked")
    context = Context(path_text(handle), now, Cache(now.cache))
    try:
        return _ASKED[type(given)](given, info, context)
    except TransferError as error:
        return replace(info, asked=True, problem=error.why)


def _parts(handle: Handle) -> Tuple[Tuple[str, str], ...]:
    if isinstance(handle, KaggleModel):
        names = ("owner", "model", "framework", "variation")
        return tuple((name, getattr(handle, name)) for name in names)
    if isinstance(handle, HuggingFaceModel):
        own = ("owner", "name", "revision", "folder")
        return tuple((name, getattr(handle, name)) for name in own if getattr(handle, name))
    if isinstance(handle, (GcsArchive, GcsFolder)):
        return (("bucket", handle.bucket), ("path", handle.path))
    if isinstance(handle, (HttpArchive, TfhubModel)):
        parts = urlsplit(redacted(handle.url))
        return (("host", parts.netloc), ("path", unquote(parts.path)))
    return ()


def _of_url(handle: Any, info: RemoteInfo, context: Context) -> RemoteInfo:
    return _answered(info, probe(handle.url, context))


def _of_tfhub(handle: Any, info: RemoteInfo, context: Context) -> RemoteInfo:
    url = mirrored(handle.url, context.settings.tfhub_mirror)
    try:
        found = _answered(info, probe(asking_for(url, "compressed"), context))
    except TransferError as error:
        found = replace(info, asked=True, problem=error.why)
    # What a mirror lacks is asked of nobody else.
    instead = at_kaggle(url, context)[0] if found.problem else ()
    return replace(found, version=_last_number(handle.url), instead=tuple(instead))


def _last_number(url: str) -> Optional[str]:
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return last if last.isdigit() else None


def _of_bucket(handle: Any, info: RemoteInfo, context: Context) -> RemoteInfo:
    """A folder by the first page of its listing, an archive by its entry there."""
    is_folder = isinstance(handle, GcsFolder)
    prefix = f"{handle.path}/" if is_folder and handle.path else handle.path
    endpoint = context.settings.gcs_endpoint
    query = urlencode({"prefix": prefix, "fields": _GCS_FIELDS})
    url = f"{endpoint}/storage/v1/b/{quote(handle.bucket, safe='')}/o?{query}"
    answer, page = ask_json(url, context)
    info = replace(info, asked=True, status=answer.status, url=redacted(answer.url))
    if answer.status not in _FOUND:
        return replace(info, problem=_reason(answer.status))
    items = [one for one in page.get("items", ()) if isinstance(one, dict)]
    sizes = {str(one.get("name", "")): int(one.get("size", 0)) for one in items}
    if not is_folder:
        name = handle.path.rpartition("/")[2]
        problem = "" if handle.path in sizes else _REASONS[404]
        return replace(info, archive=name, bytes=sizes.get(handle.path), problem=problem)
    files = {name: length for name, length in sizes.items() if not name.endswith("/")}
    problem = "" if files else _REASONS[404]
    if page.get("nextPageToken"):
        problem = "there is more, for this is the first page of a long list"
    return replace(info, files=len(files), bytes=sum(files.values()), problem=problem)


def _of_kaggle(handle: Any, info: RemoteInfo, context: Context) -> RemoteInfo:
    """By Kaggle's public API, without credentials: no model needs them to be described."""
    parts = (handle.owner, handle.model, handle.framework, handle.variation)
    path = "/".join(quote(part, safe="") for part in parts)
    answer, page = ask_json(f"{kaggle_endpoint()}/api/v1/models/{path}/get", context)
    page_url = f"{KAGGLE}/models/{handle.path}"
    info = replace(info, asked=True, status=answer.status, url=page_url)
    if answer.status not in _FOUND:
        return replace(info, problem=_reason(answer.status))
    newest = page.get("versionNumber")
    version = handle.version or newest
    problem = ""
    if handle.version and isinstance(newest, int) and handle.version > newest:
        problem = f"the newest version is {newest}"
    elif handle.version and isinstance(newest, int) and handle.version < newest:
        problem = f"version {newest} is newer"
    total = page.get("totalUncompressedBytes")
    return replace(
        info,
        version=str(version) if version else None,
        bytes=total if isinstance(total, int) and version == newest else None,
        problem=problem,
    )


def _of_hugging_face(handle: Any, info: RemoteInfo, context: Context) -> RemoteInfo:
    """By the public API, without a token: a private model is told as one that is not there."""
    endpoint = (os.environ.get("HF_ENDPOINT") or HUGGING_FACE).rstrip("/")
    revision = f"/revision/{quote(handle.revision, safe='')}" if handle.revision else ""
    address = f"{endpoint}/api/models/{handle.repository}{revision}?blobs=true"
    answer, page = ask_json(address, context)
    info = replace(info, asked=True, status=answer.status, url=handle.page)
    if answer.status not in _FOUND:
        return replace(info, problem=_reason(answer.status))
    prefix = f"{handle.folder}/" if handle.folder else ""
    files = [
        one
        for one in page.get("siblings", ())
        if isinstance(one, dict) and str(one.get("rfilename", "")).startswith(prefix)
    ]
    return replace(
        info,
        version=str(page.get("sha", "")) or None,
        files=len(files),
        bytes=sum(int(one.get("size") or 0) for one in files),
        problem=_lacking([str(one["rfilename"]) for one in files]),
    )


def _lacking(files: Sequence[str]) -> str:
    """Why there is no model among the files of a repository; "" where there is one."""
    if not files:
        return _REASONS[404]
    is_there = {PB_FILE, PBTXT_FILE} & {name.rpartition("/")[2] for name in files}
    return "" if is_there else f"none of its files is a SavedModel: {listed(files)}"


def _of_gfile(handle: Any, info: RemoteInfo, context: Context) -> RemoteInfo:
    return replace(info, problem="tf.io.gfile reads it, and TensorFlow is not imported to inspect")


def _of_resolver(handle: Any, info: RemoteInfo, context: Context) -> RemoteInfo:
    return replace(info, problem="a registered resolver says where it is, when it is loaded")


_ASKED: Mapping[type, Callable[[Any, RemoteInfo, Context], RemoteInfo]] = {
    HttpArchive: _of_url,
    TfhubModel: _of_tfhub,
    KaggleModel: _of_kaggle,
    HuggingFaceModel: _of_hugging_face,
    GcsFolder: _of_bucket,
    GcsArchive: _of_bucket,
    GfileFolder: _of_gfile,
    GfileArchive: _of_gfile,
    CustomHandle: _of_resolver,
}


def _answered(info: RemoteInfo, answer: Answer) -> RemoteInfo:
    info = replace(info, asked=True, status=answer.status, url=redacted(answer.url))
    if answer.status not in _FOUND:
        return replace(info, problem=_reason(answer.status))
    if "html" in answer.headers.get("Content-Type", "").lower():
        return replace(info, problem="that is a web page and no archive")
    return replace(info, archive=_file_name(answer), bytes=_length(answer))


def _length(answer: Answer) -> Optional[int]:
    if answer.status == 206:
        total = _TOTAL.match(answer.headers.get("Content-Range", ""))
        return int(total.group(1)) if total else None
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _file_name(answer: Answer) -> str:
    given = _FILE_NAME.search(answer.headers.get("Content-Disposition", ""))
    name = given.group(1).strip() if given else urlsplit(answer.url).path
    return unquote(name).rpartition("/")[2]


def _reason(status: int) -> str:
    return _REASONS.get(status, "it cannot be downloaded now")
