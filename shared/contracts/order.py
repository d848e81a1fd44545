"""Defines the life of an order as execution tells it, in FIX terms.

`OrderSubmitted`, `CancelSubmitted` and `AmendSubmitted` are intents: they are in the log before
anything is sent to the venue.
"""

from decimal import Decimal
from enum import StrEnum

from shared.contracts.base import Event


class OrderSide(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class OrderStatus(StrEnum):
    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class OrderPurpose(StrEnum):
    """What an order is for; everything but an entry is reduce-only."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


class OrderSubmitted(Event, frozen=True, kw_only=True):
    """Execution is about to send this order; the intent, recorded before the send."""

    client_order_id: str
    symbol: str
    side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool
    post_only: bool = False
    purpose: OrderPurpose
    position_id: str
    signal_id: str


class OrderAccepted(Event, frozen=True, kw_only=True):
    """The venue has the order."""

    client_order_id: str
    venue_order_id: str


class OrderRejected(Event, frozen=True, kw_only=True):
    """The venue has refused the order, for certain."""

    client_order_id: str
    code: str
    reason: str


class OrderFilled(Event, frozen=True, kw_only=True):
    """The venue has executed a part of the order, or the rest of it."""

    client_order_id: str
    venue_order_id: str
    trade_id: str
    symbol: str
    side: OrderSide
    last_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    avg_px: Decimal
    fee_usd: Decimal
    liquidity: Liquidity
    status: OrderStatus
    purpose: OrderPurpose
    position_id: str


class OrderCanceled(Event, frozen=True, kw_only=True):
    """The order is no longer at the venue, by our wish or the venue's; `cum_qty` had filled."""

    client_order_id: str
    cum_qty: Decimal
    reason: str


class CancelSubmitted(Event, frozen=True, kw_only=True):
    """Execution is about to ask the venue to cancel this order."""

    client_order_id: str
    symbol: str
    reason: str


class CancelRejected(Event, frozen=True, kw_only=True):
    """The venue did not cancel: the order is already done, or is unknown there."""

    client_order_id: str
    code: str
    reason: str


class AmendSubmitted(Event, frozen=True, kw_only=True):
    """Execution is about to ask the venue to change this order in place."""

    amend_id: str
    client_order_id: str
    symbol: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None


class OrderAmended(Event, frozen=True, kw_only=True):
    """The venue has changed the order."""

    amend_id: str
    client_order_id: str


class AmendRejected(Event, frozen=True, kw_only=True):
    """The venue did not change the order."""

    amend_id: str
    client_order_id: str
    code: str
    reason: str


class OrderOutcomeUnknown(Event, frozen=True, kw_only=True):
    """The send got no certain answer; the venue is being asked by client order id."""

    client_order_id: str
    error: str
