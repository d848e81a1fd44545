"""TA-Lib is the oracle wherever it defines the same thing."""

from collections.abc import Callable

import numpy as np
import talib

from shared.market.averages import ema, sma
from shared.market.bars import Bars
from shared.market.columns import Floats
from shared.market.momentum import returns, rolling_correlation, rsi
from shared.market.volatility import atr, bollinger, donchian, true_range
from shared.market.volume import obv
from tests.shared.market.reference import each_column


def ema_from_first_value(x: Floats, n: int) -> Floats:
    """TA-Lib seeds with the mean of the first n values; n - 1 copies in front make that mean the first value."""
    line: Floats = talib.EMA(np.concatenate([np.full(n - 1, x[0]), x]), n)[n - 1 :]
    line[: n - 1] = np.nan
    return line


def columns(function: Callable[..., Floats], *arrays: Floats) -> Floats:
    return each_column(lambda *series: function(*(np.array(s) for s in series)).tolist(), *arrays)


def same(actual: Floats, expected: Floats) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, equal_nan=True)


def test_simple_average(bars: Bars) -> None:
    same(sma(bars.close, 20), columns(lambda c: talib.SMA(c, 20), bars.close))


def test_exponential_average(bars: Bars) -> None:
    same(ema(bars.close, 14), columns(lambda c: ema_from_first_value(c, 14), bars.close))


def test_true_range(bars: Bars) -> None:
    ours = true_range(bars.high, bars.low, bars.close)
    same(ours[1:], columns(talib.TRANGE, bars.high, bars.low, bars.close)[1:])
    same(ours[0], (bars.high - bars.low)[0])


def test_atr_is_the_exponential_average_of_the_true_range(bars: Bars) -> None:
    def oracle(high: Floats, low: Floats, close: Floats) -> Floats:
        ranges = talib.TRANGE(high, low, close)
        ranges[0] = high[0] - low[0]
        return ema_from_first_value(ranges, 14)

    same(atr(bars.high, bars.low, bars.close), columns(oracle, bars.high, bars.low, bars.close))


def test_bollinger_bands(bars: Bars) -> None:
    bands = bollinger(bars.close, 20, 2.0)
    for ours, index in ((bands.upper, 0), (bands.middle, 1), (bands.lower, 2)):
        same(ours, columns(lambda c, i=index: talib.BBANDS(c, 20, 2.0, 2.0)[i], bars.close))


def test_donchian_lines(bars: Bars) -> None:
    lines = donchian(bars.high, bars.low, 20)
    same(lines.upper, columns(lambda c: talib.MAX(c, 20), bars.high))
    same(lines.lower, columns(lambda c: talib.MIN(c, 20), bars.low))


def test_rsi(bars: Bars) -> None:
    same(rsi(bars.close, 14), columns(lambda c: talib.RSI(c, 14), bars.close))


def test_obv(bars: Bars) -> None:
    ours, theirs = obv(bars.close, bars.volume), columns(talib.OBV, bars.close, bars.volume)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_rolling_correlation(bars: Bars) -> None:
    change = returns(bars.close)[1:]
    reference = change[:, :1]
    expected = columns(lambda c: talib.CORREL(c, np.ascontiguousarray(reference[:, 0]), 20), change)
    ours = rolling_correlation(change, reference, 20)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
