"""Keeps the stream connected: subscribes, notices the loss or the silence, and connects again."""

import asyncio
from collections.abc import Iterable

import structlog

from services.market.adapters.ccxt_market import CcxtMarket
from services.market.adapters.feed import Feed, now_ms, now_s
from services.market.domain.staleness import Silence
from shared.contracts.market import FeedChannel

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0
SILENCE_CHECK_S = 0.5


class Connection:
    """One WebSocket with all its subscriptions, and the symbols that they are for."""

    def __init__(
        self, market: CcxtMarket, feed: Feed, *, symbols: tuple[str, ...], silence_max_s: float
    ) -> None:
        """Prepare to stream the bars of these symbols."""
        self._market = market
        self._feed = feed
        self._symbols = symbols
        self._silence_max_s = silence_max_s
        self._watched: tuple[str, ...] = ()
        self._opened_at_s = 0.0
        self._logger = structlog.get_logger("market.connection")

    @property
    def watched(self) -> tuple[str, ...]:
        """The symbols whose books and trades are streamed."""
        return self._watched

    @property
    def silence(self) -> Silence:
        """What has been heard of whom."""
        return self._feed.silence

    def open(self) -> None:
        """Ask for everything that is wanted; answers and failures come through the feed."""
        self._feed.lost.clear()
        self._opened_at_s = self._feed.heard_at_s = now_s()
        self.silence.expect(FeedChannel.BARS, self._symbols, now_ms())
        self._market.subscribe_bars(self._symbols)
        self._listen(self._watched)
        self._market.watch(self._watched)

    async def watch(self, wanted: tuple[str, ...]) -> None:
        """Stream the books and trades of exactly these symbols; one call at a time."""
        added = [symbol for symbol in wanted if symbol not in self._watched]
        removed = [symbol for symbol in self._watched if symbol not in wanted]
        self._watched = wanted
        self._feed.forget(removed)
        self._listen(added)
        for channel in (FeedChannel.BOOKS, FeedChannel.TRADES):
            self.silence.expect(channel, wanted, now_ms())
        if not self._feed.lost.is_set():
            self._market.watch(added)
            await self._market.unwatch(removed)

    async def run(self) -> None:
        """Connect again whenever the connection is lost; does not return."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            await self._until_lost()
            if self._feed.heard_at_s > self._opened_at_s:
                backoff_s = BACKOFF_FIRST_S
            self._market.disconnect()
            await asyncio.sleep(backoff_s)
            backoff_s = min(BACKOFF_MAX_S, backoff_s * 2)
            self._logger.info("connecting")
            self.open()

    async def _until_lost(self) -> None:
        while not self._feed.lost.is_set():
            try:
                async with asyncio.timeout(SILENCE_CHECK_S):
                    await self._feed.lost.wait()
            except TimeoutError:
                silent_s = now_s() - self._feed.heard_at_s
                if silent_s > self._silence_max_s:
                    self._feed.lose(f"silent for {silent_s:.1f} s")

    def _listen(self, symbols: Iterable[str]) -> None:
        """Count trades from here on: what passed while nobody listened is not in any window."""
        for symbol in symbols:
            self._feed.trades.listen(symbol)
