"""Measure how far prices move: true range, ATR, Bollinger bands, Donchian and chandelier lines.

All arrays are time-major, `[rows]` or `[rows, symbols]`; a line is NaN until its period is filled.
"""

from typing import NamedTuple

import numpy as np

from shared.market.averages import ema
from shared.market.columns import Floats
from shared.market.rolling import padded, rolling_max, rolling_mean, rolling_min, window_sums


class Bands(NamedTuple):
    """An envelope around prices; every field has the shape of the prices."""

    lower: Floats
    middle: Floats
    upper: Floats


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Range of each bar including the gap from the previous close (Wilder 1978; specification 2.3).

    A bar without a known previous close (the first one, or after a missing bar) uses its own.
    """
    ranges = np.empty_like(high)
    ranges[:1] = high[:1] - low[:1]
    missing = np.isnan(close)
    if not missing.any():
        np.maximum(high[1:], close[:-1], out=ranges[1:])
        ranges[1:] -= np.minimum(low[1:], close[:-1])
        return ranges
    # `fmax` and `fmin` pass over a missing previous close, at a price.
    np.fmax(high[1:], close[:-1], out=ranges[1:])
    ranges[1:] -= np.fmin(low[1:], close[:-1])
    np.copyto(ranges, np.nan, where=missing)
    return ranges


def atr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average true range: the exponential average of the true range (specification 2.3), not Wilder's."""
    return ema(true_range(high, low, close), n)


def bollinger(close: Floats, n: int = 20, width: float = 2.0) -> Bands:
    """Bands `width` population standard deviations around the simple average (Bollinger; specification 2.3)."""
    centre = _centre(close)
    deviation = close - centre
    mean = rolling_mean(deviation, n)
    variance = rolling_mean(deviation * deviation, n)
    variance -= mean * mean
    half = np.sqrt(np.maximum(variance, 0.0, out=variance), out=variance)
    half *= width
    mean += centre
    return Bands(mean - half, mean, mean + half)


def bollinger_width_pct(close: Floats, n: int = 20, width: float = 2.0) -> Floats:
    """Distance between the Bollinger bands in per cent of the middle one (specification 2.3)."""
    return padded(2.0 * width * 100.0 * np.sqrt(_relative_variance(close, n)), len(close))


def last_bollinger_width(close: Floats, n: int = 20, width: float = 2.0) -> tuple[Floats, Floats]:
    """Return the last row of `bollinger_width_pct` and its `last_percentile_rank`, both `[symbols]`.

    Widths rank like their squares, which need no root.
    """
    squares = _relative_variance(close, n)
    if len(squares) == 0:
        unknown = np.full(close.shape[1:], np.nan)
        return unknown, unknown
    return 2.0 * width * 100.0 * np.sqrt(squares[-1]), last_percentile_rank(squares)


def _relative_variance(close: Floats, n: int) -> Floats:
    """Return (deviation / mean) squared of every `n` consecutive rows.

    With S and Q the sums of d and d^2, d measured from a centre c: (n Q - S^2) / (S + n c)^2.
    """
    centre = _centre(close)
    deviation = close - centre
    sums = window_sums(deviation, n)
    deviation *= deviation
    variance = window_sums(deviation, n)
    variance *= n
    variance -= sums * sums
    np.maximum(variance, 0.0, out=variance)
    sums += n * centre
    sums *= sums
    variance /= sums
    return variance


def _centre(close: Floats) -> Floats:
    """Return one price per column to measure from: squares of numbers far from zero lose their digits."""
    last = close[-1:]
    if np.isnan(last).any():
        return np.where(np.isnan(last), np.fmax.reduce(close, axis=0, keepdims=True), last)
    return last


def last_percentile_rank(x: Floats) -> Floats:
    """Share, 0 to 100, of a column's earlier values that are less than or equal to its last one.

    Takes `[rows, symbols]`, returns `[symbols]`: NaN where the last value or all earlier ones are missing.
    """
    if len(x) == 0:
        return np.full(x.shape[1:], np.nan)
    last, earlier = x[-1], x[:-1]
    missing = np.isnan(earlier)
    seen = np.full(last.shape, float(len(earlier)))
    if missing.any():
        seen -= missing.sum(axis=0, dtype=np.uint16)
    below = (earlier <= last).sum(axis=0, dtype=np.uint16)
    known = ~np.isnan(last) & (seen > 0)
    rank: Floats = np.full_like(seen, np.nan)
    np.divide(below * 100.0, seen, out=rank, where=known)
    return rank


def donchian(high: Floats, low: Floats, n: int) -> Bands:
    """Highest high and lowest low of the last `n` bars, the current one included, and their middle."""
    upper, lower = rolling_max(high, n), rolling_min(low, n)
    return Bands(lower, (upper + lower) / 2.0, upper)


class Chandelier(NamedTuple):
    """Trailing stops of long and short positions."""

    long: Floats
    short: Floats


def chandelier(
    high: Floats, low: Floats, close: Floats, n: int = 22, atr_multiple: float = 3.0
) -> Chandelier:
    """Highest high minus, and lowest low plus, `atr_multiple` ATR(n) (LeBeau; specification 2.3)."""
    distance = atr(high, low, close, n)
    distance *= atr_multiple
    return Chandelier(rolling_max(high, n) - distance, rolling_min(low, n) + distance)
