"""File systems that TensorFlow alone can read, copied file by file into the cache."""

from __future__ import annotations

import os
from types import ModuleType

from unihub.handles.archive.members import Destination, check_members
from unihub.handles.cache.manifest import Facts
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.kinds import GfileArchive, GfileFolder
from unihub.handles.sources.archives import from_open_file
from unihub.handles.sources.context import Context
from unihub.runtime import tensorflow_version


def folder(handle: GfileFolder, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of a folder that tf.io.gfile reads.

    Raises:
        TensorFlowMissing, TensorFlowTooOld: without one that can read it.
        And what `tensorflow_gfile` and `members.Destination` raise.
    """
    found = _reader().files(handle.url)
    check_members(handle.shown, context.caps, len(found))
    total = sum(size for _, size in found)
    work.needs(total)
    done = 0
    with Destination(work.model, context.caps, handle.shown) as destination:
        for path, size in found:
            destination.add_file(path, size, _reader().blocks(f"{handle.url}/{path}"))
            done += size
            context.progress.advance(done, total)
        return Facts(url=handle.shown, files=destination.files)


def archive(handle: GfileArchive, work: StagingDirectory, context: Context) -> Facts:
    """Builds the model of an archive that tf.io.gfile reads; it is copied first."""
    size = _reader().size(handle.url)
    work.needs(size)
    done = 0
    try:
        with open(work.partial, "w+b") as copy:
            for block in _reader().blocks(handle.url):
                copy.write(block)
                done += len(block)
                context.progress.advance(done, size)
            copy.seek(0)
            return from_open_file(copy, handle.shown, work, context)
    finally:
        os.remove(work.partial)


def _reader() -> ModuleType:
    """The module that imports TensorFlow, where there is one that can read models."""
    tensorflow_version()
    from unihub.handles.sources import tensorflow_gfile

    return tensorflow_gfile
