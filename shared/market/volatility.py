"""Measure how far prices move: true range, ATR, Bollinger bands, Donchian and chandelier lines.

All arrays are time-major, `[rows]` or `[rows, symbols]`; a line is NaN until its period is filled.
"""

from typing import NamedTuple

import numpy as np

from shared.market.averages import ema
from shared.market.columns import Floats
from shared.market.rolling import rolling_max, rolling_mean, rolling_min, shifted


class Bands(NamedTuple):
    """An envelope around prices; every field has the shape of the prices."""

    lower: Floats
    middle: Floats
    upper: Floats


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Range of each bar including the gap from the previous close (Wilder 1978; specification 2.3).

    A bar without a known previous close (the first one, or after a missing bar) uses its own.
    """
    previous = shifted(close)
    ranges = np.fmax(high, previous)
    ranges -= np.fmin(low, previous)
    # A missing bar has no range, even when a previous close is known.
    np.copyto(ranges, np.nan, where=np.isnan(close))
    return ranges


def atr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average true range: the exponential average of the true range (specification 2.3), not Wilder's."""
    return ema(true_range(high, low, close), n)


def bollinger(close: Floats, n: int = 20, width: float = 2.0) -> Bands:
    """Bands `width` population standard deviations around the simple average (Bollinger; specification 2.3)."""
    # Centred first: the variance of numbers far from zero would lose its digits to their squares.
    centre = close[-1:]
    if len(close):
        centre = np.where(np.isnan(centre), 0.0, centre)
    deviation = close - centre
    mean = rolling_mean(deviation, n)
    variance = rolling_mean(deviation * deviation, n)
    variance -= mean * mean
    half = np.sqrt(np.maximum(variance, 0.0, out=variance), out=variance)
    half *= width
    mean += centre
    return Bands(mean - half, mean, mean + half)


def bollinger_width_pct(bands: Bands) -> Floats:
    """Distance between the bands in per cent of the middle one (specification 2.3)."""
    width: Floats = bands.upper - bands.lower
    width /= bands.middle
    width *= 100.0
    return width


def last_percentile_rank(x: Floats) -> Floats:
    """Share, 0 to 100, of a column's earlier values that are less than or equal to its last one.

    Takes `[rows, symbols]`, returns `[symbols]`: NaN where the last value or all earlier ones are missing.
    """
    last, earlier = x[-1], x[:-1]
    seen = np.count_nonzero(~np.isnan(earlier), axis=0).astype(np.float64)
    below = np.count_nonzero(earlier <= last, axis=0)
    known = ~np.isnan(last) & (seen > 0)
    rank = np.full_like(seen, np.nan)
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
