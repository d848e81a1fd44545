"""Decides people's commands: what each needs, what it does, and why it is refused.

A command is accepted only when the engine really does it. `kill_switch` and `panic_exit` are accepted
in every state, because execution flattens on the command itself and waits for nobody.
"""

from collections.abc import Callable

from services.orchestrator.domain.moves import Moves
from services.orchestrator.domain.phases import resting
from services.orchestrator.domain.recovery import return_from_error, unresolved
from shared.contracts.engine import (
    TRADING_ACTIVE,
    CommandAccepted,
    CommandName,
    CommandRefused,
    CommandRequested,
    EngineState,
    PresetActivated,
)
from shared.contracts.preset import preset_digest

EVERY_STATE = frozenset(EngineState)
RUNNING = TRADING_ACTIVE | {EngineState.INITIALIZING, EngineState.PAUSED, EngineState.ERROR}

# Specification 1.5; the order is that of the `allowed` lists.
STATES: dict[CommandName, frozenset[EngineState]] = {
    CommandName.START: frozenset({EngineState.IDLE, EngineState.STOPPED}),
    CommandName.STOP: RUNNING | {EngineState.EMERGENCY},
    CommandName.PAUSE: TRADING_ACTIVE,
    CommandName.RESUME: frozenset({EngineState.PAUSED}),
    CommandName.TIME_STOP: TRADING_ACTIVE,
    CommandName.EMERGENCY_STOP: RUNNING,
    CommandName.PANIC_EXIT: EVERY_STATE,
    CommandName.KILL_SWITCH: EVERY_STATE,
    CommandName.CLEAR_KILL_SWITCH: frozenset(
        {EngineState.IDLE, EngineState.PAUSED, EngineState.EMERGENCY, EngineState.STOPPED}
    ),
    CommandName.RELOAD: EVERY_STATE - {EngineState.EMERGENCY},
    CommandName.RETRY: frozenset({EngineState.ERROR}),
}


def answer(moves: Moves, request: CommandRequested) -> None:
    """Accept the command and do it, or refuse it with the reason; once per command id."""
    if request.command_id in moves.engine.answered:
        return
    reason = _why_not(moves, request.command) or _what_lacks(moves, request)
    if reason:
        moves.emit(
            CommandRefused(
                command_id=request.command_id,
                command=request.command,
                state=moves.engine.state,
                reason=reason,
                allowed=allowed(moves),
            )
        )
        return
    moves.emit(CommandAccepted(command_id=request.command_id, command=request.command))
    _EFFECTS[request.command](moves, request)


def allowed(moves: Moves) -> tuple[CommandName, ...]:
    """Return the commands that the engine would accept, given what they need besides the state."""
    return tuple(command for command in STATES if not _why_not(moves, command))


def _why_not(moves: Moves, command: CommandName) -> str:
    """Return why the engine cannot do this; empty when it can."""
    state, killed = moves.engine.state, moves.facts.kill_switch
    if command is CommandName.RESUME and moves.engine.pause_due:
        return ""
    if command is CommandName.PAUSE and moves.engine.pause_due:
        return "a pause is already due at the end of this phase"
    if state not in STATES[command]:
        return f"{command} is not possible while the engine is {state}"
    if killed and command in {CommandName.START, CommandName.RESUME}:
        return f"the kill switch is set ({killed}): clear it first"
    if not killed and command is CommandName.CLEAR_KILL_SWITCH:
        return "the kill switch is not set"
    return ""


def _what_lacks(moves: Moves, request: CommandRequested) -> str:
    """Return what else the command would need; empty when nothing."""
    match request.command:
        case CommandName.START if request.preset is None and moves.engine.preset is None:
            return "start needs a preset"
        case CommandName.RELOAD if request.preset is None:
            return "reload needs a preset"
        case CommandName.RETRY:
            return "; ".join(unresolved(moves))
    return ""


def _start(moves: Moves, request: CommandRequested) -> None:
    _reload(moves, request)
    moves.go(EngineState.INITIALIZING, "start", request.reason)


def _reload(moves: Moves, request: CommandRequested) -> None:
    if request.preset is not None:
        moves.emit(PresetActivated(digest=preset_digest(request.preset), preset=request.preset))


def _stop(moves: Moves, request: CommandRequested) -> None:
    moves.go(EngineState.STOPPED, "stop", request.reason)


def _time_stop(moves: Moves, request: CommandRequested) -> None:
    # Open positions stay managed: execution does that in every state of the engine.
    moves.go(EngineState.STOPPED, "time_stop", request.reason or "no more positions are opened")


def _wait_for_pause(moves: Moves, request: CommandRequested) -> None:
    """Do nothing more: accepting makes the pause due, and every decision ends with what is due."""


def _resume(moves: Moves, request: CommandRequested) -> None:
    if moves.engine.state is EngineState.PAUSED:
        moves.go(resting(moves), "resume", request.reason)


def _to_emergency(moves: Moves, request: CommandRequested) -> None:
    if moves.engine.state in RUNNING:
        moves.go(EngineState.EMERGENCY, str(request.command), request.reason)


def _leave_to_risk(moves: Moves, request: CommandRequested) -> None:
    """Do nothing more: risk clears its switch when it reads that the command is accepted."""


def _retry(moves: Moves, request: CommandRequested) -> None:
    return_from_error(moves, "retry", request.reason)


_EFFECTS: dict[CommandName, Callable[[Moves, CommandRequested], None]] = {
    CommandName.START: _start,
    CommandName.STOP: _stop,
    CommandName.PAUSE: _wait_for_pause,
    CommandName.RESUME: _resume,
    CommandName.TIME_STOP: _time_stop,
    CommandName.EMERGENCY_STOP: _to_emergency,
    CommandName.PANIC_EXIT: _to_emergency,
    CommandName.KILL_SWITCH: _to_emergency,
    CommandName.CLEAR_KILL_SWITCH: _leave_to_risk,
    CommandName.RELOAD: _reload,
    CommandName.RETRY: _retry,
}
