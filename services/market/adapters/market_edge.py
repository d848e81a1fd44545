"""Turns a venue's public data into the records of the market subject.

In this order: the instruments, every bar that the log lacks, the tickers; then everything live. So whoever
reads tickers knows that the bars before them are complete.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from services.market.adapters.bar_keeper import BarKeeper
from services.market.adapters.bybit_wire import BadAnswer
from services.market.adapters.ccxt_market import CcxtMarket
from services.market.adapters.connection import Connection
from services.market.adapters.feed import Feed, now_ms
from services.market.adapters.observer import Observer
from services.market.adapters.past import Past, read_past
from services.market.adapters.recorder import Recorder
from services.market.adapters.watchdog import Watchdog, silences_ms
from services.market.adapters.watching import Watching
from services.market.domain.bars import BarSequence
from services.market.domain.staleness import Silence
from services.market.domain.trades import TradeWindow
from services.market.domain.universe import choose
from services.market.domain.watchlist import Watchlist
from services.market.settings import MarketSettings
from shared.contracts.desk import Source
from shared.contracts.market import FeedChannel, Instrument, InstrumentsListed
from shared.log.writer import Writer
from shared.runtime.edge import Desk
from shared.runtime.lean_ccxt import VenueError

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 5.0
# Tickers are a request over the whole universe: never more often than this, however fast desk time runs.
TICKERS_WALL_MIN_S = 1.0

Result = TypeVar("Result")


class MarketEdge:
    """The market service's edge; see `shared.runtime.edge.Edge`."""

    def __init__(self, settings: MarketSettings) -> None:
        """Prepare; nothing is sent before `run`."""
        self._settings = settings
        self._logger = structlog.get_logger("market.edge")

    async def run(self, desk: Desk) -> None:
        """Observe the venue until cancelled.

        Raises:
            FenceConflict: another instance has taken over the subject.
            LogUnavailable: the broker stayed away for longer than a restart takes.
        """
        section = self._settings.market
        sequence = BarSequence(step_ms=section.timeframe_s * 1000, depth=section.backfill_bars)
        feed = Feed(sequence, Silence(silences_ms(section)), TradeWindow(window_s=section.trade_window_s))
        market = CcxtMarket(
            self._settings.venue, feed, timeframe_s=section.timeframe_s, book_levels=section.book_levels
        )
        try:
            await self._run(desk, market, feed)
        finally:
            await market.close()

    async def _run(self, desk: Desk, market: CcxtMarket, feed: Feed) -> None:
        section = self._settings.market
        venue_ms, instruments = await self._insist(lambda: self._list(market))
        symbols = tuple(each.symbol for each in instruments)
        feed.listen_to(instruments, market.ids(symbols))
        past = await read_past(desk.log, symbols, depth_ms=section.backfill_bars * section.timeframe_s * 1000)
        feed.sequence.resume(past.last_open_ms)
        writer = await Writer.open(desk.log, Source.MARKET)
        recorder = Recorder(writer, desk.clock, last_time_ns=past.last_time_ns)
        recorder.see(venue_ms)
        feed.on_time = recorder.see
        connection = Connection(market, feed, symbols=symbols, silence_max_s=section.socket_silence_s)
        bars = BarKeeper(market, feed, recorder, symbols=symbols, concurrency=section.backfill_concurrency)
        observer = Observer(market, feed, recorder, connection, instruments=instruments)
        watchlist = Watchlist(top=section.watch_top, scans_kept=section.watch_scans_kept)
        watching = Watching(desk.log, watchlist, connection, recorder, symbols=symbols)

        await recorder.record([InstrumentsListed(instruments=instruments)])
        self._expect(feed.silence, past, symbols)
        connection.open()
        connecting = asyncio.create_task(connection.run())
        try:
            await self._insist(lambda: bars.catch_up(recorder.venue_ms))
            await self._insist(observer.observe_tickers)
            self._logger.info("caught_up", symbols=len(symbols), resumed=len(past.last_open_ms))
            bars.start_live()
            await _together(
                bars.run_flush(),
                bars.run_mend(),
                observer.run_tickers(max(TICKERS_WALL_MIN_S, desk.clock.wall_s(section.tickers_interval_s))),
                observer.run_books(section.quotes_interval_s, section.books_interval_s),
                watching.run_follow(),
                watching.run_apply(),
                Watchdog(feed, bars, recorder).run(),
                _until_done(connecting),
            )
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)

    async def _list(self, market: CcxtMarket) -> tuple[int, tuple[Instrument, ...]]:
        listed = await market.load()
        venue_ms, tickers = await market.tickers()
        section = self._settings.market
        quotes = [quote.strip().upper() for quote in section.quotes.split(",")]
        chosen = choose(listed, tickers, quotes=quotes, symbols_max=section.symbols_max)
        if not chosen:
            raise BadAnswer(f"the venue lists no active linear perpetual quoted in {quotes}")
        return venue_ms, chosen

    async def _insist(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Ask the venue until it answers; each failure is logged, and waited out a little longer."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                return await ask()
            except (VenueError, BadAnswer) as error:
                self._logger.warning("venue_failed", error=repr(error), again_in_s=backoff_s)
            await asyncio.sleep(backoff_s)
            backoff_s = min(BACKOFF_MAX_S, backoff_s * 2)

    @staticmethod
    def _expect(silence: Silence, past: Past, symbols: tuple[str, ...]) -> None:
        """Take over what the log says is stale; where it has not been read to the end, suppose the worst."""
        silence.expect(FeedChannel.TICKERS, symbols, now_ms())
        for channel in FeedChannel:
            silence.suppose_stale(channel, past.stale.get(channel, {}))
            if not past.complete:
                silence.suppose_stale(channel, symbols)


async def _until_done(task: asyncio.Task[None]) -> None:
    await task


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Run all works until the first one raises; then cancel the others and raise that."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
