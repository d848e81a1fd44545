"""Judge markets by a preset's filters: liquidity, volatility, correlation, health of the data.

Every verdict carries its value and bounds (specification 2.4). Only a market whose book, trades or open
interest is watched has them: unknown, they pass here, and a signal requires them known. What the bars and the
ticker must tell (turnover, ATR, width, surges) fails while unknown.
"""

from math import isnan
from typing import NamedTuple

import numpy as np

from services.scanner.domain.features import Features
from services.scanner.domain.observed import Observed
from shared.contracts.preset import Preset
from shared.contracts.scan import Check
from shared.market.columns import Bools, Floats

# Specification 2.4: a looser correlation limit than the risk section's never goes below this one.
CORRELATION_LIMIT_MIN = 0.85
CANDLES_MIN = 20.0
# Widest spread of healthy data: twice the filter's, at least this.
HEALTHY_SPREAD_BPS_MIN = 20.0
# A side of the book worth less than a dollar is empty.
EMPTY_SIDE_USD = 1.0


class Filter(NamedTuple):
    """One condition on all symbols: inclusive bounds, and what an unknown value means."""

    name: str
    values: Floats
    minimum: float | None = None
    maximum: float | None = None
    passes_unknown: bool = False

    def passed(self) -> Bools:
        """Tell which symbols pass, `[symbols]`."""
        known = ~np.isnan(self.values)
        passed = known.copy()
        if self.minimum is not None:
            passed &= self.values >= self.minimum
        if self.maximum is not None:
            passed &= self.values <= self.maximum
        return passed | ~known if self.passes_unknown else passed


def filters(features: Features, observed: Observed, preset: Preset) -> list[Filter]:
    """Return the conditions of the preset in the order of specification 2.4; null ones are left out."""
    return [
        *_liquidity(observed, preset),
        *_volatility(features, observed, preset),
        *_health(features, observed, preset),
    ]


def checks(judged: list[Filter]) -> tuple[list[tuple[Check, ...]], Bools]:
    """Return every symbol's checks, and which symbols pass all of them, `[symbols]`."""
    passed = [each.passed() for each in judged]
    columns = [_column(each, verdict) for each, verdict in zip(judged, passed, strict=True)]
    return list(zip(*columns, strict=True)), np.logical_and.reduce(passed)


def _column(judged: Filter, passed: Bools) -> list[Check]:
    def check(value: float | None, verdict: bool) -> Check:
        return Check(
            name=judged.name, passed=verdict, value=value, minimum=judged.minimum, maximum=judged.maximum
        )

    unknown = check(None, judged.passes_unknown)
    return [
        unknown if isnan(value) else check(value, verdict)
        for value, verdict in zip(judged.values.tolist(), passed.tolist(), strict=True)
    ]


def _liquidity(observed: Observed, preset: Preset) -> list[Filter]:
    limits = preset.liquidity_filters
    found = [Filter("min_24h_volume", observed.volume_24h_usd, limits.min_24h_volume_usd)]
    if limits.min_oi_usd is not None:
        found.append(Filter("min_oi", observed.open_interest_usd, limits.min_oi_usd, passes_unknown=True))
    return [
        *found,
        Filter("max_spread", observed.spread_bps, maximum=limits.max_spread_bps, passes_unknown=True),
        Filter(
            "min_depth_0_5pct", observed.depth_0_5pct_usd, limits.min_depth_usd_0_5pct, passes_unknown=True
        ),
        Filter(
            "min_depth_0_3pct", observed.depth_0_3pct_usd, limits.min_depth_usd_0_3pct, passes_unknown=True
        ),
        Filter(
            "min_trades_per_minute",
            observed.trades_per_minute,
            limits.min_trades_per_minute,
            passes_unknown=True,
        ),
    ]


def _volatility(features: Features, observed: Observed, preset: Preset) -> list[Filter]:
    """Judge how lively a market is.

    The width of the Bollinger bands is judged by its percentile within its own history, 0 to 100: that is what
    the preset's field says, and a width in per cent is below every threshold in use (W-D7).
    """
    limits = preset.volatility_filters
    found = [
        Filter("atr_range", features.atr_15m / features.price, limits.atr_range_min, limits.atr_range_max),
        Filter("bb_width", features.bb_width_percentile, maximum=limits.bb_width_percentile_max),
        Filter("volume_surge_1h", features.volume_surge_1h, limits.volume_surge_1h_min),
        Filter("volume_surge_5m", features.volume_surge_5m, limits.volume_surge_5m_min),
    ]
    if limits.oi_delta_threshold is not None:
        change = np.abs(observed.open_interest_change_frac)
        found.append(Filter("oi_delta", change, limits.oi_delta_threshold, passes_unknown=True))
    limit = max(preset.risk.correlation_limit, CORRELATION_LIMIT_MIN)
    found.append(Filter("correlation", np.abs(features.btc_correlation), maximum=limit, passes_unknown=True))
    return found


def _health(features: Features, observed: Observed, preset: Preset) -> list[Filter]:
    """Judge the data itself; duplicates cannot occur, a window has one row per bar."""
    spread_max = max(2 * preset.liquidity_filters.max_spread_bps, HEALTHY_SPREAD_BPS_MIN)
    return [
        Filter("data_candles", features.bars, CANDLES_MIN),
        Filter("data_gaps", features.gaps, maximum=0.0),
        Filter("data_spread", observed.spread_bps, maximum=spread_max, passes_unknown=True),
        Filter("data_depth", observed.thinner_side_usd, EMPTY_SIDE_USD, passes_unknown=True),
        Filter("data_trades", observed.trades, 1.0, passes_unknown=True),
    ]
