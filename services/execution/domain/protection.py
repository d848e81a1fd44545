"""Keeps a stop at the venue for every open position, or gets out (RELIABILITY R6; W-S1).

The stop covers the whole intended quantity from the first fill on; being reduce-only it can never
close more than there is. While it is replaced, the old one stays in force until the venue has
confirmed the other.
"""

from decimal import Decimal

from services.execution.domain.grid import ceil_to_tick, floor_to_tick
from services.execution.domain.ids import amend_id_of, exit_order_id, stop_order_id
from services.execution.domain.orders import OrderState
from services.execution.domain.positions import PositionState, stop_exit_reason
from services.execution.domain.turn import Turn
from shared.contracts.order import (
    AmendSubmitted,
    CancelSubmitted,
    OrderPurpose,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import ExitReason, StopMoved, StopMoveReason

# After so many certain refusals in a row the position is closed instead.
STOP_REFUSALS_MAX = 3
# A venue that ends stop after stop is not asked in a tight circle (desk time).
STOPS_AT_ONCE_MAX = 6
STOP_PAUSE_MS = 5_000
# After so many refused changes the stop is replaced by another order.
AMEND_REFUSALS_MAX = 2
# Desk time until a market exit that did not fill is tried again; doubled with every attempt.
EXIT_RETRY_MS = 1_000
# Bybit: the trigger is already through the market.
THROUGH_CODES = frozenset({"110092", "110093"})


def protect(turn: Turn, symbol: str) -> None:
    """Make sure that the position has a stop where it is wanted, or an exit on its way."""
    position = turn.state.positions[symbol]
    if position.quantity == 0 or exiting(turn, position):
        return
    stop = turn.state.orders.get(position.stop_order_id)
    if stop is None or stop.reported_status is not None:
        _replace_missing(turn, position, stop)
        return
    if stop.is_accepted:
        _drop_older_stops(turn, position)
    if stop.amend is None and stop.trigger_price != wanted_trigger(turn, position):
        _move(turn, position, stop)


def exiting(turn: Turn, position: PositionState) -> bool:
    """Tell whether a market exit is on its way, or has just been tried."""
    if position.exit_order_id in turn.state.orders:
        return True
    patience_ms = EXIT_RETRY_MS * 2 ** min(position.exit_attempts, 6)
    return position.exit_attempts > 0 and turn.now_ms - position.exit_sent_at_ms < patience_ms


def exit_at_market(turn: Turn, symbol: str, reason: ExitReason) -> None:
    """Close all of a position by a reduce-only market order, unless one is on its way."""
    position = turn.state.positions[symbol]
    if position.quantity == 0 or exiting(turn, position):
        return
    turn.emit(
        OrderSubmitted(
            client_order_id=exit_order_id(
                turn.ctx.desk_id, position.position_id, reason, position.exit_attempts
            ),
            symbol=symbol,
            side=position.closing_side,
            order_type=OrderType.MARKET,
            quantity=position.quantity,
            reduce_only=True,
            purpose=OrderPurpose.EXIT,
            position_id=position.position_id,
            signal_id=position.signal_id,
        )
    )


def move_stop(turn: Turn, symbol: str, stop_px: Decimal, reason: StopMoveReason) -> None:
    """Move the stop if that is better for the position; it never moves against it."""
    position = turn.state.positions[symbol]
    stop_px = _on_grid(turn, position, stop_px)
    if not position.improves(stop_px):
        return
    turn.emit(
        StopMoved(
            position_id=position.position_id,
            symbol=symbol,
            old_stop_px=position.stop_px,
            new_stop_px=stop_px,
            reason=reason,
        )
    )
    protect(turn, symbol)


def stop_refused(turn: Turn, order: OrderState, code: str) -> None:
    """Answer a stop that the venue refuses: out at once when its price is already through, else again."""
    position = turn.state.positions.get(order.symbol)
    if position is None or position.stop_order_id != order.client_order_id:
        return
    if code in THROUGH_CODES:
        exit_at_market(turn, order.symbol, stop_exit_reason(position))


def amend_refused(turn: Turn, order: OrderState, code: str) -> None:
    """Answer a refused change: out at once when the price wanted is already through."""
    position = turn.state.positions.get(order.symbol)
    if position is not None and code in THROUGH_CODES:
        exit_at_market(turn, order.symbol, stop_exit_reason(position))


def wanted_trigger(turn: Turn, position: PositionState) -> Decimal:
    """Return the price that the stop order should have: where the stop is wanted, on the venue's grid."""
    return _on_grid(turn, position, position.stop_px)


def _on_grid(turn: Turn, position: PositionState, stop_px: Decimal) -> Decimal:
    instrument = turn.instrument(position.symbol)
    if instrument is None:
        return stop_px
    # Away from the price, so that rounding never lifts a stop through the market.
    return (floor_to_tick if position.sign > 0 else ceil_to_tick)(stop_px, instrument)


def _replace_missing(turn: Turn, position: PositionState, stop: OrderState | None) -> None:
    if stop is not None and stop.reported_status is OrderStatus.FILLED:
        return  # its executions are on their way and close the position
    others = turn.state.orders_of(position.symbol, OrderPurpose.STOP)
    if any(other.is_accepted and other.client_order_id != position.stop_order_id for other in others):
        return  # a stop of this position is still in force, if not yet where it is wanted
    if position.stop_refusals >= STOP_REFUSALS_MAX:
        exit_at_market(turn, position.symbol, ExitReason.NAKED_POSITION)
        return
    before = turn.state.order(position.stop_order_id)
    hasty = before is not None and turn.now_ms - before.submitted_at_ms < STOP_PAUSE_MS
    if position.stop_attempts < STOPS_AT_ONCE_MAX or not hasty:
        submit_stop(turn, position.symbol)


def submit_stop(turn: Turn, symbol: str) -> None:
    """Send another stop order for the position, at the price wanted."""
    position = turn.state.positions[symbol]
    turn.emit(
        OrderSubmitted(
            client_order_id=stop_order_id(turn.ctx.desk_id, position.position_id, position.stop_attempts),
            symbol=symbol,
            side=position.closing_side,
            order_type=OrderType.STOP_MARKET,
            quantity=max(position.intended_qty, position.quantity),
            trigger_price=wanted_trigger(turn, position),
            reduce_only=True,
            purpose=OrderPurpose.STOP,
            position_id=position.position_id,
            signal_id=position.signal_id,
        )
    )


def _move(turn: Turn, position: PositionState, stop: OrderState) -> None:
    if position.amend_refusals >= AMEND_REFUSALS_MAX:
        submit_stop(turn, position.symbol)
        return
    if not stop.is_accepted:
        return  # what the venue has not confirmed cannot be changed yet
    turn.emit(
        AmendSubmitted(
            amend_id=amend_id_of(turn.ctx.desk_id, position.position_id, position.amends),
            client_order_id=stop.client_order_id,
            symbol=position.symbol,
            trigger_price=wanted_trigger(turn, position),
        )
    )


def _drop_older_stops(turn: Turn, position: PositionState) -> None:
    for other in turn.state.orders_of(position.symbol, OrderPurpose.STOP):
        older = other.client_order_id != position.stop_order_id
        if older and other.status is not OrderStatus.PENDING_CANCEL:
            turn.emit(
                CancelSubmitted(
                    client_order_id=other.client_order_id, symbol=position.symbol, reason="replaced"
                )
            )
