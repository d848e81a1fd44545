"""Measure the direction and the co-movement of prices: returns, RSI and rolling correlation.

All arrays are time-major, `[rows]` or `[rows, symbols]`.
"""

from collections.abc import Callable

import numpy as np

from shared.market.averages import recursive_mean, wilder_weights
from shared.market.columns import Floats
from shared.market.rolling import column_sums, rolling_sum, shifted


def returns(close: Floats) -> Floats:
    """Return the simple return of each bar as a fraction; NaN for the first bar and next to a missing one."""
    change = close / shifted(close)
    change -= 1.0
    return change


def rsi(close: Floats, n: int = 14) -> Floats:
    """Relative strength index, 0 to 100, with Wilder's smoothing after a simple seed (Wilder 1978).

    NaN until `n` changes are known; 0 where nothing moved, as TA-Lib has it.
    """
    change = close - shifted(close)
    weights, counts = wilder_weights(change[1:], n)
    gain = recursive_mean(np.maximum(change[1:], 0.0), weights, counts, n)
    total = recursive_mean(np.abs(change[1:]), weights, counts, n)
    line = np.full_like(close, np.nan)
    np.divide(gain * 100.0, total, out=line[1:], where=total != 0)
    np.copyto(line[1:], 0.0, where=total == 0)
    return line


def rolling_correlation(x: Floats, reference: Floats, n: int = 50, pairs_min: int | None = None) -> Floats:
    """Pearson correlation of each column with a reference `[rows, 1]` over the last `n` rows.

    Pairs with a missing side are left out; NaN with fewer than `pairs_min` pairs (default: all `n`), fewer rows, or
    a side that does not vary. Within [-1, 1].
    """
    return _pearson(
        x, reference, n if pairs_min is None else pairs_min, lambda values: rolling_sum(values, n)
    )


def correlation(x: Floats, reference: Floats, pairs_min: int) -> Floats:
    """Pearson correlation of each column with a reference `[rows, 1]` over all rows, `[symbols]`.

    The last row of `rolling_correlation` with `n` rows.
    """
    return _pearson(x, reference, pairs_min, column_sums)


def _pearson(x: Floats, reference: Floats, pairs_min: int, total: Callable[[Floats], Floats]) -> Floats:
    paired = ~(np.isnan(x) | np.isnan(reference))
    a, b = np.where(paired, x, 0.0), np.where(paired, reference, 0.0)
    pairs = total(paired.astype(np.float64))
    sum_a, sum_b = total(a), total(b)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance_a = total(a * a) - sum_a * sum_a / pairs
        variance_b = total(b * b) - sum_b * sum_b / pairs
        covariance = total(a * b) - sum_a * sum_b / pairs
        scale = np.sqrt(variance_a * variance_b)
        enough = (pairs >= pairs_min) & (scale > 0)
        coefficient = np.divide(covariance, scale, out=np.full_like(pairs, np.nan), where=enough)
    return np.clip(coefficient, -1.0, 1.0)
