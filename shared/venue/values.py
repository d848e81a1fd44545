"""Name the closed sets of values that orders are made of, in the FIX vocabulary.

They are strings so that a stored order reads the same in a ledger, a test and a debugger.
"""

from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Side(StrEnum):
    """The direction of an order or of a trade's taker."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return +1 for a buy and -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """Whether the order names the worst price it accepts."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """What happens to the part of an order that does not trade at once."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "POST_ONLY"


class TriggerDirection(StrEnum):
    """Which way the last price has to go to wake a conditional order."""

    RISES = "RISES"
    FALLS = "FALLS"


class OrderStatus(StrEnum):
    """Where an order is in its life; see `ORDER_TRANSITIONS`."""

    UNTRIGGERED = "UNTRIGGERED"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"

    @property
    def is_open(self) -> bool:
        return self in OPEN_STATUSES


OPEN_STATUSES = frozenset({OrderStatus.UNTRIGGERED, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})

ORDER_TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.UNTRIGGERED: frozenset({OrderStatus.UNTRIGGERED, OrderStatus.NEW, OrderStatus.CANCELED}),
    OrderStatus.NEW: frozenset(
        {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELED}
    ),
    OrderStatus.PARTIALLY_FILLED: frozenset(
        {OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELED}
    ),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELED: frozenset(),
}


class CancelReason(StrEnum):
    """Why an order ended before it was filled."""

    BY_USER = "BY_USER"
    REDUCE_ONLY = "REDUCE_ONLY"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"
    NOTHING_TO_FILL = "NOTHING_TO_FILL"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"


class RefusalReason(StrEnum):
    """Why the venue did not do what it was asked; nothing changed."""

    PARAMETER = "PARAMETER"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    REDUCE_ONLY = "REDUCE_ONLY"
    DUPLICATE_CLIENT_ORDER_ID = "DUPLICATE_CLIENT_ORDER_ID"
    BELOW_MIN_NOTIONAL = "BELOW_MIN_NOTIONAL"
    PRICE_OUT_OF_RANGE = "PRICE_OUT_OF_RANGE"
    TRIGGER_NOT_ABOVE_LAST = "TRIGGER_NOT_ABOVE_LAST"
    TRIGGER_NOT_BELOW_LAST = "TRIGGER_NOT_BELOW_LAST"
    NOT_MODIFIED = "NOT_MODIFIED"
    LEVERAGE_NOT_MODIFIED = "LEVERAGE_NOT_MODIFIED"
    LEVERAGE_OUT_OF_RANGE = "LEVERAGE_OUT_OF_RANGE"
