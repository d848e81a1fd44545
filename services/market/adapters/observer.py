"""Records what is observed at intervals: quotes, books and trades of watched symbols, tickers of all."""

import asyncio
from math import nan

import structlog

from services.market.adapters.bybit_wire import BadAnswer
from services.market.adapters.ccxt_market import CcxtMarket
from services.market.adapters.connection import Connection
from services.market.adapters.feed import Feed, now_ms
from services.market.adapters.recorder import Recorder
from services.market.domain.book import BookSummary, books_observed, summarize
from services.market.domain.universe import tickers_observed
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.market import FeedChannel, Instrument, QuotesObserved
from shared.runtime.lean_ccxt import VenueError

Quote = tuple[float, float, float]


class Observer:
    """Conflation: however often the venue speaks, the log hears it at most once per interval."""

    def __init__(
        self,
        market: CcxtMarket,
        feed: Feed,
        recorder: Recorder,
        connection: Connection,
        *,
        instruments: tuple[Instrument, ...],
    ) -> None:
        """Observe these markets; books only of those that `connection` watches."""
        self._market = market
        self._feed = feed
        self._recorder = recorder
        self._connection = connection
        self._symbols = tuple(each.symbol for each in instruments)
        self._contract_sizes = {each.symbol: float(each.contract_size) for each in instruments}
        self._quoted: dict[str, Quote] = {}
        self._logger = structlog.get_logger("market.observer")

    async def observe_tickers(self) -> None:
        """Record the statistics of the whole universe.

        Raises:
            VenueError: the venue does not answer, or refuses.
            BadAnswer: the answer is no list of tickers.
        """
        time_ms, tickers = await self._market.tickers()
        self._recorder.see(time_ms)
        self._feed.silence.hear_all(FeedChannel.TICKERS, now_ms())
        await self._recorder.record([tickers_observed(self._symbols, tickers)])

    async def run_tickers(self, interval_s: float) -> None:
        """Record tickers every `interval_s` of wall time; a failure is left to the watchdog."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                await self.observe_tickers()
            except (VenueError, BadAnswer) as error:
                self._logger.warning("tickers_failed", error=repr(error))

    async def run_books(self, quotes_interval_s: float, books_interval_s: float) -> None:
        """Record quotes at their interval, books and trades at theirs, of what has changed since."""
        moved: dict[str, None] = {}
        every = max(1, round(books_interval_s / quotes_interval_s))
        turn = 0
        while True:
            await asyncio.sleep(quotes_interval_s)
            turn += 1
            moved.update(self._feed.moved)
            quotes = self._quotes(self._summaries(self._feed.moved))
            self._feed.moved.clear()
            events: list[Event] = [quotes] if quotes is not None else []
            if turn % every == 0:
                events += self._books_and_trades(moved)
                moved.clear()
            await self._recorder.record(events)

    def _summaries(self, symbols: dict[str, None]) -> dict[str, BookSummary]:
        """Condense the books of the watched ones among these symbols, as far as there is a book."""
        found = {}
        for symbol in self._connection.watched:
            if symbol in symbols and (book := self._market.book(symbol)) is not None:
                summary = summarize(*book, contract_size=self._contract_sizes[symbol])
                if summary is not None:
                    found[symbol] = summary
        return found

    def _quotes(self, books: dict[str, BookSummary]) -> QuotesObserved | None:
        now = {
            symbol: (book.bid, book.ask, self._feed.last_px.get(symbol, nan))
            for symbol, book in books.items()
        }
        # As text, because NaN is not equal to itself.
        changed = {
            symbol: quote for symbol, quote in now.items() if repr(quote) != repr(self._quoted.get(symbol))
        }
        if not changed:
            return None
        self._quoted.update(changed)
        bid, ask, last = zip(*changed.values(), strict=True)
        return QuotesObserved(symbols=tuple(changed), bid=pack(bid), ask=pack(ask), last=pack(last))

    def _books_and_trades(self, moved: dict[str, None]) -> list[Event]:
        events: list[Event] = []
        summaries = self._summaries(moved)
        if summaries:
            events.append(books_observed(summaries))
        trades = self._feed.trades.observe(self._connection.watched, self._recorder.venue_ms)
        if trades is not None:
            events.append(trades)
        return events
