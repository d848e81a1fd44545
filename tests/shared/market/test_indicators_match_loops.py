"""Every indicator equals a plain loop over each column, holes and warm-up included."""

from math import isnan, nan
from statistics import median

import numpy as np
import pytest

from shared.market.averages import ema, last_ema, sma, wilder
from shared.market.bars import Bars
from shared.market.columns import Floats
from shared.market.momentum import correlation, returns, rolling_correlation, rsi
from shared.market.rolling import rolling_max, rolling_mean, rolling_min, rolling_sum
from shared.market.swings import swing_highs, swing_lows
from shared.market.volatility import (
    atr,
    bollinger,
    bollinger_width_pct,
    chandelier,
    donchian,
    last_bollinger_width,
    last_percentile_rank,
    true_range,
)
from shared.market.volume import last_vwap, obv, surge_1h, surge_5m, volume_surge, vwap
from tests.shared.market import reference
from tests.shared.market.reference import Series, each_column

PERIODS = [1, 2, 3, 5, 9, 14, 20, 22, 31, 64, 160, 161]


def same(actual: Floats, expected: Floats, atol: float = 0.0) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=atol, equal_nan=True)


@pytest.mark.parametrize("n", PERIODS)
def test_rolling_windows_equal_a_loop(holed: Bars, n: int) -> None:
    x = holed.close
    mean = each_column(lambda c: reference.sma(c, n), x)
    same(rolling_mean(x, n), mean)
    same(rolling_sum(x, n), mean * n)
    same(sma(x, n), mean)
    same(rolling_max(x, n), each_column(lambda c: reference.highest(c, n), x))
    same(rolling_min(x, n), each_column(lambda c: reference.lowest(c, n), x))


@pytest.mark.parametrize("n", [1, 9, 14, 20, 161])
def test_recursive_averages_equal_a_loop(holed: Bars, n: int) -> None:
    same(ema(holed.close, n), each_column(lambda c: reference.ema(c, n), holed.close))
    same(wilder(holed.close, n), each_column(lambda c: reference.wilder(c, n), holed.close))


@pytest.mark.parametrize("n", [1, 9, 14, 160, 161])
def test_the_last_average_alone_equals_the_last_of_all(bars: Bars, holed: Bars, n: int) -> None:
    same(last_ema(holed.close, n), ema(holed.close, n)[-1])
    same(last_ema(bars.close, n), ema(bars.close, n)[-1])


def test_recursive_averages_of_one_column_equal_those_of_many(bars: Bars) -> None:
    same(ema(bars.close[:, 3], 14), ema(bars.close, 14)[:, 3])
    same(wilder(bars.close[:, 3], 14), wilder(bars.close, 14)[:, 3])


def test_true_range_and_atr_equal_a_loop(holed: Bars) -> None:
    ranges = each_column(reference.true_range, holed.high, holed.low, holed.close)
    same(true_range(holed.high, holed.low, holed.close), ranges)
    expected = each_column(lambda c: reference.ema(c, 14), ranges)
    same(atr(holed.high, holed.low, holed.close, 14), expected)


def test_bollinger_bands_equal_a_loop(holed: Bars) -> None:
    bands = bollinger(holed.close, 20, 2.0)
    middle = each_column(lambda c: reference.sma(c, 20), holed.close)
    half = 2 * each_column(lambda c: reference.deviation(c, 20), holed.close)
    same(bands.middle, middle)
    same(bands.upper, middle + half)
    same(bands.lower, middle - half)
    np.testing.assert_allclose(
        bollinger_width_pct(holed.close), 200 * half / middle, rtol=1e-8, equal_nan=True
    )


def test_the_last_width_alone_equals_the_last_of_all(holed: Bars) -> None:
    widths = bollinger_width_pct(holed.close)
    width, rank = last_bollinger_width(holed.close)
    same(width, widths[-1])
    same(rank, last_percentile_rank(widths))
    assert all(np.isnan(each).all() for each in last_bollinger_width(holed.close[:19]))


def test_a_flat_price_has_no_bollinger_width() -> None:
    flat = np.full((40, 2), 64_123.7)
    assert (bollinger_width_pct(flat)[19:] == 0).all()


def test_percentile_rank_counts_the_earlier_values_not_above_the_last(holed: Bars) -> None:
    def rank(c: Series) -> Series:
        earlier = [v for v in c[:-1] if not isnan(v)]
        known = not isnan(c[-1]) and earlier
        return [100 * sum(v <= c[-1] for v in earlier) / len(earlier) if known else nan]

    same(last_percentile_rank(holed.close), each_column(rank, holed.close)[0])


def test_donchian_and_chandelier_equal_loops(holed: Bars) -> None:
    lines = donchian(holed.high, holed.low, 20)
    same(lines.upper, each_column(lambda c: reference.highest(c, 20), holed.high))
    same(lines.lower, each_column(lambda c: reference.lowest(c, 20), holed.low))
    same(lines.middle, (lines.upper + lines.lower) / 2)
    stops = chandelier(holed.high, holed.low, holed.close, 22, 3.0)
    ranges = each_column(reference.true_range, holed.high, holed.low, holed.close)
    distance = 3 * each_column(lambda c: reference.ema(c, 22), ranges)
    same(stops.long, each_column(lambda c: reference.highest(c, 22), holed.high) - distance)
    same(stops.short, each_column(lambda c: reference.lowest(c, 22), holed.low) + distance)


def test_vwap_equals_a_loop_and_is_zero_before_the_first_trade(holed: Bars) -> None:
    volume = holed.volume.copy()
    volume[:5, 0] = 0.0
    quiet = holed._replace(volume=volume)
    expected = each_column(reference.vwap, quiet.high, quiet.low, quiet.close, quiet.volume)
    same(vwap(quiet), expected)
    same(last_vwap(quiet), expected[-1])
    assert (vwap(quiet)[:5, 0] == 0).all()


def test_obv_equals_a_loop(bars: Bars) -> None:
    same(obv(bars.close, bars.volume), each_column(reference.obv, bars.close, bars.volume), atol=1e-9)


def test_rsi_equals_a_loop(holed: Bars) -> None:
    same(rsi(holed.close, 14), each_column(lambda c: reference.rsi(c, 14), holed.close))


@pytest.mark.parametrize("pairs_min", [None, 10])
def test_rolling_correlation_equals_a_loop(holed: Bars, pairs_min: int | None) -> None:
    change = returns(holed.close)
    btc = change[:, :1]
    expected = each_column(
        lambda c: reference.correlation(c, btc[:, 0].tolist(), 20, pairs_min or 20), change
    )
    np.testing.assert_allclose(
        rolling_correlation(change, btc, 20, pairs_min), expected, rtol=1e-9, atol=1e-10, equal_nan=True
    )


def test_one_correlation_equals_the_last_rolling_one(holed: Bars) -> None:
    change = returns(holed.close)
    rolling = rolling_correlation(change, change[:, :1], 20, 10)[-1]
    np.testing.assert_allclose(
        correlation(change[-20:], change[-20:, :1], 10), rolling, rtol=1e-9, atol=1e-10
    )


def test_a_market_correlates_fully_with_itself_and_not_at_all_with_a_flat_one(bars: Bars) -> None:
    change = returns(bars.close)
    same(rolling_correlation(change, change[:, :1], 20)[20:, 0], np.ones(140))
    assert np.isnan(rolling_correlation(change, np.zeros((160, 1)), 20)).all()


def test_surges_are_ratios_of_medians(bars: Bars) -> None:
    volume = bars.volume

    def ratio(c: Series, recent: int, previous: int) -> Series:
        return [median(c[-recent:]) / median(c[-recent - previous : -recent])]

    same(surge_1h(volume), each_column(lambda c: ratio(c, 12, 12), volume)[0])
    same(surge_5m(volume), each_column(lambda c: ratio(c, 1, 20), volume)[0])
    same(volume_surge(volume), each_column(lambda c: ratio(c, 1, 19), volume)[0])


def test_a_surge_is_unknown_without_history_or_a_base(bars: Bars) -> None:
    assert np.isnan(surge_1h(bars.volume[:23])).all()
    assert np.isnan(surge_5m(bars.volume[:20])).all()
    volume = bars.volume.copy()
    volume[:-1, 0] = 0.0
    volume[-5, 1] = np.nan
    assert np.isnan(surge_5m(volume)[:2]).all()
    assert not np.isnan(surge_5m(volume)[2:]).any()


def test_swings_are_strict_extremes_of_five_bars(holed: Bars) -> None:
    highs = each_column(reference.swing_highs, holed.high)  # type: ignore[arg-type]
    lows = each_column(reference.swing_highs, -holed.low)  # type: ignore[arg-type]
    np.testing.assert_array_equal(swing_highs(holed.high), highs.astype(bool))
    np.testing.assert_array_equal(swing_lows(holed.low), lows.astype(bool))
    equal = np.array([1.0, 2.0, 3.0, 3.0, 2.0, 1.0])
    assert not swing_highs(equal).any()


def test_a_hole_in_one_column_changes_no_other(bars: Bars, holed: Bars) -> None:
    for function in (
        lambda b: ema(b.close, 14),
        lambda b: atr(b.high, b.low, b.close),
        lambda b: rsi(b.close),
        lambda b: bollinger(b.close).upper,
        vwap,
    ):
        np.testing.assert_array_equal(function(holed)[:, 0], function(bars)[:, 0])
