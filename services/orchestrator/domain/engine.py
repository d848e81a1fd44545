"""Folds the orchestrator's own events: what it has decided about the engine so far.

The value is frozen: a decision works on a copy that runs ahead of the log, and the log's own events
bring the state to the same place.
"""

import msgspec

from shared.contracts.base import Event
from shared.contracts.engine import (
    TRADING_ACTIVE,
    CommandAccepted,
    CommandName,
    CommandRefused,
    EngineState,
    EngineStateChanged,
    PresetActivated,
    ScanCompleted,
    ScanStarted,
)
from shared.contracts.preset import Preset

# Commands remembered, so that one delivered twice is answered once.
ANSWERED_MAX = 256
# Errors that are further apart than this are no longer "in a row".
CALM_TICKS = 60


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """The latest scan cycle."""

    scan_id: str
    number: int
    started_ms: int
    started_tick: int
    running: bool


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """The engine as its own events tell it."""

    state: EngineState = EngineState.IDLE
    # Where the engine was, one move before, when it was paused or failed.
    interrupted: EngineState = EngineState.IDLE
    entered_ms: int = 0
    entered_tick: int = 0
    pause_due: bool = False
    errors_in_a_row: int = 0
    last_error_tick: int = 0
    preset: Preset | None = None
    scan: Scan | None = None
    answered: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the engine is in a trading phase."""
        return self.state in TRADING_ACTIVE


def fold(engine: Engine, event: Event, *, time_ms: int, tick: int) -> Engine:
    """Return the engine after one of the orchestrator's own events."""
    match event:
        case EngineStateChanged():
            return _moved(engine, event, time_ms, tick)
        case CommandAccepted() | CommandRefused():
            return _answered(engine, event)
        case PresetActivated():
            return msgspec.structs.replace(engine, preset=event.preset)
        case ScanStarted():
            scan = Scan(
                scan_id=event.scan_id,
                number=event.number,
                started_ms=time_ms,
                started_tick=tick,
                running=True,
            )
            return msgspec.structs.replace(engine, scan=scan)
        case ScanCompleted():
            return _scan_over(engine)
    return engine


def _scan_over(engine: Engine) -> Engine:
    scan = engine.scan and msgspec.structs.replace(engine.scan, running=False)
    return msgspec.structs.replace(engine, scan=scan)


def _answered(engine: Engine, event: CommandAccepted | CommandRefused) -> Engine:
    answered = msgspec.structs.replace(engine, answered=(*engine.answered, event.command_id)[-ANSWERED_MAX:])
    if isinstance(event, CommandAccepted) and event.command in {CommandName.PAUSE, CommandName.RESUME}:
        return msgspec.structs.replace(answered, pause_due=event.command is CommandName.PAUSE)
    return answered


def _moved(engine: Engine, event: EngineStateChanged, time_ms: int, tick: int) -> Engine:
    moved = msgspec.structs.replace(engine, state=event.to_state, entered_ms=time_ms, entered_tick=tick)
    if event.to_state is EngineState.INITIALIZING and event.from_state is EngineState.STOPPED:
        # A person has started the engine again: what failed before is over.
        moved = msgspec.structs.replace(moved, errors_in_a_row=0)
    if event.to_state not in TRADING_ACTIVE:
        # An interrupted scan is not waited for: the markets will have moved on.
        moved = msgspec.structs.replace(_scan_over(moved), pause_due=False)
    if event.to_state in {EngineState.PAUSED, EngineState.ERROR}:
        moved = msgspec.structs.replace(moved, interrupted=event.from_state)
    if event.to_state is EngineState.ERROR:
        in_a_row = engine.errors_in_a_row + 1 if tick - engine.last_error_tick <= CALM_TICKS else 1
        moved = msgspec.structs.replace(moved, errors_in_a_row=in_a_row, last_error_tick=tick)
    return moved
