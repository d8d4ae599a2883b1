"""How long to wait between two tries, and when to give up."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import List, Optional

from unihub.handles.download.hops import Failure, Limits

# So many new bytes make a failure the first in a row again.
_PROGRESS = 1 << 20


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


def seconds_of_retry_after(text: Optional[str]) -> Optional[float]:
    """What a Retry-After header asks for: seconds, or those until its date."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(0.0, then - time.time())
