"""From a handle to the folder of its model: the join of download, extraction and cache."""

from __future__ import annotations

import os
import re
import shlex
import stat
import time
from typing import Any, Callable, NoReturn, Optional, Union

from unihub.errors import UnihubError, warn
from unihub.errors.redaction import redacted, scrubbed
from unihub.formats.not_a_model import require_folder
from unihub.handles import parsing, resolvers
from unihub.handles.cache.cache import Cache
from unihub.handles.cache.cache_errors import DamagedEntry
from unihub.handles.cache.manifest import Entry, Facts
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.download.progress import shown
from unihub.handles.kinds import (
    CustomHandle,
    GcsArchive,
    GcsFolder,
    GfileArchive,
    GfileFolder,
    Handle,
    HttpArchive,
    HuggingFaceModel,
    KaggleModel,
    LocalArchive,
    LocalFolder,
    TfhubModel,
)
from unihub.handles.sources import legacy
from unihub.handles.sources.context import Context, HashOfFolder, not_cached
from unihub.settings import Settings

_MOST_STEPS = 10
# What comes in no archive.
_FOLDERS = (LocalFolder, GcsFolder, GfileFolder, HuggingFaceModel)
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


class HashNotUnderstood(UnihubError, ValueError):
    """sha256= is no SHA-256."""

    code = "hash-not-understood"
    what = "sha256={given!r} is no SHA-256."
    why = "it is 64 hexadecimal digits. (found: {found})"
    do = "compute the archive's: sha256sum FILE"


class CachedHashDiffers(UnihubError, OSError, ValueError):
    """The model in the cache came in another archive than the one asked for."""

    code = "cached-hash-differs"
    what = "The cached copy of {handle} is not the model that was asked for."
    why = (
        "it came in an archive with the SHA-256 {found}, and sha256= says {expected}. (in {folder})"
    )
    do = (
        "if the cached one is right, pin it: sha256={found!r}\n"
        "else remove it, so that it is fetched anew: unihub cache rm {quoted_handle}"
    )


class ResolverAnswerNotUsable(UnihubError, TypeError, ValueError):
    """A registered resolver gave neither a path nor a handle."""

    code = "resolver-answer-not-usable"
    what = "the resolver of {handle} returned {found}."
    why = "{reason}. (resolver: {resolver})"
    do = (
        "unihub.register_resolver(lambda handle: handle == {handle!r}, "
        "lambda handle: 'path/to/folder')  # or another handle, as text"
    )


class DamagedEntryReplaced(UserWarning):
    """A cached model was damaged, and is fetched again."""


class FetchedModelDiffers(UserWarning):
    """The model fetched in place of a damaged one has other content than that had."""


def fetch(handle: Handle, text: str, settings: Settings, sha256: Optional[str]) -> str:
    """Brings a handle's model here, unless it is, and returns its folder, complete.

    Args:
        handle: as `parsing.parse` read it.
        text: the handle as it was given.
        settings: to go by.
        sha256: that the archive must have, in hexadecimal; None for any.

    Returns:
        The path of a folder; of a `LocalFolder`, whatever is there.

    Raises:
        NotCached: offline, when it would have to be downloaded.
        ModelNotFound, UnreadableFile: of an archive of this machine.
        HashNotUnderstood, HashOfFolder, CachedHashDiffers: of ``sha256``.
        And what the source, the download, the extraction and the cache raise.
    """
    cache = Cache(settings.cache)
    if isinstance(handle, CustomHandle):
        handle = _resolved(handle)
        text = str(handle)
    context = Context(text, settings, cache, _checked(sha256))
    if isinstance(handle, _FOLDERS) and context.sha256:
        _refuse_hash(handle)
    if isinstance(handle, LocalFolder):
        return handle.path
    is_local = isinstance(handle, LocalArchive)
    identity = _identity(handle)
    entry = _sound_entry(identity, settings.offline and not is_local, context)
    if entry is not None:
        return _of_hash(entry, context).path
    found = None if is_local or context.sha256 else _mounted_or_foreign(handle, context)
    if found is not None:
        return found
    if settings.offline and not is_local:
        raise not_cached(handle, context, "UNIHUB_OFFLINE=1 or configure(offline=True)")
    before = cache.recorded(identity)
    with shown(settings.progress, redacted(identity)) as progress:
        entry = cache.publish(
            identity,
            lambda work: _builder(handle)(handle, work, context.showing(progress)),
            settings.lock_timeout,
            lambda wait: progress.announce(str(wait)),
            by_content=context.sha256 is not None,
        )
    if before is not None and before.files != entry.files:
        warn(
            f"{entry.handle} was fetched again, and is not the model that it was on "
            f"{time.strftime('%Y-%m-%d', time.localtime(before.created))}: the archive had the "
            f"SHA-256 {before.sha256}, and has {entry.sha256}. sha256= holds it to one.",
            FetchedModelDiffers,
        )
    return _of_hash(entry, context).path


def _sound_entry(identity: str, must_serve: bool, context: Context) -> Optional[Entry]:
    try:
        return context.cache.find(identity, by_content=context.sha256 is not None)
    except DamagedEntry as error:
        if must_serve:
            raise
        warn(f"{error.what} {error.why} It is fetched again.", DamagedEntryReplaced)
        return None


def _identity(handle: Handle) -> str:
    """The text that the cache files a handle's model under."""
    if not isinstance(handle, LocalArchive):
        return str(handle)
    path = os.path.abspath(handle.path)
    try:
        status = os.stat(path)
    except OSError:
        require_folder(handle.path)
        raise
    if not stat.S_ISREG(status.st_mode):
        # Reading a pipe would wait for ever.
        require_folder(handle.path)
    # A file that is changed is another one, and the entry of the old one may be in use.
    return f"file://{path}#{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _mounted_or_foreign(handle: Handle, context: Context) -> Optional[str]:
    """The folder of a model that another program has brought here."""
    settings = context.settings
    if isinstance(handle, KaggleModel):
        found = legacy.kagglehub_entry(handle, settings.kagglehub_cache)
        if found is not None:
            return found
        from unihub.handles.sources.kaggle import mounted

        return mounted(handle)
    if isinstance(handle, (TfhubModel, HttpArchive, GcsArchive)):
        return legacy.tensorflow_hub_entry(context.text, settings.tfhub_cache)
    return None


def _resolved(handle: CustomHandle) -> Handle:
    """Asks registered resolvers about a handle, until it is one of unihub's own."""
    asked = [handle.text]
    while True:
        resolver = resolvers.resolver_of(asked[-1])
        assert resolver is not None
        answer = resolver(asked[-1])
        path = answer.__fspath__() if isinstance(answer, os.PathLike) else answer
        if not isinstance(path, str):
            _refuse_answer(asked[-1], resolver, answer, "it is neither text nor a path")
        found = parsing.parse(answer)
        if not isinstance(found, CustomHandle):
            return found
        if found.text in asked or len(asked) == _MOST_STEPS:
            _refuse_answer(asked[-1], resolver, answer, "the resolvers go round in a circle")
        asked.append(found.text)


def _of_hash(entry: Entry, context: Context) -> Entry:
    if context.sha256 in (None, entry.sha256):
        return entry
    raise CachedHashDiffers(
        handle=entry.handle,
        quoted_handle=shlex.quote(entry.handle),
        found=entry.sha256 or "not known",
        expected=context.sha256,
        folder=entry.folder,
    )


def _checked(sha256: Optional[str]) -> Optional[str]:
    if sha256 is None:
        return None
    match = _SHA256.fullmatch(sha256.strip()) if isinstance(sha256, str) else None
    if match is None:
        found = (
            f"{len(sha256)} characters" if isinstance(sha256, str) else f"{type(sha256).__name__}"
        )
        raise HashNotUnderstood(given=sha256, found=found)
    return match.group(1).lower()


def _refuse_hash(handle: Union[LocalFolder, GcsFolder, GfileFolder, HuggingFaceModel]) -> NoReturn:
    raise HashOfFolder(
        handle=handle.shown,
        found=handle.kind,
        remedy=f"unihub.load({handle.shown!r})  # without sha256=; or load the archive it came in",
    )


def _refuse_answer(text: str, resolver: Any, answer: Any, reason: str) -> NoReturn:
    name = f"{getattr(resolver, '__module__', '?')}.{getattr(resolver, '__qualname__', resolver)}"
    raise ResolverAnswerNotUsable(
        handle=redacted(text), found=scrubbed(repr(answer)), reason=reason, resolver=name
    )


def _builder(handle: Handle) -> Callable[[Any, StagingDirectory, Context], Facts]:
    """The function that fills a staging directory with a handle's model.

    It is imported here: a model that is cached needs no HTTP library.
    """
    if isinstance(handle, (LocalArchive, HttpArchive)):
        from unihub.handles.sources import archives

        return archives.from_file if isinstance(handle, LocalArchive) else archives.from_url
    if isinstance(handle, TfhubModel):
        from unihub.handles.sources import tfhub

        return tfhub.model
    if isinstance(handle, KaggleModel):
        from unihub.handles.sources import kaggle

        return kaggle.model
    if isinstance(handle, HuggingFaceModel):
        from unihub.handles.sources import hugging_face

        return hugging_face.model
    if isinstance(handle, (GcsFolder, GcsArchive)):
        from unihub.handles.sources import gcs

        return gcs.folder if isinstance(handle, GcsFolder) else gcs.archive
    if isinstance(handle, (GfileFolder, GfileArchive)):
        from unihub.handles.sources import gfile

        return gfile.folder if isinstance(handle, GfileFolder) else gfile.archive
    raise TypeError(f"no source has {type(handle).__name__}")
