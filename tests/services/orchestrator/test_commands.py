"""Every command in every state: accepted and done, or refused with the reason and what is allowed."""

from itertools import product

import pytest

from services.orchestrator.domain.commands import STATES
from shared.contracts.engine import (
    TRADING_ACTIVE,
    CommandAccepted,
    CommandName,
    CommandRefused,
    EngineState,
    EngineStateChanged,
    PresetActivated,
)
from shared.contracts.preset import load_preset, preset_digest
from tests.services.orchestrator.story import PRESET, Story, engine_in, started

S = EngineState
ACTIVE = [state for state in EngineState if state in TRADING_ACTIVE]
RUNNING = [S.INITIALIZING, *ACTIVE, S.PAUSED, S.ERROR]

# Where each accepted command leads; the same state: it stays. A pair that is missing is a refusal.
EXPECTED: dict[tuple[CommandName, EngineState], EngineState] = {
    (CommandName.START, S.IDLE): S.SCANNING,
    (CommandName.START, S.STOPPED): S.SCANNING,
    **{(CommandName.STOP, state): S.STOPPED for state in [*RUNNING, S.EMERGENCY]},
    **{(CommandName.PAUSE, state): S.PAUSED for state in [S.SCANNING, S.SIGNAL_WAIT, S.MANAGING]},
    # Remembered, and done at the end of the phase.
    **{(CommandName.PAUSE, state): state for state in [S.LEVEL_BUILDING, S.SIZING, S.EXECUTION]},
    (CommandName.RESUME, S.PAUSED): S.SCANNING,
    **{(CommandName.TIME_STOP, state): S.STOPPED for state in ACTIVE},
    **{(CommandName.EMERGENCY_STOP, state): S.EMERGENCY for state in RUNNING},
    **{
        (command, state): S.EMERGENCY if state in RUNNING else state
        for command in [CommandName.PANIC_EXIT, CommandName.KILL_SWITCH]
        for state in EngineState
    },
    **{(CommandName.RELOAD, state): state for state in EngineState if state is not S.EMERGENCY},
}


@pytest.mark.parametrize(("command", "state"), list(product(CommandName, EngineState)))
def test_every_command_in_every_state(command: CommandName, state: EngineState) -> None:
    story = engine_in(state)
    story.command(command, preset=PRESET if command in {CommandName.START, CommandName.RELOAD} else None)

    answer = story.decided[0]
    if (command, state) in EXPECTED:
        assert isinstance(answer, CommandAccepted)
        assert story.state is EXPECTED[command, state]
    else:
        assert isinstance(answer, CommandRefused)
        assert answer.reason
        assert answer.state is state
        assert story.decided == [answer], "a refusal changes nothing"
    assert answer.command is command


@pytest.mark.parametrize("state", list(EngineState))
def test_a_refusal_lists_exactly_what_would_be_accepted(state: EngineState) -> None:
    refusal = next(
        answer
        for command in CommandName
        for answer in engine_in(state).command(command).decided[:1]
        if isinstance(answer, CommandRefused)
    )

    for command in CommandName:
        preset = PRESET if command in {CommandName.START, CommandName.RELOAD} else None
        story = engine_in(state)
        # An engine in error whose failure is gone has returned already, so `retry` never finds it well.
        if command is CommandName.RETRY and state is S.ERROR:
            assert command in refusal.allowed
            continue
        accepted = isinstance(story.command(command, preset=preset).decided[0], CommandAccepted)
        assert accepted == (command in refusal.allowed), command


def test_every_command_has_its_states() -> None:
    assert set(STATES) == set(CommandName)


def test_start_puts_the_preset_in_force_and_waits_until_the_desk_is_ready() -> None:
    story = Story().command(CommandName.START, preset=PRESET)
    assert PresetActivated(digest=preset_digest(PRESET), preset=PRESET) in story.decided
    assert story.moves == [S.INITIALIZING]

    story.healthy()
    assert story.moves == [S.SCANNING]
    assert len(started(story.decided)) == 1, "the first scan does not wait for a tick"


def test_start_without_any_preset_is_refused() -> None:
    refusal = Story().command(CommandName.START).decided[0]
    assert isinstance(refusal, CommandRefused)
    assert refusal.reason == "start needs a preset"


def test_a_second_start_may_keep_the_preset_in_force() -> None:
    story = engine_in(S.STOPPED).command(CommandName.START)
    assert story.state is S.SCANNING
    assert story.memory.engine.preset == PRESET


def test_a_reload_swaps_the_rules_and_keeps_the_phase() -> None:
    other = load_preset("breakout_v1")
    story = engine_in(S.MANAGING).command(CommandName.RELOAD, preset=other)
    assert story.moves == []
    assert story.memory.engine.preset == other


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        (S.LEVEL_BUILDING, lambda story: story.scanned("A")),
        (S.SIZING, lambda story: story.denied()),
        (S.SIZING, lambda story: story.expired()),
        (S.SIZING, lambda story: story.approved().opened()),
        (S.EXECUTION, lambda story: story.opened()),
        (S.EXECUTION, lambda story: story.rejected()),
        (S.EXECUTION, lambda story: story.canceled()),
        # The entry order rests: the next scan ends the phase.
        (S.EXECUTION, lambda story: story.tick(61)),
    ],
)
def test_a_pause_that_must_wait_is_done_at_the_next_legal_state(state: EngineState, ending) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    story = engine_in(state).command(CommandName.PAUSE)
    assert isinstance(story.decided[0], CommandAccepted)
    assert story.state is state

    ending(story)
    assert story.state is S.PAUSED
    assert not started(story.decided), "a pausing engine starts no scan"


def test_a_pause_that_is_due_is_not_taken_twice_and_can_be_withdrawn() -> None:
    story = engine_in(S.SIZING).command(CommandName.PAUSE).command(CommandName.PAUSE)
    refusal = story.decided[0]
    assert isinstance(refusal, CommandRefused)
    assert CommandName.RESUME in refusal.allowed

    story.command(CommandName.RESUME).denied()
    assert story.state is S.SCANNING


def test_a_resumed_engine_scans_at_once_because_its_levels_are_old() -> None:
    story = engine_in(S.PAUSED).command(CommandName.RESUME)
    assert story.moves == [S.SCANNING]
    assert len(started(story.decided)) == 1


def test_a_command_delivered_twice_is_answered_once() -> None:
    story = engine_in(S.SCANNING).command(CommandName.PAUSE, command_id="same")
    assert story.decided
    story.command(CommandName.PAUSE, command_id="same")
    assert story.decided == []


def test_a_kill_switch_delivered_twice_does_not_set_it_again_after_it_was_cleared() -> None:
    story = engine_in(S.SCANNING).command(CommandName.KILL_SWITCH, command_id="same")
    story.command(CommandName.CLEAR_KILL_SWITCH).cleared()
    story.command(CommandName.KILL_SWITCH, command_id="same")
    assert not story.memory.facts.kill_switch


def test_after_the_kill_switch_nothing_starts_until_a_person_has_cleared_it() -> None:
    story = engine_in(S.MANAGING).command(CommandName.KILL_SWITCH, reason="drill")
    assert story.moves == [S.EMERGENCY]

    story.command(CommandName.STOP).command(CommandName.START)
    refusal = story.decided[0]
    assert isinstance(refusal, CommandRefused)
    assert "drill" in refusal.reason
    assert CommandName.CLEAR_KILL_SWITCH in refusal.allowed
    assert CommandName.START not in refusal.allowed

    story.command(CommandName.CLEAR_KILL_SWITCH)
    assert isinstance(story.decided[0], CommandAccepted)
    story.cleared().command(CommandName.START)
    assert isinstance(story.decided[0], CommandAccepted)


def test_a_kill_switch_that_is_not_set_cannot_be_cleared() -> None:
    assert isinstance(engine_in(S.PAUSED).command(CommandName.CLEAR_KILL_SWITCH).decided[0], CommandRefused)


@pytest.mark.parametrize("state", [*ACTIVE, S.PAUSED])
def test_a_tripped_kill_switch_pauses_the_engine_at_once(state: EngineState) -> None:
    story = engine_in(state).tripped()
    assert story.state is S.PAUSED
    changes = [event for event in story.decided if isinstance(event, EngineStateChanged)]
    assert not any(change.entries_allowed for change in changes)

    story.command(CommandName.RESUME)
    assert isinstance(story.decided[0], CommandRefused)
    story.command(CommandName.CLEAR_KILL_SWITCH).cleared().command(CommandName.RESUME)
    assert story.moves == [S.SCANNING]


def test_an_engine_that_starts_under_a_tripped_kill_switch_ends_paused() -> None:
    story = Story().command(CommandName.START, preset=PRESET).tripped().healthy()
    assert story.state is S.PAUSED


def test_ten_commands_at_once_are_answered_in_order() -> None:
    story = engine_in(S.IDLE)
    answers = [story.command(CommandName.RELOAD, preset=PRESET).decided[0] for _ in range(10)]
    assert [answer.command_id for answer in answers] == [f"command-{n}" for n in range(1, 11)]  # type: ignore[attr-defined]
