"""A recorded session folds to the same state, derives the same decisions, and travels as a snapshot."""

from services.orchestrator.domain.processor import OrchestratorProcessor, OrchestratorState
from shared.contracts.desk import Source
from shared.contracts.engine import CommandName
from shared.contracts.record import Record
from shared.log.port import Tail
from shared.runtime.replica import Replica
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint
from tests.deciding import DESK_ID
from tests.services.orchestrator.story import INTERVAL_S, PARTITIONS, PRESET, Story


def session(records: list[Record]) -> Story:
    story = Story()
    original = story.given._record

    def remember(*arguments: object) -> Record:
        records.append(original(*arguments))  # type: ignore[arg-type]
        return records[-1]

    story.given._record = remember  # type: ignore[method-assign, assignment]
    story.command(CommandName.START, preset=PRESET).healthy().scanned("A", "B").raised().approved()
    story.entering().command(CommandName.PAUSE).opened().command(CommandName.RESUME).tick(int(INTERVAL_S) + 5)
    story.failed().seen("signals", instance="b").closed().tripped().command(CommandName.KILL_SWITCH)
    story.command(CommandName.CLEAR_KILL_SWITCH).cleared().command(CommandName.STOP)
    return story


def test_a_follower_folds_the_session_to_the_leaders_state() -> None:
    records: list[Record] = []
    story = session(records)
    follower = Replica(OrchestratorProcessor(PARTITIONS), DESK_ID)
    for record in records:
        follower.read(record)
    assert not follower.pending
    assert follower.state == story.memory


def test_every_recorded_decision_is_derived_again() -> None:
    records: list[Record] = []
    session(records)
    recorded = {record.cause: record.events for record in records if record.source is Source.ORCHESTRATOR}
    assert len(recorded) == 15
    again = Replica(OrchestratorProcessor(PARTITIONS), DESK_ID)
    for record in records:
        if record.source is Source.ORCHESTRATOR:
            continue
        again.pending.append(record)
        decision = again.decide_next()
        assert (decision.draft.events if decision.draft else ()) == recorded.get(record.seq, ())
        answer = next((r for r in records if r.cause == record.seq), None)
        again.commit(decision, Tail(answer.seq, answer.digest) if answer else None)


def test_the_state_travels_as_a_snapshot() -> None:
    story = session([])
    replica = story.given.replica
    snapshot = Snapshot(
        fingerprint=fingerprint(OrchestratorState),
        position=replica.position,
        tail=replica.tail,
        state=replica.state,
    )
    restored = decode_snapshot(encode_snapshot(snapshot), OrchestratorState)
    assert restored is not None
    assert restored.state == story.memory
