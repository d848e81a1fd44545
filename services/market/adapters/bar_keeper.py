"""Records bars: live ones within milliseconds of their close, missing ones as soon as the venue has them."""

import asyncio
from collections.abc import Iterable

import structlog

from services.market.adapters.bybit_wire import BadAnswer
from services.market.adapters.ccxt_market import CcxtMarket
from services.market.adapters.feed import Feed
from services.market.adapters.recorder import Recorder
from services.market.domain.grid import grids
from shared.runtime.lean_ccxt import VenueError

# Bars of one instant that arrive within this time of the first are one record.
FLUSH_AFTER_S = 0.006
# A confirmation may still be on the wire when the next bar has begun.
LATE_CONFIRMATION_S = 0.05
# Desk time by which REST may lag behind the stream.
REST_LAG_MS = 1_000
RETRY_S = 0.5
# The venue is asked this often for a bar that it should have; after that it does not have it.
ATTEMPTS_MAX = 3


class BarKeeper:
    """Everything between a closed bar and its record."""

    def __init__(
        self,
        market: CcxtMarket,
        feed: Feed,
        recorder: Recorder,
        *,
        symbols: tuple[str, ...],
        concurrency: int,
    ) -> None:
        """Keep the bars of these symbols; at most `concurrency` requests at a time."""
        self._market = market
        self._feed = feed
        self._sequence = feed.sequence
        self._recorder = recorder
        self._symbols = symbols
        self._slots = asyncio.Semaphore(concurrency)
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._recording = asyncio.Lock()
        self._logger = structlog.get_logger("market.bars")

    async def catch_up(self, venue_ms: int) -> None:
        """Fetch and record every bar that closed before `venue_ms` and is not in the log.

        Raises:
            VenueError: the venue does not answer, or refuses.
        """
        step_ms = self._sequence.step_ms
        for symbol in self._symbols:
            self._sequence.begin(symbol, (venue_ms - REST_LAG_MS) // step_ms * step_ms)
        await self._mend(self._symbols)
        await self.flush()

    def start_live(self) -> None:
        """Record bars as they close from here on."""
        self._feed.on_ready = self._ready
        self._due.set()

    async def run_flush(self) -> None:
        """Write out whatever is ready, whenever it is due."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self.flush()

    async def run_mend(self) -> None:
        """Fetch what the stream has left out, whenever it has."""
        while True:
            await self._feed.gapped.wait()
            self._feed.gapped.clear()
            await asyncio.sleep(LATE_CONFIRMATION_S)
            try:
                await self._mend(self._sequence.gapped())
            except (VenueError, BadAnswer) as error:
                self._logger.warning("backfill_failed", error=repr(error))
                await asyncio.sleep(RETRY_S)
                self._feed.gapped.set()
            self._due.set()

    async def flush(self) -> None:
        """Record what is ready; when this returns, everything that was ready is in the log."""
        async with self._recording:
            self._disarm()
            for grid in grids(self._sequence.take(), step_ms=self._sequence.step_ms):
                await self._recorder.record([grid])

    def _ready(self) -> None:
        if self._sequence.ready >= len(self._symbols):
            self._disarm()
            self._due.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self._due.set)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _mend(self, symbols: Iterable[str]) -> None:
        tasks = [asyncio.create_task(self._mend_one(symbol)) for symbol in symbols]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _mend_one(self, symbol: str) -> None:
        async with self._slots:
            for attempt in range(1, ATTEMPTS_MAX + 1):
                gap = self._sequence.gap(symbol)
                if gap is None:
                    return
                bars = await self._market.bars(symbol, gap)
                if not bars or bars[-1].open_time_ms != gap.last_ms:
                    if attempt < ATTEMPTS_MAX:
                        await asyncio.sleep(RETRY_S)
                        continue
                    self._logger.warning("bars_missing_at_venue", symbol=symbol, last_open_ms=gap.last_ms)
                self._sequence.fill(symbol, bars, gap.last_ms)
                return
