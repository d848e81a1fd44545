"""Reads Bybit v5's public messages and rows: raw strings in, our values out, nothing invented.

The raw message is read because ccxt's unified candle has no `confirm`: whether a bar is closed can be
learnt from nothing else at once. Formats: https://bybit-exchange.github.io/docs/v5/websocket/public/kline
(and .../trade, .../orderbook), https://bybit-exchange.github.io/docs/v5/market/tickers.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite, nan
from typing import Any
from urllib.parse import urlsplit

import msgspec

from services.market.domain.bars import Bar
from services.market.domain.trades import Trade
from services.market.domain.universe import Ticker
from shared.contracts.market import Instrument

Raw = Mapping[str, Any]


class BadAnswer(ValueError):
    """The venue sent something that cannot be what it should be; the message names the field."""


class KlinePush(msgspec.Struct, frozen=True, kw_only=True):
    """What the kline topic says of a bar; `closed` carries it once the venue has confirmed it."""

    open_time_ms: int
    time_ms: int
    closed: Bar | None


def kline_push(message: Raw) -> KlinePush:
    """Read a message of the topic `kline.<interval>.<symbol>`.

    Raises:
        BadAnswer: a field is missing or no number; BarInvalid is one.
    """
    try:
        row = message["data"][-1]
        start, time_ms = int(row["start"]), int(message["ts"])
        closed = None
        if row["confirm"] is True:
            closed = Bar(start, *(float(row[key]) for key in ("open", "high", "low", "close", "volume")))
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"kline: {error!r}") from error
    if not 0 < start <= time_ms:
        raise BadAnswer(f"kline: a bar that starts at {start} cannot be seen at {time_ms}")
    return KlinePush(open_time_ms=start, time_ms=time_ms, closed=closed)


def trade_push(message: Raw, contract_size: float) -> list[Trade]:
    """Read a message of the topic `publicTrade.<symbol>`.

    Raises:
        BadAnswer: a field is missing or no number.
    """
    try:
        return [
            Trade(
                trade_id=str(row["i"]),
                time_ms=int(row["T"]),
                notional_usd=_positive(row, "p") * _positive(row, "v") * contract_size,
                buy=row["S"] == "Buy",
            )
            for row in message["data"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"publicTrade: {error!r}") from error


def last_price(message: Raw) -> float:
    """Return the price of the newest trade of a `publicTrade` message.

    Raises:
        BadAnswer: there is none.
    """
    try:
        return _positive(message["data"][-1], "p")
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"publicTrade: {error!r}") from error


def kline_row(row: Any) -> Bar:
    """Read a row of `/v5/market/kline`: start, open, high, low, close, volume.

    Raises:
        BadAnswer: a field is missing or no number; BarInvalid is one.
    """
    try:
        opened, high, low, close, volume = (float(row[column]) for column in range(1, 6))
        return Bar(int(row[0]), opened, high, low, close, volume)
    except (IndexError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"/v5/market/kline: {error!r}") from error


def ticker(row: Raw) -> Ticker:
    """Read a row of `/v5/market/tickers`; a field without a usable number is NaN."""
    return Ticker(
        last=_number(row, "lastPrice"),
        bid=_number(row, "bid1Price"),
        ask=_number(row, "ask1Price"),
        volume_24h_usd=_number(row, "turnover24h"),
        change_24h_frac=_number(row, "price24hPcnt"),
        open_interest_usd=_number(row, "openInterestValue"),
    )


def instrument(market: Raw) -> Instrument:
    """Read the order rules of one ccxt market from the venue's own strings.

    Raises:
        BadAnswer: a rule is missing or no number.
    """
    info = market["info"]
    try:
        lots, prices = info["lotSizeFilter"], info["priceFilter"]
        leverage = info.get("leverageFilter", {}).get("maxLeverage")
        return Instrument(
            symbol=market["symbol"],
            base=market["base"],
            quote=market["quote"],
            tick_size=Decimal(prices["tickSize"]),
            lot_size=Decimal(lots["qtyStep"]),
            quantity_min=Decimal(lots["minOrderQty"]),
            quantity_max=Decimal(lots["maxOrderQty"]) if lots.get("maxOrderQty") else None,
            notional_min_usd=Decimal(lots.get("minNotionalValue") or 0),
            contract_size=Decimal(str(market["contractSize"])),
            leverage_max=Decimal(leverage) if leverage else None,
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise BadAnswer(f"instrument {market.get('symbol')}: {error!r}") from error


def redirected(urls: Any, base_url: str) -> Any:
    """Return ccxt's `urls['api']` with every host replaced by that of `base_url`, paths kept.

    REST addresses have no path of their own; WebSocket addresses get the scheme `ws` for `http` and `wss`
    for `https`.
    """
    if isinstance(urls, Mapping):
        return {key: redirected(value, base_url) for key, value in urls.items()}
    parts = urlsplit(str(urls))
    base = base_url.rstrip("/")
    if parts.scheme in ("ws", "wss"):
        base = "ws" + base.removeprefix("http")
    return base + parts.path


def _positive(row: Raw, key: str) -> float:
    value = float(row[key])
    if not isfinite(value) or value <= 0:
        raise ValueError(f"{key}: {value}")
    return value


def _number(row: Raw, key: str) -> float:
    try:
        value = float(row[key])
    except (KeyError, TypeError, ValueError):
        return nan
    return value if isfinite(value) else nan
