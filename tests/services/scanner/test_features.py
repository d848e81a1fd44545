import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scanner.domain import features
from services.scanner.domain.features import Features, measure
from services.scanner.domain.state import BAR_MS
from shared.market.aggregate import aggregate_bars
from shared.market.bars import Bars
from shared.market.columns import Floats, Ints
from shared.market.momentum import returns, rolling_correlation
from shared.market.volatility import atr, bollinger, last_percentile_rank
from shared.market.volume import surge_1h, surge_5m
from tests.services.scanner.scenario import START_MS, missing, three_markets
from tests.shared.market.conftest import random_bars


def times(rows: int) -> Ints:
    return START_MS + BAR_MS * np.arange(rows, dtype=np.int64)


def same(left: Floats, right: Floats) -> None:
    np.testing.assert_allclose(left, right, rtol=1e-9, equal_nan=True)


def test_features_are_the_last_values_of_the_indicators() -> None:
    bars = random_bars(3, rows=300, symbols=9)
    found = measure(times(300), bars, 2)
    same(found.price, bars.close[-1])
    same(found.atr_5m, atr(bars.high, bars.low, bars.close)[-1])
    bands = bollinger(bars.close)
    widths = 100 * (bands.upper - bands.lower) / bands.middle
    same(found.bb_width_pct, widths[-1])
    same(found.bb_width_percentile, last_percentile_rank(widths))
    change = returns(bars.close)
    same(found.btc_correlation, rolling_correlation(change, change[:, 2:3], 20)[-1])
    same(found.volume_surge_1h, surge_1h(bars.volume))
    same(found.volume_surge_5m, surge_5m(bars.volume))
    same(found.move_pct, 100 * (bars.close[-1] / bars.open[-5] - 1))
    same(found.volume_trend, bars.volume[-3:].mean(axis=0) / bars.volume[-5:-3].mean(axis=0))


def test_atr_of_fifteen_minutes_is_measured_on_fifteen_minute_bars() -> None:
    """W-D4: not a multiple of that of five minutes."""
    bars = three_markets()
    _, long = aggregate_bars(times(300), bars, step_ms=BAR_MS, factor=3)
    found = measure(times(300), bars, 0)
    same(found.atr_15m, atr(long.high, long.low, long.close)[-1])
    assert np.ptp(found.atr_15m / found.atr_5m) > 1e-3


def test_the_width_of_the_bands_is_ranked_in_its_own_history() -> None:
    """W-D7: 0 in the tightest squeeze of the window, 100 at its widest, whatever the price."""
    rng = np.random.default_rng(5)
    wide, tight = rng.normal(0, 0.01, 280), rng.normal(0, 0.0001, 20)
    squeezed = 50_000 * np.exp(np.concatenate([wide, tight]))
    spread = 0.02 * np.exp(np.concatenate([tight, wide])[::1])
    close = np.stack([squeezed, spread], axis=1)
    found = measure(times(300), Bars(close, close, close, close, np.ones_like(close)), None)
    assert found.bb_width_percentile[0] == 0.0
    assert found.bb_width_percentile[1] > 20.0


def test_gaps_are_counted_from_the_first_bar_on_and_only_lately() -> None:
    bars = random_bars(4, rows=300, symbols=5)
    holed = missing(missing(missing(bars, slice(0, 200), 1), 250, 2), 100, 3)
    holed = missing(holed, slice(None), 4)
    found = measure(times(300), holed, None)
    assert found.gaps.tolist() == [0.0, 0.0, 1.0, 0.0, 150.0]
    assert found.bars.tolist() == [300.0, 100.0, 299.0, 299.0, 0.0]


def test_a_short_history_leaves_features_unknown_instead_of_wrong() -> None:
    for rows in (0, 1, 4, 13, 14, 20, 21, 24, 41, 42, 44):
        found = measure(times(rows), random_bars(2, 300, 2).rows(300 - rows), 0)
        known = {name: not np.isnan(getattr(found, name)).any() for name in Features._fields}
        assert known["atr_5m"] == (rows >= 14)
        assert known["volume_surge_1h"] == (rows >= 24)
        assert known["btc_correlation"] == (rows >= 21)
        assert known["bb_width_percentile"] == (rows >= 21)
        assert known["atr_15m"] == (rows >= 42)


@pytest.mark.parametrize("block", [1, 2, 7, 1000])
def test_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    bars = missing(missing(random_bars(6, 300, 7), slice(40, 60), 3), slice(0, 290), 5)
    whole = measure(times(300), bars, 0)
    monkeypatch.setattr(features, "BLOCK_SYMBOLS", block)
    for left, right in zip(measure(times(300), bars, 0), whole, strict=True):
        np.testing.assert_array_equal(left, right)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.5))
def test_a_market_alone_measures_like_among_others(seed: int, holes: float) -> None:
    bars = random_bars(seed, rows=60, symbols=4)
    absent = np.random.default_rng(seed).random(bars.close.shape) < holes
    absent[:, 0] = False
    holed = Bars(*(np.where(absent, np.nan, field) for field in bars))
    together = measure(times(60), holed, 0)
    for column in range(4):
        alone = measure(times(60), Bars(*(np.take(field, [0, column], axis=1) for field in holed)), 0)
        for left, right in zip(alone, together, strict=True):
            np.testing.assert_array_equal(left[1], right[column])
