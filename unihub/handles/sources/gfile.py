"""File systems that TensorFlow alone can read, copied file by file into the cache."""

from __future__ import annotations

import importlib
import os
from typing import Any

from unihub.handles.archive.members import Destination, check_members
from unihub.handles.cache.manifest import Facts
from unihub.handles.cache.workplace import Workplace
from unihub.handles.kinds import GfileArchive, GfileFolder
from unihub.handles.sources.archives import from_open_file
from unihub.handles.sources.context import Context
from unihub.runtime import tensorflow_version


def folder(handle: GfileFolder, work: Workplace, context: Context) -> Facts:
    """Builds the model of a folder that tf.io.gfile reads.

    Raises:
        TensorFlowMissing, TensorFlowTooOld: without one that can read it.
        And what `tensorflow_gfile` and `members.Destination` raise.
    """
    routes = _routes()
    found = routes.files(handle.uri)
    check_members(handle.shown, context.caps, len(found))
    total = sum(size for _, size in found)
    work.needs(total)
    done = 0
    with Destination(work.model, context.caps, handle.shown) as destination:
        for path, size in found:
            destination.add_file(path, size, routes.blocks(f"{handle.uri}/{path}"))
            done += size
            context.progress.advance(done, total)
        return Facts(url=handle.shown, files=destination.files)


def archive(handle: GfileArchive, work: Workplace, context: Context) -> Facts:
    """Builds the model of an archive that tf.io.gfile reads; it is copied first."""
    routes = _routes()
    size = routes.size(handle.uri)
    work.needs(size)
    done = 0
    try:
        with open(work.part, "w+b") as copy:
            for block in routes.blocks(handle.uri):
                copy.write(block)
                done += len(block)
                context.progress.advance(done, size)
            copy.seek(0)
            return from_open_file(copy, handle.shown, work, context)
    finally:
        os.remove(work.part)


def _routes() -> Any:
    tensorflow_version()
    # By name: this layer is below the routes, and needs TensorFlow here only.
    return importlib.import_module("unihub.handles.sources.tensorflow_gfile")
