"""Measure what a scan looks at, for all symbols at once.

The window is worked through in blocks of columns, so that the intermediate arrays stay in the processor's
cache; a block boundary changes no number, since columns never meet.
"""

from typing import NamedTuple

import numpy as np

from services.scanner.domain.state import BAR_MS
from shared.market.aggregate import aggregate_ranges, whole_groups
from shared.market.averages import last_ema
from shared.market.bars import Bars
from shared.market.columns import Floats, Ints
from shared.market.momentum import correlation, returns
from shared.market.volatility import last_bollinger_width, true_range
from shared.market.volume import surge_1h, surge_5m

LONG_FACTOR = 3
ATR_BARS = 14
BOLLINGER_BARS = 20
CORRELATION_BARS = 20
# Half of the bars suffice: one missing bar takes two returns, and must not blind the filter for 20 bars.
CORRELATION_PAIRS_MIN = 10
# Specification 2.3: the candles that 5 m indicators see (the signals' window as well), and that must have no gaps.
CANDLES = 150
BLOCK_SYMBOLS = 125


class Features(NamedTuple):
    """One number per symbol, `[symbols]`; NaN where the bars do not tell."""

    # Close of the last row, and how many bars the window holds.
    price: Floats
    bars: Floats
    # Bars missing within the last `CANDLES`, since the symbol's first one.
    gaps: Floats
    atr_5m: Floats
    atr_15m: Floats
    bb_width_pct: Floats
    bb_width_percentile: Floats
    btc_correlation: Floats
    volume_surge_1h: Floats
    volume_surge_5m: Floats
    # Of the last five bars: move in per cent, and mean volume of the last three over that of the first two.
    move_pct: Floats
    volume_trend: Floats


def measure(open_time_ms: Ints, bars: Bars, btc_column: int | None) -> Features:
    """Compute every feature at the last row of `[rows, symbols]` 5 m bars (specification 2.3 to 2.5).

    The arrays are row by row in memory, as a window has them. ATR of 15 m is that of real 15 m bars, and correlation that of returns with the BTC column; it is NaN
    without one. The Bollinger width is ranked within its own history in the window.
    """
    symbols = bars.close.shape[1]
    if len(bars.close) == 0 or symbols == 0:
        return Features(*(np.full(symbols, np.nan) for _ in Features._fields))
    assert bars.close.flags.c_contiguous, "sums go along the rows, whatever the number of columns"
    groups = whole_groups(open_time_ms, step_ms=BAR_MS, factor=LONG_FACTOR)
    blocks = [
        _over_time(Bars(*(field[:, start : start + BLOCK_SYMBOLS] for field in bars)), groups)
        for start in range(0, symbols, BLOCK_SYMBOLS)
    ]
    count, gaps, atr_5m, atr_15m, width, percentile = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    move_pct, volume_trend = _last_five(bars.rows(-5))
    return Features(
        price=bars.close[-1].copy(),
        bars=count,
        gaps=gaps,
        atr_5m=atr_5m,
        atr_15m=atr_15m,
        bb_width_pct=width,
        bb_width_percentile=percentile,
        btc_correlation=_correlation(bars.close, btc_column),
        volume_surge_1h=surge_1h(bars.volume),
        volume_surge_5m=surge_5m(bars.volume),
        move_pct=move_pct,
        volume_trend=volume_trend,
    )


def _over_time(bars: Bars, groups: slice) -> tuple[Floats, ...]:
    """Return the features that need the whole window: counts, both ATR, width and its percentile."""
    high, low, close = bars.high, bars.low, bars.close
    count, gaps = _count(close)
    long = aggregate_ranges(high[groups], low[groups], close[groups], factor=LONG_FACTOR)
    return (
        count,
        gaps,
        last_ema(true_range(high[-CANDLES:], low[-CANDLES:], close[-CANDLES:]), ATR_BARS),
        last_ema(true_range(*long), ATR_BARS) if len(long[0]) else np.full_like(count, np.nan),
        *last_bollinger_width(close, BOLLINGER_BARS),
    )


def _count(close: Floats) -> tuple[Floats, Floats]:
    """Return how many bars there are, and how many are missing after the first of the last ones."""
    missing = np.isnan(close)
    symbols = close.shape[1]
    if not missing.any():
        return np.full(symbols, float(len(close))), np.zeros(symbols)
    present = ~missing
    count = present.sum(axis=0, dtype=np.float64)
    recent = present[-CANDLES:]
    expected = len(recent) - recent.argmax(axis=0)
    gaps = np.where(recent.any(axis=0), expected - recent.sum(axis=0), len(recent))
    return count, gaps.astype(np.float64)


def _correlation(close: Floats, btc_column: int | None) -> Floats:
    if btc_column is None or len(close) <= CORRELATION_BARS:
        return np.full(close.shape[1], np.nan)
    change = returns(close[-CORRELATION_BARS - 1 :])[1:]
    reference = change[:, btc_column : btc_column + 1]
    return correlation(change, reference, CORRELATION_PAIRS_MIN)


def _last_five(bars: Bars) -> tuple[Floats, Floats]:
    unknown = np.full(bars.close.shape[1], np.nan)
    if len(bars.close) < 5:
        return unknown, unknown
    move_pct = 100.0 * (bars.close[-1] - bars.open[0]) / bars.open[0]
    early = (bars.volume[0] + bars.volume[1]) / 2.0
    late = (bars.volume[2] + bars.volume[3] + bars.volume[4]) / 3.0
    return move_pct, np.divide(late, early, out=unknown, where=early > 0)
