"""Relate prices to volume: VWAP, on-balance volume and surges against the median.

All arrays are time-major, `[rows]` or `[rows, symbols]`; volume is in base units.
"""

import numpy as np

from shared.market.bars import Bars
from shared.market.columns import Floats
from shared.market.rolling import column_sums, shifted


def vwap(bars: Bars) -> Floats:
    """Volume-weighted typical price, cumulative from the first row given (specification 2.3).

    0 while nothing has traded; a missing bar has no VWAP and adds nothing to the following ones.
    """
    traded = np.nancumsum(_notional(bars), axis=0)
    volume = np.nancumsum(bars.volume, axis=0)
    lines = np.divide(traded, volume, out=np.zeros_like(traded), where=volume > 0)
    np.copyto(lines, np.nan, where=np.isnan(bars.close))
    return lines


def last_vwap(bars: Bars) -> Floats:
    """Return the last row of `vwap`, `[symbols]`, without the rows before; NaN where the last bar is missing."""
    traded = column_sums(_notional(bars))
    volume = column_sums(bars.volume)
    line = np.divide(traded, volume, out=np.zeros_like(traded), where=volume > 0)
    return np.where(np.isnan(bars.close[-1]), np.nan, line)


def obv(close: Floats, volume: Floats) -> Floats:
    """On-balance volume: volume added on higher closes, subtracted on lower ones (Granville; specification 2.3).

    Starts at the first row's volume; a bar without a known previous close adds nothing.
    """
    direction = np.sign(close - shifted(close))
    direction[:1] = 1.0
    line = np.nancumsum(direction * volume, axis=0)
    np.copyto(line, np.nan, where=np.isnan(close))
    return line


def volume_surge(volume: Floats, previous: int = 19) -> Floats:
    """Last volume over the median of the `previous` rows before it, `[symbols]` (specification 2.3).

    NaN with fewer rows, a missing value or a median of zero.
    """
    return surge(volume, recent=1, previous=previous)


def surge_1h(volume: Floats) -> Floats:
    """Median volume of the last twelve 5 m bars over that of the twelve before (specification 2.4)."""
    return surge(volume, recent=12, previous=12)


def surge_5m(volume: Floats) -> Floats:
    """Last 5 m volume over the median of the twenty before (specification 2.4)."""
    return surge(volume, recent=1, previous=20)


def surge(volume: Floats, *, recent: int, previous: int) -> Floats:
    """Median of the last `recent` rows over the median of the `previous` rows before them, `[symbols]`.

    NaN with fewer rows, a missing value or an earlier median of zero: no surge can be told from nothing.
    """
    result = np.full(volume.shape[1:], np.nan)
    if len(volume) < recent + previous:
        return result
    now = median(volume[-recent:])
    before = median(volume[-recent - previous : -recent])
    np.divide(now, before, out=result, where=before > 0)
    return result


def median(x: Floats) -> Floats:
    """Median of each column, NaN where one of its rows is missing."""
    ordered = np.sort(x, axis=0)
    middle: Floats = (ordered[(len(x) - 1) // 2] + ordered[len(x) // 2]) / 2.0
    # Sorting puts NaN last.
    np.copyto(middle, np.nan, where=np.isnan(ordered[-1]))
    return middle


def _notional(bars: Bars) -> Floats:
    typical = bars.high + bars.low
    typical += bars.close
    typical *= bars.volume
    typical /= 3.0
    return typical
