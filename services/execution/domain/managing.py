"""Brings one position to where the rules want it, whatever has just happened.

Called after every word of the venue and with every tick, so that nothing depends on one event
having been seen: it compares what is with what should be, and asks for the difference.
"""

from services.execution.domain.exits import break_even, due_exit, place_targets
from services.execution.domain.positions import PositionState, closed_event
from services.execution.domain.protection import exit_at_market, protect
from services.execution.domain.turn import Turn
from shared.contracts.order import CancelSubmitted, OrderPurpose, OrderStatus
from shared.contracts.position import ExitReason, FlattenReason

FLATTEN_EXITS = {
    FlattenReason.PANIC_EXIT: ExitReason.PANIC_EXIT,
    FlattenReason.KILL_SWITCH: ExitReason.KILL_SWITCH,
}


def manage(turn: Turn, symbol: str) -> None:
    """Protect, take profit, exit or wind up the position in a symbol, if there is one."""
    position = turn.state.positions.get(symbol)
    if position is None:
        _cancel_all(turn, symbol, "position_closed", keep=(OrderPurpose.ENTRY, OrderPurpose.EXIT))
        return
    if position.quantity == 0:
        _wind_up(turn, position)
        return
    flattening = turn.state.flattening
    if flattening is not None:
        # The stop stays until the position is flat.
        _cancel_all(turn, symbol, flattening.reason.value, keep=(OrderPurpose.STOP, OrderPurpose.EXIT))
        exit_at_market(turn, symbol, FLATTEN_EXITS[flattening.reason])
    else:
        reason = due_exit(turn, position)
        if reason is not None:
            _cancel_all(
                turn,
                symbol,
                reason.value,
                keep=(OrderPurpose.STOP, OrderPurpose.EXIT, OrderPurpose.TARGET),
            )
            exit_at_market(turn, symbol, reason)
    protect(turn, symbol)
    if not turn.state.orders_of(symbol, OrderPurpose.ENTRY):
        place_targets(turn, symbol)
        break_even(turn, symbol)


def _wind_up(turn: Turn, position: PositionState) -> None:
    """Cancel what is left of a flat position and close its account when nothing can fill any more."""
    _cancel_all(turn, position.symbol, "position_closed", keep=(OrderPurpose.EXIT,))
    if not turn.state.orders_of(position.symbol, OrderPurpose.ENTRY):
        turn.emit(closed_event(position, turn.now_ms))


def _cancel_all(turn: Turn, symbol: str, reason: str, *, keep: tuple[OrderPurpose, ...]) -> None:
    for order in turn.state.orders_of(symbol):
        if order.purpose in keep or order.status is OrderStatus.PENDING_CANCEL:
            continue
        if order.reported_status is None:
            turn.emit(CancelSubmitted(client_order_id=order.client_order_id, symbol=symbol, reason=reason))
