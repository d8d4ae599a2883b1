"""Archives, of a URL or of this machine, into the folder of a model."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from typing import Any, BinaryIO, Callable, List, Mapping, Optional, Sequence, Tuple

from unihub.errors import UnihubError
from unihub.errors.redaction import redacted
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.formats.message import UnreadableFile, in_words
from unihub.handles.archive.extract import ExtractedFile, extract
from unihub.handles.cache.manifest import Facts
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.kinds import HttpArchive, LocalArchive
from unihub.handles.sources.context import Context

_BLOCK = 1 << 20
# What macOS adds to archives.
_LITTER = ("._", "__MACOSX", ".DS_Store")


class ArchiveHashDiffers(UnihubError, OSError, ValueError):
    """An archive file is not the one asked for."""

    code = "archive-hash-differs"
    what = "{handle} is not the archive that was asked for; nothing of it is used."
    why = "its SHA-256 is {found}, and sha256= says {expected}."
    do = "copy the file again, or, if it is the right one: sha256={found!r}"


def from_url(handle: HttpArchive, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of an archive's URL."""
    return downloaded(handle.url, work, context)


def from_file(handle: LocalArchive, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of an archive of this machine."""
    path = os.path.abspath(handle.path)
    try:
        archive = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise UnreadableFile(path=path, reason=in_words(error)) from None
    with archive:
        if context.sha256 is None:
            return from_open_file(archive, path, work, context)
        # Others may write to it between its hash and its extraction.
        try:
            with open(work.partial, "w+b") as copy:
                work.needs(os.fstat(archive.fileno()).st_size)
                shutil.copyfileobj(archive, copy, _BLOCK)
                copy.seek(0)
                return from_open_file(copy, path, work, context)
        finally:
            os.remove(work.partial)


def from_open_file(archive: BinaryIO, name: str, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of an archive that is open for reading at its beginning.

    Where a hash is asked for, the file has to be one that nobody else writes to.

    Raises:
        ArchiveHashDiffers: when it has not the hash asked for.
        And what `extract.extract` raises.
    """
    digest = hashlib.sha256()
    for block in iter(lambda: archive.read(_BLOCK), b""):
        digest.update(block)
    found = digest.hexdigest()
    if context.sha256 not in (None, found):
        raise ArchiveHashDiffers(handle=name, found=found, expected=context.sha256)
    archive.seek(0)
    files = extract(archive, work.model, context.caps, name)
    return Facts(url=name, sha256=found, files=raised_to_top(work.model, files))


def downloaded(
    url: str,
    work: StagingDirectory,
    context: Context,
    headers: Optional[Mapping[str, str]] = None,
    auth: Any = None,
) -> Facts:
    """Builds the model of the archive that a URL answers with.

    Raises:
        What `transfer.download` and `extract.extract` raise.
    """
    from unihub.handles.download.streaming import download_and_read

    def consume(archive: BinaryIO) -> Tuple[ExtractedFile, ...]:
        return extract(archive, work.model, context.caps, redacted(url))

    transferred, files = download_and_read(
        url,
        work.partial,
        context.limits,
        consume,
        restart=work.clear,
        headers=headers,
        auth=auth,
        sha256=context.sha256,
        progress=context.progress,
    )
    return Facts(
        url=transferred.url,
        sha256=transferred.sha256,
        etag=transferred.etag,
        files=raised_to_top(work.model, files),
    )


def raised_to_top(model: str, files: Sequence[ExtractedFile]) -> Tuple[ExtractedFile, ...]:
    """Takes away the folders around a model, as people's archives have them.

    TensorFlow Hub's archives hold the model itself; ``tar -czf model.tar.gz model``
    makes one that holds a folder. Nothing is done where there is more than one
    thing at the top, or a model.

    Returns:
        The files by their new paths.
    """
    kept = list(files)
    top = _only_folder(kept)
    while top:
        inner = os.path.join(model, top)
        aside = model + ".inner"
        os.rename(inner, aside)
        for name in os.listdir(model):
            _remove(os.path.join(model, name))
        os.rmdir(model)
        os.rename(aside, model)
        kept = [
            replace(file, path=file.path[len(top) + 1 :])
            for file in kept
            if file.path.startswith(top + "/")
        ]
        top = _only_folder(kept)
    return tuple(kept)


def _only_folder(files: List[ExtractedFile]) -> Optional[str]:
    paths = [file.path for file in files if not file.path.startswith(_LITTER)]
    tops = {path.partition("/")[0] for path in paths}
    if len(tops) != 1 or any("/" not in path for path in paths):
        return None
    (top,) = tops
    inside = any(path in (f"{top}/{PB_FILE}", f"{top}/{PBTXT_FILE}") for path in paths)
    deeper = all(path.count("/") > 1 for path in paths)
    return top if inside or deeper else None


def _remove(path: str) -> None:
    remove: Callable[[str], Any] = shutil.rmtree if os.path.isdir(path) else os.remove
    remove(path)
