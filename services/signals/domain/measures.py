"""Measures the bars of a few symbols at once: what the conditions of an entry look at.

Only symbols whose price condition holds are measured, so a quiet bar costs next to nothing.
"""

from collections.abc import Sequence
from math import isfinite

import msgspec
import numpy as np

from shared.market.averages import last_ema
from shared.market.bars import Bars
from shared.market.columns import Floats
from shared.market.volatility import true_range
from shared.market.volume import last_vwap, volume_surge
from shared.market.window import BarWindow

# Specification 3.1 and 3.2.
ATR_BARS = 14
EXTREME_BARS = 10
# The base that a break leaves. A VWAP of a whole day lies far from every break, so a limit on the gap
# would refuse just the markets that move.
VWAP_BARS = 20
SURGE_BARS = 19
ACTIVITY_RECENT_BARS = 5
ACTIVITY_USUAL_BARS = 15
CANDLES_MIN = 20


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's last bar and what surrounds it; None is unknown, e.g. after missing bars."""

    candles: int
    open: float
    high: float
    low: float
    close: float
    atr: float | None
    vwap: float | None
    lowest: float | None
    highest: float | None
    volume_ratio: float | None
    activity_ratio: float | None

    @property
    def body_ratio(self) -> float:
        """Body of the last bar over its range; 0 for a bar without range."""
        spread = self.high - self.low
        return abs(self.close - self.open) / spread if spread > 0 else 0.0


def measure(window: BarWindow, symbols: Sequence[str]) -> dict[str, Measures]:
    """Return the measures of each symbol; the newest row must hold a bar of all of them."""
    columns = [window.column_of[symbol] for symbol in symbols]
    bars = Bars(*(field[:, columns] for field in window.bars))
    last = [field[-1].tolist() for field in bars]
    around = {
        "atr": last_ema(true_range(bars.high, bars.low, bars.close), ATR_BARS),
        "vwap": last_vwap(Bars(*(field[-VWAP_BARS:] for field in bars))),
        "lowest": bars.low[-EXTREME_BARS:].min(axis=0),
        "highest": bars.high[-EXTREME_BARS:].max(axis=0),
        "volume_ratio": volume_surge(bars.volume, SURGE_BARS),
        "activity_ratio": _activity(bars.volume),
    }
    known = {name: [_known(x) for x in line.tolist()] for name, line in around.items()}
    candles = np.count_nonzero(bars.present, axis=0).tolist()
    return {
        symbol: Measures(
            candles=candles[i],
            open=last[0][i],
            high=last[1][i],
            low=last[2][i],
            close=last[3][i],
            **{name: line[i] for name, line in known.items()},
        )
        for i, symbol in enumerate(symbols)
    }


def last_closes(window: BarWindow, symbols: Sequence[str], count: int) -> dict[str, list[float]]:
    """Return each symbol's closes of the newest `count` rows, newest first; NaN where a bar is missing."""
    columns = [window.column_of[symbol] for symbol in symbols]
    newest_first = window.bars.close[-1 : -count - 1 : -1, columns]
    return dict(zip(symbols, newest_first.T.tolist(), strict=True))


def _activity(volume: Floats) -> Floats:
    """Mean volume of the last 5 bars over that of the 15 before (specification 3.2), `[symbols]`."""
    recent = volume[-ACTIVITY_RECENT_BARS:].mean(axis=0)
    usual = volume[-ACTIVITY_RECENT_BARS - ACTIVITY_USUAL_BARS : -ACTIVITY_RECENT_BARS].mean(axis=0)
    ratio: Floats = np.divide(recent, usual, out=np.full_like(usual, np.nan), where=usual > 0)
    return ratio


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
