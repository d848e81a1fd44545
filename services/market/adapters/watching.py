"""Follows what the others decide, to know whose books and trades to watch."""

import asyncio

from services.market.adapters.connection import Connection
from services.market.adapters.recorder import Recorder
from services.market.domain.watchlist import READS, Watchlist
from shared.log.port import Log

APPLY_EVERY_S = 0.5


class Watching:
    """Keeps the streamed symbols equal to the wanted ones."""

    def __init__(
        self,
        log: Log,
        watchlist: Watchlist,
        connection: Connection,
        recorder: Recorder,
        *,
        symbols: tuple[str, ...],
    ) -> None:
        """Watch of these symbols those that the log asks for."""
        self._log = log
        self._watchlist = watchlist
        self._connection = connection
        self._recorder = recorder
        self._listed = frozenset(symbols)
        self._caught_up = asyncio.Event()

    async def run_follow(self) -> None:
        """Fold the log from its beginning; decisions never expire, so nobody at stake is missed."""
        async for delivery in self._log.read(READS):
            if delivery.record is not None:
                for event in delivery.record.events:
                    self._watchlist.fold(event)
            if delivery.caught_up:
                self._caught_up.set()

    async def run_apply(self) -> None:
        """Change the subscriptions when the wish has changed; not before the past is known."""
        await self._caught_up.wait()
        while True:
            wanted = self._watchlist.wanted(self._recorder.venue_ms, self._listed)
            if set(wanted) != set(self._connection.watched):
                await self._connection.watch(wanted)
            await asyncio.sleep(APPLY_EVERY_S)
