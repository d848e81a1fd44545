"""Merge candidate prices into levels and count the bars that touch them (specification 2.6, steps 2 and 3).

Extremes are sorted once per symbol; a level's touches are then a range of the sorted row, whatever their number.
"""

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.market.columns import Bools, Floats, Ints

Places = npt.NDArray[np.intp]


class Sorted(NamedTuple):
    """Extremes of each symbol, lowest first and missing ones last, and the bar of each; `[symbols, rows]`."""

    values: Floats
    bar: Places


class Clusters(NamedTuple):
    """Merged prices of all symbols: of which symbol each is, by symbol and price; `[clusters]`."""

    symbol: Places
    price: Floats


class Touches(NamedTuple):
    """What touched each cluster: how many bars, the first and the last, and their volume; `[clusters]`."""

    bars: Ints
    first: Places
    last: Places
    volume: Floats


def sort_extremes(extremes: Floats) -> Sorted:
    """Sort `[symbols, rows]` along the rows."""
    bar = np.argsort(extremes, axis=1, kind="stable")
    return Sorted(np.take_along_axis(extremes, bar, axis=1), bar)


def cluster(extremes: Sorted, marked: Bools, tolerance: Floats) -> Clusters:
    """Merge each symbol's distinct candidate prices into the averages of groups no wider than its tolerance.

    A group begins at the lowest price that no other has taken, so it cannot creep through a dense range.
    """
    chosen = np.take_along_axis(marked, extremes.bar, axis=1)
    prices = extremes.values[chosen]
    symbol = np.repeat(np.arange(len(chosen)), chosen.sum(axis=1))
    distinct = np.ones(len(prices), dtype=np.bool_)
    distinct[1:] = (prices[1:] != prices[:-1]) | (symbol[1:] != symbol[:-1])
    prices = prices[distinct]
    stops = np.cumsum(np.bincount(symbol[distinct], minlength=len(chosen)))
    ladder = prices.tolist()
    starts: list[int] = []
    counts: list[int] = []
    start = 0
    for stop, width in zip(stops.tolist(), tolerance.tolist(), strict=True):
        before = len(starts)
        while start < stop:
            starts.append(start)
            start = bisect_right(ladder, ladder[start] + width, start, stop)
        counts.append(len(starts) - before)
    sizes = np.diff([*starts, len(ladder)])
    averages = np.add.reduceat(prices, starts) / sizes if starts else np.empty(0)
    return Clusters(np.repeat(np.arange(len(counts)), counts), averages)


def touches(extremes: Sorted, clusters: Clusters, tolerance: Floats, volume: Floats) -> Touches:
    """Count the bars whose extreme lies within the tolerance of each cluster; `volume` is `[symbols, rows]`."""
    low = search(extremes.values, clusters, clusters.price - tolerance[clusters.symbol], "left")
    high = search(extremes.values, clusters, clusters.price + tolerance[clusters.symbol], "right")
    rows = extremes.values.shape[1]
    # Pairs of range ends for `reduceat`; one number more, because a range may end with the last row.
    ranges = np.stack([low, high], axis=1) + rows * clusters.symbol[:, None]
    flat = ranges.reshape(-1)
    bars = np.append(extremes.bar.reshape(-1), 0)
    traded = np.append(np.nan_to_num(np.take_along_axis(volume, extremes.bar, axis=1)).reshape(-1), 0.0)
    return Touches(
        bars=(high - low).astype(np.int64),
        first=np.minimum.reduceat(bars, flat)[::2],
        last=np.maximum.reduceat(bars, flat)[::2],
        volume=np.add.reduceat(traded, flat)[::2],
    )


def search(rows: Floats, clusters: Clusters, wanted: Floats, side: str) -> Places:
    """Find each wanted number's place in the sorted row of its cluster's symbol."""
    bounds = np.searchsorted(clusters.symbol, np.arange(len(rows) + 1)).tolist()
    found = np.empty(len(wanted), dtype=np.intp)
    for row, start, stop in zip(rows, bounds[:-1], bounds[1:], strict=True):
        if stop > start:
            found[start:stop] = np.searchsorted(row, wanted[start:stop], side)  # type: ignore[call-overload]
    return found
