"""Smooth prices: simple, exponential and Wilder averages of every column.

The recursive averages step over a missing value: it has no average itself, and the next one continues from the
last. Both are one recursion `y += weight * (x - y)` with a weight per cell, so one loop over time serves all
symbols and every starting row.
"""

import numpy as np

from shared.market.columns import Bools, Floats
from shared.market.rolling import column_sums, rolling_mean


def sma(x: Floats, n: int) -> Floats:
    """Return the simple average of the last `n` rows `[rows, symbols]`; NaN with fewer or a missing one."""
    return rolling_mean(x, n)


def ema(x: Floats, n: int) -> Floats:
    """Return the exponential average with alpha = 2 / (n + 1), starting at a column's first value (specification 2.3).

    `[rows, symbols]`; NaN until a column has `n` values, and where the value is missing.
    """
    return recursive_mean(x, *ema_weights(x, n), n)


def wilder(x: Floats, n: int) -> Floats:
    """Return Wilder's average: the mean of a column's first `n` values, then alpha = 1 / n (Wilder 1978).

    `[rows, symbols]`; NaN until a column has `n` values, and where the value is missing.
    """
    return recursive_mean(x, *wilder_weights(x, n), n)


def last_ema(x: Floats, n: int) -> Floats:
    """Return the last row of `ema`, `[symbols]`, as one weighted sum instead of a loop over time."""
    weights, counts = ema_weights(x, n)
    # A value's share of the average is its weight, less what every later value has taken.
    kept = np.cumprod((1.0 - weights)[::-1], axis=0)[::-1]
    weights[:-1] *= kept[1:]
    average = column_sums(x * weights)
    np.copyto(average, np.nan, where=(counts[-1] < n) | np.isnan(x[-1]))
    return average


def ema_weights(x: Floats, n: int) -> tuple[Floats, Floats]:
    """Return the weight and the running count of each cell of an exponential average."""
    seen, counts = _counts(x)
    return np.where(seen, np.where(counts > 1, 2.0 / (n + 1), 1.0), 0.0), counts


def wilder_weights(x: Floats, n: int) -> tuple[Floats, Floats]:
    """Return the weight and the running count of each cell of Wilder's average.

    Weights 1, 1/2, ... 1/n make the running mean of the first n values, the seed.
    """
    seen, counts = _counts(x)
    return np.where(seen, 1.0 / np.clip(counts, 1, n), 0.0), counts


def recursive_mean(x: Floats, weights: Floats, counts: Floats, n: int) -> Floats:
    """Run `y += weight * (x - y)` down every column from zero; NaN until `n` values, and where one is missing."""
    known = weights > 0
    smooth = np.where(known, x, 0.0)
    previous = np.zeros(smooth[:1].size)
    for row, weight in zip(smooth.reshape(len(x), -1), weights.reshape(len(x), -1), strict=True):
        np.subtract(row, previous, out=row)
        np.multiply(row, weight, out=row)
        np.add(row, previous, out=row)
        previous = row
    np.copyto(smooth, np.nan, where=(counts < n) | ~known)
    return smooth


def _counts(x: Floats) -> tuple[Bools, Floats]:
    seen = ~np.isnan(x)
    if seen.all():
        # Without gaps every column has the same weights: one number per row is enough.
        seen = np.ones((len(x), *([1] * (x.ndim - 1))), dtype=np.bool_)
    return seen, np.cumsum(seen, axis=0, dtype=np.float64)
