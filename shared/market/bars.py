"""Name the five columns of a set of bars, so that functions take one argument instead of five."""

from typing import NamedTuple

import numpy as np

from shared.market.columns import Bools, Floats


class Bars(NamedTuple):
    """Open, high, low and close prices and base volume, each `[rows, symbols]` (or `[rows]` for one symbol)."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    @property
    def present(self) -> Bools:
        """Tell which bars exist: a bar without a close is missing."""
        return ~np.isnan(self.close)

    def rows(self, start: int | None = None, stop: int | None = None) -> "Bars":
        """Return a view of the rows `start:stop`."""
        return Bars(*(field[start:stop] for field in self))
