"""Keeps the book of one order: what was asked, where it stands, what it has filled.

`TRANSITIONS` is FIX's table of order states; no other change of status is possible. That a send
has no certain answer is a state of its own (`unknown`), never an assumption about the order.
"""

from decimal import Decimal

import msgspec

from shared.contracts.order import (
    AmendSubmitted,
    OrderFilled,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
)

ZERO = Decimal(0)

_S = OrderStatus
_ENDS = frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED})
_LIVE = frozenset({_S.NEW, _S.PARTIALLY_FILLED, _S.PENDING_CANCEL})
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    # A report may overtake the acknowledgement, so everything can follow a submission.
    _S.PENDING_NEW: _LIVE | _ENDS,
    _S.NEW: _LIVE | _ENDS,
    _S.PARTIALLY_FILLED: frozenset(
        {_S.PARTIALLY_FILLED, _S.PENDING_CANCEL, _S.FILLED, _S.CANCELED, _S.EXPIRED}
    ),
    # Back to NEW or PARTIALLY_FILLED when the venue refuses to cancel.
    _S.PENDING_CANCEL: _LIVE | _ENDS,
    _S.FILLED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
}


class OrderState(msgspec.Struct, frozen=True, kw_only=True):
    """One order of ours; `value` is the sum of price times quantity over its fills."""

    intent: OrderSubmitted
    submitted_at_ms: int
    # Seq of the input that caused it: an account observed before cannot show it.
    cause_seq: int
    status: OrderStatus = OrderStatus.PENDING_NEW
    unknown: bool = False
    venue_order_id: str = ""
    quantity: Decimal
    trigger_price: Decimal | None = None
    cum_qty: Decimal = ZERO
    value: Decimal = ZERO
    # How the venue says it ended, while executions may still be missing.
    reported_status: OrderStatus | None = None
    reported_cum: Decimal = ZERO
    reported_reason: str = ""
    amend: AmendSubmitted | None = None

    @property
    def client_order_id(self) -> str:
        return self.intent.client_order_id

    @property
    def symbol(self) -> str:
        return self.intent.symbol

    @property
    def purpose(self) -> OrderPurpose:
        return self.intent.purpose

    @property
    def position_id(self) -> str:
        return self.intent.position_id

    @property
    def is_final(self) -> bool:
        return self.status in _ENDS

    @property
    def is_accepted(self) -> bool:
        """Tell whether the venue has confirmed it and nothing is known to have ended it."""
        return self.status in _LIVE and self.reported_status is None

    @property
    def leaves_qty(self) -> Decimal:
        return ZERO if self.is_final else max(self.quantity - self.cum_qty, ZERO)


def opened(intent: OrderSubmitted, *, cause_seq: int, time_ms: int) -> OrderState:
    """Return the order that an intent becomes."""
    return OrderState(
        intent=intent,
        submitted_at_ms=time_ms,
        cause_seq=cause_seq,
        quantity=intent.quantity,
        trigger_price=intent.trigger_price,
    )


def moved(order: OrderState, status: OrderStatus, **changes: object) -> OrderState:
    """Return the order in another status; an illegal transition is a bug and stops the processor."""
    legal = status is order.status or status in TRANSITIONS[order.status]
    assert legal, f"{order.client_order_id}: {order.status} -> {status}"
    # Whatever the venue says of an order answers the question whether it has it.
    return msgspec.structs.replace(order, status=status, unknown=False, **changes)


def working_status(order: OrderState) -> OrderStatus:
    """Return the status of an order that works on: by what it has filled."""
    return OrderStatus.PARTIALLY_FILLED if order.cum_qty > 0 else OrderStatus.NEW


def status_after(order: OrderState, cum_qty: Decimal) -> OrderStatus:
    """Return the status that a fill leads to; an order that has ended stays as it ended."""
    if order.is_final:
        return order.status
    if cum_qty >= order.quantity:
        return OrderStatus.FILLED
    if order.status is OrderStatus.PENDING_CANCEL:
        return order.status
    return OrderStatus.PARTIALLY_FILLED


def filled(order: OrderState, fill: OrderFilled) -> OrderState:
    """Return the order after a fill. A late fill counts even when the order had ended: fills are facts."""
    changes = {
        "cum_qty": fill.cum_qty,
        "value": order.value + fill.last_px * fill.last_qty,
        "venue_order_id": fill.venue_order_id or order.venue_order_id,
    }
    return moved(order, status_after(order, fill.cum_qty), **changes)


def closing_side(order_side: OrderSide) -> OrderSide:
    """Return the opposite side."""
    return OrderSide.SELL if order_side is OrderSide.BUY else OrderSide.BUY
