"""Folds orders from intent to final state, with what of them has filled."""

from decimal import Decimal

import msgspec

from services.gateway.domain.rows import Row, keep_last
from shared.contracts.base import Event
from shared.contracts.order import (
    AmendSubmitted,
    CancelRejected,
    CancelSubmitted,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderPurpose,
    OrderRejected,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)

ORDERS_MAX = 2_000


class Order(Row, kw_only=True):
    """One order, specification 7.3; `id` is our client order id."""

    id: str
    venue_order_id: str | None = None
    position_id: str
    signal_id: str
    symbol: str
    side: OrderSide
    type: OrderType
    purpose: OrderPurpose
    qty: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    status: OrderStatus = OrderStatus.PENDING_NEW
    # True while the venue is being asked what has become of it.
    outcome_unknown: bool = False
    filled_qty: Decimal = Decimal(0)
    avg_price: Decimal | None = None
    fees: Decimal = Decimal(0)
    reason: str | None = None
    created_at: int
    updated_at: int
    filled_at: int | None = None


class OrdersView(msgspec.Struct, kw_only=True):
    """The latest orders by client order id, oldest first."""

    orders: dict[str, Order] = {}
    _amends: dict[str, AmendSubmitted] = {}

    def fold(self, event: Event, *, time_ms: int) -> None:
        """Take in one event of an order's life."""
        if isinstance(event, OrderSubmitted):
            self._submit(event, time_ms)
            return
        if isinstance(event, AmendSubmitted):
            self._amends[event.amend_id] = event
            keep_last(self._amends, ORDERS_MAX)
            return
        order = self.orders.get(getattr(event, "client_order_id", ""))
        if order is not None and _apply(order, event, time_ms, self._amends):
            order.updated_at = time_ms

    def _submit(self, event: OrderSubmitted, time_ms: int) -> None:
        self.orders[event.client_order_id] = Order(
            id=event.client_order_id,
            position_id=event.position_id,
            signal_id=event.signal_id,
            symbol=event.symbol,
            side=event.side,
            type=event.order_type,
            purpose=event.purpose,
            qty=event.quantity,
            price=event.price,
            trigger_price=event.trigger_price,
            reduce_only=event.reduce_only,
            created_at=time_ms,
            updated_at=time_ms,
        )
        keep_last(self.orders, ORDERS_MAX)


def _apply(order: Order, event: Event, time_ms: int, amends: dict[str, AmendSubmitted]) -> bool:
    """Change the order by one event; False when the event is none of an order's life."""
    match event:
        case OrderAccepted():
            order.venue_order_id = event.venue_order_id
            order.outcome_unknown = False
            if order.status is OrderStatus.PENDING_NEW:
                order.status = OrderStatus.NEW
        case OrderRejected():
            order.status, order.reason, order.outcome_unknown = OrderStatus.REJECTED, event.reason, False
        case OrderFilled():
            _fill(order, event, time_ms)
        case OrderCanceled():
            order.status, order.reason, order.outcome_unknown = OrderStatus.CANCELED, event.reason, False
        case CancelSubmitted():
            order.status = OrderStatus.PENDING_CANCEL
        case CancelRejected() if order.status is OrderStatus.PENDING_CANCEL:
            order.status = OrderStatus.PARTIALLY_FILLED if order.filled_qty else OrderStatus.NEW
        case OrderAmended():
            _amend(order, amends.pop(event.amend_id, None))
        case OrderOutcomeUnknown():
            order.outcome_unknown, order.reason = True, event.error
        case _:
            return False
    return True


def _fill(order: Order, event: OrderFilled, time_ms: int) -> None:
    order.venue_order_id, order.status, order.outcome_unknown = event.venue_order_id, event.status, False
    order.filled_qty, order.avg_price = event.cum_qty, event.avg_px
    order.fees += event.fee_usd
    if event.status is OrderStatus.FILLED:
        order.filled_at = time_ms


def _amend(order: Order, amend: AmendSubmitted | None) -> None:
    if amend is None:
        return
    order.qty = amend.quantity if amend.quantity is not None else order.qty
    order.price = amend.price if amend.price is not None else order.price
    order.trigger_price = amend.trigger_price if amend.trigger_price is not None else order.trigger_price
