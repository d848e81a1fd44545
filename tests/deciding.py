"""Lets tests speak given/when/then about a processor, through the same replica that runs it in life."""

from collections.abc import Sequence
from typing import Generic, TypeVar
from uuid import UUID

from shared.contracts.base import Event
from shared.contracts.codec import decode_record, encode_body
from shared.contracts.desk import Source
from shared.contracts.processor import NS_PER_MS, Processor
from shared.contracts.record import Draft, Record
from shared.log.port import Tail
from shared.runtime.replica import Replica

State = TypeVar("State")
DESK_ID = UUID("00000000-0000-5000-8000-000000000001")
START_MS = 1_700_000_100_000


class Given(Generic[State]):
    """A processor with a past. Every record goes through the wire format.

    `given(...)` says what others (`source`) or the processor itself have written; `when(...)` gives one
    record (one or several events) to a leader and returns the events it decides, folded already.
    """

    def __init__(self, processor: Processor[State]) -> None:
        self.replica = Replica(processor, DESK_ID)
        self.seq = 0
        self.time_ms = START_MS
        self._digests: dict[tuple[Source, int], str] = {}

    @property
    def state(self) -> State:
        return self.replica.state

    def given(
        self, *events: Event, source: Source = Source.MARKET, time_ms: int | None = None
    ) -> "Given[State]":
        """Fold one record of others; whatever it makes the processor decide is folded too."""
        self.when(*events, source=source, time_ms=time_ms)
        return self

    def when(
        self,
        *events: Event,
        source: Source = Source.MARKET,
        time_ms: int | None = None,
        correlation: str = "",
    ) -> list[Event]:
        """Return what the processor decides on this record."""
        self.time_ms = time_ms if time_ms is not None else self.time_ms
        record = self._record(events, source, 0, correlation)
        self.replica.read(record)
        decision = self.replica.decide_next()
        if decision.draft is None:
            self.replica.commit(decision, None)
            return []
        processor = self.replica.processor
        stored = self._record(
            decision.draft.events, processor.source, decision.draft.cause, decision.draft.correlation
        )
        self.replica.commit(decision, Tail(stored.seq, stored.digest))
        return list(stored.events)

    def _record(self, events: Sequence[Event], source: Source, cause: int, correlation: str) -> Record:
        self.seq += 1
        draft = Draft(
            time_ns=self.time_ms * NS_PER_MS, cause=cause, correlation=correlation, events=tuple(events)
        )
        key = (source, 0)
        body = encode_body(draft, source=source, partition=0, prev=self._digests.get(key, ""))
        record = decode_record(body, seq=self.seq)
        self._digests[key] = record.digest
        return record
