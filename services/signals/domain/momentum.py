"""Judges a momentum breakout: the last bar, or the one before it, has closed beyond a level.

Specification 3.1.
"""

from services.signals.domain.conditions import at_least, at_most, book_condition, clamp, imbalance_toward
from services.signals.domain.levels import break_px, break_side, is_beyond
from services.signals.domain.measures import Measures
from services.signals.domain.setup import Setup, Trigger
from services.signals.domain.state import BAR_MS, SignalsState, Standing
from shared.contracts.preset import SignalConfig
from shared.contracts.scan import Check, Level, LevelKind
from shared.contracts.signal import PositionSide, Strategy

STOP_ATR = 1.2
# The breaking bar itself, or the one right after it.
BARS_SINCE_BREAK_MAX = 1
CLOSES_NEEDED = BARS_SINCE_BREAK_MAX + 2


def trigger(
    state: SignalsState, level: Level, closes: list[float], epsilon: float, bar_close_time_ms: int
) -> Trigger | None:
    """Return the break that the last closes (newest first) show, None when none is fresh.

    A break that has raised a signal before is spent: it takes another close on the level's own side.
    """
    bars_since = _bars_since_break(level, closes, epsilon)
    if bars_since is None:
        return None
    side = break_side(level)
    broken_at_ms = bar_close_time_ms - bars_since * BAR_MS
    spent = any(
        raised.side is side
        and raised.strategy is Strategy.MOMENTUM
        and raised.bar_close_time_ms >= broken_at_ms
        for raised in state.raised.get(level.symbol, ())
    )
    if spent:
        return None
    return Trigger(strategy=Strategy.MOMENTUM, level=level, side=side, bars_since_break=bars_since)


def _bars_since_break(level: Level, closes: list[float], epsilon: float) -> int | None:
    for bars_since in range(BARS_SINCE_BREAK_MAX + 1):
        if is_beyond(level, closes[bars_since], epsilon) is not True:
            return None
        if is_beyond(level, closes[bars_since + 1], epsilon) is False:
            return bars_since
    return None


def judge(
    state: SignalsState, found: Trigger, config: SignalConfig, measures: Measures, now_ms: int
) -> Setup:
    """Return the setup with every condition, met or not."""
    level, side = found.level, found.side
    entry_px = break_px(level, config.momentum_epsilon)
    stop_px = _stop_px(side, entry_px, measures)
    atr_frac = None if measures.atr is None else measures.atr / measures.close
    gap = None if measures.vwap is None else abs(measures.close - measures.vwap) / measures.close
    vwap_limit = 0.0 if atr_frac is None else atr_frac * config.vwap_gap_max_atr
    checks = (
        _price_breakout(level, measures.close, entry_px),
        at_most("bars_since_break", found.bars_since_break, BARS_SINCE_BREAK_MAX),
        at_least("volume_surge", measures.volume_ratio, config.momentum_volume_multiplier),
        at_least("body_ratio", measures.body_ratio, config.momentum_body_ratio_min),
        book_condition(state, level.symbol, side, now_ms, config.l2_imbalance_threshold),
        at_most("vwap_gap", gap, vwap_limit),
    )
    standing = state.scan.standings[level.symbol]
    imbalance = imbalance_toward(state, level.symbol, side, now_ms) or 0.0
    return Setup(
        trigger=found,
        entry_px=entry_px,
        stop_px=stop_px,
        confidence=confidence(standing, measures, imbalance),
        checks=checks,
    )


def _price_breakout(level: Level, close: float, trigger_px: float) -> Check:
    if level.kind is LevelKind.RESISTANCE:
        return at_least("price_breakout", close, trigger_px)
    return at_most("price_breakout", close, trigger_px)


def _stop_px(side: PositionSide, entry_px: float, measures: Measures) -> float | None:
    if measures.atr is None or measures.lowest is None or measures.highest is None:
        return None
    if side is PositionSide.LONG:
        return max(measures.lowest, entry_px - STOP_ATR * measures.atr)
    return min(measures.highest, entry_px + STOP_ATR * measures.atr)


def confidence(standing: Standing, measures: Measures, imbalance: float) -> float:
    """Return 0.1 to 1: score, volume, body and book weigh 4 : 3 : 2 : 1 (specification 3.1)."""
    volume_ratio = measures.volume_ratio or 0.0
    return clamp(
        0.4 * clamp((standing.score + 2) / 4)
        + 0.3 * min(1.0, volume_ratio / 5)
        + 0.2 * min(1.0, measures.body_ratio / 0.8)
        + 0.1 * min(1.0, abs(imbalance) / 0.5),
        low=0.1,
    )
