"""Folds the engine's state, as the orchestrator has told it."""

from decimal import Decimal

import msgspec

from services.gateway.domain.rows import Row
from shared.contracts.base import Event
from shared.contracts.desk import DeskOpened, Mode
from shared.contracts.engine import (
    CommandAccepted,
    CommandName,
    CommandRequested,
    EngineState,
    EngineStateChanged,
    PresetActivated,
)
from shared.contracts.risk import KillSwitchCleared, KillSwitchTripped

TRANSITIONS_MAX = 100


class Transition(Row, kw_only=True):
    """One move of the engine."""

    from_state: EngineState
    to_state: EngineState
    trigger: str
    reason: str
    timestamp: int
    seq: int


class EngineStatus(Row, kw_only=True):
    """`GET /api/engine/status`, specification 7.2. Times are desk time in ms."""

    state: EngineState
    previous_state: EngineState | None
    reason: str
    preset: str | None
    mode: Mode | None
    started_at: int | None
    slots: int | None
    open_positions: int
    # How long a command takes is not measured here.
    latency_ms: None
    daily_r: Decimal
    consecutive_losses: int
    entries_allowed: bool
    kill_switch: str | None
    desk_time: int | None
    seq: int


class EngineView(msgspec.Struct, kw_only=True):
    """What is known of the engine."""

    mode: Mode | None = None
    state: EngineState = EngineState.IDLE
    previous: EngineState | None = None
    reason: str = ""
    preset: str | None = None
    slots: int | None = None
    started_at: int | None = None
    entries_allowed: bool = False
    kill_switch: str | None = None
    pause_due: bool = False
    transitions: list[Transition] = []

    def fold(self, event: Event, *, time_ms: int, seq: int) -> None:
        """Take in one event."""
        match event:
            case DeskOpened():
                self.mode = event.mode
            case PresetActivated():
                self.preset = event.preset.name
                self.slots = event.preset.risk.max_concurrent_positions
            case EngineStateChanged():
                self._move(event, time_ms, seq)
            case CommandAccepted() if event.command in {CommandName.PAUSE, CommandName.RESUME}:
                self.pause_due = event.command is CommandName.PAUSE
            case KillSwitchTripped():
                self.kill_switch = f"{event.limit} {event.value} against {event.threshold}"
            case KillSwitchCleared():
                self.kill_switch = None

    def kill(self, request: CommandRequested) -> None:
        """Take in that a person pulls the switch: risk and execution do not wait for an answer."""
        self.kill_switch = request.reason or "pulled by hand"

    def _move(self, event: EngineStateChanged, time_ms: int, seq: int) -> None:
        self.previous, self.state, self.reason = event.from_state, event.to_state, event.reason
        self.entries_allowed = event.entries_allowed
        if event.to_state is EngineState.INITIALIZING and event.trigger == "start":
            self.started_at = time_ms
        if event.to_state in {EngineState.STOPPED, EngineState.IDLE}:
            self.started_at = None
        if not event.entries_allowed:
            self.pause_due = False
        self.transitions.append(
            Transition(
                from_state=event.from_state,
                to_state=event.to_state,
                trigger=event.trigger,
                reason=event.reason,
                timestamp=time_ms,
                seq=seq,
            )
        )
        del self.transitions[:-TRANSITIONS_MAX]
