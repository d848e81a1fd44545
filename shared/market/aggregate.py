"""Merge short bars into longer ones on the longer bars' own time grid."""

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
    groups = (len(open_time_ms) - skipped) // factor
    used = slice(skipped, skipped + max(0, groups) * factor)
    shape = (max(0, groups), factor, *bars.close.shape[1:])
    first, high, low, last, volume = (field[used].reshape(shape) for field in bars)
    times = open_time_ms[used][::factor]
    assert not (times % long_ms).any(), "rows are consecutive and on the grid"
    merged = Bars(
        np.ascontiguousarray(first[:, 0]),
        high.max(axis=1),
        low.min(axis=1),
        np.ascontiguousarray(last[:, -1]),
        volume.sum(axis=1),
    )
    missing = np.isnan(bars.close[used].reshape(shape)).any(axis=1)
    for field in merged:
        field[missing] = np.nan
    return times, merged
