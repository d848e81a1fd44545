"""Measure the direction and the co-movement of prices: returns, RSI and rolling correlation.

All arrays are time-major, `[rows]` or `[rows, symbols]`.
"""

import numpy as np

from shared.market.averages import recursive_mean, wilder_weights
from shared.market.columns import Floats
from shared.market.rolling import rolling_sum, shifted


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
    paired = ~(np.isnan(x) | np.isnan(reference))
    a, b = np.where(paired, x, 0.0), np.where(paired, reference, 0.0)
    pairs = rolling_sum(paired.astype(np.float64), n)
    sum_a, sum_b = rolling_sum(a, n), rolling_sum(b, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance_a = rolling_sum(a * a, n) - sum_a * sum_a / pairs
        variance_b = rolling_sum(b * b, n) - sum_b * sum_b / pairs
        covariance = rolling_sum(a * b, n) - sum_a * sum_b / pairs
        scale = np.sqrt(variance_a * variance_b)
        enough = (pairs >= (n if pairs_min is None else pairs_min)) & (scale > 0)
        correlation = np.divide(covariance, scale, out=np.full_like(a, np.nan), where=enough)
    return np.clip(correlation, -1.0, 1.0)
