"""Build the support and resistance levels of markets from their bars (specification 2.6).

Candidate prices within a tolerance are one level; it counts when enough bars have touched it, and its
strength says how often, how long, with what volume and how cleanly.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from services.scanner.domain.candidates import candidate_bars
from services.scanner.domain.clusters import (
    Clusters,
    Places,
    Touches,
    cluster,
    search,
    sort_extremes,
    touches,
)
from services.scanner.domain.state import BAR_MS
from shared.contracts.preset import LevelsRules
from shared.contracts.scan import Level, LevelKind
from shared.market.bars import Bars
from shared.market.columns import Bools, Floats, Ints

CANDLES_MIN = 20
# In ATR(14): how far a bar may miss a level it touches, and how far apart two levels are.
TOLERANCE_ATR = 0.5
SEPARATION_ATR = 2.0
# Where ATR is unknown, as a fraction of price.
ATR_FALLBACK_FRAC = 0.01
PIERCE_MAX_FRAC = 0.002
TOUCHES_FULL = 5
SPAN_FULL_MS = 168 * 3_600_000
BASE_BARS = 20
BASE_FRAC = 0.05
# Specification 2.6, helpers: the strongest five. Signals use two, people look at a few more.
LEVELS_KEPT = 5
# A sum in another order must not change what is recorded.
STRENGTH_DECIMALS = 9


class _Found(NamedTuple):
    """Levels of one kind, of all symbols; `[levels]`."""

    symbol: Places
    price: Floats
    strength: Floats
    touches: Ints
    first_ms: Ints
    last_ms: Ints


class _Market(NamedTuple):
    """Times of the rows, bars by symbol, `[symbols, rows]`, and what all levels of a symbol share, `[symbols]`."""

    open_time_ms: Ints
    bars: Bars
    closes: Floats
    candles: Ints
    volume_mean: Floats
    atr: Floats


def build_levels(
    open_time_ms: Ints, bars: Bars, symbols: Sequence[str], atr: Floats, rules: LevelsRules
) -> list[Level]:
    """Return the five strongest levels of every symbol with enough candles, strongest first per symbol.

    `bars` are `[rows, symbols]`, `atr` is that of the last bar, `[symbols]`.
    """
    if not symbols or len(open_time_ms) == 0:
        return []
    market = _market(open_time_ms, bars, atr)
    of_highs, of_lows = candidate_bars(bars)
    found = {
        LevelKind.RESISTANCE: _found(LevelKind.RESISTANCE, market, of_highs, rules),
        LevelKind.SUPPORT: _found(LevelKind.SUPPORT, market, of_lows, rules),
    }
    ranked = sorted(
        (symbol, -strength, kind, price, at)
        for kind, side in found.items()
        for at, symbol, strength, price in _standing_apart(side, market.atr)
    )
    levels: list[Level] = []
    for symbol, group in groupby(ranked, key=lambda entry: entry[0]):
        for _, _, kind, _, at in list(group)[:LEVELS_KEPT]:
            base = _base_height(kind, float(found[kind].price[at]), market.bars, symbol)
            levels.append(_level(symbols[symbol], kind, found[kind], at, base))
    return levels


def _market(open_time_ms: Ints, bars: Bars, atr: Floats) -> _Market:
    flipped = Bars(*(np.ascontiguousarray(field.T) for field in bars))
    candles = flipped.present.sum(axis=1)
    volume = np.nansum(flipped.volume, axis=1)
    highest = np.fmax.reduce(flipped.close, axis=1)
    return _Market(
        open_time_ms=open_time_ms,
        bars=flipped,
        closes=np.sort(flipped.close, axis=1),
        candles=candles,
        volume_mean=np.divide(volume, candles, out=np.zeros_like(volume), where=candles > 0),
        atr=np.where(atr > 0, atr, ATR_FALLBACK_FRAC * highest),
    )


def _found(kind: LevelKind, market: _Market, marked: Bools, rules: LevelsRules) -> _Found:
    """Return all levels of one kind with enough touches, by symbol and price."""
    extremes = sort_extremes(market.bars.high if kind is LevelKind.RESISTANCE else market.bars.low)
    tolerance = TOLERANCE_ATR * market.atr
    usable = marked.T & (market.candles >= CANDLES_MIN)[:, None]
    clusters = cluster(extremes, usable, tolerance)
    touched = touches(extremes, clusters, tolerance, market.bars.volume)
    strength = _strength(kind, market, clusters, touched)
    enough = touched.bars >= rules.min_touches
    return _Found(
        symbol=clusters.symbol[enough],
        price=clusters.price[enough],
        strength=strength[enough],
        touches=touched.bars[enough],
        first_ms=market.open_time_ms[touched.first[enough]],
        last_ms=market.open_time_ms[touched.last[enough]],
    )


def _strength(kind: LevelKind, market: _Market, clusters: Clusters, touched: Touches) -> Floats:
    """0.4 touches, 0.2 span, 0.2 volume at the touches, 0.2 cleanness, each 0 to 1 (step 4)."""
    of = clusters.symbol
    span_ms = (touched.last - touched.first) * BAR_MS
    mean = touched.volume / touched.bars
    relative = np.divide(
        mean, market.volume_mean[of], out=np.zeros_like(mean), where=market.volume_mean[of] > 0
    )
    if kind is LevelKind.RESISTANCE:
        line = clusters.price * (1 + PIERCE_MAX_FRAC)
        beyond = market.candles[of] - search(market.closes, clusters, line, "right")
    else:
        beyond = search(market.closes, clusters, clusters.price * (1 - PIERCE_MAX_FRAC), "left")
    strength = (
        0.4 * np.minimum(1.0, touched.bars / TOUCHES_FULL)
        + 0.2 * np.minimum(1.0, span_ms / SPAN_FULL_MS)
        + 0.2 * np.minimum(1.0, relative)
        + 0.2 * (1.0 - np.minimum(1.0, 5.0 * beyond / market.candles[of]))
    )
    return np.asarray(np.round(np.clip(strength, 0.0, 1.0), STRENGTH_DECIMALS), dtype=np.float64)


def _standing_apart(found: _Found, atr: Floats) -> list[tuple[int, int, float, float]]:
    """Choose levels no closer than 2 ATR to a stronger one of their symbol and kind (step 6).

    Returns place, symbol, strength and price of at most as many per symbol as are kept.
    """
    order = np.lexsort((found.price, -found.strength, found.symbol))
    bounds = np.searchsorted(found.symbol, np.arange(len(atr) + 1)).tolist()
    distances = (SEPARATION_ATR * atr).tolist()
    places, prices, strengths = order.tolist(), found.price[order].tolist(), found.strength[order].tolist()
    chosen: list[tuple[int, int, float, float]] = []
    for symbol, distance in enumerate(distances):
        kept: list[float] = []
        for i in range(bounds[symbol], bounds[symbol + 1]):
            if _is_apart(prices[i], kept, distance):
                kept.append(prices[i])
                chosen.append((places[i], symbol, strengths[i], prices[i]))
                if len(kept) == LEVELS_KEPT:
                    break
    return chosen


def _is_apart(price: float, others: list[float], distance: float) -> bool:
    # A loop: `all` over a generator takes most of the time of a scan.
    for other in others:  # noqa: SIM110
        if abs(price - other) < distance:
            return False
    return True


def _level(symbol: str, kind: LevelKind, found: _Found, at: int, base_height: float | None) -> Level:
    return Level(
        symbol=symbol,
        kind=kind,
        price=float(found.price[at]),
        touches=int(found.touches[at]),
        strength=float(found.strength[at]),
        first_touch_ms=int(found.first_ms[at]),
        last_touch_ms=int(found.last_ms[at]),
        base_height=base_height,
    )


def _base_height(kind: LevelKind, price: float, bars: Bars, symbol: int) -> float | None:
    """Distance to the nearest extreme more than 5 % away in the last 20 bars, None without one (step 5)."""
    if kind is LevelKind.RESISTANCE:
        lows = [low for low in bars.low[symbol, -BASE_BARS:].tolist() if low < (1 - BASE_FRAC) * price]
        return price - max(lows) if lows else None
    highs = [high for high in bars.high[symbol, -BASE_BARS:].tolist() if high > (1 + BASE_FRAC) * price]
    return min(highs) - price if highs else None
