"""Actions in threads of their own, which work while the interpreter shuts down too.

The executors of concurrent.futures end with the main thread: after that a non-daemon
thread can use none, nor what is registered with atexit.
"""

from __future__ import annotations

import threading
from typing import Callable, Generic, List, Optional, Sequence, TypeVar

from unihub.apis.lean.private import nothing_in_force

T = TypeVar("T")


class _Task(Generic[T]):
    """An action whose result, or error, is asked for later."""

    def __init__(self, action: Callable[[], T]) -> None:
        self._action = action
        self._results: List[T] = []
        self._error: Optional[BaseException] = None
        # Taken by who runs it, or gives it up.
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)

    def start(self) -> bool:
        """Whether the action runs in a thread; there may be no more of them."""
        try:
            self._thread.start()
        except RuntimeError:
            return False
        return True

    def run(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._results.append(self._action())
        # Whatever it is, it is raised where the action was asked for.
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()

    def give_up(self) -> None:
        """Has the action over: it has ended, or it never runs.

        An interrupt may come when a thread was started, and nobody knows yet that it was.
        """
        if not self._turn.acquire(blocking=False):
            self._ended.wait()

    def result(self) -> T:
        if self._thread.ident is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]


def at_top_level(action: Callable[[], T]) -> T:
    """Runs an action where no graph, tape, scope or device of the caller is in force."""
    task = _Task(action)
    try:
        if not task.start():
            with nothing_in_force():
                task.run()
        return task.result()
    finally:
        # Nobody may take up what the action is still at.
        task.give_up()


def side_by_side(actions: Sequence[Callable[[], T]]) -> List[T]:
    """The results of several actions, each of which has a thread if there are any."""
    tasks = [_Task(action) for action in actions]
    try:
        for task in [task for task in tasks if not task.start()]:
            task.run()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.give_up()
