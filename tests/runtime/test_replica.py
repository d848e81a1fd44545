"""Check one replica by itself: what it folds, what it answers, what it refuses."""

import re
from collections.abc import Sequence

import pytest

from shared.contracts.base import Event
from shared.contracts.codec import decode_record, encode_body
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.record import Draft, Record
from shared.contracts.scan import LevelsBuilt
from shared.contracts.signal import SignalExpired
from shared.log.port import FenceConflict, LogInvalid, Tail
from shared.runtime.replica import DeciderFailed, Replica
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint
from tests.runtime.chained import DESK_ID, Chain, Chained, assert_history_holds


def stored(
    seq: int, *events: Event, source: Source = Source.MARKET, cause: int = 0, prev: str = "", said: str = ""
) -> Record:
    draft = Draft(time_ns=1_000 + (cause or seq), cause=cause, correlation=said, events=events)
    return decode_record(encode_body(draft, source=source, partition=0, prev=prev), seq=seq)


def session(processor: Chained, inputs: Sequence[Record]) -> list[Record]:
    """Return the inputs with what a leader answers to them, as one log."""
    log: list[Record] = []
    replica = Replica(processor, DESK_ID)
    for record in inputs:
        shifted = stored(len(log) + 1, *record.events, said=record.correlation)
        log.append(shifted)
        replica.read(shifted)
        decision = replica.decide_next()
        tail = None
        if decision.draft is not None:
            body = encode_body(decision.draft, source=processor.source, partition=0, prev=replica.tail.digest)
            log.append(decode_record(body, seq=len(log) + 1))
            tail = Tail(len(log), log[-1].digest)
        replica.commit(decision, tail)
    return log


def folded(processor: Chained, log: Sequence[Record]) -> Replica[Chain]:
    replica = Replica(processor, DESK_ID)
    for record in log:
        replica.read(record)
    return replica


@pytest.fixture
def log() -> list[Record]:
    ticks = [stored(1, ClockTicked(number=n), ClockTicked(number=-n), said="x" * (n % 2)) for n in range(60)]
    return session(Chained(), ticks)


def test_a_follower_comes_to_the_leaders_state(log: list[Record]) -> None:
    replica = folded(Chained(), log)
    while replica.pending:
        decision = replica.decide_next()
        assert decision.draft is None
        replica.commit(decision, None)
    assert replica.state == assert_history_holds(log, Chained())
    assert replica.position == len(log)


def test_several_events_of_one_record_are_answered_by_one_append(log: list[Record]) -> None:
    answers = [record for record in log if record.source is Source.RISK]
    assert len({record.cause for record in answers}) == len(answers)
    ids = [
        event.signal_id for record in answers for event in record.events if isinstance(event, SignalExpired)
    ]
    assert len(set(ids)) == len(ids)
    assert max(len(record.events) for record in answers) > 2, "events of both inputs in one answer"


def test_an_input_is_not_folded_before_it_is_known_what_was_decided_before_it(log: list[Record]) -> None:
    replica = Replica(Chained(), DESK_ID)
    inputs = [record for record in log if record.source is Source.MARKET]
    for record in inputs[:5]:
        replica.read(record)
    assert replica.state == Chain()
    assert [record.seq for record in replica.pending] == [record.seq for record in inputs[:5]]


@pytest.mark.parametrize("cut", range(1, 80, 7))
def test_a_snapshot_and_the_rest_of_the_log_equal_the_whole_log(log: list[Record], cut: int) -> None:
    # A snapshot is taken where nothing is pending: after an answer of our own.
    at = next(place for place, r in enumerate(log) if place >= cut and r.source is Source.RISK)
    before = folded(Chained(), log[: at + 1])
    assert not before.pending
    raw = encode_snapshot(
        Snapshot(
            fingerprint=fingerprint(Chain), position=before.position, tail=before.tail, state=before.state
        )
    )
    snapshot = decode_snapshot(raw, Chain)
    assert snapshot is not None
    replica = Replica(Chained(), DESK_ID)
    replica.restore(snapshot.state, snapshot.position, snapshot.tail)
    for record in log[at + 1 :]:
        replica.read(record)
    whole = folded(Chained(), log)
    assert replica.state == whole.state
    assert replica.tail == whole.tail
    assert list(replica.pending) == list(whole.pending)


def test_records_of_others_are_none_of_its_business() -> None:
    replica = folded(Chained(), [stored(1, ClockTicked(number=1), source=Source.EXECUTION)])
    assert (list(replica.pending), replica.state, replica.position) == ([], Chain(), 1)


def test_another_partition_of_its_own_source_is_another_writer() -> None:
    replica = Replica(Chained(partition=1), DESK_ID)
    replica.read(stored(1, ClockTicked(number=1), source=Source.RISK, prev="of partition 0"))
    assert replica.state == Chain()
    assert replica.tail == Tail()


def test_answers_to_inputs_that_have_aged_away_are_folded_still(log: list[Record]) -> None:
    own = [record for record in log if record.source is Source.RISK]
    keep = [record for record in log if record.source is Source.RISK or record.seq > own[-4].seq]
    replica = folded(Chained(), keep)
    assert replica.tail == Tail(own[-1].seq, own[-1].digest)
    assert replica.state.own == sum(len(record.events) for record in own)


def test_an_instance_that_consumed_what_another_has_answered_is_fenced(log: list[Record]) -> None:
    answer = next(record for record in log if record.source is Source.RISK)
    before = [record for record in log if record.seq < answer.seq]

    class Silent(Chained):
        def decide(self, state: Chain, event: Event, ctx: object) -> list[Event]:  # noqa: ARG002
            return []

    replica = folded(Silent(), before)
    while replica.pending:
        replica.commit(replica.decide_next(), None)
    with pytest.raises(
        FenceConflict, match=f"record {answer.seq} answers {answer.cause}, which was consumed"
    ):
        replica.read(answer)


def test_an_own_record_that_does_not_follow_the_last_is_fenced(log: list[Record]) -> None:
    first, second, third, *_ = (record for record in log if record.source is Source.RISK)
    replica = Replica(Chained(), DESK_ID)
    replica.restore(Chain(), first.seq, Tail(first.seq, first.digest))
    for record in log[first.seq : second.seq - 1]:
        replica.read(record)
    with pytest.raises(FenceConflict, match=f"record {third.seq} does not follow our {first.seq}"):
        replica.read(third)


def test_a_log_that_contradicts_itself_is_invalid_and_no_conflict(log: list[Record]) -> None:
    first, second, *_ = (record for record in log if record.source is Source.RISK)
    for broken in (
        [record for record in log if record is not first],
        [*log[: second.seq], stored(second.seq + 1, ClockTicked(number=1), source=Source.RISK, prev="wrong")],
        [
            *log[: second.seq],
            stored(
                second.seq + 1,
                ClockTicked(number=1),
                source=Source.RISK,
                cause=second.cause,
                prev=second.digest,
            ),
        ],
    ):
        with pytest.raises(LogInvalid):
            folded(Chained(), broken)


def test_a_decider_that_raises_is_named_by_the_seq_of_its_input() -> None:
    processor = Chained()
    processor.poisonous = frozenset({2})
    replica = folded(processor, [stored(4, ClockTicked(number=1)), stored(7, ClockTicked(number=2))])
    replica.commit(replica.decide_next(), None)
    with pytest.raises(DeciderFailed, match="record 7: ZeroDivisionError: number 2") as failed:
        replica.decide_next()
    assert failed.value.seq == 7
    assert isinstance(failed.value.__cause__, ZeroDivisionError)


def test_a_fold_that_raises_is_named_too() -> None:
    class Fragile(Chained):
        def evolve(self, state: Chain, event: Event, ctx: object) -> None:  # noqa: ARG002
            raise KeyError("gone")

    answer = stored(2, ClockTicked(number=1), source=Source.RISK, cause=1)
    with pytest.raises(DeciderFailed, match=re.escape("record 1: KeyError: 'gone'")):
        folded(Fragile(), [stored(1, ClockTicked(number=1)), answer])


@pytest.mark.parametrize(
    ("said", "decided", "correlation"),
    [
        ("", SignalExpired(signal_id="s-1", symbol="A"), "s-1"),
        ("", LevelsBuilt(scan_id="scan-1", partition=0, levels=()), "scan-1"),
        ("", ClockTicked(number=1), ""),
        ("trade-1", SignalExpired(signal_id="s-1", symbol="A"), "trade-1"),
    ],
)
def test_an_answer_belongs_to_the_opportunity_of_its_input_or_opens_one(
    said: str, decided: Event, correlation: str
) -> None:
    class Says(Chained):
        def decide(self, state: Chain, event: Event, ctx: object) -> list[Event]:  # noqa: ARG002
            return [decided]

    replica = folded(Says(), [stored(3, ClockTicked(number=1), said=said)])
    draft = replica.decide_next().draft
    assert draft is not None
    assert (draft.correlation, draft.cause, draft.time_ns) == (correlation, 3, 1_003)
