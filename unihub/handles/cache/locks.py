"""One process at a time per model, so that each is fetched once.

The lock saves work; that no half model is ever seen does not rest on it. So where
a file system cannot lock, the work goes on without.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shlex
import socket
import sys
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Callable, Iterator, List, Optional

from unihub.handles.cache.cache_errors import LockTimeout

_NO_LOCKS_HERE = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
_SILENT = 0.2
_ASKED_EVERY = 1.0
_UNKNOWN = "0"
# More than any system has.
_MOST_PIDS = 1 << 31
_ENDED = (["Z"], ["X"])


@dataclass(frozen=True)
class Process:
    """A process, told from all others of any machine and time.

    Attributes:
        pid: on its machine.
        started: when, in the kernel's own unit; "0" where the kernel does not say.
        machine: stands for host, boot and container, for a pid means nothing
            outside of them.
    """

    pid: int
    started: str
    machine: str

    def __str__(self) -> str:
        return f"{self.pid}-{self.started}-{self.machine}"


def parsed(text: str) -> Optional[Process]:
    """The process that was written by ``str``."""
    pid, _, rest = text.partition("-")
    started, _, machine = rest.partition("-")
    return Process(int(pid), started, machine) if pid.isdigit() and machine else None


def this_process() -> Process:
    """The process that asks, which after a fork is another one."""
    pid = os.getpid()
    return Process(pid, _started(pid), _machine())


def runs(process: Process) -> Optional[bool]:
    """Whether a process runs; None when this cannot be known from here."""
    if process.machine != _machine():
        return None
    running = is_running(process.pid)
    if not running:
        return running
    started = _started(process.pid)
    if _UNKNOWN in (started, process.started):
        return None
    return started == process.started


def is_running(pid: int) -> Optional[bool]:
    """Whether a process of this machine has this pid; None where that cannot be asked."""
    # Windows would send it an interrupt.
    if sys.platform == "win32":
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _stat_fields(pid)[:1] not in _ENDED


def _started(pid: int) -> str:
    fields = _stat_fields(pid)
    return fields[19] if len(fields) > 19 else _UNKNOWN


def _stat_fields(pid: int) -> List[str]:
    """Of /proc/<pid>/stat, from the third on; the second may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


@lru_cache(maxsize=1)
def _machine() -> str:
    parts = [socket.gethostname()]
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            parts.append(file.read())
        parts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:
        pass
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Holder:
    """The process that has a lock, by its own note.

    Attributes:
        pid: of the process, on its host.
        host: its machine's name.
        since: when it got the lock, in seconds since the epoch.
        process: of `this_process`, which tells it from others of its pid.
    """

    pid: int
    host: str
    since: float
    process: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True)
class Wait:
    """A wait that begins, for whoever announces it.

    Attributes:
        handle: that is waited for, without secrets.
        lock: the path of the lock file.
        holder: who has it; None when it left no note.
        timeout: after how many seconds the wait ends with `LockTimeout`.
    """

    handle: str
    lock: str
    holder: Optional[Holder]
    timeout: float

    def __str__(self) -> str:
        who = str(self.holder) if self.holder else "another process"
        return f"waiting for {who}, which is fetching {self.handle}"


@contextlib.contextmanager
def held(
    lock: str, timeout: float, handle: str, announce: Optional[Callable[[Wait], None]] = None
) -> Iterator[None]:
    """Has the lock of the file ``lock`` within the block.

    The operating system frees it when the process ends, however that happens.

    Args:
        lock: path of the lock file, whose folder exists.
        timeout: seconds to wait, at least 0.
        handle: for messages, without secrets.
        announce: called once when there is a wait.

    Raises:
        LockTimeout: when another process still has it.
        OSError: when the lock file cannot be made.
    """
    # Of all models that are used, few are fetched.
    import filelock

    file_lock = filelock.FileLock(lock)
    # A wait as short as this is not worth an announcement, and in it a holder
    # that has just got the lock writes its note.
    silent = min(_SILENT, timeout)
    if not _acquired(file_lock, silent):
        if announce:
            announce(Wait(handle, lock, holder_of(lock), timeout))
        if not _acquired_or_orphaned(file_lock, timeout - silent, lock):
            raise _timeout(lock, timeout, handle)
    try:
        _note(lock)
        yield
    finally:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            os.remove(_note_path(lock))
        file_lock.release()


def holder_of(lock: str) -> Optional[Holder]:
    """Who has a lock, or had it when it was killed."""
    try:
        with open(_note_path(lock), encoding="utf-8") as file:
            holder = Holder(**json.load(file))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    found = type(holder.pid), type(holder.host), type(holder.process)
    well_formed = found == (int, str, str) and isinstance(holder.since, (int, float))
    return holder if well_formed and 0 < holder.pid < _MOST_PIDS else None


def _acquired(file_lock: Any, timeout: float) -> bool:
    import filelock

    try:
        file_lock.acquire(timeout=timeout)
    except filelock.Timeout:
        return False
    except NotImplementedError:
        return True
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise
    return True


def _acquired_or_orphaned(file_lock: Any, timeout: float, lock: str) -> bool:
    """As `_acquired`, and True too when only children of a dead process still have the lock.

    A child that was forked meanwhile, such as a data loader's, has its parent's files
    open, locks included, and may outlive it.
    """
    end = time.monotonic() + timeout
    dead: Optional[Holder] = None
    while not _acquired(file_lock, max(0.0, min(_ASKED_EVERY, end - time.monotonic()))):
        holder = holder_of(lock)
        process = parsed(holder.process) if holder else None
        is_dead = process is not None and runs(process) is False
        # Seen twice, so that it is not the note that a new holder is about to replace.
        if is_dead and holder == dead:
            return True
        dead = holder if is_dead else None
        if time.monotonic() >= end:
            return False
    return True


def _note(lock: str) -> None:
    process = str(this_process())
    holder = Holder(os.getpid(), socket.gethostname(), time.time(), process)
    # Readers never see half a note.
    unique = f"{_note_path(lock)}.{holder.pid}"
    with open(unique, "w", encoding="utf-8") as file:
        json.dump(asdict(holder), file)
    try:
        os.replace(unique, _note_path(lock))
    except IsADirectoryError:
        # Somebody's folder stays; a note is but for people.
        os.remove(unique)


def _note_path(lock: str) -> str:
    return lock + ".holder"


def _timeout(lock: str, timeout: float, handle: str) -> LockTimeout:
    holder = holder_of(lock)
    return LockTimeout(
        handle=handle,
        timeout=timeout,
        holder=str(holder) if holder else "a process that left no note",
        lock=lock,
        remedy=_remedy(lock, holder),
        suggestion=max(2 * timeout, 60),
    )


def _remedy(lock: str, holder: Optional[Holder]) -> str:
    file = shlex.quote(lock)
    here = socket.gethostname()
    if holder and holder.host != here:
        return f"see what it does: ssh {shlex.quote(holder.host)} ps -fp {holder.pid}"
    if holder and is_running(holder.pid) is not False:
        return f"see what it does: ps -fp {holder.pid}; end it: kill {holder.pid}"
    # The note is of a process that ended: a child that it forked may keep the lock.
    return f"see which process it is: fuser -v {file}; if there is none: rm {file}"
