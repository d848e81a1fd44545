"""Limit how often a private path may be called, as Bybit does per account, in wall time."""

import time
from collections import defaultdict, deque

from services.simulator.adapters.wire import RATE_LIMIT, WireError


class RateLimits:
    """A sliding window of one second per path; 0 requests per second means no limit."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)

    def check(self, path: str) -> None:
        """Count a call, or refuse it when the last second is full."""
        if not self._per_second:
            return
        now, calls = time.monotonic(), self._calls[path]
        while calls and calls[0] <= now - 1.0:
            calls.popleft()
        if len(calls) >= self._per_second:
            raise WireError(RATE_LIMIT, f"Too many visits! Exceeded {self._per_second}/s on {path}")
        calls.append(now)
