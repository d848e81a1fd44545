from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from shared.contracts.base import Event
from shared.contracts.codec import decode_record, encode_body
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.processor import Context
from shared.contracts.record import Draft, Record
from shared.contracts.signal import SignalExpired
from shared.log.port import Tail
from shared.runtime.difference import DifferenceKind
from shared.runtime.replica import Replica
from shared.runtime.verify import Verification, verify_processor
from tests.runtime.chained import DESK_ID, Chain, Chained

INPUTS = 120


class Session:
    """Records a session of one decider, through the wire format; `write` takes whatever is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._digests: dict[Source, str] = {}

    def write(self, source: Source, *events: Event, cause: int = 0, correlation: str = "") -> Record:
        seq = len(self.records) + 1
        time_ns = self.records[cause - 1].time_ns if cause else seq * 1_000
        draft = Draft(time_ns=time_ns, cause=cause, correlation=correlation, events=events)
        body = encode_body(draft, source=source, partition=0, prev=self._digests.get(source, ""))
        record = decode_record(body, seq=seq)
        self._digests[source] = record.digest
        self.records.append(record)
        return record


def recorded(decider: Any, inputs: int = INPUTS, *, lag: int = 3) -> list[Record]:
    """Return a session whose decider answers up to `lag` records late, as in life."""
    session, replica = Session(), Replica(decider, DESK_ID)
    for number in range(inputs):
        replica.read(session.write(Source.MARKET, ClockTicked(number=number)))
        while len(replica.pending) > number % (lag + 1):
            decide_one(session, replica)
    while replica.pending:
        decide_one(session, replica)
    return session.records


def decide_one(session: Session, replica: Replica[Any]) -> None:
    decision = replica.decide_next()
    if decision.draft is None:
        replica.commit(decision, None)
        return
    draft = decision.draft
    stored = session.write(
        replica.processor.source, *draft.events, cause=draft.cause, correlation=draft.correlation
    )
    replica.commit(decision, Tail(stored.seq, stored.digest))


def rewritten(records: list[Record], change: Callable[[Record], Record | None]) -> list[Record]:
    """Return the same session with some records changed or left out; seqs stay, chains are not judged here."""
    return [after for record in records if (after := change(record)) is not None]


def verify(records: list[Record], decider: Any = None) -> Verification:
    return verify_processor(decider or Chained(), records, DESK_ID)


def own(records: list[Record]) -> list[Record]:
    return [record for record in records if record.source is Source.RISK]


def test_every_decision_of_an_honest_session_is_derived_again() -> None:
    records = recorded(Chained())
    found = verify(records)
    assert found.holds
    assert found.inputs == INPUTS
    assert found.decisions == len(own(records)) > 20
    assert found.events == sum(len(record.events) for record in own(records))
    assert (found.undecided, found.differences) == (0, ())


def test_inputs_after_the_last_decision_may_be_undecided() -> None:
    records = recorded(Chained())
    last = own(records)[-1]
    crashed = [record for record in records if record is not last]
    found = verify(crashed)
    assert found.holds
    assert found.undecided > 0


def test_a_changed_number_is_found_with_its_field_and_both_values() -> None:
    records = recorded(Chained())
    target = own(records)[7]

    def change(record: Record) -> Record:
        if record is not target:
            return record
        event = msgspec.structs.replace(record.events[0], symbol="forged")
        return msgspec.structs.replace(record, events=(event, *record.events[1:]), digest="forged")

    found = verify(rewritten(records, change))
    first = found.differences[0]
    assert (first.kind, first.seq, first.cause) == (DifferenceKind.CHANGED, target.seq, target.cause)
    assert first.first.startswith('events[0].symbol: recorded "forged", derived "')
    assert not found.holds


@pytest.mark.parametrize("field", ["time_ns", "correlation"])
def test_a_changed_envelope_is_found(field: str) -> None:
    records = recorded(Chained())
    target = own(records)[3]
    value: Any = 7 if field == "time_ns" else "elsewhere"

    def change(record: Record) -> Record:
        return (
            msgspec.structs.replace(record, digest="forged", **{field: value}) if record is target else record
        )

    first = verify(rewritten(records, change)).differences[0]
    assert (first.kind, first.cause) == (DifferenceKind.CHANGED, target.cause)
    assert first.first.startswith(f"{field}: recorded")


def test_a_changed_input_shows_as_the_first_decision_that_depended_on_it() -> None:
    records = recorded(Chained())
    target = records[0]

    def change(record: Record) -> Record:
        if record is not target:
            return record
        return msgspec.structs.replace(record, events=(ClockTicked(number=99_999),))

    found = verify(rewritten(records, change))
    assert not found.holds


def test_a_silently_dropped_decision_is_found() -> None:
    records = recorded(Chained())
    dropped = own(records)[9]
    found = verify([record for record in records if record is not dropped])
    first = found.differences[0]
    assert (first.kind, first.seq, first.cause) == (DifferenceKind.DROPPED, 0, dropped.cause)
    assert first.derived
    assert not first.recorded


def test_an_added_decision_is_found() -> None:
    session = Session()
    for record in recorded(Chained()):
        session.write(record.source, *record.events, cause=record.cause, correlation=record.correlation)
    answered = {record.cause for record in session.records}
    silent = [r.seq for r in session.records if r.source is Source.MARKET and r.seq not in answered]
    session.write(Source.RISK, SignalExpired(signal_id="forged", symbol=""), cause=silent[-1])
    first = verify(session.records).differences[-1]
    assert first.kind is DifferenceKind.ADDED
    assert (first.seq, first.cause) == (session.records[-1].seq, silent[-1])


def test_an_input_answered_twice_is_found() -> None:
    session = Session()
    for record in recorded(Chained()):
        session.write(record.source, *record.events, cause=record.cause, correlation=record.correlation)
    last = own(session.records)[-1]
    session.write(Source.RISK, *last.events, cause=last.cause)
    first = verify(session.records).differences[0]
    assert (first.kind, first.cause) == (DifferenceKind.ADDED, last.cause)
    assert "nothing more" in first.first


def test_a_decision_on_no_input_is_found() -> None:
    session = Session()
    session.write(Source.MARKET, ClockTicked(number=1))
    session.write(Source.COMMANDS, ClockTicked(number=1))
    session.write(Source.RISK, SignalExpired(signal_id="forged", symbol=""), cause=2)
    first = verify(session.records).differences[0]
    assert (first.kind, first.seq) == (DifferenceKind.ADDED, 3)


def test_decisions_in_another_order_are_found_as_that() -> None:
    records = recorded(Chained(), lag=6)
    neighbours = [(a, b) for a, b in pairwise(records) if a.source is b.source is Source.RISK]
    early, late = neighbours[0]
    place = records.index(early)
    swapped = [*records[:place], late, early, *records[place + 2 :]]
    found = verify(swapped)
    first = found.differences[0]
    assert (first.kind, first.seq, first.cause) == (DifferenceKind.REORDERED, early.seq, early.cause)


def test_a_decider_that_is_not_deterministic_is_caught() -> None:
    class Forgetful(Chained):
        calls = 0

        def decide(self, state: Chain, event: Event, ctx: Context) -> list[Event]:
            Forgetful.calls += 1
            decided = super().decide(state, event, ctx)
            return [] if Forgetful.calls % 50 == 0 else decided

    records = recorded(Forgetful(), inputs=400)
    assert not verify(records).holds


def test_a_decider_that_raises_is_a_difference_and_not_a_traceback() -> None:
    records = recorded(Chained())
    poisoned = Chained()
    poisoned.poisonous = frozenset({40})
    found = verify(records, poisoned)
    assert found.differences[-1].kind is DifferenceKind.RAISED
    assert "number 40" in found.differences[-1].first


def test_expired_market_data_is_said_plainly_and_not_told_as_differences() -> None:
    records = recorded(Chained())
    horizon = records[30].seq
    kept = [record for record in records if record.source is not Source.MARKET or record.seq > horizon]
    found = verify(kept)
    assert not found.holds
    assert found.differences == ()
    assert "expired" in found.impossible


def test_a_session_whose_market_data_is_all_gone_is_said_plainly() -> None:
    found = verify(own(recorded(Chained())))
    assert found.differences == ()
    assert "expired" in found.impossible


def test_others_records_are_ignored() -> None:
    records = recorded(Chained())
    session = Session()
    mapping: dict[int, int] = {}
    for record in records:
        session.write(Source.COMMANDS, ClockTicked(number=0))
        moved = session.write(record.source, *record.events, cause=mapping.get(record.cause, 0))
        mapping[record.seq] = moved.seq
    # Seqs have moved, and with them ids: what counts is that nobody else's record is looked at.
    assert verify(session.records).inputs == INPUTS
