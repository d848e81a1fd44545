"""Holds one replica of a processor: its state, and the inputs read but not yet decided.

This is the synchronous heart of the one loop. It follows, recovers, leads and verifies by the same
few lines and knows neither a network nor a clock: history is folded from what was decided then,
and only inputs after the last recorded decision are decided anew.
"""

from collections import deque
from typing import Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import structs

from shared.contracts.base import Event
from shared.contracts.processor import Context, Processor
from shared.contracts.record import Draft, Record
from shared.log.port import FenceConflict, LogError, LogInvalid, Tail

State = TypeVar("State")


class DeciderFailed(Exception):
    """A decider raised: a bug. The processor stops at this record; nothing is skipped."""

    def __init__(self, seq: int, cause: Exception) -> None:
        """Remember the poisonous record."""
        super().__init__(f"record {seq}: {type(cause).__name__}: {cause}")
        self.seq = seq


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one input record; `draft` is None when there is nothing to say."""

    cause: Record
    draft: Draft | None


class Replica(Generic[State]):
    """One instance's view of a processor."""

    def __init__(self, processor: Processor[State], desk_id: UUID) -> None:
        """Start from the beginning of the log."""
        self.processor = processor
        self.desk_id = desk_id
        self.state = processor.initial()
        # Seq of the last record read, of whichever source.
        self.position = 0
        # This processor's last record, as far as this instance knows.
        self.tail = Tail()
        self.pending: deque[Record] = deque()
        # Seq of the last input folded: answers to it or before it are settled.
        self._consumed = 0
        # Whether anything but the log itself has shaped the state: a snapshot, or decisions of our own.
        self._shaped = False

    def restore(self, state: State, position: int, tail: Tail) -> None:
        """Start from a snapshot instead: taken when nothing was pending."""
        self.state, self.position, self.tail = state, position, tail
        self._consumed, self._shaped = position, True
        self.pending.clear()

    def owns(self, record: Record) -> bool:
        """Whether this processor wrote the record, by whichever instance."""
        return record.source is self.processor.source and record.partition == self.processor.partition

    def read(self, record: Record) -> None:
        """Take in the next record of the log.

        Raises:
            FenceConflict: a record of our own stands where this instance expected another; its
                state is not the log's, so it must be rebuilt.
            LogInvalid: the same, though the state is the log's: the log contradicts itself.
        """
        self.position = record.seq
        if not self.owns(record):
            if record.source in self.processor.reads:
                self.pending.append(record)
            return
        if record.seq <= self.tail.seq:
            return  # written, and already folded, by this very instance
        if record.prev != self.tail.digest:
            raise self._contradiction(f"record {record.seq} does not follow our {self.tail.seq}")
        if record.cause <= self._consumed:
            raise self._contradiction(
                f"record {record.seq} answers {record.cause}, which was consumed before"
            )
        # What its writer had consumed, silently or not, comes before what it decided.
        cause: Record | None = None
        while self.pending and self.pending[0].seq <= record.cause:
            cause = self.pending.popleft()
            self._evolve_input(cause)
        if cause is None or cause.seq != record.cause:
            # Market data ages, what was decided on it does not: the answer stands for its input.
            cause = structs.replace(record, seq=record.cause)
        self._fold_decided(cause, record.events)
        self._consumed = record.cause
        self.tail = Tail(record.seq, record.digest)

    def _contradiction(self, what: str) -> LogError:
        return FenceConflict(what) if self._shaped else LogInvalid(what)

    def decide_next(self) -> Decision:
        """Evolve and decide the oldest pending input; `commit` must follow before the next.

        Raises:
            DeciderFailed: the decider raised.
        """
        record = self.pending[0]
        self._shaped = True
        decided: list[Event] = []
        try:
            for ctx, event in self._in_context(record):
                self.processor.evolve(self.state, event, ctx)
                decided.extend(self.processor.decide(self.state, event, ctx))
        except Exception as error:
            raise DeciderFailed(record.seq, error) from error
        if not decided:
            return Decision(cause=record, draft=None)
        draft = Draft(
            time_ns=record.time_ns,
            cause=record.seq,
            correlation=record.correlation or _correlation(decided[0]),
            events=tuple(decided),
        )
        return Decision(cause=record, draft=draft)

    def commit(self, decision: Decision, tail: Tail | None) -> None:
        """Fold what was decided, after the log has stored it at `tail` (None: nothing to store)."""
        assert self.pending, "a decision has an input"
        assert self.pending[0].seq == decision.cause.seq, "decisions are committed in order"
        if decision.draft is not None:
            assert tail is not None, "a decision with events has been stored"
            self._fold_decided(decision.cause, decision.draft.events)
            self.tail = tail
        self._consumed = self.pending.popleft().seq

    def _in_context(self, record: Record) -> list[tuple[Context, Event]]:
        return [
            (
                Context(
                    desk_id=self.desk_id,
                    seq=record.seq,
                    source=record.source,
                    time_ns=record.time_ns,
                    ordinal=ordinal,
                    correlation=record.correlation,
                ),
                event,
            )
            for ordinal, event in enumerate(record.events)
        ]

    def _evolve_input(self, record: Record) -> None:
        try:
            for ctx, event in self._in_context(record):
                self.processor.evolve(self.state, event, ctx)
        except Exception as error:
            raise DeciderFailed(record.seq, error) from error

    def _fold_decided(self, cause: Record, events: tuple[Event, ...]) -> None:
        """Fold own events in the context of the input that caused them."""
        try:
            for ordinal, event in enumerate(events):
                ctx = Context(
                    desk_id=self.desk_id,
                    seq=cause.seq,
                    source=self.processor.source,
                    time_ns=cause.time_ns,
                    ordinal=ordinal,
                    correlation=cause.correlation,
                )
                self.processor.evolve(self.state, event, ctx)
        except Exception as error:
            raise DeciderFailed(cause.seq, error) from error


def _correlation(event: Event) -> str:
    """Return the opportunity that a first decision opens, where its event names one."""
    return getattr(event, "signal_id", "") or getattr(event, "scan_id", "")
