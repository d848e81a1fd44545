"""Derives every decision of a recorded session anew and compares it with the recorded one.

It is the one loop with another ending: `decide` is called for every input, but what was decided
then is folded, so that one changed decision does not hide whether the others still hold.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from shared.contracts.desk import AGEING_SOURCES, Source
from shared.contracts.processor import Processor
from shared.contracts.record import Draft, Record
from shared.log.port import Tail
from shared.runtime.difference import Difference, DifferenceKind, as_json, first_difference
from shared.runtime.replica import DeciderFailed, Decision, Replica

# One cause makes many differences; the first ones are what a person reads.
DIFFERENCES_KEPT = 20


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying one processor has found."""

    source: Source
    partition: int
    inputs: int
    # Recorded decisions that were derived again, equal or not.
    decisions: int
    events: int
    differences_found: int
    differences: tuple[Difference, ...]
    # Inputs at the end that wait for their decision: the session ended before.
    undecided: int
    # Why nothing can be verified; empty when it can.
    impossible: str = ""

    @property
    def holds(self) -> bool:
        """Whether every decision was derived again."""
        return not self.impossible and not self.differences_found


class Verifier:
    """Verifies one processor along a log that is read once, in order."""

    def __init__(self, processor: Processor[Any], desk_id: UUID) -> None:
        """Begin before the log's first record."""
        self._replica = Replica(processor, desk_id)
        self._inputs = array("q")
        self._awaited: Decision | None = None
        self._last_cause = 0
        self._decisions = 0
        self._events = 0
        self._found = 0
        self._differences: list[Difference] = []
        self._ageing_begun: set[tuple[Source, int]] = set()
        self._impossible = ""
        self._stopped = False

    def read(self, record: Record) -> None:
        """Take in the next record of the log; those the processor does not read are ignored."""
        own = self._replica.owns(record)
        if self._impossible or not (own or record.source in self._replica.processor.reads):
            return
        self._look_for_expiry(record, own=own)
        if own:
            self._look_for_reordering(record)
        else:
            self._inputs.append(record.seq)
        if self._stopped:
            return
        try:
            if own:
                self._compare(record)
            else:
                self._replica.read(record)
                self._decide_silent()
        except DeciderFailed as error:
            self._stop(DifferenceKind.RAISED, record, str(error))

    def finish(self) -> Verification:
        """Return what was found; inputs still undecided at the end of the log are no difference."""
        processor = self._replica.processor
        return Verification(
            source=processor.source,
            partition=processor.partition,
            inputs=len(self._inputs),
            decisions=self._decisions,
            events=self._events,
            differences_found=self._found,
            differences=tuple(self._differences),
            undecided=0 if self._stopped else len(self._replica.pending),
            impossible=self._impossible,
        )

    def _look_for_expiry(self, record: Record, *, own: bool) -> None:
        """Give up when inputs have aged away: without them every difference would be our own making."""
        if own:
            ages = self._replica.processor.reads & AGEING_SOURCES and not self._ageing_begun
            if ages and record.cause < record.seq and not self._was_input(record.cause):
                self._give_up(f"record {record.cause}, which decision {record.seq} answers, has expired")
        elif record.source in AGEING_SOURCES:
            writer = (record.source, record.partition)
            if writer not in self._ageing_begun and record.prev:
                self._give_up(f"records of {record.source} before {record.seq} have expired")
            self._ageing_begun.add(writer)

    def _decide_silent(self) -> None:
        """Go on up to the first input that is answered; its recorded answer is yet to be read."""
        while self._awaited is None and self._replica.pending:
            decision = self._replica.decide_next()
            if decision.draft is None:
                self._replica.commit(decision, None)
            else:
                self._awaited = decision

    def _compare(self, record: Record) -> None:
        while self._awaited is not None and self._awaited.cause.seq < record.cause:
            self._note_dropped(self._awaited)
            self._go_on(self._awaited.cause, None)
        if self._awaited is None or self._awaited.cause.seq != record.cause:
            self._note_unfounded(record)
            return
        self._decisions += 1
        self._events += len(record.events)
        self._last_cause = record.cause
        first = first_difference(record, self._awaited.draft)
        if first:
            self._note(DifferenceKind.CHANGED, record, first, self._awaited.draft)
        self._go_on(self._awaited.cause, record)

    def _go_on(self, cause: Record, recorded: Record | None) -> None:
        """Fold what the log says was decided on `cause`, and decide on."""
        self._awaited = None
        if recorded is None:
            self._replica.commit(Decision(cause=cause, draft=None), None)
        else:
            draft = Draft(time_ns=cause.time_ns, cause=cause.seq, events=recorded.events)
            self._replica.commit(Decision(cause=cause, draft=draft), Tail(recorded.seq, recorded.digest))
        self._decide_silent()

    def _note_dropped(self, decision: Decision) -> None:
        draft = decision.draft
        assert draft is not None, "only an answer can be dropped"
        names = ", ".join(type(event).__name__ for event in draft.events)
        self._keep(
            Difference(
                kind=DifferenceKind.DROPPED,
                seq=0,
                cause=decision.cause.seq,
                time_ns=decision.cause.time_ns,
                first=f"{names} decided, nothing recorded",
                derived=as_json(draft.events),
            )
        )

    def _note_unfounded(self, record: Record) -> None:
        if not self._was_input(record.cause):
            reason = f"it answers record {record.cause}, which is no input before it"
            self._stop(DifferenceKind.ADDED, record, reason)
        else:
            already = " more" if record.cause <= self._last_cause else ""
            self._stop(DifferenceKind.ADDED, record, f"nothing{already} is decided on record {record.cause}")

    def _look_for_reordering(self, record: Record) -> None:
        """Correct that an answer was dropped: it is there, but not where it belongs."""
        for place, found in enumerate(self._differences):
            if found.kind is DifferenceKind.DROPPED and found.cause == record.cause:
                self._differences[place] = msgspec.structs.replace(
                    found,
                    kind=DifferenceKind.REORDERED,
                    seq=record.seq,
                    first=f"record {record.cause} is answered after record {self._last_cause} was",
                    recorded=as_json(record.events),
                )
                self._stopped = True

    def _was_input(self, seq: int) -> bool:
        place = bisect_left(self._inputs, seq)
        return place < len(self._inputs) and self._inputs[place] == seq

    def _note(self, kind: DifferenceKind, record: Record, first: str, derived: Draft | None = None) -> None:
        self._keep(
            Difference(
                kind=kind,
                seq=record.seq,
                cause=record.cause,
                time_ns=record.time_ns,
                first=first,
                recorded=as_json(record.events),
                derived=as_json(derived.events) if derived is not None else (),
            )
        )

    def _keep(self, difference: Difference) -> None:
        self._found += 1
        if len(self._differences) < DIFFERENCES_KEPT:
            self._differences.append(difference)

    def _stop(self, kind: DifferenceKind, record: Record, reason: str) -> None:
        """Note a difference after which the recorded state cannot be followed."""
        self._note(kind, record, reason)
        self._stopped = True

    def _give_up(self, reason: str) -> None:
        self._impossible = f"{reason}: what depended on them cannot be derived again"
        self._stopped = True
        self._found = 0
        self._differences.clear()


def verify_processor(processor: Processor[Any], records: Iterable[Record], desk_id: UUID) -> Verification:
    """Return what verifying `processor` against the records of a whole log finds.

    The records are in log order and from its beginning; those of others are ignored.
    """
    verifier = Verifier(processor, desk_id)
    for record in records:
        verifier.read(record)
    return verifier.finish()
