"""Records when a channel falls silent and when it is back, with everything that was missed."""

import asyncio

from services.market.adapters.bar_keeper import BarKeeper
from services.market.adapters.feed import Feed, now_ms, now_s
from services.market.adapters.recorder import Recorder
from services.market.settings import MarketSection
from shared.contracts.market import FeedChannel, FeedStale

CHECK_EVERY_S = 0.25
# A market that is silent by itself must not cost the others their connection again and again.
RECONNECT_EVERY_S = 300.0


def silences_ms(section: MarketSection) -> dict[FeedChannel, int]:
    """Return how long each channel may be silent, in ms of wall time."""
    seconds = {
        FeedChannel.BARS: section.bars_silence_s,
        FeedChannel.BOOKS: section.books_silence_s,
        FeedChannel.TRADES: section.trades_silence_s,
        FeedChannel.TICKERS: section.tickers_silence_s,
    }
    return {channel: int(silence_s * 1000) for channel, silence_s in seconds.items()}


class Watchdog:
    """Measures silence in wall time: a frozen venue's own clock stands still."""

    def __init__(self, feed: Feed, bars: BarKeeper, recorder: Recorder) -> None:
        """Watch the feed, and vouch for the bars only after `bars` has recorded what was missing."""
        self._feed = feed
        self._bars = bars
        self._recorder = recorder
        self._reconnected_at_s = -RECONNECT_EVERY_S

    async def run(self) -> None:
        """Check until cancelled."""
        heard_at_s = 0.0
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            # A market without trades is silent by right; the connection it would speak through is not.
            if self._feed.heard_at_s > heard_at_s and not self._feed.lost.is_set():
                heard_at_s = self._feed.heard_at_s
                self._feed.silence.hear_all(FeedChannel.TRADES, now_ms())
            stale = self._feed.silence.fall_silent(now_ms())
            await self._recorder.record(stale)
            self._remedy(stale)
            restored = self._feed.silence.recover(behind=self._feed.sequence.gapped())
            if restored:
                await self._bars.flush()
                await self._recorder.record(restored)

    def _remedy(self, stale: list[FeedStale]) -> None:
        """Connect again when a subscription has died on a connection that lives."""
        streams = [event.channel for event in stale if event.channel is not FeedChannel.TICKERS]
        if streams and now_s() - self._reconnected_at_s >= RECONNECT_EVERY_S:
            self._reconnected_at_s = now_s()
            self._feed.lose(f"stale: {', '.join(streams)}")
