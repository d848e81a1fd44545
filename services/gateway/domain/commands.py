"""Folds people's commands and their answers, and says which commands the engine would take.

The table repeats the orchestrator's, because services do not import each other; a test holds the two
together. Whatever it says, the orchestrator decides.
"""

import msgspec

from services.gateway.domain.engine import EngineView
from services.gateway.domain.rows import keep_last
from shared.contracts.base import Event
from shared.contracts.engine import (
    TRADING_ACTIVE,
    CommandAccepted,
    CommandName,
    CommandRefused,
    CommandRequested,
    EngineState,
)

COMMANDS_MAX = 1_000

Outcome = CommandAccepted | CommandRefused

_RUNNING = TRADING_ACTIVE | {EngineState.INITIALIZING, EngineState.PAUSED, EngineState.ERROR}
_STATES: dict[CommandName, frozenset[EngineState]] = {
    CommandName.START: frozenset({EngineState.IDLE, EngineState.STOPPED}),
    CommandName.STOP: _RUNNING | {EngineState.EMERGENCY},
    CommandName.PAUSE: TRADING_ACTIVE,
    CommandName.RESUME: frozenset({EngineState.PAUSED}),
    CommandName.TIME_STOP: TRADING_ACTIVE,
    CommandName.EMERGENCY_STOP: _RUNNING,
    CommandName.PANIC_EXIT: frozenset(EngineState),
    CommandName.KILL_SWITCH: frozenset(EngineState),
    CommandName.CLEAR_KILL_SWITCH: frozenset(
        {EngineState.IDLE, EngineState.PAUSED, EngineState.EMERGENCY, EngineState.STOPPED}
    ),
    CommandName.RELOAD: frozenset(EngineState) - {EngineState.EMERGENCY},
    CommandName.RETRY: frozenset({EngineState.ERROR}),
}
_NOT_WHILE_KILLED = frozenset({CommandName.START, CommandName.RESUME})


def allowed(engine: EngineView) -> tuple[CommandName, ...]:
    """Return the commands that the engine would take."""
    return tuple(command for command in CommandName if _is_allowed(engine, command))


def _is_allowed(engine: EngineView, command: CommandName) -> bool:
    if engine.pause_due and command in {CommandName.PAUSE, CommandName.RESUME}:
        return command is CommandName.RESUME
    if engine.kill_switch and command in _NOT_WHILE_KILLED:
        return False
    if not engine.kill_switch and command is CommandName.CLEAR_KILL_SWITCH:
        return False
    return engine.state in _STATES[command]


class CommandsView(msgspec.Struct, kw_only=True):
    """The latest commands by id, and their answers."""

    requested: dict[str, CommandRequested] = {}
    answered: dict[str, Outcome] = {}

    def fold(self, event: Event, engine: EngineView) -> None:
        """Take in one event; the first request of an id is the one that counts."""
        match event:
            case CommandRequested() if event.command_id not in self.requested:
                self.requested[event.command_id] = event
                keep_last(self.requested, COMMANDS_MAX)
                if event.command is CommandName.KILL_SWITCH:
                    engine.kill(event)
            case CommandAccepted() | CommandRefused():
                self.answered.setdefault(event.command_id, event)
                keep_last(self.answered, COMMANDS_MAX)
