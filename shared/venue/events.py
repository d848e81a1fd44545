"""Name what the matching core reports: one small struct per thing that happened.

Callers persist and publish them in the order returned; each carries the snapshot after it.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from shared.venue.order import Order
from shared.venue.values import ZERO, RefusalReason, Side


class ExecutionType(StrEnum):
    """What a line of the execution list stands for."""

    TRADE = "TRADE"
    FUNDING = "FUNDING"


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One fill or one funding payment; `fee` is what the account pays (negative: receives)."""

    trade_id: str
    sequence: int
    execution_type: ExecutionType
    symbol: str
    side: Side
    last_qty: Decimal
    last_px: Decimal
    fee: Decimal
    fee_rate: Decimal
    time_ms: int
    is_maker: bool = False
    venue_order_id: str = ""
    client_order_id: str = ""
    leaves_qty: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    closed_qty: Decimal = ZERO


class OrderAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The venue took the order; it rests, waits for its trigger, or trades next."""

    order: Order


class OrderTriggered(msgspec.Struct, frozen=True, kw_only=True):
    """The last price reached a conditional order's trigger; it may trade next."""

    order: Order


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True):
    """A part or all of the order traded."""

    order: Order
    execution: Execution


class OrderAmended(msgspec.Struct, frozen=True, kw_only=True):
    """Price, trigger or quantity changed, by the client or because its position shrank."""

    order: Order


class OrderCanceled(msgspec.Struct, frozen=True, kw_only=True):
    """The open rest of the order is gone; `order.cancel_reason` says why."""

    order: Order


class FundingPaid(msgspec.Struct, frozen=True, kw_only=True):
    """An open position paid or received funding."""

    execution: Execution


class LeverageChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The account's leverage for one symbol was set."""

    symbol: str
    leverage: Decimal


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The request changed nothing; `detail` is for people, `reason` for programs."""

    reason: RefusalReason
    detail: str
    client_order_id: str = ""


VenueEvent = (
    OrderAccepted
    | OrderTriggered
    | OrderFilled
    | OrderAmended
    | OrderCanceled
    | FundingPaid
    | LeverageChanged
    | Refused
)
