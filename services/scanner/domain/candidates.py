"""Find the bars whose extremes may be levels, for all symbols at once (specification 2.6, step 1).

Candidates are the Donchian lines of the last bars, the swings, and the bars with the most volume. A Donchian line
is the extreme of some bar, so every candidate is a bar: highs make resistance, lows support.
"""

import numpy as np

from shared.market.bars import Bars
from shared.market.columns import Bools, Floats
from shared.market.rolling import rolling_max
from shared.market.swings import swing_highs

DONCHIAN_PERIODS = (10, 15, 20, 30)
DONCHIAN_BARS = 10
HEAVY_VOLUME_QUANTILE = 0.85


def candidate_bars(bars: Bars) -> tuple[Bools, Bools]:
    """Mark the bars whose high may be resistance, and those whose low may be support, `[rows, symbols]`."""
    heavy = heavy_bars(bars.volume)
    return _turns(bars.high) | heavy, _turns(-bars.low) | heavy


def heavy_bars(volume: Floats) -> Bools:
    """Mark the bars whose volume reaches the symbol's 85th percentile, linearly interpolated."""
    ordered = np.sort(volume, axis=0)
    last = np.maximum((~np.isnan(volume)).sum(axis=0) - 1, 0)
    place = last * HEAVY_VOLUME_QUANTILE
    below = place.astype(np.intp)
    columns = np.arange(volume.shape[1])
    low, high = ordered[below, columns], ordered[np.minimum(below + 1, last), columns]
    heavy: Bools = volume >= low + (high - low) * (place - below)
    return heavy


def _turns(high: Floats) -> Bools:
    """Mark swings and the bars that make a Donchian line of the last bars."""
    marked = swing_highs(high)
    recent = high[-(max(DONCHIAN_PERIODS) + DONCHIAN_BARS - 1) :]
    for period in DONCHIAN_PERIODS:
        for line in rolling_max(recent, period)[-DONCHIAN_BARS:]:
            marked[-len(recent) :] |= recent == line
    return marked
