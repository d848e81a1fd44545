"""Hold candles as columns of integer ticks, and aggregate them.

Prices are whole ticks so that what a client sees is exact; volumes are floats in base units.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MINUTE_MS = 60_000
DAY_MS = 86_400_000


class Bars(NamedTuple):
    """Columns of equal length: open time in ms, prices in ticks, volume, order-flow lean in -1..1."""

    ts: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Floats
    lean: Floats

    def part(self, start: int, stop: int) -> "Bars":
        """Return rows start..stop-1 as views."""
        rows = slice(start, stop)
        ints = (self.ts[rows], self.open[rows], self.high[rows], self.low[rows], self.close[rows])
        return Bars(*ints, self.volume[rows], self.lean[rows])

    def between(self, start_ms: int, end_ms: int) -> "Bars":
        """Return the rows whose open time lies in [start_ms, end_ms)."""
        first, last = np.searchsorted(self.ts, (start_ms, end_ms))
        return self.part(int(first), int(last))


class BarSource(Protocol):
    """Where a symbol's base candles come from; equal questions get equal answers."""

    bar_ms: int

    def window(self, start_ms: int, end_ms: int) -> Bars:
        """Return the base candles whose open time lies in [start_ms, end_ms), gaps left out."""
        ...


def empty_bars() -> Bars:
    ints, floats = np.empty(0, np.int64), np.empty(0, np.float64)
    return Bars(ints, ints, ints, ints, ints, floats, floats)


def join(parts: list[Bars]) -> Bars:
    """Return the rows of all parts, which must follow each other in time."""
    filled = [part for part in parts if part.ts.size]
    if not filled:
        return empty_bars()
    if len(filled) == 1:
        return filled[0]
    return Bars(
        np.concatenate([part.ts for part in filled]),
        np.concatenate([part.open for part in filled]),
        np.concatenate([part.high for part in filled]),
        np.concatenate([part.low for part in filled]),
        np.concatenate([part.close for part in filled]),
        np.concatenate([part.volume for part in filled]),
        np.concatenate([part.lean for part in filled]),
    )


def aggregate(bars: Bars, interval_ms: int) -> Bars:
    """Return candles of a multiple of the bars' size; a bucket without bars stays a gap."""
    if not bars.ts.size:
        return bars
    buckets = bars.ts // interval_ms
    starts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    ends = np.append(starts[1:], bars.ts.size) - 1
    return Bars(
        buckets[starts] * interval_ms,
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        np.add.reduceat(bars.volume, starts),
        bars.lean[ends],
    )
