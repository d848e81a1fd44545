"""Says what a log is, so that it can be implemented from reading this file.

A log is the ordered record of one desk. Every record has one writer, known by its subject
(`source`, `partition`); the writer names the last record it knows of its own subject, and the log
refuses the append when that is not the last one. So two writers can never both decide.
"""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from shared.contracts.desk import Source
from shared.contracts.record import Draft, Record


class LogError(Exception):
    """Root of what a log can refuse or fail at.

    LogError
    |-- FenceConflict    somebody else has written on our subject: stop deciding, follow again
    |-- LogUnavailable   no answer within the bound: the append may or may not be stored
    |-- LogInvalid       the log is there but cannot be used: wrong settings, broken chain
    """


class FenceConflict(LogError):
    """The writer's subject has moved on: somebody else has written there."""


class LogUnavailable(LogError):
    """The log did not answer within its bound; whoever asked retries or gives up."""


class LogInvalid(LogError):
    """The log answers but cannot serve: misconfigured, unreadable, or its chain is broken."""


class Tail(msgspec.Struct, frozen=True):
    """The last record of one subject: what the next append expects. Zero and empty for none."""

    seq: int = 0
    digest: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One step of reading: a record, or only the word that the end of the log is reached."""

    record: Record | None
    # True when, at that moment, nothing else was waiting to be read.
    caught_up: bool


class Log(Protocol):
    """The ordered, durable record of one desk."""

    async def append(self, draft: Draft, *, source: Source, partition: int, after: Tail) -> Tail:
        """Store the draft as the subject's next record and return the new tail.

        An append whose acknowledgement was lost is recognised as stored, not as a conflict.

        Raises:
            FenceConflict: the subject's last record is not `after`.
            LogUnavailable: no answer; calling again with the same arguments is safe.
            LogInvalid: the draft is larger than the log can ever store.
        """
        ...

    async def tail(self, source: Source, partition: int) -> Tail:
        """Return the last record of a subject."""
        ...

    def read(
        self, sources: frozenset[Source], *, after_seq: int = 0, live: bool = True
    ) -> AsyncIterator[Delivery]:
        """Yield the records of these sources in order, each once, without a gap.

        The first delivery that has `caught_up` marks the end of the past; when the log holds
        nothing to read, a delivery without a record says so. A reader survives the loss of its
        connection. With `live=False` it ends at the end of the log.
        """
        ...

    async def close(self) -> None:
        """Release the connection."""
        ...
