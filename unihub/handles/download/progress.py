"""The progress of a download, for people: a bar when it takes over a second, and every wait.

with shown(None, "model.tar.gz") as progress:
    download(url, path, limits, progress=progress)
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from importlib.util import find_spec
from typing import Any, Iterator, Optional

_log = logging.getLogger("unihub")
_SECONDS_UNTIL_SHOWN = 1.0

# Two bars would write over one another: the first has the screen.
_screen = threading.Lock()


class Progress:
    """Takes what a download tells, and shows none of it: announcements are logged.

    Args:
        level: of logging, for announcements.
    """

    def __init__(self, level: int = logging.INFO) -> None:
        self._level = level

    def advance(self, done: int, total: Optional[int]) -> None:
        """``done`` bytes are there, of ``total`` (None: unknown)."""

    def announce(self, text: str) -> None:
        """Says that something is waited for, such as "retrying in 4 s: 503"."""
        _log.log(self._level, "%s", text)

    def close(self) -> None:
        """Removes what is shown."""


class Bar(Progress):
    """A bar on standard error, from a second after it was made."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = "".join(c if c.isprintable() else "?" for c in name)
        self._lock = threading.Lock()
        self._done = 0
        self._total: Optional[int] = None
        self._live: Any = None
        self._task: Any = None
        self._closed = False
        self._timer = threading.Timer(_SECONDS_UNTIL_SHOWN, self._show)
        self._timer.daemon = True
        self._timer.start()

    def advance(self, done: int, total: Optional[int]) -> None:
        with self._lock:
            self._done, self._total = done, total
            if self._live is not None:
                self._live.update(self._task, completed=done, total=total)

    def announce(self, text: str) -> None:
        line = "".join(c if c.isprintable() else "?" for c in f"{self._name}: {text}")
        with self._lock:
            console = self._live.console if self._live is not None else _console()
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        with self._lock:
            if self._closed or not _screen.acquire(blocking=False):
                return
            self._live = _live()
            self._task = self._live.add_task(self._name, completed=self._done, total=self._total)
            self._live.start()

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._live is not None:
                self._live.stop()
                self._live = None
                _screen.release()


@contextlib.contextmanager
def shown(setting: Optional[bool], name: str) -> Iterator[Progress]:
    """Progress as the setting has it, gone at the end.

    Args:
        setting: True always, False never, None on a terminal or in a notebook. Where there
            is no bar, waits are logged to "unihub", as warnings unless the setting is False.
        name: what is downloaded, redacted.
    """
    if setting or (setting is None and _is_watched()):
        progress: Progress = Bar(name)
    else:
        progress = Progress(logging.WARNING if setting is None else logging.INFO)
    try:
        yield progress
    finally:
        progress.close()


def _is_watched() -> bool:
    """Whether standard error is a terminal, or this is a notebook that can show a bar."""
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    is_notebook = getattr(shell, "kernel", None) is not None
    # rich draws in notebooks through ipywidgets, and only warns where it is missing.
    return is_notebook and find_spec("ipywidgets") is not None


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


def _live() -> Any:
    from rich import progress

    console = _console()
    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        # In a file it is written once, at the end.
        transient=console.is_terminal or console.is_jupyter,
        redirect_stdout=False,
        redirect_stderr=False,
    )
