"""A decider whose state depends on the exact order and context of everything it folds, so any slip shows."""

from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

import msgspec

from shared.contracts.base import Event
from shared.contracts.codec import encode_event
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.processor import Context
from shared.contracts.record import Record
from shared.contracts.signal import SignalExpired

DESK_ID = UUID("00000000-0000-5000-8000-000000000007")


class Chain(msgspec.Struct):
    """What has been folded, as one number that no two histories share."""

    digest: str = "0" * 64
    folded: int = 0
    own: int = 0


class Chained:
    """Answers about every third input, sometimes with several events."""

    state_type = Chain

    def __init__(self, source: Source = Source.RISK, *reads: Source, partition: int = 0) -> None:
        self.source = source
        self.partition = partition
        self.reads = frozenset(reads or {Source.MARKET})
        self.poisonous: frozenset[int] = frozenset()

    def initial(self) -> Chain:
        return Chain()

    def evolve(self, state: Chain, event: Event, ctx: Context) -> None:
        context = f"{ctx.seq}/{ctx.ordinal}/{ctx.source}/{ctx.time_ns}/{ctx.correlation}"
        state.digest = sha256(f"{state.digest}{context}".encode() + encode_event(event)).hexdigest()
        state.folded += 1
        state.own += ctx.source is self.source

    def decide(self, state: Chain, event: Event, ctx: Context) -> list[Event]:
        if isinstance(event, ClockTicked) and event.number in self.poisonous:
            raise ZeroDivisionError(f"number {event.number}")
        dice = int(state.digest[:4], 16) % 10
        count = {0: 2, 1: 1, 2: 1}.get(dice, 0)
        return [SignalExpired(signal_id=ctx.derive(n), symbol=state.digest[:8]) for n in range(count)]


def assert_history_holds(records: Iterable[Record], processor: Chained) -> Chain:
    """Derive every decision again from the inputs alone; return the state at the end.

    Fails when an input was decided twice, or when a decision is missing, added or changed.
    """
    records = list(records)
    own = [r for r in records if (r.source, r.partition) == (processor.source, processor.partition)]
    decided = {record.cause: record for record in own}
    assert len(decided) == len(own), "an input was decided twice"
    assert [record.prev for record in own] == ["", *(record.digest for record in own)][: len(own)]
    state = processor.initial()
    for record in records:
        if record.source in processor.reads:
            answer = decided.pop(record.seq, None)
            derived = _decide(processor, state, record)
            recorded = list(answer.events) if answer else []
            assert derived == recorded, f"record {record.seq} is not decided as recorded"
    assert not decided, f"answers to what is no input: {sorted(decided)}"
    return state


def _decide(processor: Chained, state: Chain, record: Record) -> list[Event]:
    derived: list[Event] = []
    for ordinal, event in enumerate(record.events):
        ctx = _context(record, record.source, ordinal)
        processor.evolve(state, event, ctx)
        derived += processor.decide(state, event, ctx)
    for ordinal, event in enumerate(derived):
        processor.evolve(state, event, _context(record, processor.source, ordinal))
    return derived


def _context(record: Record, source: Source, ordinal: int) -> Context:
    return Context(
        desk_id=DESK_ID,
        seq=record.seq,
        source=source,
        time_ns=record.time_ns,
        ordinal=ordinal,
        correlation=record.correlation,
    )
