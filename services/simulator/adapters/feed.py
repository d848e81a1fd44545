"""Publish the public topics that somebody subscribed to, and nothing else.

Books, trades and tickers are throttled in wall time; closing candles are prepared just before the
market's clock passes their end and pushed at that moment.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from services.simulator.adapters.exchange import Exchange
from services.simulator.adapters.hub import Hub
from services.simulator.adapters.render_market import (
    INTERVALS_MS,
    Scale,
    kline_push,
    kline_rows,
    ticker,
    trade_rows,
)
from services.simulator.adapters.wire import Json

BOOK_DEPTHS = frozenset({1, 50, 200, 500})
_BOOK_S, _TRADE_S, _TICKER_S, _FORMING_S = 0.25, 0.25, 0.25, 1.0
# However many books are watched, at most this many are laid out per second.
_BOOKS_PER_S = 300
_PREPARE_S = 0.05
Levels = dict[str, str]


class Feed:
    """The public streams; `wall_delay_s` tells how long until the market's clock shows a time."""

    def __init__(
        self, exchange: Exchange, scales: dict[str, Scale], wall_delay_s: Callable[[int], float]
    ) -> None:
        self._exchange = exchange
        self._scales = scales
        self._wall_delay_s = wall_delay_s
        self._hub: Hub | None = None
        self._books: dict[str, tuple[Levels, Levels]] = {}
        self._tickers: dict[str, Json] = {}
        self._traded_ms: dict[str, int] = {}
        self._update = 1

    def attach(self, hub: Hub) -> None:
        self._hub = hub

    @property
    def hub(self) -> Hub:
        assert self._hub is not None, "the feed publishes through a hub"
        return self._hub

    async def run(self) -> None:
        """Publish until cancelled; a stream that fails ends them all."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_every(_BOOK_S, self._push_books))
            group.create_task(_every(_TRADE_S, self._push_trades))
            group.create_task(_every(_TICKER_S, self._push_tickers))
            group.create_task(_every(_FORMING_S, self._push_forming))
            group.create_task(self._push_closes())

    def snapshot(self, topic: str) -> Json | None:
        """Return a topic's first message, empty if it has none, None if there is no such topic."""
        name, _, rest = topic.partition(".")
        detail, _, symbol = rest.rpartition(".")
        if symbol not in self._exchange.markets:
            return None
        now_ms = self._exchange.now()
        if name == "tickers" and not detail:
            return _message(topic, "snapshot", self._ticker_snapshot(topic, symbol, now_ms), now_ms)
        if name == "orderbook" and detail.isdigit() and int(detail) in BOOK_DEPTHS:
            return self._book_snapshot(topic, symbol, int(detail), now_ms)
        if name == "kline" and detail in INTERVALS_MS:
            return self._forming(topic, symbol, detail, now_ms) or {}
        if name == "publicTrade" and not detail:
            if not self.hub.subscribers.get(topic):
                self._traded_ms[symbol] = now_ms
            return {}
        return None

    async def _push_books(self) -> None:
        topics = self.hub.active("orderbook.")
        for topic in topics:
            _, depth, symbol = topic.split(".")
            now_ms = self._exchange.now()
            known = self._books.get(topic)
            current = self._levels(symbol, int(depth), now_ms)
            self._books[topic] = current
            if known is not None:
                bids, asks = (_changes(old, new) for old, new in zip(known, current, strict=True))
                if bids or asks:
                    self.hub.broadcast(topic, self._book_message(topic, "delta", (bids, asks), now_ms))
            await asyncio.sleep(0)
        await asyncio.sleep(max(len(topics) / _BOOKS_PER_S - _BOOK_S, 0))

    async def _push_trades(self) -> None:
        for topic in self.hub.active("publicTrade."):
            symbol = topic.partition(".")[2]
            now_ms = self._exchange.now()
            market = self._exchange.markets[symbol]
            tape = market.trades(self._traded_ms.get(symbol, now_ms - 1), now_ms)
            self._traded_ms[symbol] = now_ms
            rows = trade_rows(market, self._scales[symbol], tape)
            if rows:
                self.hub.broadcast(topic, _message(topic, "snapshot", rows, now_ms))
            await asyncio.sleep(0)

    async def _push_tickers(self) -> None:
        for topic in self.hub.active("tickers."):
            symbol = topic.partition(".")[2]
            now_ms = self._exchange.now()
            row = ticker(self._exchange.markets[symbol], self._scales[symbol], now_ms)
            known = self._tickers.get(symbol, {})
            changed = {key: value for key, value in row.items() if known.get(key) != value}
            if changed:
                self._tickers[symbol] = row
                self.hub.broadcast(topic, _message(topic, "delta", {"symbol": symbol, **changed}, now_ms))
            await asyncio.sleep(0)

    async def _push_forming(self) -> None:
        for topic in self.hub.active("kline."):
            _, interval, symbol = topic.split(".")
            message = self._forming(topic, symbol, interval, self._exchange.now())
            if message:
                self.hub.broadcast(topic, message)
            await asyncio.sleep(0)

    async def _push_closes(self) -> None:
        """Push each candle's final state at its end; the next one shows itself with the forming ones."""
        minute_ms = INTERVALS_MS["1"]
        end_ms = self._exchange.now() // minute_ms * minute_ms + minute_ms
        while True:
            await asyncio.sleep(max(self._wall_delay_s(end_ms) - _PREPARE_S, 0))
            topics = [t for t in self.hub.active("kline.") if end_ms % INTERVALS_MS[t.split(".")[1]] == 0]
            stamp = self._shock_stamp()
            closing = [(topic, self._closed(topic, end_ms)) for topic in topics]
            await asyncio.sleep(max(self._wall_delay_s(end_ms), 0))
            if stamp != self._shock_stamp():
                closing = [(topic, self._closed(topic, end_ms)) for topic in topics]
            for topic, text in closing:
                if text:
                    self.hub.broadcast_text(topic, text)
            end_ms = max(end_ms + minute_ms, self._exchange.now() // minute_ms * minute_ms)

    def _shock_stamp(self) -> int:
        return sum(len(list(market.shocks)) for market in self._exchange.markets.values())

    def _closed(self, topic: str, end_ms: int) -> str | None:
        """Return the encoded final state of the candle that ends at a time."""
        _, interval, symbol = topic.split(".")
        market, span = self._exchange.markets[symbol], INTERVALS_MS[interval]
        rows = kline_rows(
            market.candles(span, end_ms - span, end_ms, end_ms), self._scales[symbol], market.tick
        )
        if not rows:
            return None
        push = kline_push(rows[0], interval, end_ms, confirm=True)
        return msgspec.json.encode(_message(topic, "snapshot", [push], end_ms)).decode()

    def _forming(self, topic: str, symbol: str, interval: str, now_ms: int) -> Json | None:
        market, span = self._exchange.markets[symbol], INTERVALS_MS[interval]
        start_ms = now_ms // span * span
        rows = kline_rows(
            market.candles(span, start_ms, start_ms + 1, now_ms), self._scales[symbol], market.tick
        )
        if not rows:
            return None
        return _message(topic, "snapshot", [kline_push(rows[0], interval, now_ms, confirm=False)], now_ms)

    def _levels(self, symbol: str, count: int, now_ms: int) -> tuple[Levels, Levels]:
        depth, scale = self._exchange.markets[symbol].depth(now_ms), self._scales[symbol]
        return (
            dict(scale.levels(depth.bid_ticks, depth.bid_lots, count)),
            dict(scale.levels(depth.ask_ticks, depth.ask_lots, count)),
        )

    def _ticker_snapshot(self, topic: str, symbol: str, now_ms: int) -> Json:
        """Return the ticker as other subscribers have it, so that the next delta fits for all."""
        if symbol not in self._tickers or not self.hub.subscribers.get(topic):
            self._tickers[symbol] = ticker(self._exchange.markets[symbol], self._scales[symbol], now_ms)
        return self._tickers[symbol]

    def _book_snapshot(self, topic: str, symbol: str, count: int, now_ms: int) -> Json:
        """Return the book as other subscribers have it, so that the next delta fits for all."""
        known = self._books.get(topic) if self.hub.subscribers.get(topic) else None
        if known is None:
            known = self._books[topic] = self._levels(symbol, count, now_ms)
        return self._book_message(topic, "snapshot", known, now_ms)

    def _book_message(self, topic: str, kind: str, sides: tuple[Levels, Levels], now_ms: int) -> Json:
        self._update += 1
        bids, asks = (list(side.items()) for side in sides)
        data = {"s": topic.rpartition(".")[2], "b": bids, "a": asks, "u": self._update, "seq": now_ms}
        return {**_message(topic, kind, data, now_ms), "cts": now_ms}


def _changes(old: Levels, new: Levels) -> Levels:
    """Return the levels to set, gone ones with size 0."""
    changed = {price: size for price, size in new.items() if old.get(price) != size}
    return changed | {price: "0" for price in old if price not in new}


def _message(topic: str, kind: str, data: Json | list[Json], now_ms: int) -> Json:
    return {"topic": topic, "type": kind, "ts": now_ms, "data": data}


async def _every(period_s: float, push: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await push()
        await asyncio.sleep(max(period_s - (loop.time() - began), 0.005))
