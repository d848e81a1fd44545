"""Merge short bars into longer ones on the longer bars' own time grid."""

from functools import reduce

import numpy as np

from shared.market.bars import Bars
from shared.market.columns import Floats, Ints


def aggregate_bars(open_time_ms: Ints, bars: Bars, *, step_ms: int, factor: int) -> tuple[Ints, Bars]:
    """Merge `factor` bars of `step_ms` each into one, `[rows, symbols]`; returns open times and bars.

    Groups start at multiples of `factor * step_ms`; rows of an incomplete group at either end are left out. A longer
    bar is missing (NaN) where one of its parts is: its extremes would not be known. Rows must be consecutive.
    """
    rows = whole_groups(open_time_ms, step_ms=step_ms, factor=factor)
    high, low, close = aggregate_ranges(bars.high[rows], bars.low[rows], bars.close[rows], factor=factor)
    opened = bars.open[rows][::factor].copy()
    volume = np.asarray(reduce(np.add, _parts(bars.volume[rows], factor)))
    missing = np.isnan(close)
    for field in (opened, volume):
        field[missing] = np.nan
    return open_time_ms[rows][::factor], Bars(opened, high, low, close, volume)


def whole_groups(open_time_ms: Ints, *, step_ms: int, factor: int) -> slice:
    """Return the rows that make whole groups of `factor` bars on the grid of `factor * step_ms`."""
    if len(open_time_ms) == 0:
        return slice(0, 0)
    start = int(-open_time_ms[0] // step_ms % factor)
    return slice(start, start + max(0, len(open_time_ms) - start) // factor * factor)


def aggregate_ranges(
    high: Floats, low: Floats, close: Floats, *, factor: int
) -> tuple[Floats, Floats, Floats]:
    """Return high, low and close of each whole group of `factor` rows; NaN where a part has no close."""
    closes = _parts(close, factor)
    merged = (
        reduce(np.maximum, _parts(high, factor)),
        reduce(np.minimum, _parts(low, factor)),
        closes[-1].copy(),
    )
    missing = np.isnan(reduce(np.add, closes))
    if missing.any():
        for field in merged:
            field[missing] = np.nan
    return merged


def _parts(field: Floats, factor: int) -> list[Floats]:
    return [field[part::factor] for part in range(factor)]
