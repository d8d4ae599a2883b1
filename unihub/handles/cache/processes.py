"""Which process this is, and whether another one still runs."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import List, Optional

_UNKNOWN = "0"
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
