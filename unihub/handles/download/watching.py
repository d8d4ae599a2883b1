"""What is told while a download goes on, and can call it off."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Callable, Iterator, Optional


class Cancelled(Exception):
    """The download was called off by its watcher."""


class Watcher:
    """Hears of the bytes of one download. Each method may be called from any thread."""

    def __init__(self) -> None:
        self._called_off = threading.Event()
        self._lock = threading.Lock()
        self._socket: Optional[socket.socket] = None

    def kept(self, path: str, size: int) -> None:
        """The file ``path`` has ``size`` bytes of an earlier process already."""

    def grew(self, path: str, size: int) -> None:
        """The file ``path`` has ``size`` bytes now."""

    def restarted(self) -> None:
        """The bytes so far are void; the file begins anew, maybe at another path."""

    def verified(self) -> None:
        """All bytes are there, and are the right ones."""

    def call_off(self) -> None:
        """Ends the download soon, even one that waits for a silent server."""
        self._called_off.set()
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raises Cancelled when the download was called off."""
        if self._called_off.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Sleeps, unless called off."""
        self._called_off.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def reading(self, raw: Any) -> Iterator[None]:
        """Lets call_off() wake a read of ``raw``, an open response of urllib3."""
        if raw.closed:  # an empty body
            yield
            return
        # An own duplicate: the number of a closed file may be another's by then.
        duplicate = socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        with self._lock:
            self._socket = duplicate
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._socket = None
            duplicate.close()

    @contextlib.contextmanager
    def hurrying(self, seconds: float, size: Callable[[], int]) -> Iterator[threading.Event]:
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
