"""Check that every shipped preset loads and holds the numbers of the specification's tables."""

import json
from functools import reduce
from typing import Any

import jsonschema
import msgspec
import pytest

from shared.contracts.preset import (
    StrategyPriority,
    default_presets_dir,
    encode_preset,
    load_preset,
    parse_preset,
    preset_digest,
    preset_names,
    preset_schema,
)

CATALOGUE = (
    "breakout_v1",
    "breakout_v1_relaxed",
    "breakout_v1_working",
    "demo",
    "high_liquidity_top30",
    "high_percent_breakout",
    "scalping_high_freq",
    "smallcap_top_gainers",
    "smallcap_top_losers",
    "swing_trading_pro",
    "top_gainers_momentum",
    "top_losers_reversal",
    "video_strategy_aggressive",
    "video_strategy_conservative",
    "video_strategy_scalping",
    "video_strategy_swing",
)

# Written by hand from the tables of SPEC 9.3 and 9.4; corrected values are in CORRECTED.
FROM_THE_TABLES = [
    ("breakout_v1", "risk.risk_per_trade", 0.015),
    ("breakout_v1", "risk.max_concurrent_positions", 3),
    ("breakout_v1", "risk.daily_risk_limit", 0.08),
    ("breakout_v1", "risk.max_position_size_usd", 60_000),
    ("breakout_v1", "risk.kill_switch_loss_limit", 0.18),
    ("breakout_v1", "risk.correlation_limit", 0.4),
    ("breakout_v1", "risk.max_consecutive_losses", 5),
    ("breakout_v1", "liquidity_filters.min_24h_volume_usd", 5_000_000),
    ("breakout_v1", "liquidity_filters.min_oi_usd", 2_000_000),
    ("breakout_v1", "liquidity_filters.max_spread_bps", 30),
    ("breakout_v1", "liquidity_filters.min_depth_usd_0_5pct", 8_000),
    ("breakout_v1", "liquidity_filters.min_depth_usd_0_3pct", 5_000),
    ("breakout_v1", "liquidity_filters.min_trades_per_minute", 3),
    ("breakout_v1", "volatility_filters.atr_range_min", 0.005),
    ("breakout_v1", "volatility_filters.atr_range_max", 0.12),
    ("breakout_v1", "volatility_filters.bb_width_percentile_max", 82),
    ("breakout_v1", "volatility_filters.volume_surge_1h_min", 1.15),
    ("breakout_v1", "volatility_filters.volume_surge_5m_min", 1.4),
    ("breakout_v1", "volatility_filters.oi_delta_threshold", 0.018),
    ("breakout_v1", "signal_config.momentum_volume_multiplier", 1.4),
    ("breakout_v1", "signal_config.momentum_epsilon", 0.0012),
    ("breakout_v1", "signal_config.l2_imbalance_threshold", 0.15),
    ("breakout_v1", "position_config.tp1_r", 1.5),
    ("breakout_v1", "position_config.tp1_size_pct", 0.4),
    ("breakout_v1", "position_config.tp2_r", 2.8),
    ("breakout_v1", "position_config.tp2_size_pct", 0.35),
    ("breakout_v1", "position_config.chandelier_atr_mult", 2.3),
    ("breakout_v1", "position_config.max_hold_time_hours", 20),
    ("breakout_v1", "position_config.time_stop_minutes", None),
    ("breakout_v1", "position_config.tp_levels", ()),
    ("breakout_v1", "scanner_config.scan_interval_seconds", 120),
    ("breakout_v1", "scanner_config.score_weights.vol_surge", 0.3),
    ("breakout_v1", "scanner_config.score_weights.gainers_momentum", 0),
    ("breakout_v1", "scanner_config.top_n_by_volume", 200),
    ("breakout_v1", "scanner_config.symbol_blacklist", ("USDT/USD", "USDC/USD")),
    ("breakout_v1", "scanner_config.symbol_whitelist", None),
    ("breakout_v1", "execution_config.twap_min_slices", 4),
    ("breakout_v1", "execution_config.twap_interval_seconds", 2.5),
    ("breakout_v1", "execution_config.deadman_timeout_ms", 8_000),
    ("breakout_v1", "execution_config.taker_fee_bps", 6.5),
    ("breakout_v1_relaxed", "scanner_config.max_candidates", 50),
    ("breakout_v1_relaxed", "volatility_filters.bb_width_percentile_max", 85),
    ("breakout_v1_working", "risk.max_position_size_usd", 100_000),
    ("high_liquidity_top30", "liquidity_filters.max_spread_bps", 1.5),
    ("high_liquidity_top30", "scanner_config.top_n_by_volume", 30),
    ("high_percent_breakout", "position_config.time_stop_minutes", 180),
    ("high_percent_breakout", "position_config.panic_exit_on_activity_drop", True),
    ("high_percent_breakout", "density_config.k_density", 7),
    ("scalping_high_freq", "execution_config.enable_iceberg", False),
    ("scalping_high_freq", "position_config.tp2_size_pct", 0.4),
    ("smallcap_top_gainers", "scanner_config.score_weights.gainers_momentum", 0.05),
    ("smallcap_top_losers", "scanner_config.score_weights.losers_momentum", 0.05),
    ("smallcap_top_losers", "scanner_config.top_n_by_volume", None),
    ("swing_trading_pro", "position_config.max_hold_time_hours", 72),
    ("swing_trading_pro", "position_config.tp2_r", 4),
    ("top_gainers_momentum", "scanner_config.gainers_filter.min_24h_change_pct", 8),
    ("top_gainers_momentum", "scanner_config.gainers_filter.top_n_gainers", 50),
    ("top_losers_reversal", "scanner_config.losers_filter.max_24h_change_pct", -6),
    ("top_losers_reversal", "scanner_config.losers_filter.top_n_losers", 30),
    ("video_strategy_aggressive", "risk.max_consecutive_losses", 3),
    ("video_strategy_aggressive", "signal_config.entry_rules.volume_confirmation_multiplier", 2),
    ("video_strategy_conservative", "signal_config.market_quality.noise_threshold", 0.7),
    ("video_strategy_conservative", "position_config.sl_mode", "fixed"),
    ("video_strategy_scalping", "position_config.exit_rules.time_stop_minutes", 30),
    ("video_strategy_scalping", "levels_rules.round_step_candidates", (0.01, 0.05, 0.1, 1, 5)),
    ("video_strategy_swing", "position_config.fsm_config.trailing_accel_after_r", 6),
    ("video_strategy_swing", "levels_rules.round_step_candidates", (0.1, 1, 5, 10, 50, 100)),
    ("video_strategy_swing", "execution_config.twap_duration_seconds", 120),
]

# Where the tables cannot trade (SPEC 15, W-D7 and W-R2): the value, and the field the note names.
CORRECTED = [
    ("scalping_high_freq", "execution_config.iceberg_min_notional", 3_000),
    ("smallcap_top_gainers", "execution_config.deadman_timeout_ms", 16_000),
    ("smallcap_top_losers", "execution_config.deadman_timeout_ms", 16_000),
    ("swing_trading_pro", "execution_config.deadman_timeout_ms", 17_000),
    ("top_gainers_momentum", "execution_config.deadman_timeout_ms", 8_000),
    ("top_losers_reversal", "execution_config.deadman_timeout_ms", 12_000),
    ("video_strategy_swing", "execution_config.deadman_timeout_ms", 130_000),
    ("video_strategy_aggressive", "signal_config.l2_imbalance_threshold", 0.43),
    ("video_strategy_conservative", "signal_config.l2_imbalance_threshold", 0.33),
    ("video_strategy_scalping", "signal_config.l2_imbalance_threshold", 0.5),
    ("video_strategy_swing", "signal_config.l2_imbalance_threshold", 0.2),
    ("video_strategy_scalping", "volatility_filters.bb_width_percentile_max", 70),
    ("video_strategy_swing", "signal_config.retest_pierce_tolerance", 0.004),
    ("video_strategy_scalping", "scanner_config.symbol_whitelist", ("BTC/USDT:USDT", "ETH/USDT:USDT")),
    ("video_strategy_aggressive", "position_config.tp1_r", 1),
]


def _value(name: str, path: str) -> Any:
    return reduce(getattr, path.split("."), load_preset(name))


def test_the_catalogue_is_complete() -> None:
    assert preset_names() == CATALOGUE


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_shipped_preset_loads_and_satisfies_the_published_schema(name: str) -> None:
    assert load_preset(name).name == name
    raw = json.loads((default_presets_dir() / f"{name}.json").read_text())
    jsonschema.Draft202012Validator(preset_schema()).validate(raw)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_round_trip_is_stable(name: str) -> None:
    preset = load_preset(name)
    again = parse_preset(encode_preset(preset))
    assert again == preset
    assert encode_preset(again) == encode_preset(preset)
    assert preset_digest(again) == preset_digest(preset)


def test_no_two_presets_have_the_same_digest() -> None:
    assert len({preset_digest(load_preset(name)) for name in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize(("name", "path", "expected"), FROM_THE_TABLES)
def test_a_preset_holds_the_numbers_of_the_specification(name: str, path: str, expected: object) -> None:
    assert _value(name, path) == expected


@pytest.mark.parametrize(("name", "path", "expected"), CORRECTED)
def test_a_corrected_number_is_explained_in_the_notes(name: str, path: str, expected: object) -> None:
    assert _value(name, path) == expected
    assert any(path in note for note in load_preset(name).notes)


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_entry_is_cut_short_by_its_own_deadman(name: str) -> None:
    execution = load_preset(name).execution_config
    shortest_ms = (execution.twap_min_slices - 1) * execution.twap_interval_seconds * 1_000
    assert shortest_ms < execution.deadman_timeout_ms


@pytest.mark.parametrize(
    ("name", "ladder"),
    [
        ("video_strategy_aggressive", [(1, 0.3), (2, 0.3), (3.5, 0.25), (5, 0.15)]),
        ("video_strategy_conservative", [(1.5, 0.25), (2.5, 0.25), (4, 0.25), (6, 0.25)]),
        ("video_strategy_scalping", [(0.6, 0.4), (1.2, 0.35), (2, 0.25)]),
        ("video_strategy_swing", [(2, 0.2), (4, 0.25), (6, 0.25), (8, 0.2), (12, 0.1)]),
    ],
)
def test_the_ladders_are_those_of_the_specification(name: str, ladder: list[tuple[float, float]]) -> None:
    position = load_preset(name).position_config
    assert [(level.reward_multiple, level.size_pct) for level in position.tp_levels] == ladder
    assert (position.tp1_r, position.tp1_size_pct) == ladder[0]
    assert (position.tp2_r, position.tp2_size_pct) == ladder[1]


@pytest.mark.parametrize(
    ("name", "priority"),
    [
        ("breakout_v1", StrategyPriority.MOMENTUM),
        ("smallcap_top_losers", StrategyPriority.RETEST),
        ("top_losers_reversal", StrategyPriority.RETEST),
        ("video_strategy_scalping", StrategyPriority.MOMENTUM),
        ("video_strategy_swing", StrategyPriority.RETEST),
    ],
)
def test_the_strategy_tried_first_is_the_specifications(name: str, priority: StrategyPriority) -> None:
    assert load_preset(name).strategy_priority is priority


def test_the_demo_differs_from_breakout_v1_only_where_it_says_so() -> None:
    demo, base = load_preset("demo"), load_preset("breakout_v1")
    assert demo.execution_config == base.execution_config
    assert msgspec.structs.replace(demo.position_config, time_stop_minutes=None) == base.position_config
    changed = ("correlation_limit", "risk_per_trade", "max_position_size_usd", "max_consecutive_losses")
    as_base = {name: getattr(base.risk, name) for name in changed}
    assert msgspec.structs.replace(demo.risk, **as_base) == base.risk
    assert demo.scanner_config.scan_interval_seconds == 60
