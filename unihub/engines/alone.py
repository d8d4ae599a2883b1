"""One run at a time for an output, so that none takes away the parts of another."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

import filelock

from unihub.errors import UnihubError


class OutputBeingWritten(UnihubError, RuntimeError):
    """Another run writes the same output."""

    code = "output-being-written"
    what = "{path} is being written by another run."
    why = "it has the lock of {folder}, where the parts of both would be."
    do = "unihub predict HANDLE INPUT -o {better}  # or wait until that one has ended"


@contextlib.contextmanager
def alone(folder: str, output: str) -> Iterator[str]:
    """Makes the folder for the parts of an output, and holds it.

    The system lets it go when the process ends, however it ends.

    Yields:
        Its absolute path.

    Raises:
        OutputBeingWritten: another run holds it.
    """
    folder = os.path.abspath(folder)
    lock = filelock.FileLock(os.path.join(folder, "lock"))
    while True:
        os.makedirs(folder, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            stem, ending = os.path.splitext(output)
            better = f"{stem}-2{ending}"
            raise OutputBeingWritten(path=output, folder=folder, better=better) from None
        except FileNotFoundError:
            # The other run has just ended, and taken the folder with it.
            continue
        # File systems without locks work as ever.
        except (NotImplementedError, OSError):
            if not os.access(folder, os.W_OK):
                raise
            break
        if os.path.exists(lock.lock_file):
            break
        lock.release()
    try:
        yield folder
    finally:
        # Where nothing was done, nothing is left. Windows deletes no open files.
        with contextlib.suppress(OSError):
            if os.listdir(folder) == [os.path.basename(lock.lock_file)]:
                os.unlink(lock.lock_file)
                os.rmdir(folder)
        lock.release()
