"""Reads Bybit's rows into the contracts and writes intents as Bybit's parameters.

Numbers are taken from the venue's own text and written as text: never through a float.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from shared.contracts.order import (
    AmendSubmitted,
    Liquidity,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
    TimeInForce,
)
from shared.contracts.signal import PositionSide
from shared.contracts.venue import (
    ExecutionKind,
    ExecutionReported,
    OrderReported,
    VenueOrder,
    VenuePosition,
)

Row = Mapping[str, Any]
Name = Callable[[str], str]
ZERO = Decimal(0)

SIDES = {OrderSide.BUY: "Buy", OrderSide.SELL: "Sell"}
_SIDES_READ = {text: side for side, text in SIDES.items()}
_TIMES_IN_FORCE = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
_RISES, _FALLS = 1, 2
_STATUSES = {
    "Created": OrderStatus.NEW,
    "New": OrderStatus.NEW,
    "Active": OrderStatus.NEW,
    "Untriggered": OrderStatus.NEW,
    "Triggered": OrderStatus.NEW,
    "PartiallyFilled": OrderStatus.PARTIALLY_FILLED,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELED,
    "PartiallyFilledCanceled": OrderStatus.CANCELED,
    "Deactivated": OrderStatus.CANCELED,
    "Rejected": OrderStatus.REJECTED,
}
# What else moves a position: liquidation, auto-deleveraging, delivery.
_TRADES = frozenset({"Trade", "BustTrade", "AdlTrade", "Delivery", "BlockTrade"})


class RowUnreadable(Exception):
    """A row of the venue is not what its documentation says; the message names the field."""


def create_params(order: OrderSubmitted, market_id: str) -> dict[str, Any]:
    """Return the parameters of `/v5/order/create`: one-way mode, our id as `orderLinkId`."""
    params: dict[str, Any] = {
        "category": "linear",
        "symbol": market_id,
        "side": SIDES[order.side],
        "orderType": "Limit" if order.order_type is OrderType.LIMIT else "Market",
        "qty": plain(order.quantity),
        "timeInForce": _time_in_force(order),
        "orderLinkId": order.client_order_id,
        "reduceOnly": order.reduce_only,
        "positionIdx": 0,
    }
    if order.price is not None:
        params["price"] = plain(order.price)
    if order.trigger_price is not None:
        params["triggerPrice"] = plain(order.trigger_price)
        params["triggerDirection"] = _RISES if order.side is OrderSide.BUY else _FALLS
        params["triggerBy"] = "LastPrice"
    return params


def amend_params(amend: AmendSubmitted, market_id: str) -> dict[str, Any]:
    """Return the parameters of `/v5/order/amend`: only what changes."""
    changes = {"qty": amend.quantity, "price": amend.price, "triggerPrice": amend.trigger_price}
    return {
        "category": "linear",
        "symbol": market_id,
        "orderLinkId": amend.client_order_id,
        **{name: plain(value) for name, value in changes.items() if value is not None},
    }


def order_report(row: Row, name: Name) -> OrderReported:
    """Return what an order row says.

    Raises:
        RowUnreadable: naming the field.
    """
    reason = text(row, "rejectReason") if row.get("rejectReason") not in (None, "", "EC_NoError") else ""
    return OrderReported(
        client_order_id=text(row, "orderLinkId"),
        venue_order_id=text(row, "orderId"),
        symbol=name(text(row, "symbol")),
        status=_known(_STATUSES, row, "orderStatus"),
        cum_qty=number(row, "cumExecQty"),
        reason=reason,
    )


def venue_order(row: Row, name: Name) -> VenueOrder:
    """Return an open order's row as reconciliation compares it."""
    return VenueOrder(
        client_order_id=text(row, "orderLinkId"),
        venue_order_id=text(row, "orderId"),
        symbol=name(text(row, "symbol")),
        side=_known(_SIDES_READ, row, "side"),
        quantity=number(row, "qty"),
        cum_qty=number(row, "cumExecQty"),
        reduce_only=row.get("reduceOnly") in (True, "true"),
        trigger_price=number(row, "triggerPrice") or None,
    )


def execution(row: Row, name: Name) -> ExecutionReported | None:
    """Return a trade or a funding payment; None for kinds that move neither position nor wallet."""
    kind = text(row, "execType")
    if kind not in _TRADES and kind != "Funding":
        return None
    funding = kind == "Funding"
    return ExecutionReported(
        kind=ExecutionKind.FUNDING if funding else ExecutionKind.TRADE,
        trade_id=text(row, "execId"),
        client_order_id="" if funding else text(row, "orderLinkId"),
        venue_order_id="" if funding else text(row, "orderId"),
        symbol=name(text(row, "symbol")),
        side=_known(_SIDES_READ, row, "side"),
        last_qty=number(row, "execQty"),
        last_px=number(row, "execPrice"),
        fee_usd=number(row, "execFee"),
        liquidity=Liquidity.MAKER if row.get("isMaker") in (True, "true") else Liquidity.TAKER,
        executed_at_ms=int(text(row, "execTime")),
    )


def venue_position(row: Row, name: Name) -> VenuePosition | None:
    """Return a position's row, None when it is flat."""
    quantity = number(row, "size")
    if not quantity:
        return None
    long = _known(_SIDES_READ, row, "side") is OrderSide.BUY
    return VenuePosition(
        symbol=name(text(row, "symbol")),
        side=PositionSide.LONG if long else PositionSide.SHORT,
        quantity=quantity,
        entry_px=number(row, "avgPrice"),
    )


def redirected(urls: Any, base_url: str) -> Any:
    """Return ccxt's `urls['api']` with every host replaced by that of `base_url`, paths kept."""
    if isinstance(urls, Mapping):
        return {key: redirected(value, base_url) for key, value in urls.items()}
    parts = urlsplit(str(urls))
    base = base_url.rstrip("/")
    if parts.scheme in ("ws", "wss"):
        base = "ws" + base.removeprefix("http")
    return base + parts.path


def plain(value: Decimal) -> str:
    """Return a decimal without exponent."""
    return format(value, "f")


def text(row: Row, field: str) -> str:
    """Return a field that must be there, as text."""
    value = row.get(field)
    if value is None:
        raise RowUnreadable(f"{field}: missing")
    return str(value)


def number(row: Row, field: str) -> Decimal:
    """Return a numeric field exactly as the venue wrote it; empty means zero."""
    value = row.get(field)
    if value is None or value == "":
        return ZERO
    try:
        parsed = Decimal(str(value))
    except InvalidOperation as error:
        raise RowUnreadable(f"{field}: {value!r} is no number") from error
    if not parsed.is_finite():
        raise RowUnreadable(f"{field}: {value!r} is not finite")
    return parsed


def _known(values: Mapping[str, Any], row: Row, field: str) -> Any:
    value = text(row, field)
    if value not in values:
        raise RowUnreadable(f"{field}: unknown value {value!r}")
    return values[value]


def _time_in_force(order: OrderSubmitted) -> str:
    if order.order_type is not OrderType.LIMIT:
        return "IOC"
    return "PostOnly" if order.post_only else _TIMES_IN_FORCE[order.time_in_force]
