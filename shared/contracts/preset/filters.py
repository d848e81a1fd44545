"""Define the liquidity and volatility filters of a preset: which markets may trade at all.

Every filter is recorded with its value and threshold. SPEC sections 2.4 and 9.1.
"""

from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.units import Bps, Multiple, PerMinute, Share, Usd, doc


class LiquidityFilters(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Floors on turnover, open interest, depth and activity, and a cap on the spread."""

    min_24h_volume_usd: Annotated[Usd, doc("Least turnover of the last 24 hours.")]
    min_oi_usd: Annotated[Usd | None, doc("Least open interest; null: not filtered.")] = None
    max_spread_bps: Annotated[Bps, doc("Widest spread, (ask - bid) / bid.")]
    min_depth_usd_0_5pct: Annotated[Usd, doc("Least bid plus ask notional within 0.5 % of the best prices.")]
    min_depth_usd_0_3pct: Annotated[Usd, doc("Least bid plus ask notional within 0.3 % of the best prices.")]
    min_trades_per_minute: Annotated[PerMinute, doc("Least trades per minute.")]


class VolatilityFilters(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The band of volatility, and the surge of volume and interest, that a breakout needs."""

    atr_range_min: Annotated[Share, doc("Least ATR(14) of 15-minute bars over price.")]
    atr_range_max: Annotated[Share, doc("Largest ATR(14) of 15-minute bars over price.")]
    # At least 1: thresholds of 0.7 to 0.95 are fractions typed where percent is compared (W-D7).
    bb_width_percentile_max: Annotated[
        float,
        Meta(ge=1, le=100, extra_json_schema={"x-unit": "percent"}),
        doc("Largest rank (0-100) of the Bollinger width (20, 2 sigma) among its own recent values."),
    ]
    volume_surge_1h_min: Annotated[
        Multiple, doc("Least median volume of the last 12 bars over that of the 12 before.")
    ]
    volume_surge_5m_min: Annotated[
        Multiple, doc("Least volume of the last bar over the median of the 20 before.")
    ]
    oi_delta_threshold: Annotated[
        Multiple | None, doc("Least |change of open interest in 24 hours| as a fraction; null: not filtered.")
    ] = None
