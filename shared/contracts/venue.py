"""Defines what the venue edge reports: the venue's words, before execution has judged them."""

from decimal import Decimal
from enum import StrEnum

from shared.contracts.base import Event, Value
from shared.contracts.order import Liquidity, OrderSide, OrderStatus
from shared.contracts.signal import PositionSide


class SubmitAcknowledged(Event, frozen=True, kw_only=True):
    """The venue has answered that it has the order."""

    client_order_id: str
    venue_order_id: str


class SubmitRefused(Event, frozen=True, kw_only=True):
    """The venue has answered that it does not take the order."""

    client_order_id: str
    code: str
    message: str


class SubmitUncertain(Event, frozen=True, kw_only=True):
    """No certain answer: cut, time-out, 5xx or unreadable; the order may exist."""

    client_order_id: str
    error: str


class OrderMissing(Event, frozen=True, kw_only=True):
    """Asked by client order id after the receive window had passed, the venue knows no such order."""

    client_order_id: str


class CancelAcknowledged(Event, frozen=True, kw_only=True):
    """The venue has taken the request to cancel; the order's own report follows."""

    client_order_id: str


class CancelRefused(Event, frozen=True, kw_only=True):
    """The venue does not cancel the order: it is done, or unknown there."""

    client_order_id: str
    code: str
    message: str


class AmendAcknowledged(Event, frozen=True, kw_only=True):
    """The venue has changed the order."""

    amend_id: str
    client_order_id: str


class AmendRefused(Event, frozen=True, kw_only=True):
    """The venue has not changed the order, or has not said so for certain."""

    amend_id: str
    client_order_id: str
    code: str
    message: str


class OrderReported(Event, frozen=True, kw_only=True):
    """The state of one of our orders, from the venue's stream or from asking."""

    client_order_id: str
    venue_order_id: str
    symbol: str
    status: OrderStatus
    cum_qty: Decimal
    reason: str = ""


class ExecutionKind(StrEnum):
    TRADE = "trade"
    FUNDING = "funding"


class ExecutionReported(Event, frozen=True, kw_only=True):
    """One execution on our account, as the venue booked it; `trade_id` is the venue's and unique.

    For funding, `fee_usd` is the amount charged (negative: paid to us) and `client_order_id` is empty.
    """

    kind: ExecutionKind
    trade_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: OrderSide
    last_qty: Decimal
    last_px: Decimal
    fee_usd: Decimal
    liquidity: Liquidity
    executed_at_ms: int


class VenuePosition(Value, frozen=True, kw_only=True):
    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_px: Decimal


class VenueOrder(Value, frozen=True, kw_only=True):
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    cum_qty: Decimal
    reduce_only: bool
    trigger_price: Decimal | None = None


class AccountObserved(Event, frozen=True, kw_only=True):
    """The whole account at one moment, from asking the venue: the evidence for reconciliation.

    Execution reports up to this moment have been recorded before it. `observed_after_seq` is the
    seq of the last execution record the edge had seen before it asked: what was decided later
    cannot be in it.
    """

    wallet_usd: Decimal
    equity_usd: Decimal
    available_usd: Decimal
    positions: tuple[VenuePosition, ...]
    orders: tuple[VenueOrder, ...]
    observed_after_seq: int


class VenueConnected(Event, frozen=True, kw_only=True):
    """The private connection stands; an `AccountObserved` follows before entries open."""


class VenueDisconnected(Event, frozen=True, kw_only=True):
    """The private connection is lost; reports may be missing until the account is observed again."""

    error: str
