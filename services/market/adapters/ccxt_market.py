"""Speaks to the venue through ccxt.pro's bybit class: its raw REST endpoints, its WebSocket client, its order books.

Three hooks of the instance are wrapped (`handle_message`, `on_error`, `on_close`), the class is untouched.
Each message is read in its raw form the moment it arrives. Candles and trades go no further: ccxt's caches
drop `confirm` and every trade beyond their length, and filling them for nobody costs 23 and 57 us a message,
which would stand between the close of 100 bars and their record.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import structlog

from services.market.adapters.bybit_wire import BadAnswer, instrument, kline_row, redirected, ticker
from services.market.domain.bars import Bar, Gap
from services.market.domain.universe import Ticker
from shared.contracts.market import Instrument
from shared.runtime.lean_ccxt import NetworkError, UnsubscribeError, VenueError, bybit
from shared.runtime.settings import VenueSection

PAGE_BARS_MAX = 1000
# Topics per subscribe request; a request may have 21 000 characters.
TOPICS_PER_REQUEST = 50
UNSUBSCRIBE_TIMEOUT_S = 5.0
GOODBYE_TIMEOUT_S = 0.5
REQUEST_TIMEOUT_MS = 5_000
# Bybit allows 600 requests per 5 s and address; ccxt's own guess would take 10 s for 100 symbols.
RATE_LIMIT_MS = 5

# Topics that ccxt need not see.
TAKEN_RAW = frozenset({"kline", "publicTrade"})

Side = list[tuple[float, float]]


class Listener(Protocol):
    """Who hears the stream; both methods return at once and never raise."""

    def hear(self, kind: str, market_id: str, message: Any) -> None:
        """Take a message of the topic `<kind>.….<market_id>`; both empty for one without a topic."""
        ...

    def lose(self, reason: str) -> None:
        """Take note that the connection is gone, with all its subscriptions."""
        ...


class CcxtMarket:
    """One venue's public data over one REST session and one WebSocket."""

    def __init__(
        self, venue: VenueSection, listener: Listener, *, timeframe_s: int, book_levels: int
    ) -> None:
        """Prepare; nothing is sent before `load`."""
        self._timeframe_s = timeframe_s
        self._book_levels = book_levels
        self._listener = listener
        self._logger = structlog.get_logger("market.venue")
        self._exchange = _exchange(venue)
        self._interval = str(timeframe_s // 60)
        self._timeframe = f"{timeframe_s // 60}m"
        self._subscriptions: set[asyncio.Task[None]] = set()
        self._hook()

    async def load(self) -> tuple[Instrument, ...]:
        """Load the venue's markets and return the active linear perpetuals; rules that cannot be read are logged.

        Raises:
            VenueError: the venue does not answer, or refuses.
        """
        # Always anew: ccxt would keep the empty list that it makes of an unreadable answer.
        markets = await self._exchange.load_markets(reload=True)
        perpetuals = [each for each in markets.values() if each["swap"] and each["linear"] and each["active"]]
        found = []
        for market in perpetuals:
            try:
                found.append(instrument(market))
            except BadAnswer as error:
                self._logger.warning("instrument_skipped", error=str(error))
        return tuple(found)

    async def tickers(self) -> tuple[int, dict[str, Ticker]]:
        """Return the venue's time in ms and every market's statistics, by symbol.

        Raises:
            VenueError: the venue does not answer, or refuses.
            BadAnswer: the answer is no list of tickers.
        """
        answer = await self._exchange.publicGetV5MarketTickers({"category": "linear"})
        try:
            rows = answer["result"]["list"]
            found = {symbol: ticker(row) for row in rows if (symbol := self.symbol(row["symbol"]))}
            return int(answer["time"]), found
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer(f"/v5/market/tickers: {error!r}") from error

    async def bars(self, symbol: str, gap: Gap) -> list[Bar]:
        """Return the bars the venue has within a gap, in order; broken rows are left out and logged.

        Raises:
            VenueError: the venue does not answer, or refuses.
            BadAnswer: the answer is no list of bars.
        """
        step_ms = self._timeframe_s * 1000
        found: dict[int, Bar] = {}
        edges = [*range(gap.first_ms, gap.last_ms + 1, PAGE_BARS_MAX * step_ms), gap.last_ms + step_ms]
        for start_ms, stop_ms in pairwise(edges):
            for row in await self._page(symbol, start_ms, stop_ms - step_ms):
                try:
                    bar = kline_row(row)
                except BadAnswer as error:
                    self._logger.warning("bar_skipped", symbol=symbol, error=str(error))
                    continue
                if start_ms <= bar.open_time_ms < stop_ms and bar.open_time_ms % step_ms == 0:
                    found[bar.open_time_ms] = bar
        return [found[open_ms] for open_ms in sorted(found)]

    def subscribe_bars(self, symbols: Sequence[str]) -> None:
        """Ask for the live bars of these symbols; failures reach the listener as a loss."""
        for start in range(0, len(symbols), TOPICS_PER_REQUEST):
            batch = [[symbol, self._timeframe] for symbol in symbols[start : start + TOPICS_PER_REQUEST]]
            self._start(self._exchange.watch_ohlcv_for_symbols(batch), "bars")

    def watch(self, symbols: Sequence[str]) -> None:
        """Ask for the trades and then the books of these symbols; failures reach the listener as a loss."""
        if symbols:
            self._start(self._exchange.watch_trades_for_symbols(list(symbols)), "trades")
            books = self._exchange.watch_order_book_for_symbols(list(symbols), self._book_levels)
            self._start(books, "books")

    async def unwatch(self, symbols: Sequence[str]) -> None:
        """Give up the books and trades of these symbols; returns when the venue has, or does not answer.

        Before that they must not be watched again: ccxt would take them for subscribed.
        """
        if symbols:
            limit = {"limit": self._book_levels}
            books = self._exchange.un_watch_order_book_for_symbols(list(symbols), limit)
            trades = self._exchange.un_watch_trades_for_symbols(list(symbols))
            await asyncio.gather(
                self._start(asyncio.wait_for(books, UNSUBSCRIBE_TIMEOUT_S), "books off"),
                self._start(asyncio.wait_for(trades, UNSUBSCRIBE_TIMEOUT_S), "trades off"),
                return_exceptions=True,
            )

    def book(self, symbol: str) -> tuple[Side, Side] | None:
        """Return a copy of the symbol's bids and asks, best first, None before the first snapshot."""
        book = self._exchange.orderbooks.get(symbol)
        if book is None:
            return None
        return [(each[0], each[1]) for each in book["bids"]], [(each[0], each[1]) for each in book["asks"]]

    def symbol(self, market_id: str) -> str | None:
        """Return the unified symbol of a venue's market id, None when it is not a listed perpetual."""
        for market in (self._exchange.markets_by_id or {}).get(market_id, ()):
            if market["swap"]:
                return str(market["symbol"])
        return None

    def ids(self, symbols: Iterable[str]) -> dict[str, str]:
        """Return the symbol of each of these markets by the venue's id."""
        return {str(self._exchange.market_id(symbol)): symbol for symbol in symbols}

    def disconnect(self) -> None:
        """Drop every connection and what was built from them, so that the next request opens others.

        The idle REST connections go too: where one connection is dead, a pooled one may be as well, and the
        next handshake would go out on it. Nobody waits for the goodbye, which a dead peer never answers.
        """
        clients, session = list(self._exchange.clients.values()), self._exchange.session
        self._exchange.clients.clear()
        self._exchange.orderbooks.clear()
        self._exchange.session = self._exchange.tcp_connector = None
        # The edge has its own, shorter, back-off; ccxt's grows to half a minute.
        self._exchange.ws_dial_backoff = {}
        for task in tuple(self._subscriptions):
            task.cancel()
        for client in clients:
            self._start(asyncio.wait_for(client.close(), GOODBYE_TIMEOUT_S), "goodbye")
        if session is not None:
            self._start(session.close(), "session")

    async def close(self) -> None:
        """Release every connection."""
        self.disconnect()
        await asyncio.gather(*self._subscriptions, return_exceptions=True)
        await self._exchange.close()

    async def _page(self, symbol: str, first_ms: int, last_ms: int) -> list[Any]:
        request = {
            "category": "linear",
            "symbol": self._exchange.market_id(symbol),
            "interval": self._interval,
            "start": first_ms,
            "end": last_ms,
            "limit": PAGE_BARS_MAX,
        }
        answer = await self._exchange.publicGetV5MarketKline(request)
        try:
            return list(answer["result"]["list"])
        except (KeyError, TypeError) as error:
            raise BadAnswer(f"/v5/market/kline {symbol}: {error!r}") from error

    def _hook(self) -> None:
        """Read each message in its raw form, and learn at once when the connection is gone."""
        exchange, listener = self._exchange, self._listener
        handle, on_error, on_close = exchange.handle_message, exchange.on_error, exchange.on_close

        def handle_message(client: Any, message: Any) -> None:
            if exchange.clients.get(client.url) is not client:
                return
            topic = message.get("topic", "") if isinstance(message, dict) else ""
            kind, _, rest = topic.partition(".")
            listener.hear(kind, rest.rpartition(".")[2], message)
            if kind in TAKEN_RAW:
                return
            try:
                handle(client, message)
            except Exception as error:  # noqa: BLE001  ccxt's receive loop would die of it in silence
                listener.lose(f"unreadable message: {error!r}")

        def lost(inherited: Any) -> Any:
            def hook(client: Any, reason: Any) -> None:
                current = exchange.clients.get(client.url) is client
                inherited(client, reason)
                if current:
                    listener.lose(str(reason))

            return hook

        exchange.handle_message = handle_message
        exchange.on_error = lost(on_error)
        exchange.on_close = lost(on_close)

    def _start(self, subscription: Coroutine[Any, Any, Any], what: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._await(subscription, what), name=what)
        self._subscriptions.add(task)
        task.add_done_callback(self._subscriptions.discard)
        return task

    async def _await(self, subscription: Coroutine[Any, Any, Any], what: str) -> None:
        """Wait for what only ccxt can tell: refusal or loss. The data comes through the hook."""
        try:
            await subscription
        except UnsubscribeError:
            pass
        except NetworkError as error:
            self._listener.lose(f"{what}: {error}")
        except (VenueError, TimeoutError) as error:
            self._logger.warning("venue_refused", what=what, error=repr(error))


def _exchange(venue: VenueSection) -> Any:
    if venue.exchange != "bybit":
        raise BadAnswer(f"venue.exchange: only bybit is known, got {venue.exchange!r}")
    exchange = bybit(
        {
            "enableRateLimit": not venue.base_url,
            "rateLimit": RATE_LIMIT_MS,
            "timeout": REQUEST_TIMEOUT_MS,
            "options": {
                "defaultType": "swap",
                "fetchMarkets": {"types": ["linear"]},
                "enableUnifiedAccount": True,
            },
        }
    )
    if venue.testnet:
        exchange.set_sandbox_mode(True)
    if venue.base_url:
        exchange.urls["api"] = redirected(exchange.urls["api"], venue.base_url)
    return exchange
