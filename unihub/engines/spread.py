"""The parts of a job on an engine: what the workers are given, and what came of it."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple

from unihub.engines.tasks import Task, first_error
from unihub.errors import UnihubError, counted

# Has all tasks done, by `tasks.do`, in any order; each at least once.
Run = Callable[[Sequence[Task], Sequence[str]], None]
ENGINES = ("beam", "spark", "ray")
# How often the parts that did the driver see.
_SECONDS = 0.2


class EngineFailed(UnihubError, RuntimeError):
    """An engine came to its end before all parts were done."""

    code = "engine-failed"
    what = "{engine} ended when {done} of {total} were done."
    why = "{reason}"
    do = "{remedy}"


def engine_of(name: str) -> Run:
    """A runner of tasks on an engine.

    Raises:
        PackageNeeded: the engine is not installed.
    """
    # Each is imported with its engine.
    run: Run
    if name == "beam":
        from unihub.engines.beam import run_tasks as run
    elif name == "spark":
        from unihub.engines.spark import run_tasks as run
    else:
        from unihub.engines.ray import run_tasks as run
    return run


def run_all(
    engine: str,
    options: Sequence[str],
    tasks: Sequence[Task],
    output: str,
    told: Callable[[Task], None],
) -> None:
    """Has all tasks done.

    Args:
        engine: its name.
        options: its own, as they were typed.
        tasks: whose rows are laid down.
        output: the file that is to be written in the end, for errors.
        told: is called with each that is done.

    Raises:
        UnihubError: what `tasks.do` met first, in the order of the rows.
        EngineFailed: the engine gave up.
    """
    run = engine_of(engine)
    reason: Optional[BaseException] = None
    watch = _Watch(tasks, told)
    try:
        run(tasks, options)
    # Each engine has errors of its own, and shows the worker's in its own way.
    except Exception as error:
        reason = error
    finally:
        watch.end()
    folder = os.path.dirname(tasks[0].file)
    met = first_error(folder)
    if met is not None:
        raise met
    if watch.left:
        raise _failed(engine, tasks, watch.left, output, reason) from reason


def _failed(
    engine: str,
    tasks: Sequence[Task],
    left: Sequence[Task],
    output: str,
    reason: Optional[BaseException],
) -> UnihubError:
    if isinstance(reason, UnihubError):
        return reason
    folder = os.path.dirname(tasks[0].file)
    said = f"its workers write into {folder}, which all machines have to share."
    if reason is not None:
        said = f"it says: {_telling(reason)}"
    return EngineFailed(
        engine=engine,
        done=len(tasks) - len(left),
        total=counted(len(tasks), "part"),
        reason=said,
        remedy=f"unihub predict HANDLE INPUT -o {output} --engine {engine}  # does what is left",
    )


def _telling(error: BaseException) -> str:
    """The line that tells most of an error with the traceback of a worker in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if ": " in line and line.partition(":")[0][-5:] == "Error"]
    return (raised or lines or [type(error).__name__])[-1 if raised else 0]


class _Watch:
    """Tells of each part whose file appears, while an engine has them done."""

    def __init__(self, tasks: Iterable[Task], told: Callable[[Task], None]) -> None:
        self.left: List[Task] = list(tasks)
        self._told = told
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS):
            self._look()

    def _look(self) -> None:
        done, left = _split(self.left)
        self.left = left
        for task in done:
            self._told(task)

    def end(self) -> None:
        """Looks for the last time."""
        self._ended.set()
        self._thread.join()
        self._look()


def _split(tasks: Sequence[Task]) -> Tuple[List[Task], List[Task]]:
    # Asked for one by one a folder on a network would take its time.
    folder = os.path.dirname(tasks[0].file) if tasks else ""
    there: Any = set(os.listdir(folder)) if tasks else set()
    done = [task for task in tasks if os.path.basename(task.file) in there]
    names = {task.file for task in done}
    return done, [task for task in tasks if task.file not in names]
