"""The public side of the wire, through the unmodified ccxt.pro class."""

import asyncio
from itertools import pairwise
from typing import Any

from tests.services.simulator.process import ETH, WAIT_S, Process, client

BTC = "BTC/USDT:USDT"


async def test_markets_carry_the_rules_that_orders_must_keep(ccxt_client: Any) -> None:
    market = ccxt_client.markets[ETH]
    assert (market["type"], market["linear"], market["active"], market["contractSize"]) == (
        "swap",
        True,
        True,
        1,
    )
    assert market["precision"]["price"] == 0.1
    assert market["precision"]["amount"] == market["limits"]["amount"]["min"] == 0.001
    assert market["limits"]["cost"]["min"] == 5


async def test_ticker_book_and_trades_agree_on_the_price(ccxt_client: Any) -> None:
    ticker, book, trades = await asyncio.gather(
        ccxt_client.fetch_ticker(ETH), ccxt_client.fetch_order_book(ETH, 50), ccxt_client.fetch_trades(ETH)
    )
    assert len(book["bids"]) == len(book["asks"]) == 50
    assert book["bids"][0][0] < book["asks"][0][0]
    for price in (book["bids"][0][0], trades[-1]["price"]):
        assert abs(price / ticker["last"] - 1) < 0.01
    assert ticker["quoteVolume"] > 20e6
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert trades == sorted(trades, key=lambda trade: trade["timestamp"])


async def test_two_days_of_candles_precede_the_start_without_a_gap(sim: Process, ccxt_client: Any) -> None:
    now_ms = (await sim.get("/sim/clock"))["market_ms"]
    candles = await ccxt_client.fetch_ohlcv(ETH, "5m", since=now_ms - 2 * 86_400_000, limit=570)
    assert len(candles) == 570
    assert {later[0] - earlier[0] for earlier, later in pairwise(candles)} == {300_000}
    for _, opened, high, low, closed, volume in candles:
        assert low <= min(opened, closed) <= max(opened, closed) <= high
        assert volume > 0


async def test_coarser_candles_are_made_of_the_finer_ones(sim: Process, ccxt_client: Any) -> None:
    now_ms = (await sim.get("/sim/clock"))["market_ms"]
    since = now_ms // 3_600_000 * 3_600_000 - 3 * 3_600_000
    minutes = await ccxt_client.fetch_ohlcv(ETH, "1m", since=since, limit=180)
    for name, count in (("3m", 3), ("5m", 5), ("15m", 15), ("30m", 30), ("1h", 60)):
        first = (await ccxt_client.fetch_ohlcv(ETH, name, since=since, limit=1))[0]
        part = minutes[:count]
        assert first[:5] == [
            since,
            part[0][1],
            max(row[2] for row in part),
            min(row[3] for row in part),
            part[-1][4],
        ], name


async def test_open_interest_and_funding_history_are_listed(ccxt_client: Any) -> None:
    history = await ccxt_client.fetch_open_interest_history(ETH, "1h", limit=25)
    amounts = [row["openInterestAmount"] for row in history]
    assert len(amounts) == 25
    assert len(set(amounts)) > 20
    rates = await ccxt_client.fetch_funding_rate_history(ETH, limit=3)
    assert len({row["timestamp"] for row in rates}) == 3


async def test_watched_candles_close_as_rest_reports_them(ccxt_client: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        seen: dict[int, list[float]] = {}
        while len(seen) < 3:
            for row in await ccxt_client.watch_ohlcv(ETH, "1m"):
                seen[row[0]] = list(row)
    start_ms, *values = seen[sorted(seen)[-2]]
    stored = (await ccxt_client.fetch_ohlcv(ETH, "1m", since=start_ms, limit=1))[0]
    assert [start_ms, *values] == stored


async def test_a_watched_book_stays_equal_to_the_books_that_rest_reports(ccxt_client: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        for _ in range(12):
            book = await ccxt_client.watch_order_book(ETH, 50)
            assert len(book["bids"]) == len(book["asks"]) == 50
            assert book["bids"][0][0] < book["asks"][0][0]


async def test_tickers_of_several_symbols_keep_moving(ccxt_client: Any) -> None:
    prices: dict[str, set[float]] = {ETH: set(), BTC: set()}
    async with asyncio.timeout(WAIT_S):
        while min(len(seen) for seen in prices.values()) < 3:
            for symbol, ticker in (await ccxt_client.watch_tickers([ETH, BTC])).items():
                prices[symbol].add(ticker["last"])


async def test_watched_trades_are_new_ones_each_with_its_own_id(ccxt_client: Any) -> None:
    ids: list[str] = []
    async with asyncio.timeout(WAIT_S):
        while len(ids) < 30:
            ids += [trade["id"] for trade in await ccxt_client.watch_trades(ETH)]
    assert len(set(ids)) == len(ids)


async def test_two_subscribers_see_the_same_book(sim: Process, ccxt_client: Any) -> None:
    async with asyncio.timeout(WAIT_S), client(sim) as other:
        mine, theirs = await asyncio.gather(bids_by_time(ccxt_client), bids_by_time(other))
    common = mine.keys() & theirs.keys()
    assert len(common) > 5
    assert all(mine[stamp] == theirs[stamp] for stamp in common)


async def bids_by_time(exchange: Any) -> dict[int, list[list[float]]]:
    """The bids after each of twenty updates, by the book's time."""
    seen: dict[int, list[list[float]]] = {}
    while len(seen) < 20:
        book = await exchange.watch_order_book(ETH, 50)
        seen[book["timestamp"]] = [list(level) for level in book["bids"]]
    return seen
