"""Defines what the orchestrator decides, and what people ask of it."""

from enum import StrEnum

from shared.contracts.base import Event, Value
from shared.contracts.preset import Preset


class EngineState(StrEnum):
    IDLE = "idle"
    INITIALIZING = "initializing"
    SCANNING = "scanning"
    LEVEL_BUILDING = "level_building"
    SIGNAL_WAIT = "signal_wait"
    SIZING = "sizing"
    EXECUTION = "execution"
    MANAGING = "managing"
    PAUSED = "paused"
    ERROR = "error"
    EMERGENCY = "emergency"
    STOPPED = "stopped"


# Entries are permitted in these states and in no other (specification 1.1).
TRADING_ACTIVE = frozenset(
    {
        EngineState.SCANNING,
        EngineState.LEVEL_BUILDING,
        EngineState.SIGNAL_WAIT,
        EngineState.SIZING,
        EngineState.EXECUTION,
        EngineState.MANAGING,
    }
)


class CommandName(StrEnum):
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    TIME_STOP = "time_stop"
    EMERGENCY_STOP = "emergency_stop"
    PANIC_EXIT = "panic_exit"
    KILL_SWITCH = "kill_switch"
    CLEAR_KILL_SWITCH = "clear_kill_switch"
    RELOAD = "reload"
    RETRY = "retry"


class CommandRequested(Event, frozen=True, kw_only=True):
    """A person or a script asks the engine for something; said by the gateway or the command line.

    `preset` is given by `start` and `reload` alone: read and validated by whoever asks, so that
    no decider touches a file.
    """

    command_id: str
    command: CommandName
    requested_by: str
    reason: str = ""
    preset: Preset | None = None


class CommandAccepted(Event, frozen=True, kw_only=True):
    """The engine does what was asked."""

    command_id: str
    command: CommandName


class CommandRefused(Event, frozen=True, kw_only=True):
    """The engine does not do what was asked; `allowed` lists what it would do in this state."""

    command_id: str
    command: CommandName
    state: EngineState
    reason: str
    allowed: tuple[CommandName, ...]


class EngineStateChanged(Event, frozen=True, kw_only=True):
    """The engine has moved from one state to another."""

    from_state: EngineState
    to_state: EngineState
    trigger: str
    reason: str = ""
    entries_allowed: bool


class PresetActivated(Event, frozen=True, kw_only=True):
    """These trading rules are in force from here on."""

    digest: str
    preset: Preset


class ScanStarted(Event, frozen=True, kw_only=True):
    """A scan cycle begins: every scanner partition judges its markets."""

    scan_id: str
    number: int


class RankedMarket(Value, frozen=True, kw_only=True):
    symbol: str
    rank: int
    score: float
    passed: bool


class ScanCompleted(Event, frozen=True, kw_only=True):
    """All partitions have answered: the candidates, best first, and how many were looked at."""

    scan_id: str
    number: int
    scored: int
    passed: int
    with_levels: int
    ranked: tuple[RankedMarket, ...]
