"""Merge short bars into longer ones on the longer bars' own time grid."""

from functools import reduce

import numpy as np

from shared.market.bars import Bars
from shared.market.columns import Ints


def aggregate_bars(open_time_ms: Ints, bars: Bars, *, step_ms: int, factor: int) -> tuple[Ints, Bars]:
    """Merge `factor` bars of `step_ms` each into one, `[rows, symbols]`; returns open times and bars.

    Groups start at multiples of `factor * step_ms`; rows of an incomplete group at either end are left out. A longer
    bar is missing (NaN) where one of its parts is: its extremes would not be known. Rows must be consecutive.
    """
    long_ms = factor * step_ms
    if len(open_time_ms) == 0:
        return open_time_ms, bars
    skipped = int(-open_time_ms[0] // step_ms % factor)
    stop = skipped + max(0, len(open_time_ms) - skipped) // factor * factor
    times = open_time_ms[skipped:stop:factor]
    assert not (times % long_ms).any(), "rows are consecutive and on the grid"
    opens, highs, lows, closes, volumes = (
        [field[start:stop:factor] for start in range(skipped, skipped + factor)] for field in bars
    )
    merged = Bars(
        opens[0].copy(),
        reduce(np.maximum, highs),
        reduce(np.minimum, lows),
        closes[-1].copy(),
        reduce(np.add, volumes),
    )
    missing = np.isnan(reduce(np.add, closes))
    if missing.any():
        for field in merged:
            field[missing] = np.nan
    return times, merged
