"""Turns the venue's words into the life of our orders; a fill is booked once, by its trade id.

A word about an order may come late, twice, or before the one that explains it. An order counts as
ended only when every execution that the venue says it had has been booked.
"""

from decimal import Decimal

from services.execution.domain.entries import settle_entry
from services.execution.domain.managing import manage
from services.execution.domain.orders import OrderState, status_after
from services.execution.domain.positions import PositionState, changed_event, opened_event
from services.execution.domain.protection import amend_refused, stop_refused
from services.execution.domain.turn import Turn
from shared.contracts.order import (
    AmendRejected,
    CancelRejected,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderPurpose,
    OrderRejected,
    OrderStatus,
)
from shared.contracts.position import FundingPaid
from shared.contracts.venue import (
    AmendAcknowledged,
    AmendRefused,
    CancelRefused,
    ExecutionKind,
    ExecutionReported,
    OrderMissing,
    OrderReported,
    SubmitAcknowledged,
    SubmitRefused,
    SubmitUncertain,
)

MISSING = "missing"
_WORKING = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED})


def on_acknowledged(turn: Turn, event: SubmitAcknowledged) -> None:
    """Take in that the venue has the order."""
    order = turn.state.orders.get(event.client_order_id)
    if order is not None and not order.venue_order_id:
        _accept(turn, order, event.venue_order_id)
        manage(turn, order.symbol)


def on_refused(turn: Turn, event: SubmitRefused) -> None:
    """Take in that the venue does not have the order, for certain."""
    order = turn.state.orders.get(event.client_order_id)
    if order is not None and not order.venue_order_id and order.cum_qty == 0:
        _reject(turn, order, event.code, event.message)


def on_uncertain(turn: Turn, event: SubmitUncertain) -> None:
    """Nobody knows whether the venue has the order: a state, until the venue has been asked."""
    order = turn.state.orders.get(event.client_order_id)
    if order is not None and not order.venue_order_id and not order.unknown and order.cum_qty == 0:
        turn.emit(OrderOutcomeUnknown(client_order_id=event.client_order_id, error=event.error))


def on_missing(turn: Turn, event: OrderMissing) -> None:
    """Take in that the venue has been asked and does not know the order."""
    order = turn.state.orders.get(event.client_order_id)
    if order is None:
        return
    if not order.venue_order_id and order.cum_qty == 0:
        _reject(turn, order, MISSING, "the venue knows no such order")
    else:
        _end(turn, order, "the venue knows no such order any more")


def on_cancel_refused(turn: Turn, event: CancelRefused) -> None:
    """Let the order work on, or be done already: its own report tells which. The clock asks again."""
    order = turn.state.orders.get(event.client_order_id)
    if order is not None and order.status is OrderStatus.PENDING_CANCEL:
        turn.emit(
            CancelRejected(client_order_id=event.client_order_id, code=event.code, reason=event.message)
        )


def on_amended(turn: Turn, event: AmendAcknowledged) -> None:
    """Take in that the venue has changed the order."""
    order = turn.state.orders.get(event.client_order_id)
    if order is not None and order.amend is not None and order.amend.amend_id == event.amend_id:
        turn.emit(OrderAmended(amend_id=event.amend_id, client_order_id=event.client_order_id))
        manage(turn, order.symbol)


def on_amend_refused(turn: Turn, event: AmendRefused) -> None:
    """Take in that the order is unchanged and in force as it was."""
    order = turn.state.orders.get(event.client_order_id)
    if order is None or order.amend is None or order.amend.amend_id != event.amend_id:
        return
    turn.emit(
        AmendRejected(
            amend_id=event.amend_id,
            client_order_id=event.client_order_id,
            code=event.code,
            reason=event.message,
        )
    )
    amend_refused(turn, order, event.code)
    manage(turn, order.symbol)


def on_order_reported(turn: Turn, event: OrderReported) -> None:
    """Take in where the venue says that one of our orders stands."""
    order = turn.state.orders.get(event.client_order_id)
    if order is None:
        return
    if event.status in _WORKING and not order.venue_order_id:
        _accept(turn, order, event.venue_order_id)
    _finish(turn, event.client_order_id)
    manage(turn, order.symbol)


def on_execution(turn: Turn, event: ExecutionReported) -> None:
    """Book what the venue has booked on the account, once."""
    if event.trade_id in turn.state.trade_ids:
        return
    position = turn.state.positions.get(event.symbol)
    if event.kind is ExecutionKind.FUNDING:
        position_id = "" if position is None else position.position_id
        turn.emit(
            FundingPaid(
                trade_id=event.trade_id,
                position_id=position_id,
                symbol=event.symbol,
                amount_usd=event.fee_usd,
            )
        )
        return
    order = turn.state.order(event.client_order_id)
    if order is not None:
        _book(turn, order, event, position)
    elif position is not None and event.side is position.closing_side and position.quantity > 0:
        _book_external(turn, position, event)
    else:
        return  # not ours, and it closes nothing of ours: reconciliation reports it
    manage(turn, event.symbol)


def _book(turn: Turn, order: OrderState, event: ExecutionReported, before: PositionState | None) -> None:
    cum_qty = order.cum_qty + event.last_qty
    turn.emit(
        OrderFilled(
            client_order_id=order.client_order_id,
            venue_order_id=event.venue_order_id,
            trade_id=event.trade_id,
            symbol=order.symbol,
            side=order.intent.side,
            last_qty=event.last_qty,
            last_px=event.last_px,
            cum_qty=cum_qty,
            leaves_qty=max(order.quantity - cum_qty, Decimal(0)),
            avg_px=(order.value + event.last_px * event.last_qty) / cum_qty,
            fee_usd=event.fee_usd,
            liquidity=event.liquidity,
            status=status_after(order, cum_qty),
            purpose=order.purpose,
            position_id=order.position_id,
        )
    )
    _tell_position(turn, order.symbol, before)
    _finish(turn, order.client_order_id)


def _book_external(turn: Turn, position: PositionState, event: ExecutionReported) -> None:
    """Book what somebody else has closed of our position; what goes beyond it is not ours."""
    quantity = min(event.last_qty, position.quantity)
    turn.emit(
        OrderFilled(
            client_order_id=event.client_order_id,
            venue_order_id=event.venue_order_id,
            trade_id=event.trade_id,
            symbol=event.symbol,
            side=event.side,
            last_qty=quantity,
            last_px=event.last_px,
            cum_qty=quantity,
            leaves_qty=Decimal(0),
            avg_px=event.last_px,
            fee_usd=event.fee_usd,
            liquidity=event.liquidity,
            status=OrderStatus.FILLED,
            purpose=OrderPurpose.EXIT,
            position_id=position.position_id,
        )
    )
    _tell_position(turn, event.symbol, position)


def _tell_position(turn: Turn, symbol: str, before: PositionState | None) -> None:
    position = turn.state.positions.get(symbol)
    if position is None:
        return
    if before is None:
        turn.emit(opened_event(position))
    elif position.quantity > 0:
        turn.emit(changed_event(position))


def _accept(turn: Turn, order: OrderState, venue_order_id: str) -> None:
    turn.emit(OrderAccepted(client_order_id=order.client_order_id, venue_order_id=venue_order_id))


def _reject(turn: Turn, order: OrderState, code: str, reason: str) -> None:
    turn.emit(OrderRejected(client_order_id=order.client_order_id, code=code, reason=reason))
    if order.purpose is OrderPurpose.STOP:
        stop_refused(turn, order, code)
    elif order.purpose is OrderPurpose.ENTRY:
        settle_entry(turn, order)
    manage(turn, order.symbol)


def _end(turn: Turn, order: OrderState, reason: str) -> None:
    turn.emit(OrderCanceled(client_order_id=order.client_order_id, cum_qty=order.cum_qty, reason=reason))
    if order.purpose is OrderPurpose.ENTRY:
        settle_entry(turn, order)
    manage(turn, order.symbol)


def _finish(turn: Turn, client_order_id: str) -> None:
    """End an order that the venue has reported as ended, once all its executions are booked."""
    order = turn.state.orders.get(client_order_id)
    if order is None or order.reported_status is None or order.cum_qty < order.reported_cum:
        return
    if order.reported_status is OrderStatus.REJECTED and order.cum_qty == 0:
        _reject(turn, order, OrderStatus.REJECTED.value, order.reported_reason)
    else:
        _end(turn, order, order.reported_reason or order.reported_status.value)
