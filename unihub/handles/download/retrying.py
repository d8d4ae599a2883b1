"""The limits of a download, how one try fails, and when another is worth its wait."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import Any, Callable, List, Mapping, Optional, Type, TypeVar, Union

from unihub.errors.redaction import redacted
from unihub.handles.download.transfer_errors import TransferError

T = TypeVar("T")

# So many new bytes make a failure the first in a row again.
_PROGRESS = 1 << 20


@dataclass(frozen=True)
class Limits:
    """The most that a download may cost.

    Attributes:
        connect_timeout: seconds until a connection must stand.
        read_timeout: seconds that the server may keep silent.
        retries: how often a failure that may pass is tried again in a row.
        max_redirects: how many redirects are followed.
        max_bytes: the largest file, or None for any.
        verify: True, False for no verification of certificates, or the path of a CA bundle.
        proxies: by scheme as in requests; None for those of the environment.
        backoff: seconds before the second try; doubled for each further one.
        longest_wait: the most seconds between two tries, whatever Retry-After says.
        total_wait: the most seconds of such waits in one download.
    """

    connect_timeout: float = 10
    read_timeout: float = 60
    retries: int = 5
    max_redirects: int = 10
    max_bytes: Optional[int] = None
    verify: Union[bool, str] = True
    proxies: Optional[Mapping[str, str]] = field(default=None, repr=False)
    backoff: float = 1
    longest_wait: float = 60
    total_wait: float = 300


@dataclass(frozen=True)
class Failure:
    """Why one try failed, as a value: exceptions of requests hold the URL with its secrets.

    Attributes:
        error: the class to raise when it is not tried again.
        facts: what its message is filled with.
        short: a few words for the list of tries.
        may_pass: whether another try may succeed.
        wait: seconds to wait, if the server says.
        anew: whether it only means that the file must be begun anew, at once.
        instead: what is of use all the same when it is not tried again.
    """

    error: Type[TransferError]
    facts: Mapping[str, Any]
    short: str
    may_pass: bool = True
    wait: Optional[float] = None
    anew: bool = False
    instead: Any = None


class Failed(Exception):
    """Carries a Failure out of one try."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.short)
        self.failure = failure


@dataclass
class Tries:
    """The failures of one download so far."""

    limits: Limits
    failures: List[str] = field(default_factory=list)
    in_a_row: int = 0
    waited: float = 0

    def add(self, failure: Failure, new_bytes: int) -> None:
        self.failures.append(failure.short)
        if new_bytes >= _PROGRESS:
            self.in_a_row = 0
        self.in_a_row += not failure.anew

    def next_wait(self, failure: Failure) -> Optional[float]:
        """Seconds to wait before the next try, None when there is none."""
        if not failure.may_pass or self.in_a_row > self.limits.retries:
            return None
        if failure.anew:
            return 0
        wait = failure.wait
        if wait is None:
            # Jitter, lest all that failed together come again together.
            doubled = self.limits.backoff * 2.0 ** min(self.in_a_row - 1, 30)
            wait = doubled * random.uniform(0.5, 1)
        wait = min(wait, self.limits.longest_wait)
        if self.waited + wait > self.limits.total_wait:
            return None
        self.waited += wait
        return wait

    def __str__(self) -> str:
        count = len(self.failures)
        if count < 2:
            return "once"
        runs = [(short, len(list(run))) for short, run in groupby(self.failures)]
        words = ", ".join(short if n == 1 else f"{short} ×{n}" for short, n in runs[-6:])
        return f"{count} times: {'…, ' * (len(runs) > 6)}{words}"


def retried(
    attempt: Callable[[], Union[T, Failure]],
    url: str,
    limits: Limits,
    announce: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
    received: Callable[[], int] = lambda: 0,
) -> T:
    """Calls a function until it succeeds, or another try is worth no wait.

    Args:
        attempt: gives a result or a Failure.
        url: for the message.
        limits: how often, and how long is waited.
        announce: is told of each wait.
        wait: sleeps for so many seconds.
        received: the new bytes of the last try.

    Raises:
        TransferError: of the last failure.
    """
    tries = Tries(limits)
    while True:
        outcome = attempt()
        if not isinstance(outcome, Failure):
            return outcome
        tries.add(outcome, received())
        seconds = tries.next_wait(outcome)
        if seconds is None:
            break
        if seconds > 0:
            announce(f"retrying in {seconds:.2g} s: {outcome.short}")
            wait(seconds)
    if outcome.instead is not None:
        result: T = outcome.instead
        return result
    # Raised here, where no exception of requests is its context.
    raise outcome.error(url=redacted(url), tried=str(tries), **outcome.facts)


def seconds_of_retry_after(text: Optional[str]) -> Optional[float]:
    """The seconds that a Retry-After header asks for, or those until its date."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(0.0, then - time.time())
