"""Find the bars at which prices turned."""

import numpy as np

from shared.market.columns import Bools, Floats

SIDE_BARS = 2


def swing_highs(high: Floats, side: int = SIDE_BARS) -> Bools:
    """Tell the bars whose high is above those of `side` bars before and after, strictly (specification 2.3).

    `[rows]` or `[rows, symbols]`; a missing neighbour makes no swing, nor do the first and last `side` rows.
    """
    found = np.zeros(high.shape, dtype=np.bool_)
    stop = len(high) - side
    if stop <= side:
        return found
    peak = high[side:stop]
    highest = found[side:stop]
    highest[:] = True
    for distance in range(1, side + 1):
        highest &= peak > high[side - distance : stop - distance]
        highest &= peak > high[side + distance : stop + distance]
    return found


def swing_lows(low: Floats, side: int = SIDE_BARS) -> Bools:
    """Tell the bars whose low is below those of `side` bars before and after, strictly (specification 2.3)."""
    return swing_highs(-low, side)
