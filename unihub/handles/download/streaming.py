"""Reads a file while it is downloaded, so that an archive is unpacked meanwhile."""

from __future__ import annotations

import errno
import io
import threading
from typing import Any, BinaryIO, Callable, Generic, Mapping, Optional, Tuple, TypeVar, cast

from unihub.handles.download.callbacks import Callbacks, Cancelled
from unihub.handles.download.partial import remove_partial
from unihub.handles.download.progress import Progress
from unihub.handles.download.transfer import Limits, Transferred, download

T = TypeVar("T")

_GZIP = b"\x1f\x8b"
_TAR, _TAR_AT = b"ustar", 257
_HEAD = _TAR_AT + len(_TAR)


class ReadingStopped(Exception):
    """Ends a reader: its bytes are void, or no more will come. Nobody sees it but the reader."""


class StreamedFile(io.RawIOBase):
    """A file that another thread still writes; a read waits for bytes to come.

    It can be read once from its beginning to its end, and not be sought in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._news = threading.Condition()
        self._file: Optional[BinaryIO] = None
        self._size = 0
        self._at = 0
        self._whole = False
        self._stopped = False

    def extend(self, path: str, size: int) -> None:
        """``size`` bytes of the file at ``path`` may be read."""
        with self._news:
            if self._file is None and not self._stopped:
                self._file = open(path, "rb", buffering=0)  # noqa: SIM115
            self._size = size
            self._news.notify_all()

    def complete(self) -> None:
        """No more bytes come, and all are verified: reads end."""
        with self._news:
            self._whole = True
            self._news.notify_all()

    def stop(self) -> None:
        """Every read that waits, or comes later, raises ReadingStopped."""
        with self._news:
            self._stopped = True
            self._news.notify_all()

    @property
    def stopped(self) -> bool:
        return self._stopped

    def as_archive(self) -> BinaryIO:
        """This file if it is read from its beginning, else the whole of it, to seek in."""
        self._wait_for(_HEAD)
        head = b""
        if self._file is not None:
            head = self._file.read(_HEAD)
            self._file.seek(0)
        if head.startswith(_GZIP) or head[_TAR_AT:] == _TAR:
            return cast(BinaryIO, self)
        # A zip is read from its end.
        self._wait_for(None)
        return cast(BinaryIO, self._file if self._file is not None else self)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """``size`` bytes, fewer only at the end of the file; all of them when negative."""
        if size < 0:
            self._wait_for(None)
            size = self._size - self._at
        self._wait_for(self._at + size)
        pieces = []
        while size > 0 and self._file is not None:
            piece = self._file.read(min(size, self._size - self._at))
            if not piece:
                # It was emptied: its bytes are void, which its writer is about to say.
                self._wait_for(None)
                break
            pieces.append(piece)
            self._at += len(piece)
            size -= len(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    def _wait_for(self, size: Optional[int]) -> None:
        """Returns when so many bytes are there, or all and verified."""

        def enough() -> bool:
            return self._stopped or self._whole or (size is not None and self._size >= size)

        with self._news:
            self._news.wait_for(enough)
        if self._stopped:
            raise ReadingStopped


class _Reader(Generic[T]):
    """One run of ``consume``, in a thread of its own."""

    def __init__(self, consume: Callable[[BinaryIO], T], on_failure: Callable[[], None]) -> None:
        self.file = StreamedFile()
        self.began = False
        self.error: Optional[BaseException] = None
        self.result: Optional[T] = None
        self._consume = consume
        self._on_failure = on_failure
        self._thread = threading.Thread(target=self._run, name="unihub reader")
        self._thread.start()

    def _run(self) -> None:
        try:
            file = self.file.as_archive()
            self.began = True
            self.result = self._consume(file)
        except BaseException as error:
            if not self.file.stopped:
                self.error = error
                self._on_failure()

    def finish(self) -> None:
        """Gives the reader the end of the file, and waits for its own."""
        self.file.complete()
        self._thread.join()

    def stop(self) -> None:
        """Returns when the thread has ended, soon."""
        self.file.stop()
        self._thread.join()
        self.file.close()


class _Streaming(Callbacks, Generic[T]):
    """Tells the reader of bytes, and begins it anew when those it has are void."""

    def __init__(self, consume: Callable[[BinaryIO], T], restart: Callable[[], None]) -> None:
        super().__init__()
        self._consume = consume
        self._restart = restart
        self.has_old_bytes = False
        self.reader: _Reader[T] = _Reader(consume, self.cancel)

    def resumed(self, path: str, size: int) -> None:
        self.has_old_bytes = True
        self.reader.file.extend(path, size)

    def received(self, path: str, size: int) -> None:
        self.reader.file.extend(path, size)

    def restarted(self) -> None:
        self.stop()
        self.undo()
        self.has_old_bytes = False
        self.reader = _Reader(self._consume, self.cancel)

    def verified(self) -> None:
        self.reader.finish()
        self.raise_if_cancelled()

    def stop(self) -> None:
        """Ends the reader."""
        self.reader.stop()

    def undo(self) -> None:
        """Undoes what the reader did."""
        if self.reader.began:
            self._restart()


def download_and_read(
    url: str,
    path: str,
    limits: Limits,
    consume: Callable[[BinaryIO], T],
    *,
    restart: Callable[[], None],
    headers: Optional[Mapping[str, str]] = None,
    auth: Any = None,
    sha256: Optional[str] = None,
    progress: Optional[Progress] = None,
) -> Tuple[Transferred, T]:
    """Downloads a file, and reads it meanwhile in another thread.

    A tar or a tar.gz is read as it comes: ``consume`` sees its end only when all bytes are
    verified. Any other file, such as a zip, is read when it is whole and verified. When
    either side fails the other is stopped, and the thread has ended when this returns.

    Args:
        url, path, limits, headers, auth, sha256, progress: see transfer.download().
        consume: is given the file, opened for reading. A tar has read(n) only; other
            files can be sought in. What it returns counts only if this returns.
        restart: undoes what ``consume`` has done. Called when the bytes that it read are
            void, before it is called again.

    Returns:
        Transferred, and what ``consume`` returned. A file beside ``path`` is removed.

    Raises:
        TransferError: see transfer.download(); it goes before what the reader made of it.
        Exception: what ``consume`` raised. The file is removed then, unless the disk is
            full. If an earlier process had written some of it, all is tried once more.
    """
    while True:
        streaming = _Streaming(consume, restart)
        try:
            transferred = download(
                url,
                path,
                limits,
                headers=headers,
                auth=auth,
                sha256=sha256,
                progress=progress,
                callbacks=streaming,
            )
            if transferred.path != path:
                remove_partial(transferred.path)
            return transferred, cast(T, streaming.reader.result)
        except Cancelled:
            error = streaming.reader.error
        finally:
            streaming.stop()
        assert error is not None
        if _is_disk_full(error):
            raise error
        remove_partial(path)
        if not (streaming.has_old_bytes and isinstance(error, Exception)):
            raise error
        streaming.undo()


def _is_disk_full(error: BaseException) -> bool:
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
