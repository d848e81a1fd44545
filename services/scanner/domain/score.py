"""Score markets: the weighted sum of what makes a breakout likely (specification 2.5).

A component whose input is unknown is 0, except as stated: what is not known neither lifts nor sinks a market.
"""

from collections.abc import Callable
from math import log

import msgspec
import numpy as np

from services.scanner.domain.features import Features
from services.scanner.domain.observed import Observed
from shared.contracts.preset import ScoreWeights
from shared.contracts.scan import ScoreComponent
from shared.market.columns import Floats

CLIP = 3.0
# ATR over price: best at the centre of the band.
ATR_BEST, ATR_LOW, ATR_HIGH = 0.025, 0.015, 0.035
# Logarithms may differ in the last bit between machines; a replay compares recorded values.
DECIMALS = 9


def components(features: Features, observed: Observed, weights: ScoreWeights) -> dict[str, Floats]:
    """Return the values `[symbols]` of every component that weighs anything, by the name of its weight."""
    values: dict[str, Callable[[], Floats]] = {
        "vol_surge": lambda: vol_surge(features.volume_surge_1h, features.volume_surge_5m),
        "oi_delta": lambda: oi_delta(observed.open_interest_change_frac),
        "atr_quality": lambda: atr_quality(features.atr_15m / features.price),
        "correlation": lambda: moderate_correlation(features.btc_correlation),
        "trades_per_minute": lambda: activity(observed.trades_per_minute),
        "gainers_momentum": lambda: momentum(features.move_pct, features.volume_trend),
        "losers_momentum": lambda: momentum(-features.move_pct, features.volume_trend),
        "losers_reversal": lambda: reversal(features, observed),
    }
    return {
        name: _rounded(np.nan_to_num(values[name]()))
        for name, weight in msgspec.structs.asdict(weights).items()
        if weight != 0
    }


def scores(values: dict[str, Floats], weights: ScoreWeights, symbols: int) -> Floats:
    """Return the weighted sum of the components, `[symbols]`."""
    total = np.zeros(symbols)
    for name, value in values.items():
        total += getattr(weights, name) * value
    return _rounded(total)


def summands(
    values: dict[str, Floats], weights: ScoreWeights, symbols: int
) -> list[tuple[ScoreComponent, ...]]:
    """Return every symbol's components with their weights."""
    if not values:
        return [()] * symbols
    columns = [
        [ScoreComponent(name=name, value=one, weight=getattr(weights, name)) for one in value.tolist()]
        for name, value in values.items()
    ]
    return list(zip(*columns, strict=True))


def vol_surge(surge_1h: Floats, surge_5m: Floats) -> Floats:
    """Clip of 0.6 of the 1 h and 0.4 of the 5 m surge, less 1.5, to three either way."""
    return _clipped(0.6 * surge_1h + 0.4 * surge_5m - 1.5)


def oi_delta(change_frac: Floats) -> Floats:
    """Count each 5 % of change in open interest as one, at most three."""
    return _clipped(np.abs(change_frac) / 0.05)


def atr_quality(atr_frac: Floats) -> Floats:
    """Rate ATR over price by its distance from the band 1.5 % to 3.5 %; a quality of a half scores 0."""
    quality = np.select(
        [atr_frac < ATR_LOW, atr_frac > ATR_HIGH, ~np.isnan(atr_frac)],
        [
            np.maximum(0.0, 1.0 - (ATR_LOW - atr_frac) / ATR_LOW),
            np.maximum(0.0, 1.0 - (atr_frac - ATR_HIGH) / ATR_HIGH),
            1.0 - np.abs(atr_frac - ATR_BEST) / 0.02,
        ],
        np.nan,
    )
    return _clipped((quality - 0.5) / 0.2)


def moderate_correlation(correlation: Floats) -> Floats:
    """Prefer a correlation with BTC of 0.3 to 0.7; half a point less without any, sinking quickly above."""
    size = np.abs(correlation)
    value = np.select(
        [size <= 0.3, size <= 0.7, ~np.isnan(size)],
        [1.0 - 0.5 * size / 0.3, np.ones_like(size), 1.0 - 1.5 * (size - 0.7) / 0.3],
        np.nan,
    )
    clipped: Floats = np.clip(value, -2.0, 2.0)
    return clipped


def activity(trades_per_minute: Floats) -> Floats:
    """Natural logarithm of the trades per minute, less 2; none at all scores -3."""
    return _clipped(_log(trades_per_minute) - 2.0)


def momentum(move_pct: Floats, volume_trend: Floats) -> Floats:
    """Move of the last five bars in per cent, plus the logarithm of the growth of volume within them."""
    return _clipped(move_pct + _log(volume_trend))


def reversal(features: Features, observed: Observed) -> Floats:
    """Momentum of a market that has fallen over 24 hours; 0 for one that has not."""
    fallen = observed.change_24h_frac < 0
    return np.where(fallen, momentum(features.move_pct, features.volume_trend), 0.0)


def _clipped(value: Floats) -> Floats:
    clipped: Floats = np.clip(value, -CLIP, CLIP)
    return clipped


def _rounded(value: Floats) -> Floats:
    rounded: Floats = np.round(value, DECIMALS)
    return rounded


def _log(value: Floats) -> Floats:
    """Natural logarithm, minus infinity at 0 and below, NaN for NaN."""
    return np.array([log(x) if x > 0 else (-np.inf if x <= 0 else np.nan) for x in value.tolist()])
