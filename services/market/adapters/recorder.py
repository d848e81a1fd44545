"""Writes the edge's records one after the other, stamped with the venue's time and never back."""

import asyncio
from collections.abc import Sequence

from shared.contracts.base import Event
from shared.contracts.processor import NS_PER_MS
from shared.log.writer import Writer
from shared.runtime.clock import DeskClock


class Recorder:
    """The market subject's only way into the log."""

    def __init__(self, writer: Writer, clock: DeskClock, *, last_time_ns: int) -> None:
        """Continue behind a record of that time."""
        self._writer = writer
        self._clock = clock
        self._last_time_ns = last_time_ns
        self._venue_ms = 0
        self._one_at_a_time = asyncio.Lock()

    @property
    def venue_ms(self) -> int:
        """The latest time the venue has shown, ms since the epoch; 0 before it has shown any."""
        return self._venue_ms

    def see(self, time_ms: int) -> None:
        """Take note of the time on a message of the venue."""
        if time_ms > self._venue_ms:
            self._venue_ms = time_ms
            self._clock.observe(time_ms * NS_PER_MS)

    async def record(self, events: Sequence[Event]) -> None:
        """Append the events as one record; nothing when there are none.

        Raises:
            FenceConflict: another instance writes this subject: the edge ends.
            LogUnavailable: the broker stayed away for longer than a restart takes.
        """
        if not events:
            return
        async with self._one_at_a_time:
            # The venue's time and not the extrapolated one: a frozen venue's desk time stands still.
            self._last_time_ns = max(self._venue_ms * NS_PER_MS, self._last_time_ns)
            await self._writer.append(events, time_ns=self._last_time_ns)
