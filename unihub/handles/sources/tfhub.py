"""Models by TF Hub's hosting protocol: one URL, asked for an archive or for a location.

Source: https://www.tensorflow.org/hub/hosting.
"""

from __future__ import annotations

from typing import Optional
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from unihub.errors import UnihubError
from unihub.errors.redaction import redacted
from unihub.handles import parsing
from unihub.handles.archive.extract_errors import NotAnArchive
from unihub.handles.cache.manifest import Facts
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.download.transfer_errors import (
    DownloadTooLarge,
    HashMismatch,
    TransferError,
    UnsafeRedirect,
)
from unihub.handles.kinds import GcsFolder, KaggleModel, TfhubModel
from unihub.handles.sources import gcs
from unihub.handles.sources.archives import downloaded
from unihub.handles.sources.asking import Answer, ask
from unihub.handles.sources.context import Context, HashOfFolder
from unihub.handles.sources.moved import TFHUB_HOSTS, moved

_QUERY = "tf-hub-format"
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<")


class WebPageInsteadOfModel(UnihubError, OSError):
    """A URL that should speak TF Hub's protocol answered with a page for people."""

    code = "web-page-instead-of-model"
    what = "{handle} is answered with a web page, not with a model."
    why = (
        "a server of models answers ?tf-hub-format=compressed with a .tar.gz. (this one led "
        "to {url})"
    )
    do = "{remedy}"


class UncompressedNotServed(UnihubError, ValueError, OSError):
    """A server does not say where the files of a model are."""

    code = "uncompressed-not-served"
    what = "{handle} is not served uncompressed."
    why = (
        "a server that does answers ?tf-hub-format=uncompressed with status 303 and a gs:// "
        "location. (found: {found})"
    )
    do = "fetch it compressed: export UNIHUB_LOAD_FORMAT=COMPRESSED"


def model(handle: TfhubModel, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of a URL, by the protocol that the settings name.

    Raises:
        WebPageInsteadOfModel: when the server has pages only.
        UncompressedNotServed: when it tells no location.
        And what `archives.downloaded` and `gcs.folder` raise.
    """
    asked = TfhubModel(mirrored(handle.url, context.settings.tfhub_mirror))
    try:
        if context.settings.load_format == "UNCOMPRESSED":
            return _uncompressed(asked, work, context)
        return _compressed(asked, work, context)
    except (TransferError, WebPageInsteadOfModel) as error:
        # Of no use where the model itself is refused, such as one that is too large.
        if isinstance(error, (DownloadTooLarge, HashMismatch)) or asked != handle:
            raise
        reason = (
            error.why
            if isinstance(error, TransferError)
            else f"it led to {error.facts['url']}, a page for people."
        )
        elsewhere = moved(handle.url, reason, context)
        if elsewhere is None or "kaggle://" in error.do:
            raise
        raise elsewhere from error


def mirrored(url: str, mirror: Optional[str]) -> str:
    """The URL of a model of tfhub.dev at a mirror; others are as they are."""
    parts = urlsplit(url)
    if mirror is None or parts.hostname not in TFHUB_HOSTS:
        return url
    return mirror.rstrip("/") + urlunsplit(parts._replace(scheme="", netloc=""))


def _compressed(handle: TfhubModel, work: StagingDirectory, context: Context) -> Facts:
    url = asking_for(handle.url, "compressed")
    try:
        return downloaded(url, work, context)
    except NotAnArchive as error:
        page = _page_behind(url, context)
        if page is None:
            raise
        raise WebPageInsteadOfModel(
            handle=handle.shown, url=redacted(page.url), remedy=_remedy(page)
        ) from error


def asking_for(url: str, form: str) -> str:
    """The URL with the query that asks for a form of the model, unless it has one."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if all(name != _QUERY for name, _ in query):
        query.append((_QUERY, form))
    return urlunsplit(parts._replace(query=urlencode(query)))


def _uncompressed(handle: TfhubModel, work: StagingDirectory, context: Context) -> Facts:
    if context.sha256:
        raise HashOfFolder(
            handle=handle.shown,
            found="read uncompressed, as many files",
            remedy="export UNIHUB_LOAD_FORMAT=COMPRESSED",
        )
    location = _location(handle, context)
    found = parsing.parse(location) if location.startswith("gs://") else None
    if not isinstance(found, GcsFolder):
        raise UncompressedNotServed(handle=handle.shown, found=redacted(location))
    return gcs.folder(found, work, context)


def _location(handle: TfhubModel, context: Context) -> str:
    try:
        answer = ask(asking_for(handle.url, "uncompressed"), context)
    except UnsafeRedirect as error:
        # The protocol has the location in the body; some give it as the redirect's target.
        return str(error.facts["target"])
    if answer.status != 303:
        raise UncompressedNotServed(
            handle=handle.shown, found=f"status {answer.status} of {redacted(answer.url)}"
        )
    return answer.body.decode("utf-8", "replace").strip()


def _page_behind(url: str, context: Context) -> Optional[Answer]:
    answer = ask(url, context)
    is_html = "html" in answer.headers.get("Content-Type", "").lower()
    return answer if is_html or answer.body.lstrip().lower().startswith(_PAGES) else None


def _remedy(page: Answer) -> str:
    try:
        successor = parsing.parse(page.url)
    except parsing.HandleNotSupported:
        successor = None
    if isinstance(successor, KaggleModel):
        return f"it has moved to Kaggle: unihub.load({str(successor)!r})"
    return f"look for a link to the model as .tar.gz: python -m webbrowser '{redacted(page.url)}'"
