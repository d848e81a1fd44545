"""Tells desk time to edges: the venue's time as far as it is known, extrapolated by the wall.

Deciders never see this clock; they see the times that edges have written into records.
"""

import time

from shared.contracts.processor import NS_PER_MS


class DeskClock:
    """Desk time: the time the venue has last shown, plus the wall time since, times `speed`.

    With a real venue it starts from the wall clock. A simulated venue has a time of its own, which may
    run faster; there is no desk time until its first record has been seen. A venue that was down may
    show an earlier time than extrapolated: the clock then stands still until it has caught up.
    """

    def __init__(self, speed: float = 1.0, *, from_wall: bool = False) -> None:
        """Start a clock that runs `speed` times as fast as the wall, or shows the wall's own time."""
        assert not from_wall or speed == 1.0, "the wall does not run faster"
        self._speed = speed
        self._anchor_ns = time.time_ns() if from_wall else 0
        self._anchor_mono_ns = time.monotonic_ns()
        self._told_ns = 0

    @property
    def started(self) -> bool:
        """Whether desk time is known at all."""
        return self._anchor_ns > 0

    def observe(self, time_ns: int) -> None:
        """Take a time that the venue has just shown as the one to extrapolate from."""
        self._anchor_ns = time_ns
        self._anchor_mono_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return desk time, ns since the epoch, never less than before; 0 before it is known."""
        if not self.started:
            return 0
        elapsed_ns = int((time.monotonic_ns() - self._anchor_mono_ns) * self._speed)
        self._told_ns = max(self._told_ns, self._anchor_ns + elapsed_ns)
        return self._told_ns

    def now_ms(self) -> int:
        """Return desk time, ms since the epoch."""
        return self.now_ns() // NS_PER_MS

    def wall_s(self, desk_s: float) -> float:
        """Return how many seconds of wall time that much desk time takes."""
        return desk_s / self._speed
