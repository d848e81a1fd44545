"""Appends for one subject, remembering the tail between appends."""

import asyncio
from collections.abc import Sequence

from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.record import Draft
from shared.log.port import FenceConflict, Log, LogUnavailable, Tail

# Together with the log's own time-out per attempt this outlives a restart of the broker.
ATTEMPTS_MAX = 30
RETRY_WAIT_S = 0.1


class Writer:
    """The single writer of a subject, for an edge that holds the lease on it.

    A `FenceConflict` means that another instance has taken over: let it end the edge.
    """

    def __init__(self, log: Log, source: Source, partition: int, tail: Tail) -> None:
        """Take over a subject whose last record is `tail`."""
        self._log = log
        self._source = source
        self._partition = partition
        self._tail = tail

    @classmethod
    async def open(cls, log: Log, source: Source, partition: int = 0) -> "Writer":
        """Return a writer that continues the subject where it ends."""
        return cls(log, source, partition, await log.tail(source, partition))

    async def append(
        self, events: Sequence[Event], *, time_ns: int, cause: int = 0, correlation: str = ""
    ) -> int:
        """Store the events as one record and return its seq; outlives a restart of the broker.

        Raises:
            FenceConflict: another instance writes on this subject.
            LogUnavailable: the broker stayed away through every attempt.
        """
        draft = Draft(time_ns=time_ns, cause=cause, correlation=correlation, events=tuple(events))
        for attempt in range(ATTEMPTS_MAX):
            try:
                self._tail = await self._log.append(
                    draft, source=self._source, partition=self._partition, after=self._tail
                )
            except LogUnavailable:
                if attempt == ATTEMPTS_MAX - 1:
                    raise
                # A broker that is starting refuses at once, so patience is not in its time-outs alone.
                await asyncio.sleep(RETRY_WAIT_S)
            else:
                return self._tail.seq
        raise AssertionError("unreachable: the last attempt returns or raises")


class SharedWriter:
    """A writer on a subject that several processes share: a person's commands, a shell's notices.

    Whoever loses the race for the next place takes the one after it.
    """

    def __init__(self, log: Log, source: Source, partition: int = 0) -> None:
        """Write on the subject of `source`, whoever else does."""
        self._log = log
        self._source = source
        self._partition = partition

    async def append(
        self, events: Sequence[Event], *, time_ns: int, cause: int = 0, correlation: str = ""
    ) -> int:
        """Store the events as one record and return its seq.

        Raises:
            LogUnavailable: the broker stayed away, or others won every race.
        """
        for _ in range(ATTEMPTS_MAX):
            writer = await Writer.open(self._log, self._source, self._partition)
            try:
                return await writer.append(events, time_ns=time_ns, cause=cause, correlation=correlation)
            except FenceConflict:
                continue
        raise LogUnavailable(f"{self._source}: lost the race for a place {ATTEMPTS_MAX} times")
