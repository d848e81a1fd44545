"""The scan cycle and the trading phases that follow it."""

import pytest

from shared.contracts.desk import Source
from shared.contracts.engine import CommandName, EngineState, EngineStateChanged, ScanCompleted
from shared.contracts.scan import LevelsBuilt, MarketsScored
from tests.services.orchestrator.story import (
    INTERVAL_S,
    PRESET,
    SLOTS,
    Story,
    answers,
    engine_in,
    level,
    market,
    started,
)

S = EngineState


def fill_slots(story: Story) -> Story:
    for n in range(SLOTS):
        story.opened(f"filler-{n}")
    return story


def test_a_full_cycle_goes_from_the_scan_to_an_open_position() -> None:
    story = engine_in(S.SCANNING)
    assert story.scanned("A").moves == [S.LEVEL_BUILDING, S.SIGNAL_WAIT]
    assert story.raised().moves == [S.SIZING]
    assert story.approved().moves == [S.EXECUTION]
    assert story.entering().moves == []
    assert story.opened().moves == [S.MANAGING]
    assert story.closed().moves == [S.SCANNING]


def test_a_scan_is_complete_only_when_every_partition_has_answered() -> None:
    story = engine_in(S.SCANNING)
    story.tell(*answers(story.scan_id, 1, ["A"]), source=Source.SCANNER)
    assert story.decided == []
    story.tell(*answers(story.scan_id, 0, ["B"]), source=Source.SCANNER)
    assert any(isinstance(event, ScanCompleted) for event in story.decided)


def test_a_scan_ranks_over_all_partitions_passing_first_then_by_score() -> None:
    story = engine_in(S.SCANNING)
    parts = {
        0: (market("A", score=1.0), market("B", score=9.0, passed=False)),
        1: (market("C", score=3.0), market("E", score=1.0), market("D", score=1.0)),
    }
    for partition, markets in parts.items():
        story.tell(
            MarketsScored(scan_id=story.scan_id, partition=partition, markets=markets),
            LevelsBuilt(scan_id=story.scan_id, partition=partition, levels=(level("C"), level("C"))),
            source=Source.SCANNER,
        )
    completed = next(event for event in story.decided if isinstance(event, ScanCompleted))
    assert [ranked.symbol for ranked in completed.ranked] == ["C", "A", "D", "E", "B"]
    assert [ranked.rank for ranked in completed.ranked] == [1, 2, 3, 4, 5]
    assert (completed.scored, completed.passed, completed.with_levels) == (5, 4, 2)
    assert not completed.ranked[-1].passed


def test_a_scan_ranks_no_more_markets_than_the_preset_considers() -> None:
    story = engine_in(S.SCANNING).scanned(*(f"M{n:03}" for n in range(100)))
    completed = next(event for event in story.decided if isinstance(event, ScanCompleted))
    assert len(completed.ranked) == PRESET.scanner_config.max_candidates
    assert completed.passed == 100


def test_a_scan_without_candidates_stays_in_scanning() -> None:
    story = engine_in(S.SCANNING).scanned()
    assert story.moves == []
    assert story.state is S.SCANNING
    assert any(isinstance(event, ScanCompleted) for event in story.decided)


def test_answers_to_another_scan_are_ignored() -> None:
    story = engine_in(S.SCANNING).scanned("A", scan_id="an earlier one")
    assert story.decided == []


def test_an_engine_without_a_signal_waits_and_rescans_when_the_interval_is_over() -> None:
    story = engine_in(S.SIGNAL_WAIT).tick(INTERVAL_S - 1)
    assert story.decided == []
    story.tick()
    assert story.moves == [S.SCANNING]
    assert started(story.decided)[0].number == 2


def test_at_120_times_the_speed_every_tick_starts_at_most_one_scan() -> None:
    story = engine_in(S.SIGNAL_WAIT)
    for number in range(2, 6):
        story.tick(seconds=120)
        assert [scan.number for scan in started(story.decided)] == [number]
        story.scanned("A")


def test_a_scan_that_hangs_is_started_again_though_desk_time_alone_does_not_count() -> None:
    story = engine_in(S.SCANNING)
    assert not started(story.tick(9, seconds=120).decided), "ten ticks of wall time are its due"
    assert [scan.number for scan in started(story.tick(seconds=120).decided)] == [2]
    assert not started(story.tick(10, seconds=1).decided), "and a minute of desk time"


def test_all_slots_taken_keep_the_phase_at_managing_while_scans_go_on() -> None:
    story = fill_slots(engine_in(S.SIGNAL_WAIT))
    assert story.state is S.MANAGING
    story.tick(INTERVAL_S)
    assert started(story.decided)
    assert story.scanned("A").state is S.MANAGING
    assert story.closed("filler-0").moves == [S.SCANNING]


def test_a_scan_that_ends_with_all_slots_taken_goes_on_to_managing() -> None:
    story = engine_in(S.LEVEL_BUILDING)
    for n in range(SLOTS):
        story.memory.facts.trades.positions[f"p{n}"] = "X"
    assert story.scanned("A", "B").moves == [S.SIGNAL_WAIT, S.MANAGING]


def test_a_free_slot_lets_a_managing_engine_look_for_more() -> None:
    story = engine_in(S.MANAGING).tick(INTERVAL_S)
    assert story.moves == [S.SCANNING]
    assert story.scanned("A").state is S.SIGNAL_WAIT


def test_a_refused_signal_leads_back_to_scanning_without_a_position() -> None:
    story = engine_in(S.SIZING).denied()
    assert story.moves == [S.SCANNING]
    assert not story.memory.facts.trades.positions


def test_an_entry_refused_at_the_last_hop_ends_its_phase() -> None:
    story = engine_in(S.SIZING).approved("s1").approved("s2").refused("s1")
    assert story.state is S.EXECUTION, "another approval waits for its entry"
    assert story.refused("s2").moves == [S.SCANNING]


def test_sizing_lasts_until_the_last_signal_has_its_answer() -> None:
    story = engine_in(S.SIZING).raised("s2").denied("s1")
    assert story.state is S.SIZING
    assert story.approved("s2").state is S.EXECUTION


def test_a_signal_nobody_answers_does_not_hold_up_scans_for_long() -> None:
    story = engine_in(S.SIZING).tick(INTERVAL_S + 15)
    assert started(story.decided)


@pytest.mark.parametrize("state", [S.SIZING, S.EXECUTION])
def test_what_expires_unanswered_ends_its_phase(state: EngineState) -> None:
    story = engine_in(S.SIZING)
    if state is S.EXECUTION:
        story.approved()
    story.tick(seconds=901)
    assert story.moves[0] is S.SCANNING


@pytest.mark.parametrize("state", [S.SCANNING, S.LEVEL_BUILDING, S.MANAGING])
def test_a_signal_in_another_phase_reaches_sizing_by_legal_moves(state: EngineState) -> None:
    story = engine_in(state).raised("s9")
    assert story.state is S.SIZING
    first = next(event for event in story.decided if isinstance(event, EngineStateChanged))
    assert first.from_state is state


@pytest.mark.parametrize("state", [S.IDLE, S.INITIALIZING, S.PAUSED, S.ERROR, S.EMERGENCY, S.STOPPED])
def test_trades_move_nothing_outside_the_trading_phases(state: EngineState) -> None:
    story = engine_in(state)
    for step in (story.raised, story.approved, story.entering, story.opened, story.closed):
        step()
        assert story.decided == []
        assert story.state is state


def test_a_trade_opened_while_paused_is_known_when_the_engine_resumes() -> None:
    story = engine_in(S.PAUSED)
    fill_slots(story).command(CommandName.RESUME)
    assert story.moves == [S.MANAGING]


def test_a_paused_engine_starts_no_scan_and_ignores_the_one_it_interrupted() -> None:
    story = engine_in(S.PAUSED)
    interrupted = story.scan_id
    assert story.tick(INTERVAL_S * 3).decided == []
    assert story.scanned("A", scan_id=interrupted).decided == []


def test_the_scan_ids_of_two_scans_differ() -> None:
    story = engine_in(S.SIGNAL_WAIT)
    first = story.scan_id
    story.tick(INTERVAL_S)
    assert story.scan_id != first
