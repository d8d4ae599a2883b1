"""Google Cloud Storage: public objects by HTTPS, others by tf.io.gfile.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import shlex
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple
from urllib.parse import quote, urlencode

from unihub.errors import UnihubError, first_line
from unihub.errors.redaction import redacted
from unihub.handles.archive.members import Destination, check_members
from unihub.handles.cache.manifest import Facts
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.download.partial import read_blocks, remove_partial
from unihub.handles.download.progress import Progress
from unihub.handles.download.transfer import download
from unihub.handles.download.transfer_errors import BadStatus
from unihub.handles.kinds import GcsArchive, GcsFolder, GfileArchive, GfileFolder
from unihub.handles.sources import gfile
from unihub.handles.sources.archives import downloaded
from unihub.handles.sources.context import Context

_log = logging.getLogger("unihub")

_NEEDS_CREDENTIALS = (401, 403)
_FIELDS = "nextPageToken,items(name,size,md5Hash)"


class NothingInBucket(UnihubError, FileNotFoundError):
    """There is no such folder or object in a bucket."""

    code = "nothing-in-bucket"
    what = "There is nothing at {handle}."
    why = "{reason}. (asked: {endpoint})"
    do = "see what is there: gsutil ls gs://{bucket}/"


class ObjectDiffers(UnihubError, OSError):
    """An object is not the one that the bucket's list describes."""

    code = "object-differs"
    what = "{object} came whole, and is not what its bucket lists."
    why = (
        "its {algorithm} is {found}, and the list says {expected}: it was changed meanwhile, "
        "or on the way."
    )
    do = "fetch the model again: unihub fetch {quoted_handle}"


class BucketNotReadable(UnihubError, PermissionError):
    """Neither plain HTTP nor TensorFlow's file system may read a bucket."""

    code = "bucket-not-readable"
    what = "{handle} cannot be read."
    why = (
        "it is not public, so that it was tried by HTTP ({http}) and then by tf.io.gfile, "
        "which takes Google's credentials ({gfile})."
    )
    do = "gcloud auth application-default login"


@dataclass(frozen=True)
class Object:
    """An object of a bucket.

    Attributes:
        name: in its bucket.
        size: in bytes.
        md5: of its content; None for one composed of parts.
    """

    name: str
    size: int
    md5: Optional[bytes]


class _AnnouncementsOnly(Progress):
    """Passes on what is announced; the bytes of one object are not those of the model."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.announce = progress.announce  # type: ignore[method-assign]


def folder(handle: GcsFolder, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of a folder in a bucket.

    Raises:
        NothingInBucket: when no object's name begins so.
        BucketNotReadable: when neither HTTP nor tf.io.gfile may read it.
        ObjectDiffers: when an object is not what the list says.
    """
    return public_or_by_gfile(
        handle,
        lambda: public_folder(handle, work, context),
        lambda: gfile.folder(GfileFolder(str(handle)), work, context),
        context,
    )


def archive(handle: GcsArchive, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of an archive in a bucket; see `folder`."""
    return public_or_by_gfile(
        handle,
        lambda: downloaded(_media(handle.bucket, handle.path, context), work, context),
        lambda: gfile.archive(GfileArchive(str(handle)), work, context),
        context,
    )


def public_or_by_gfile(
    handle: Any, public: Callable[[], Facts], by_gfile: Callable[[], Facts], context: Context
) -> Facts:
    """Calls ``public``, or else, where that is not allowed, ``by_gfile``."""
    try:
        return public()
    except BadStatus as error:
        if error.status == 404:
            raise _nothing(handle, "the server answers 404 Not Found", context) from error
        if error.status not in _NEEDS_CREDENTIALS:
            raise
        refusal = error
    _log.warning(
        "%s is not public (%s): it is read by tf.io.gfile, with Google's credentials",
        handle.shown,
        refusal.status,
    )
    try:
        return by_gfile()
    except UnihubError as error:
        raise BucketNotReadable(
            handle=handle.shown, http=f"status {refusal.status}", gfile=first_line(error)
        ) from error


def public_folder(handle: GcsFolder, work: StagingDirectory, context: Context) -> Facts:
    """As `folder`, by plain HTTP."""
    prefix = handle.path + "/" if handle.path else ""
    objects = _listed(handle, prefix, work, context)
    if not objects:
        raise _nothing(handle, f"no object's name begins with {redacted(prefix)!r}", context)
    total = sum(found.size for found in objects)
    work.needs(total)
    done = 0
    with Destination(work.model, context.caps, handle.shown) as destination:
        for found in objects:
            path = _download(handle, found, work, context)
            destination.add_file(found.name[len(prefix) :], found.size, read_blocks(path))
            remove_partial(work.partial)
            done += found.size
            context.progress.advance(done, total)
        return Facts(url=handle.shown, files=destination.files)


def _listed(
    handle: GcsFolder, prefix: str, work: StagingDirectory, context: Context
) -> Tuple[Object, ...]:
    """The objects under a prefix, without the empty ones that stand for folders."""
    found: List[Object] = []
    query: Dict[str, str] = {"prefix": prefix, "fields": _FIELDS}
    while True:
        url = f"{_bucket_url(handle.bucket, context)}?{urlencode(query)}"
        announcements = _AnnouncementsOnly(context.progress)
        done = download(url, work.partial, context.limits, progress=announcements)
        with open(done.path, "rb") as file:
            page = json.load(file)
        remove_partial(work.partial)
        found.extend(
            Object(
                item["name"],
                int(item["size"]),
                base64.b64decode(item["md5Hash"]) if "md5Hash" in item else None,
            )
            for item in page.get("items", ())
            if not item["name"].endswith("/")
        )
        check_members(handle.shown, context.caps, len(found))
        if not page.get("nextPageToken"):
            return tuple(found)
        query["pageToken"] = page["nextPageToken"]


def _download(handle: GcsFolder, found: Object, work: StagingDirectory, context: Context) -> str:
    """The path of a whole and verified copy of an object."""
    url = _media(handle.bucket, found.name, context)
    done = download(
        url, work.partial, context.limits, progress=_AnnouncementsOnly(context.progress)
    )
    checks: List[Tuple[str, Any, Any]] = [("size", done.size, found.size)]
    digest = _md5()
    if found.md5 is not None and digest is not None:
        for block in read_blocks(done.path):
            digest.update(block)
        checks.append(("MD5", digest.hexdigest(), found.md5.hex()))
    for algorithm, got, expected in checks:
        if got != expected:
            remove_partial(work.partial)
            raise ObjectDiffers(
                object=redacted(f"gs://{handle.bucket}/{found.name}"),
                algorithm=algorithm,
                found=got,
                expected=expected,
                quoted_handle=shlex.quote(handle.shown),
            )
    return done.path


def _md5() -> Any:
    try:
        return hashlib.md5()
    # A FIPS build has none.
    except ValueError:
        return None


def _bucket_url(bucket: str, context: Context) -> str:
    return f"{context.settings.gcs_endpoint}/storage/v1/b/{quote(bucket, safe='')}/o"


def _media(bucket: str, name: str, context: Context) -> str:
    return f"{_bucket_url(bucket, context)}/{quote(name, safe='')}?alt=media"


def _nothing(handle: Any, reason: str, context: Context) -> NothingInBucket:
    return NothingInBucket(
        handle=handle.shown,
        reason=reason,
        endpoint=context.settings.gcs_endpoint,
        bucket=handle.bucket,
    )
