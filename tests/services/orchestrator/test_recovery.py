"""Errors: when the engine enters them, when it returns by itself, when it needs a person."""

import pytest

from shared.contracts.desk import ClockTicked, ProcessorFailed, Source
from shared.contracts.engine import TRADING_ACTIVE, CommandAccepted, CommandName, CommandRefused, EngineState
from shared.contracts.market import InstrumentsListed
from tests.services.orchestrator.story import PRESET, SERVICES, Story, engine_in, started

S = EngineState
ACTIVE = [state for state in EngineState if state in TRADING_ACTIVE]


@pytest.mark.parametrize("state", [*ACTIVE, S.INITIALIZING, S.PAUSED])
def test_a_failed_processor_takes_the_engine_into_error(state: EngineState) -> None:
    assert engine_in(state).failed().moves == [S.ERROR]


@pytest.mark.parametrize("state", [*ACTIVE, S.INITIALIZING, S.PAUSED])
def test_books_that_cannot_be_reconciled_take_the_engine_into_error(state: EngineState) -> None:
    assert engine_in(state).irreconcilable().moves == [S.ERROR]


@pytest.mark.parametrize("state", [S.IDLE, S.EMERGENCY, S.STOPPED])
def test_an_engine_that_does_not_run_has_no_error(state: EngineState) -> None:
    assert engine_in(state).failed().decided == []


@pytest.mark.parametrize(("service", "partition"), SERVICES)
def test_a_service_that_stays_dead_for_15_ticks_takes_the_engine_into_error(
    service: str, partition: int
) -> None:
    story = engine_in(S.SIGNAL_WAIT).seen(service, partition, alive=False)
    story.tick(14, seconds=0.5)
    assert story.moves == []
    story.tick()
    assert story.moves == [S.ERROR]


@pytest.mark.parametrize("speed", [1, 120])
def test_a_service_restarted_within_seconds_is_no_error_at_any_speed(speed: int) -> None:
    story = engine_in(S.SIGNAL_WAIT)
    for service, partition in SERVICES:
        story.seen(service, partition, alive=False).tick(8, seconds=speed)
        assert S.ERROR not in story.moves
        story.seen(service, partition, instance="b")
    assert story.state in TRADING_ACTIVE


def test_a_dead_gateway_is_no_error() -> None:
    story = engine_in(S.SIGNAL_WAIT).seen("gateway").seen("gateway", alive=False).tick(30)
    assert S.ERROR not in story.moves


def test_a_starting_engine_waits_for_services_as_long_as_it_takes() -> None:
    story = engine_in(S.INITIALIZING).tick(200)
    assert story.state is S.INITIALIZING
    assert story.healthy().state is S.SCANNING


@pytest.mark.parametrize("missing", SERVICES)
def test_the_engine_is_ready_only_when_every_service_is_there(missing: tuple[str, int]) -> None:
    story = Story().healthy().seen(*missing, alive=False).command(CommandName.START, preset=PRESET)
    assert story.state is S.INITIALIZING
    assert story.seen(*missing).state is S.SCANNING


def test_the_engine_is_ready_only_when_the_account_is_reconciled_after_the_last_connect() -> None:
    story = Story().healthy()
    story.tell(InstrumentsListed(instruments=()), source=Source.MARKET)
    story.irreconcilable().command(CommandName.START, preset=PRESET)
    assert story.state is S.ERROR
    assert story.reconciled().state is S.SCANNING


def test_the_engine_returns_to_scanning_when_the_processor_leads_again() -> None:
    story = engine_in(S.SIGNAL_WAIT).failed(Source.RISK)
    story.seen("risk", instance="b")
    assert story.moves == [S.SCANNING]
    assert started(story.decided), "levels found before the failure are old"


def test_an_engine_that_failed_while_paused_returns_to_its_pause() -> None:
    story = engine_in(S.PAUSED).failed(Source.RISK).seen("risk", instance="b")
    assert story.state is S.PAUSED
    assert not started(story.decided)


def test_an_engine_that_failed_while_starting_starts_again() -> None:
    story = engine_in(S.INITIALIZING).failed(Source.RISK).seen("risk", instance="b")
    assert story.moves == [S.IDLE, S.INITIALIZING]


def test_a_failure_that_stays_ends_in_emergency_after_three_retries() -> None:
    story = engine_in(S.SIGNAL_WAIT).failed()
    story.tick(23)
    assert story.state is S.ERROR
    story.tick()
    assert story.moves == [S.EMERGENCY]


def test_fast_desk_time_does_not_use_up_the_retries() -> None:
    story = engine_in(S.SIGNAL_WAIT).failed().tick(23, seconds=120)
    assert story.state is S.ERROR
    assert story.seen("signals", instance="b").state is S.SCANNING


def test_failing_again_and_again_ends_in_emergency() -> None:
    story = engine_in(S.SIGNAL_WAIT)
    for n in range(3):
        assert story.failed(Source.RISK).state is S.ERROR
        assert story.tick(3).seen("risk", instance=str(n)).state is S.SCANNING
    assert story.failed(Source.RISK).state is S.EMERGENCY


def test_failures_far_apart_are_not_counted_together() -> None:
    story = engine_in(S.SIGNAL_WAIT)
    for n in range(6):
        assert story.failed(Source.RISK).state is S.ERROR
        assert story.seen("risk", instance=str(n)).state is S.SCANNING
        story.tick(61)


def test_a_retry_is_refused_with_the_reason_while_the_failure_lasts() -> None:
    refusal = engine_in(S.ERROR).command(CommandName.RETRY).decided[0]
    assert isinstance(refusal, CommandRefused)
    assert "signals.0" in refusal.reason
    assert "boom" in refusal.reason


def test_an_error_can_be_stopped_by_hand_and_started_again() -> None:
    story = engine_in(S.ERROR).command(CommandName.STOP).seen("signals", instance="b")
    assert story.state is S.STOPPED
    story.command(CommandName.START)
    assert isinstance(story.decided[0], CommandAccepted)
    assert story.moves[-1] is S.SCANNING


def test_two_failures_in_one_record_make_one_move() -> None:
    story = engine_in(S.SIGNAL_WAIT)
    failure = ProcessorFailed(processor=Source.RISK, partition=0, poisonous_seq=1, error="boom")
    story.tell(failure, failure, ClockTicked(number=1), source=Source.SHELL)
    assert story.moves == [S.ERROR]


def test_an_emergency_stays_until_a_person_stops_it() -> None:
    story = engine_in(S.EMERGENCY).tick(500).healthy()
    assert story.state is S.EMERGENCY
    assert story.command(CommandName.STOP).state is S.STOPPED
