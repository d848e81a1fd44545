"""Records what the venue says, in the order heard; words that arrive together share a record."""

import asyncio
from collections import deque
from dataclasses import dataclass

from shared.contracts.base import Event
from shared.contracts.processor import NS_PER_MS
from shared.contracts.venue import ExecutionReported
from shared.log.writer import Writer
from shared.runtime.clock import DeskClock

# A decider answers a record as a whole, and answers sooner to small ones.
EVENTS_PER_RECORD_MAX = 40


@dataclass(frozen=True)
class _Word:
    event: Event
    correlation: str
    cause: int


class Reporter:
    """The writer of the venue's subject."""

    def __init__(self, writer: Writer, clock: DeskClock) -> None:
        self._writer = writer
        self._clock = clock
        self._words: deque[_Word] = deque()
        self._heard = asyncio.Event()
        self._recorded = asyncio.Event()
        # How often anything has been heard: an observation during which it changed is not of one moment.
        self.count = 0

    def say(self, event: Event, *, correlation: str = "", cause: int = 0) -> None:
        """Record this soon; returns at once."""
        self._words.append(_Word(event, correlation, cause))
        self.count += 1
        self._heard.set()

    async def run(self) -> None:
        """Append until cancelled.

        Raises:
            FenceConflict: another instance has taken over.
            LogUnavailable: the broker stays away.
        """
        while True:
            await self._heard.wait()
            self._heard.clear()
            self._recorded.clear()
            while self._words:
                await self._append(self._take())
            self._recorded.set()

    async def flush(self) -> None:
        """Wait until everything said so far has been recorded."""
        while self._words:
            await self._recorded.wait()
            await asyncio.sleep(0)

    def _take(self) -> list[_Word]:
        """Take the longest run of words about the same opportunity; they stay queued until recorded."""
        words: list[_Word] = []
        for word in self._words:
            if words and (word.correlation != words[0].correlation or len(words) >= EVENTS_PER_RECORD_MAX):
                break
            words.append(word)
        return words

    async def _append(self, words: list[_Word]) -> None:
        time_ns = self._clock.now_ns()
        for word in words:
            if isinstance(word.event, ExecutionReported):
                # Nothing is recorded before it happened.
                time_ns = max(time_ns, word.event.executed_at_ms * NS_PER_MS)
        await self._writer.append(
            [word.event for word in words],
            time_ns=time_ns,
            cause=max(word.cause for word in words),
            correlation=words[0].correlation,
        )
        for _ in words:
            self._words.popleft()
