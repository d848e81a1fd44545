"""Reads what this edge has recorded before, so that a restart fetches only what is missing."""

from collections.abc import Collection
from math import isnan

import msgspec

from shared.contracts.columns import unpack
from shared.contracts.desk import Source
from shared.contracts.market import BarsClosed, FeedChannel, FeedRestored, FeedStale
from shared.contracts.processor import NS_PER_MS
from shared.contracts.record import Record
from shared.log.port import Log

FIRST_LOOK_RECORDS = 5_000
LOOK_FACTOR = 4


class Past(msgspec.Struct):
    """What the end of the log says about this edge."""

    last_time_ns: int = 0
    # Open time of the last bar recorded, by symbol.
    last_open_ms: dict[str, int] = msgspec.field(default_factory=dict)
    stale: dict[FeedChannel, dict[str, None]] = msgspec.field(default_factory=dict)
    # False when older records exist that have not been read.
    complete: bool = True

    def fold(self, record: Record) -> None:
        """Take note of one of this edge's records."""
        self.last_time_ns = record.time_ns
        for event in record.events:
            match event:
                case BarsClosed():
                    self._fold_bars(event)
                case FeedStale():
                    self.stale.setdefault(event.channel, {}).update(dict.fromkeys(event.symbols))
                case FeedRestored():
                    for symbol in event.symbols:
                        self.stale.get(event.channel, {}).pop(symbol, None)
                case _:
                    pass

    def _fold_bars(self, grid: BarsClosed) -> None:
        closes = unpack(grid.close)
        width = len(grid.symbols)
        for column, symbol in enumerate(grid.symbols):
            for row in reversed(range(grid.rows)):
                if not isnan(closes[row * width + column]):
                    open_ms = grid.open_time_ms + row * grid.timeframe_s * 1000
                    self.last_open_ms[symbol] = max(open_ms, self.last_open_ms.get(symbol, open_ms))
                    break


async def read_past(log: Log, symbols: Collection[str], *, depth_ms: int) -> Past:
    """Return the past of the market subject, reading back no further than needed.

    Back until every one of `symbols` has a bar, or `depth_ms` before the last record: bars older than that
    do not shorten a back-fill. Reads ever longer stretches, because a log is read forward only.
    """
    last_seq = (await log.tail(Source.MARKET, 0)).seq
    look = FIRST_LOOK_RECORDS
    while True:
        after_seq = max(0, last_seq - look)
        past, first_time_ns = await _read_after(log, after_seq)
        deep = past.last_time_ns - first_time_ns >= depth_ms * NS_PER_MS
        if after_seq == 0 or deep or all(symbol in past.last_open_ms for symbol in symbols):
            past.complete = after_seq == 0
            return past
        look *= LOOK_FACTOR


async def _read_after(log: Log, after_seq: int) -> tuple[Past, int]:
    past, first_time_ns = Past(), 0
    async for delivery in log.read(frozenset({Source.MARKET}), after_seq=after_seq, live=False):
        if delivery.record is not None:
            first_time_ns = first_time_ns or delivery.record.time_ns
            past.fold(delivery.record)
    return past, first_time_ns
