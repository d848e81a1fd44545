"""Define the signal section of a preset: the conditions of an entry.

`entry_rules` and `market_quality` are optional layers; null leaves them out of the decision.
SPEC sections 3.1, 3.2, 3.4 and 9.1.
"""

from typing import Annotated

from shared.contracts.base import Value
from shared.contracts.preset.units import (
    AtrMultiple,
    Bars,
    Bps,
    MinutesOrZero,
    Multiple,
    Percent,
    Share,
    ShareOrZero,
    SmallShare,
    doc,
)


class EntryRules(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Confirmations that a raw signal needs before it is raised."""

    require_volume_confirmation: Annotated[bool, doc("Demand a volume surge at the breakout.")] = True
    volume_confirmation_multiplier: Annotated[Multiple, doc("Least breakout volume over its average.")] = 1.5
    require_density_confirmation: Annotated[bool, doc("Demand an entry outside density zones.")] = True
    density_confirmation_threshold: Annotated[Multiple, doc("Strength at which a density counts.")] = 2.0
    require_momentum: Annotated[bool, doc("Demand momentum at the entry.")] = True
    momentum_min_slope_pct: Annotated[Percent, doc("Least |price change| over the checked bars.")] = 0.5
    momentum_check_bars: Annotated[Bars, doc("Bars over which momentum is measured.")] = 3
    validate_approach: Annotated[bool, doc("Check how price approached the level.")] = True
    approach_max_slope_pct: Annotated[Percent, doc("Steepest approach per bar.")] = 1.5
    approach_min_consolidation_bars: Annotated[Bars, doc("Bars that must consolidate before the level.")] = 3
    max_distance_from_level_bps: Annotated[Bps, doc("Largest distance of the entry from the level.")] = 30.0
    require_clean_breakout: Annotated[bool, doc("Refuse levels with recent false starts.")] = True
    false_start_lookback_bars: Annotated[Bars, doc("Bars searched for false starts.")] = 10
    avoid_session_start_minutes: Annotated[
        MinutesOrZero, doc("No entry this long after a session opens.")
    ] = 5.0
    avoid_session_end_minutes: Annotated[MinutesOrZero, doc("No entry this long before a session ends.")] = (
        15.0
    )


class MarketQuality(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Refuse markets that are flat, stuck, erratic, aimless or noisy."""

    flat_market_filter_enabled: Annotated[bool, doc("Refuse flat markets.")] = True
    flat_market_atr_threshold: Annotated[
        Percent, doc("ATR in percent of price below which a market is flat.")
    ] = 0.3
    flat_market_lookback_bars: Annotated[Bars, doc("Bars of the flatness check.")] = 20
    consolidation_filter_enabled: Annotated[bool, doc("Refuse markets stuck in a range.")] = True
    consolidation_range_threshold_pct: Annotated[Percent, doc("Range up to which a market consolidates.")] = (
        0.5
    )
    consolidation_min_bars: Annotated[Bars, doc("Bars in that range from which it is stuck.")] = 10
    require_stable_volatility: Annotated[bool, doc("Refuse volatility spikes.")] = True
    volatility_spike_threshold: Annotated[Multiple, doc("Standard deviations that make a spike.")] = 2.0
    volatility_lookback_bars: Annotated[Bars, doc("Bars of the spike check.")] = 20
    require_clear_trend: Annotated[bool, doc("Demand a trend.")] = False
    trend_slope_min_pct: Annotated[Percent, doc("Least |slope| per bar of a trend.")] = 0.3
    trend_lookback_bars: Annotated[Bars, doc("Bars of the trend check.")] = 20
    noise_filter_enabled: Annotated[bool, doc("Refuse noisy markets.")] = True
    noise_threshold: Annotated[ShareOrZero, doc("Largest noise, 0 to 1.")] = 0.7


class SignalConfig(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the momentum and the retest entry."""

    momentum_volume_multiplier: Annotated[
        Multiple, doc("Least last volume over the median of the 19 before.")
    ]
    momentum_body_ratio_min: Annotated[ShareOrZero, doc("Least body of the breakout bar over its range.")]
    momentum_epsilon: Annotated[SmallShare, doc("Share of price by which the close must pass the level.")]
    retest_pierce_tolerance: Annotated[
        SmallShare, doc("Offset of the retest entry from the level, of price.")
    ]
    retest_max_pierce_atr: Annotated[AtrMultiple, doc("Deepest pierce of the level on a retest.")]
    l2_imbalance_threshold: Annotated[
        ShareOrZero, doc("Least book imbalance in the trade's direction, 0 to 1.")
    ]
    vwap_gap_max_atr: Annotated[AtrMultiple, doc("Largest distance of price from VWAP.")]
    prelevel_limit_offset_bps: Annotated[Bps, doc("Offset of a limit order placed before the level.")] = 2.0
    enter_on_density_eat_ratio: Annotated[Share, doc("Share of a density eaten that counts as eaten.")] = 0.75
    tpm_on_touch_frac: Annotated[Share, doc("Share of usual trades per minute wanted at the touch.")] = 0.7
    entry_rules: Annotated[EntryRules | None, doc("Further confirmations; null: none.")] = None
    market_quality: Annotated[MarketQuality | None, doc("Market quality layer; null: none.")] = None
