import numpy as np
import pytest
from msgspec.structs import astuple

from services.scanner.domain.clusters import cluster, sort_extremes
from services.scanner.domain.levels import SEPARATION_ATR, build_levels
from services.scanner.domain.state import BAR_MS
from shared.contracts.preset import LevelsRules
from shared.contracts.scan import Level, LevelKind
from shared.market.averages import last_ema
from shared.market.bars import Bars
from shared.market.columns import Floats, Ints
from shared.market.volatility import true_range
from tests.services.scanner import levels_reference
from tests.services.scanner.scenario import START_MS, closed, desk, missing, preset, scanned
from tests.shared.market.conftest import random_bars

RULES = LevelsRules()


def times(rows: int) -> Ints:
    return START_MS + BAR_MS * np.arange(rows, dtype=np.int64)


def atr_of(bars: Bars) -> Floats:
    return last_ema(true_range(bars.high, bars.low, bars.close), 14)


def equal(left: list[Level], right: list[Level]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert (one.symbol, one.kind, one.touches) == (other.symbol, other.kind, other.touches)
        assert (one.first_touch_ms, one.last_touch_ms) == (other.first_touch_ms, other.last_touch_ms)
        assert one.price == pytest.approx(other.price, rel=1e-9)
        assert one.strength == pytest.approx(other.strength, abs=2e-9)
        bases = (one.base_height or 0.0, other.base_height or 0.0)
        assert bases[0] == pytest.approx(bases[1], rel=1e-6)


@pytest.mark.parametrize("rows", [20, 29, 45, 300])
@pytest.mark.parametrize("touches_min", [2, 3])
def test_levels_equal_plain_loops_over_each_market(rows: int, touches_min: int) -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed={seed}")
    bars = random_bars(seed, rows, 8)
    atr = atr_of(bars)
    symbols = [f"S{i}" for i in range(8)]
    expected = [
        level
        for i, symbol in enumerate(symbols)
        for level in levels_reference.levels(
            symbol, times(rows).tolist(), Bars(*(field[:, i] for field in bars)), atr[i], touches_min
        )
    ]
    equal(build_levels(times(rows), bars, symbols, atr, LevelsRules(min_touches=touches_min)), expected)


def test_missing_bars_of_one_market_change_no_other() -> None:
    bars = random_bars(11, 300, 4)
    atr = atr_of(bars)
    holed = missing(missing(bars, slice(0, 285), 1), slice(None), 2)
    symbols = ["A", "B", "C", "D"]
    whole = build_levels(times(300), bars, symbols, atr, RULES)
    found = build_levels(times(300), holed, symbols, np.array([atr[0], np.nan, np.nan, atr[3]]), RULES)
    assert [level for level in found if level.symbol in "AD"] == [l_ for l_ in whole if l_.symbol in "AD"]
    # Fifteen bars are too few, none is none.
    assert {level.symbol for level in found} == {"A", "D"}


def test_a_short_history_has_the_levels_of_its_own_bars() -> None:
    bars = random_bars(12, 300, 2)
    late = missing(bars, slice(0, 255), 1)
    atr = atr_of(late)
    found = [level for level in build_levels(times(300), late, ["A", "B"], atr, RULES) if level.symbol == "B"]
    own = Bars(*(field[255:, 1] for field in bars))
    equal(found, levels_reference.levels("B", times(300)[255:].tolist(), own, atr[1], 2))


def flat_market_with_three_peaks() -> Bars:
    close = np.full(60, 100.0)
    high, low = close + 0.1, close - 0.1
    for row in (10, 30, 50):
        high[row], close[row] = 105.0, 101.0
    volume = np.ones(60)
    return Bars(*(field[:, None] for field in (close, high, low, close, volume)))


def test_a_price_turned_at_three_times_is_resistance() -> None:
    """Touched three times without a close beyond it: 0.4 * 3/5 + span + volume + cleanness."""
    bars = flat_market_with_three_peaks()
    found = build_levels(times(60), bars, ["A"], np.array([0.4]), LevelsRules(min_touches=3))
    peak = next(level for level in found if level.price == 105.0)
    assert peak.kind is LevelKind.RESISTANCE
    assert peak.touches == 3
    assert (peak.first_touch_ms, peak.last_touch_ms) == (START_MS + 10 * BAR_MS, START_MS + 50 * BAR_MS)
    hours = 40 * 5 / 60
    assert peak.strength == pytest.approx(0.4 * 3 / 5 + 0.2 * hours / 168 + 0.2 + 0.2, abs=1e-9)
    # No low is more than 5 % below 105.
    assert peak.base_height is None


def test_closes_beyond_a_level_weaken_it() -> None:
    bars = flat_market_with_three_peaks()
    pierced = bars.close.copy()
    pierced[20:26] = 106.0
    rules = LevelsRules(min_touches=3)
    strength = {
        closes is pierced: next(
            level.strength
            for level in build_levels(times(60), bars._replace(close=closes), ["A"], np.array([0.4]), rules)
            if level.price == 105.0
        )
        for closes in (bars.close, pierced)
    }
    assert strength[True] == pytest.approx(strength[False] - 0.2 * 5 * 6 / 60, abs=1e-9)


def test_the_base_of_a_level_is_the_nearest_extreme_five_per_cent_away() -> None:
    bars = flat_market_with_three_peaks()
    low = bars.low.copy()
    low[45], low[48], low[30] = 97.0, 92.0, 99.0
    found = build_levels(times(60), bars._replace(low=low), ["A"], np.array([0.4]), RULES)
    assert next(level for level in found if level.price == 105.0).base_height == pytest.approx(105.0 - 97.0)


def test_levels_of_a_kind_stand_apart_and_come_strongest_first() -> None:
    bars = random_bars(13, 300, 6)
    atr = atr_of(bars)
    found = build_levels(times(300), bars, [str(i) for i in range(6)], atr, RULES)
    for i in range(6):
        own = [level for level in found if level.symbol == str(i)]
        assert 1 <= len(own) <= 5
        assert own == sorted(own, key=lambda level: -level.strength)
        for kind in LevelKind:
            of_kind = [level for level in own if level.kind is kind]
            assert levels_reference.ladder_is_apart(of_kind, SEPARATION_ATR * atr[i])


def test_a_dense_range_does_not_become_one_level() -> None:
    prices = np.arange(100.0, 110.0, 0.1)[None, :]
    found = cluster(sort_extremes(prices), np.ones(prices.shape, dtype=np.bool_), np.array([1.05]))
    assert len(found.price) == 10
    np.testing.assert_allclose(np.diff(found.price)[:-1], 1.1, rtol=1e-6)


def test_the_same_price_twice_weighs_once() -> None:
    prices = np.array([[100.0, 100.0, 100.0, 100.3]])
    found = cluster(sort_extremes(prices), np.array([[True, False, True, True]]), np.array([1.0]))
    np.testing.assert_allclose(found.price, [100.15])


def test_a_preset_says_how_many_touches_make_a_level() -> None:
    bars = random_bars(14, 300, 3)
    symbols = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
    few = scanned(desk(closed(bars, *symbols)))[1]
    rules = preset(levels_rules={"min_touches": 15})
    many = scanned(desk(closed(bars, *symbols), rules=rules))[1]
    assert min(level.touches for level in few.levels) < 15
    assert all(level.touches >= 15 for level in many.levels)


def test_a_flat_market_has_finite_levels() -> None:
    flat = np.full((60, 1), 100.0)
    found = build_levels(
        times(60), Bars(flat, flat, flat, flat, np.zeros((60, 1))), ["A"], np.zeros(1), RULES
    )
    assert {level.kind for level in found} == set(LevelKind)
    assert all(level.price == 100.0 and len(astuple(level)) == 8 for level in found)
