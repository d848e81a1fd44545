import numpy as np
import pytest

from services.scanner.domain.features import Features
from services.scanner.domain.filters import Filter, checks, filters
from services.scanner.domain.observed import Observed
from shared.contracts.preset import Preset, preset_names
from shared.contracts.scan import Check
from tests.services.scanner.scenario import NAN, preset

NAMES = (
    "min_24h_volume", "min_oi", "max_spread", "min_depth_0_5pct", "min_depth_0_3pct", "min_trades_per_minute",
    "atr_range", "bb_width", "volume_surge_1h", "volume_surge_5m", "oi_delta", "correlation",
    "data_candles", "data_gaps", "data_spread", "data_depth", "data_trades",
)  # fmt: skip


def features(**known: float) -> Features:
    healthy = {"bars": 300.0, "gaps": 0.0}
    return Features(*(np.array([(healthy | known).get(name, NAN)]) for name in Features._fields))


def observed(**known: float) -> Observed:
    return Observed(*(np.array([known.get(name, NAN)]) for name in Observed._fields))


def judged(seen: Features, known: Observed, rules: Preset) -> dict[str, Check]:
    (found,), _ = checks(filters(seen, known, rules))
    return {check.name: check for check in found}


def test_every_filter_of_the_specification_is_recorded_with_its_bounds() -> None:
    found = judged(features(), observed(), preset("breakout_v1"))
    assert tuple(found) == NAMES
    bounds = {name: (check.minimum, check.maximum) for name, check in found.items()}
    assert bounds == {
        "min_24h_volume": (5e6, None),
        "min_oi": (2e6, None),
        "max_spread": (None, 30.0),
        "min_depth_0_5pct": (8_000.0, None),
        "min_depth_0_3pct": (5_000.0, None),
        "min_trades_per_minute": (3.0, None),
        "atr_range": (0.005, 0.12),
        "bb_width": (None, 82.0),
        "volume_surge_1h": (1.15, None),
        "volume_surge_5m": (1.4, None),
        "oi_delta": (0.018, None),
        "correlation": (None, 0.85),
        "data_candles": (20.0, None),
        "data_gaps": (None, 0.0),
        "data_spread": (None, 60.0),
        "data_depth": (1.0, None),
        "data_trades": (1.0, None),
    }


def test_what_is_not_watched_passes_unknown_and_what_bars_must_tell_does_not() -> None:
    found = judged(features(bars=NAN, gaps=NAN), observed(), preset("breakout_v1"))
    assert all(check.value is None for check in found.values())
    assert {name for name, check in found.items() if not check.passed} == {
        "min_24h_volume", "atr_range", "bb_width", "volume_surge_1h", "volume_surge_5m",
        "data_candles", "data_gaps",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "field", "passing", "failing"),
    [
        ("min_24h_volume", "volume_24h_usd", 5e6, 4_999_999.0),
        ("min_oi", "open_interest_usd", 2e6, 1_999_999.0),
        ("max_spread", "spread_bps", 30.0, 30.01),
        ("min_depth_0_5pct", "depth_0_5pct_usd", 8_000.0, 7_999.0),
        ("min_depth_0_3pct", "depth_0_3pct_usd", 5_000.0, 4_999.0),
        ("min_trades_per_minute", "trades_per_minute", 3.0, 2.9),
        ("oi_delta", "open_interest_change_frac", -0.018, 0.017),
        ("data_spread", "spread_bps", 60.0, 60.1),
        ("data_depth", "thinner_side_usd", 1.0, 0.0),
        ("data_trades", "trades", 1.0, 0.0),
    ],
)
def test_observed_bounds_are_inclusive(name: str, field: str, passing: float, failing: float) -> None:
    for value, verdict in ((passing, True), (failing, False)):
        check = judged(features(), observed(**{field: value}), preset("breakout_v1"))[name]
        assert (check.passed, check.value) == (verdict, abs(value))


@pytest.mark.parametrize(
    ("name", "field", "passing", "failing"),
    [
        ("atr_range", "atr_15m", 0.5, 0.499),
        ("atr_range", "atr_15m", 12.0, 12.01),
        ("bb_width", "bb_width_percentile", 82.0, 82.1),
        ("volume_surge_1h", "volume_surge_1h", 1.15, 1.149),
        ("volume_surge_5m", "volume_surge_5m", 1.4, 1.39),
        ("correlation", "btc_correlation", 0.85, 0.851),
        ("correlation", "btc_correlation", -0.85, -0.851),
        ("data_candles", "bars", 20.0, 19.0),
        ("data_gaps", "gaps", 0.0, 1.0),
    ],
)
def test_measured_bounds_are_inclusive(name: str, field: str, passing: float, failing: float) -> None:
    for value, verdict in ((passing, True), (failing, False)):
        seen = features(price=100.0, **{field: value})
        assert judged(seen, observed(), preset("breakout_v1"))[name].passed is verdict


def test_the_correlation_limit_is_the_looser_of_two() -> None:
    tight = judged(features(), observed(), preset("breakout_v1", risk={"correlation_limit": 0.2}))
    loose = judged(features(), observed(), preset("breakout_v1", risk={"correlation_limit": 0.95}))
    assert (tight["correlation"].maximum, loose["correlation"].maximum) == (0.85, 0.95)


def test_a_filter_that_the_preset_leaves_out_is_not_judged() -> None:
    rules = preset(
        "breakout_v1",
        liquidity_filters={"min_oi_usd": None},
        volatility_filters={"oi_delta_threshold": None},
    )
    assert set(NAMES) - set(judged(features(), observed(), rules)) == {"min_oi", "oi_delta"}


def test_a_tight_spread_limit_still_calls_twenty_bps_healthy() -> None:
    rules = preset("breakout_v1", liquidity_filters={"max_spread_bps": 1.5})
    assert judged(features(), observed(), rules)["data_spread"].maximum == 20.0


@pytest.mark.parametrize("name", preset_names())
def test_a_lively_liquid_market_passes_every_shipped_preset(name: str) -> None:
    """W-D7: no preset, the video ones included, excludes every market by its own thresholds."""
    rules = preset(name)
    seen = features(
        price=100.0,
        atr_15m=50.0 * (rules.volatility_filters.atr_range_min + rules.volatility_filters.atr_range_max),
        bb_width_percentile=rules.volatility_filters.bb_width_percentile_max,
        btc_correlation=0.1,
        volume_surge_1h=5.0,
        volume_surge_5m=5.0,
    )
    known = observed(
        volume_24h_usd=1e10,
        open_interest_usd=1e9,
        open_interest_change_frac=0.1,
        spread_bps=0.5,
        depth_0_3pct_usd=1e6,
        depth_0_5pct_usd=2e6,
        thinner_side_usd=1e6,
        trades=1_000.0,
        trades_per_minute=1_000.0,
    )
    found, passed = checks(filters(seen, known, rules))
    assert passed.tolist() == [True], [check for check in found[0] if not check.passed]


def test_a_market_passes_only_when_all_filters_do() -> None:
    values = np.array([1.0, 2.0, NAN])
    both = [Filter("a", values, minimum=1.0, passes_unknown=True), Filter("b", values, maximum=1.0)]
    found, passed = checks(both)
    assert passed.tolist() == [True, False, False]
    assert [[check.passed for check in market] for market in found] == [
        [True, True],
        [True, False],
        [True, False],
    ]
