"""Reduce sliding windows along the time axis: sums, means and extremes of the last `n` rows.

A window of n rows is assembled from windows of 1, 2, 4, ... rows, so it takes log2(n) passes over the array.
Unlike a running total, this neither drifts nor lets a missing value reach windows that do not contain it.
"""

from collections.abc import Callable

import numpy as np

from shared.market.columns import Floats

Combine = Callable[[Floats, Floats], Floats]


def window_sums(x: Floats, n: int) -> Floats:
    """Return the sums of every `n` consecutive rows, oldest first: `n - 1` rows fewer than given, none if there are fewer."""
    assert n >= 1, "a window has at least one row"
    if n > len(x):
        return x[:0]
    total, summed, block, size = None, 0, x, 1
    while True:
        if n & size:
            # Rows i to i + summed - 1, followed by the next `size` newer ones.
            total = block if total is None else total[: len(x) - summed - size + 1] + block[summed:]
            summed += size
        if summed == n:
            assert total is not None, "n has at least one bit"
            return total
        block = block[:-size] + block[size:]
        size *= 2


def column_sums(x: Floats) -> Floats:
    """Return the sum of all rows, added one after the other, NaN counting as nothing.

    NumPy adds a single column pairwise, and so to other last digits than the same column among others.
    """
    total: Floats = x.sum(axis=0) if x[:1].size > 1 else np.add.accumulate(x, axis=0)[-1]
    return column_sums(np.nan_to_num(x, nan=0.0)) if np.isnan(total).any() else total


def padded(windows: Floats, rows: int) -> Floats:
    """Put NaN rows in front of per-window results, so that row t belongs to the window that ends there."""
    filled = np.empty((rows, *windows.shape[1:]))
    start = rows - len(windows)
    filled[:start] = np.nan
    filled[start:] = windows
    return filled


def rolling_sum(x: Floats, n: int) -> Floats:
    """Sum of the last `n` rows; NaN while there are fewer rows and where a row is missing."""
    return padded(window_sums(x, n), len(x))


def rolling_mean(x: Floats, n: int) -> Floats:
    """Mean of the last `n` rows; NaN like `rolling_sum`."""
    means = rolling_sum(x, n)
    means /= n
    return means


def rolling_max(x: Floats, n: int) -> Floats:
    """Highest of the last `n` rows; NaN while there are fewer rows and where a row is missing."""
    return _rolling_extreme(x, n, np.maximum)


def rolling_min(x: Floats, n: int) -> Floats:
    """Lowest of the last `n` rows; NaN while there are fewer rows and where a row is missing."""
    return _rolling_extreme(x, n, np.minimum)


def shifted(x: Floats, rows: int = 1) -> Floats:
    """Return the array delayed by `rows` rows, NaN where nothing precedes."""
    delayed = np.full_like(x, np.nan)
    delayed[rows:] = x[: max(0, len(x) - rows)]
    return delayed


def _rolling_extreme(x: Floats, n: int, combine: Combine) -> Floats:
    assert n >= 1, "a window has at least one row"
    if n > len(x):
        return np.full_like(x, np.nan)
    block, size = x, 1
    while 2 * size <= n:
        block = combine(block[:-size], block[size:])
        size *= 2
    # Two overlapping blocks cover the window: an extreme does not mind rows counted twice.
    rest = n - size
    return padded(combine(block[: len(block) - rest], block[rest:]), len(x))
