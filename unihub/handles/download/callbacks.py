"""Callbacks of a download, its cancelling, and the watch for one that stalls."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Callable, Iterator, Optional


class Cancelled(Exception):
    """The download was cancelled."""


class Callbacks:
    """The functions that a download calls, here without effect; each from any thread."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._socket: Optional[socket.socket] = None

    def resumed(self, path: str, size: int) -> None:
        """The file ``path`` has ``size`` bytes of an earlier process already."""

    def received(self, path: str, size: int) -> None:
        """The file ``path`` has ``size`` bytes now."""

    def restarted(self) -> None:
        """The bytes so far are void; the file begins anew, maybe at another path."""

    def verified(self) -> None:
        """All bytes are there, and are the right ones."""

    def cancel(self) -> None:
        """Ends the download soon, even one that waits for a silent server."""
        self._cancelled.set()
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled when the download was cancelled."""
        if self._cancelled.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Sleeps, unless cancelled."""
        self._cancelled.wait(seconds)
        self.raise_if_cancelled()

    @contextlib.contextmanager
    def reading(self, raw: Any) -> Iterator[None]:
        """Lets cancel() wake a read of ``raw``, an open response of urllib3."""
        if raw.closed:  # an empty body
            yield
            return
        # An own duplicate: the number of a closed file may be another's by then.
        duplicate = socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        with self._lock:
            self._socket = duplicate
        try:
            self.raise_if_cancelled()
            yield
        finally:
            with self._lock:
                self._socket = None
            duplicate.close()

    @contextlib.contextmanager
    def stall_watch(self, seconds: float, size: Callable[[], int]) -> Iterator[threading.Event]:
        """Ends a read, within `reading`, during which ``size`` stays the same for so long.

        A server that sends a byte now and then keeps every time-out of a socket from
        expiring.

        Returns:
            An event, set when the read was ended.
        """
        too_slow, over = threading.Event(), threading.Event()

        def watch() -> None:
            before = size()
            while not over.wait(seconds):
                now = size()
                if now == before:
                    too_slow.set()
                    self._wake()
                    return
                before = now

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield too_slow
        finally:
            over.set()
            thread.join()
