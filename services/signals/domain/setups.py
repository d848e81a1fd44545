"""Finds the setups of a symbol on its newest bar and judges them whole.

The price condition is looked at first, in plain floats; only what it lets through is measured.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from services.signals.domain import momentum, retest
from services.signals.domain.conditions import at_least, at_most
from services.signals.domain.measures import CANDLES_MIN, Measures, last_closes
from services.signals.domain.prices import to_tick, unflattering
from services.signals.domain.setup import Setup, Trigger
from services.signals.domain.state import SignalsState, is_stale
from shared.contracts.preset import Preset, StrategyPriority
from shared.contracts.scan import Check
from shared.contracts.signal import PositionSide, Strategy

# Specification 3: the two strongest levels of a market.
LEVELS_JUDGED = 2
# Specification 3.3, relative (intent).
DUPLICATE_FRAC = 0.001
ACTIVE_MAX = 50
SIGNAL_LIFE_MS = 15 * 60_000


def find_triggers(
    state: SignalsState, preset: Preset, symbols: Sequence[str], bar_close_time_ms: int
) -> dict[str, list[Trigger]]:
    """Return what the newest closes break or retest, the preset's strategy first; only symbols with any."""
    closes = last_closes(state.window, symbols, momentum.CLOSES_NEEDED)
    found = {s: _triggers_of(state, preset, s, closes[s], bar_close_time_ms) for s in symbols}
    return {symbol: triggers for symbol, triggers in found.items() if triggers}


def _triggers_of(
    state: SignalsState, preset: Preset, symbol: str, closes: list[float], bar_close_time_ms: int
) -> list[Trigger]:
    epsilon = preset.signal_config.momentum_epsilon
    levels = state.scan.levels[symbol][:LEVELS_JUDGED]
    broken = [momentum.trigger(state, level, closes, epsilon, bar_close_time_ms) for level in levels]
    retested = [retest.trigger(state, level, closes[0], bar_close_time_ms) for level in levels]
    momentum_first = preset.strategy_priority is StrategyPriority.MOMENTUM
    ordered = broken + retested if momentum_first else retested + broken
    return [found for found in ordered if found is not None]


def judge(state: SignalsState, preset: Preset, found: Trigger, measures: Measures, now_ms: int) -> Setup:
    """Return the setup with the conditions of its strategy and those that every signal meets."""
    of_strategy = momentum.judge if found.strategy is Strategy.MOMENTUM else retest.judge
    setup = of_strategy(state, found, preset.signal_config, measures, now_ms)
    return msgspec.structs.replace(
        setup, checks=setup.checks + _common_conditions(state, setup, measures, now_ms)
    )


def ticked_prices(setup: Setup, tick_size: Decimal) -> tuple[Decimal, Decimal]:
    """Return entry and stop on the tick grid, the stop rounded away from the entry."""
    assert setup.stop_px is not None, "a setup without a stop fails its conditions"
    side = setup.trigger.side
    return to_tick(setup.entry_px, tick_size), to_tick(setup.stop_px, tick_size, unflattering(side))


def _common_conditions(
    state: SignalsState, setup: Setup, measures: Measures, now_ms: int
) -> tuple[Check, ...]:
    symbol, side = setup.trigger.level.symbol, setup.trigger.side
    tick_size = state.tick_sizes.get(symbol)
    checks = [
        at_least("candles", measures.candles, CANDLES_MIN),
        Check(name="feed_live", passed=not is_stale(state, symbol)),
        Check(name="instrument_known", passed=tick_size is not None),
    ]
    if tick_size is None or setup.stop_px is None:
        return (*checks, at_least("stop_distance_frac", None, 0.0))
    entry_px, stop_px = ticked_prices(setup, tick_size)
    distance = entry_px - stop_px if side is PositionSide.LONG else stop_px - entry_px
    one_tick = float(tick_size / entry_px) if entry_px > 0 else 1.0
    checks.append(
        at_least("stop_distance_frac", float(distance / entry_px) if entry_px > 0 else None, one_tick)
    )
    nearest = _nearest_entry_frac(state, symbol, side, entry_px, now_ms)
    if nearest is not None:
        checks.append(at_least("distance_to_signal_frac", nearest, DUPLICATE_FRAC))
    return tuple(checks)


def _nearest_entry_frac(
    state: SignalsState, symbol: str, side: PositionSide, entry_px: Decimal, now_ms: int
) -> float | None:
    """Return how far the entry is from those of the symbol's signals of the last 15 minutes."""
    distances = [
        float(abs(raised.entry_px - entry_px) / entry_px)
        for raised in state.raised.get(symbol, ())
        if raised.side is side and now_ms - raised.bar_close_time_ms <= SIGNAL_LIFE_MS
    ]
    return min(distances, default=None)


def admission_condition(state: SignalsState, admitted: int) -> Check:
    """Demand a free place among the active signals, after `admitted` of this bar (specification 3.3)."""
    return at_most("active_signals", len(state.active) + admitted, ACTIVE_MAX - 1)


def is_met(checks: Sequence[Check]) -> bool:
    return all(check.passed for check in checks)
