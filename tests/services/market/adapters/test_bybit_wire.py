"""What is read from Bybit's raw messages, and that broken ones are refused by name."""

from decimal import Decimal
from math import isnan
from typing import Any

import pytest

from services.market.adapters.bybit_wire import (
    BadAnswer,
    instrument,
    kline_push,
    kline_row,
    redirected,
    ticker,
    trade_push,
)
from services.market.domain.bars import Bar
from services.market.domain.trades import Trade

KLINE = {
    "start": 1672324800000,
    "end": 1672325099999,
    "interval": "5",
    "open": "16649.5",
    "close": "16677",
    "high": "16677",
    "low": "16608",
    "volume": "2.081",
    "turnover": "34666.4005",
    "confirm": True,
    "timestamp": 1672325100002,
}
TRADE = {"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "i": "20f43950"}


def kline(**changes: Any) -> dict[str, Any]:
    return {"topic": "kline.5.BTCUSDT", "ts": 1672325100002, "data": [{**KLINE, **changes}]}


def market(**info: Any) -> dict[str, Any]:
    filters = {
        "lotSizeFilter": {
            "qtyStep": "0.001",
            "minOrderQty": "0.001",
            "maxOrderQty": "1190.000",
            "minNotionalValue": "5",
        },
        "priceFilter": {"tickSize": "0.10"},
        "leverageFilter": {"maxLeverage": "100.00"},
    }
    return {
        "symbol": "BTC/USDT:USDT",
        "base": "BTC",
        "quote": "USDT",
        "contractSize": 1.0,
        "info": {**filters, **info},
    }


def test_a_confirmed_candle_is_a_closed_bar() -> None:
    push = kline_push(kline())
    assert push.closed == Bar(1672324800000, 16649.5, 16677.0, 16608.0, 16677.0, 2.081)
    assert push.time_ms == 1672325100002


@pytest.mark.parametrize("confirm", [False, None, "true", 1])
def test_a_candle_is_closed_only_when_the_venue_says_so(confirm: object) -> None:
    push = kline_push(kline(confirm=confirm))
    assert push.closed is None
    assert push.open_time_ms == 1672324800000


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"ts": 1, "data": []},
        {"ts": None, "data": [KLINE]},
        kline(start="soon"),
        kline(start=1672325100003),
        kline(start=float("inf")),
        kline(close=None),
        kline(close="NaN"),
        kline(high="1"),
        kline(volume="-1"),
    ],
)
def test_a_broken_candle_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        kline_push(message)


def test_a_trade_is_read_with_its_notional() -> None:
    trades = trade_push({"data": [TRADE, {**TRADE, "S": "Sell", "i": "b"}]}, 10.0)
    assert trades[0] == Trade("20f43950", 1672304486865, 16578.5 * 0.001 * 10.0, buy=True)
    assert not trades[1].buy


@pytest.mark.parametrize("change", [{"p": "0"}, {"v": "inf"}, {"p": None}, {"T": ""}])
def test_a_broken_trade_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        trade_push({"data": [{**TRADE, **change}]}, 1.0)


def test_a_rest_row_is_a_bar_and_a_broken_one_is_refused() -> None:
    row = ["1672324800000", "1", "3", "0.5", "2", "7", "14"]
    assert kline_row(row) == Bar(1672324800000, 1.0, 3.0, 0.5, 2.0, 7.0)
    for broken in (row[:4], [*row[:2], "", *row[3:]], None, ["x"]):
        with pytest.raises(BadAnswer):
            kline_row(broken)


def test_what_a_ticker_does_not_say_is_nan() -> None:
    found = ticker({"lastPrice": "16597.00", "bid1Price": "", "turnover24h": "inf", "price24hPcnt": "-0.01"})
    assert (found.last, found.change_24h_frac) == (16597.0, -0.01)
    assert isnan(found.bid)
    assert isnan(found.volume_24h_usd)
    assert isnan(found.open_interest_usd)


def test_an_instruments_rules_are_the_venues_own_strings() -> None:
    found = instrument(market())
    assert (found.tick_size, found.lot_size) == (Decimal("0.10"), Decimal("0.001"))
    assert (found.quantity_max, found.notional_min_usd) == (Decimal("1190.000"), Decimal(5))
    assert found.leverage_max == Decimal("100.00")


@pytest.mark.parametrize(
    "info", [{"priceFilter": {}}, {"priceFilter": {"tickSize": "?"}}, {"lotSizeFilter": None}]
)
def test_an_instrument_without_rules_is_refused(info: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        instrument(market(**info))


def test_every_host_is_replaced_and_the_paths_stay() -> None:
    urls = {
        "spot": "https://api.{hostname}",
        "ws": {"public": {"linear": "wss://stream.{hostname}/v5/public/linear"}},
    }
    assert redirected(urls, "http://127.0.0.1:9000/") == {
        "spot": "http://127.0.0.1:9000",
        "ws": {"public": {"linear": "ws://127.0.0.1:9000/v5/public/linear"}},
    }
    assert redirected(urls, "https://demo")["ws"]["public"]["linear"] == "wss://demo/v5/public/linear"
