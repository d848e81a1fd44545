"""Hold one order of the account and the requests that create or change it.

Orders are frozen; each step makes the next snapshot, checked against the transition table.
"""

from decimal import Decimal

import msgspec

from shared.venue.values import (
    ORDER_TRANSITIONS,
    ZERO,
    CancelReason,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    TriggerDirection,
)


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for; `price` is required for limit orders and ignored for market orders."""

    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    trigger_price: Decimal | None = None
    trigger_direction: TriggerDirection | None = None
    reduce_only: bool = False
    client_order_id: str = ""


class AmendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A change to an open order, found by either id; None leaves a value as it is."""

    symbol: str
    venue_order_id: str = ""
    client_order_id: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot of an order; `cum_value` is the sum of price times quantity over its fills."""

    venue_order_id: str
    client_order_id: str
    sequence: int
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    # Of a market order: the protection price, the worst it may trade at; 0 until it is triggered.
    price: Decimal
    created_ms: int
    updated_ms: int
    last_px_at_creation: Decimal
    status: OrderStatus = OrderStatus.NEW
    trigger_price: Decimal | None = None
    trigger_direction: TriggerDirection | None = None
    triggered: bool = False
    reduce_only: bool = False
    cum_qty: Decimal = ZERO
    cum_value: Decimal = ZERO
    cum_fee: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    # Size of others that was displayed at our price before we joined and still waits before us.
    queue_ahead: Decimal = ZERO
    cancel_reason: CancelReason | None = None

    @property
    def leaves_qty(self) -> Decimal:
        """Return what may still trade: nothing once the order is closed."""
        return self.quantity - self.cum_qty if self.status.is_open else ZERO

    @property
    def avg_px(self) -> Decimal:
        return self.cum_value / self.cum_qty if self.cum_qty else ZERO

    @property
    def is_active(self) -> bool:
        """Tell whether it can trade: open and, if conditional, triggered."""
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


def advance(order: Order, now_ms: int, **changes: object) -> Order:
    """Return the order's next snapshot; an illegal status change is a bug and crashes."""
    after: Order = msgspec.structs.replace(order, updated_ms=now_ms, **changes)
    legal = ORDER_TRANSITIONS[order.status]
    assert after.status in legal, f"{order.venue_order_id}: {order.status} -> {after.status}"
    assert ZERO <= after.cum_qty <= after.quantity, f"{order.venue_order_id} is overfilled"
    return after
