"""Moves the engine between its trading phases as opportunities come, are sized, opened and closed.

The phases tell people what the engine is at; whether entries are permitted is the same in all of
them, so a phase that lags or leads by an event endangers nothing.
"""

from services.orchestrator.domain.moves import Moves
from services.orchestrator.domain.transitions import is_legal
from shared.contracts.base import Event
from shared.contracts.engine import TRADING_ACTIVE, EngineState
from shared.contracts.order import OrderCanceled, OrderRejected
from shared.contracts.position import PositionClosed, PositionOpened
from shared.contracts.risk import EntryRefused, SignalApproved, SignalDenied
from shared.contracts.signal import SignalExpired, SignalRaised

SIZED = frozenset({EngineState.SIZING, EngineState.EXECUTION})


def follow_trade(moves: Moves, event: Event) -> None:
    """Answer one step in the life of an opportunity; nothing outside the trading phases."""
    if not moves.engine.active:
        return
    match event:
        case SignalRaised() if moves.engine.state not in SIZED:
            moves.go(EngineState.SIZING, "signal_raised", event.symbol)
        case SignalApproved():
            moves.go(EngineState.EXECUTION, "signal_approved", event.symbol)
        case SignalDenied() | SignalExpired():
            leave_sizing(moves, "signals_denied")
        case PositionOpened():
            moves.go(EngineState.MANAGING, "position_opened", event.symbol)
        case EntryRefused() | OrderRejected() | OrderCanceled():
            leave_execution(moves, "entry_failed")
        case PositionClosed() if moves.engine.state is EngineState.MANAGING and moves.slots_free:
            moves.go(EngineState.SCANNING, "position_closed", event.symbol)


def leave_outlived(moves: Moves) -> None:
    """On a tick: leave a phase whose last opportunity has expired."""
    leave_sizing(moves, "signals_expired")
    leave_execution(moves, "approvals_expired")


def leave_sizing(moves: Moves, trigger: str) -> None:
    """Leave sizing when no signal waits for its answer."""
    if moves.engine.state is EngineState.SIZING and not moves.facts.trades.raised:
        moves.go(EngineState.EXECUTION if moves.facts.trades.approved else resting(moves), trigger)


def leave_execution(moves: Moves, trigger: str) -> None:
    """Leave execution when no approved trade is still to be entered."""
    if moves.engine.state is EngineState.EXECUTION and not moves.facts.trades.approved:
        moves.go(resting(moves), trigger)


def resting(moves: Moves) -> EngineState:
    """Return the phase of an engine with nothing in hand: looking for trades, or out of slots."""
    return EngineState.SCANNING if moves.slots_free else EngineState.MANAGING


def pause_if_asked(moves: Moves) -> None:
    """Carry out a pause that waited, or the kill switch, which does not wait."""
    if moves.engine.state not in TRADING_ACTIVE:
        return
    if moves.facts.kill_switch:
        moves.go(EngineState.PAUSED, "kill_switch", moves.facts.kill_switch)
    elif moves.engine.pause_due and pausable(moves.engine.state):
        moves.go(EngineState.PAUSED, "pause")


def pausable(state: EngineState) -> bool:
    """Whether a pause is one legal move away; in other phases it waits for the work in hand."""
    return is_legal(state, EngineState.PAUSED)
