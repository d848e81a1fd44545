"""Judges a retest: price has come back to a level that it broke hours ago.

Specification 3.2; the previous breakout is required (intent).
"""

from services.signals.domain.conditions import at_least, at_most, book_condition, clamp
from services.signals.domain.measures import Measures
from services.signals.domain.setup import Setup, Trigger
from services.signals.domain.state import BAR_MS, Breakout, SignalsState, Standing
from shared.contracts.preset import SignalConfig
from shared.contracts.scan import Check, Level
from shared.contracts.signal import PositionSide, Strategy

RETEST_DISTANCE_FRAC = 0.005
SAME_LEVEL_FRAC = 0.01
BREAKOUT_AGE_H_MIN = 1.0
BREAKOUT_AGE_H_MAX = 24.0
ACTIVITY_RATIO_MIN = 0.8
STOP_ATR = 1.0
_HOUR_MS = 3_600_000


def trigger(state: SignalsState, level: Level, close: float, now_ms: int) -> Trigger | None:
    """Return the retest of the latest breakout that allows one, None when price is elsewhere.

    A level near price that was never broken is not being retested: it is no near miss either.
    """
    if abs(close - level.price) / level.price > RETEST_DISTANCE_FRAC:
        return None
    for breakout in reversed(state.breakouts.get(level.symbol, ())):
        age_h = (now_ms - breakout.time_ms) / _HOUR_MS
        if (
            BREAKOUT_AGE_H_MIN <= age_h <= BREAKOUT_AGE_H_MAX
            and abs(breakout.level_px - level.price) / level.price <= SAME_LEVEL_FRAC
            and not _is_spent(state, level.symbol, breakout)
        ):
            return Trigger(strategy=Strategy.RETEST, level=level, side=breakout.side, breakout_age_h=age_h)
    return None


def _is_spent(state: SignalsState, symbol: str, breakout: Breakout) -> bool:
    """Whether a retest after this breakout has raised a signal: each breakout is retested once."""
    return any(
        raised.side is breakout.side
        and raised.strategy is Strategy.RETEST
        and raised.bar_close_time_ms > breakout.time_ms
        for raised in state.raised.get(symbol, ())
    )


def judge(
    state: SignalsState, found: Trigger, config: SignalConfig, measures: Measures, now_ms: int
) -> Setup:
    """Return the setup with every condition, met or not."""
    level, side = found.level, found.side
    direction = 1 if side is PositionSide.LONG else -1
    atr = measures.atr
    pierce = level.price - measures.low if side is PositionSide.LONG else measures.high - level.price
    checks = (
        at_most("level_retest", abs(measures.close - level.price) / level.price, RETEST_DISTANCE_FRAC),
        Check(
            name="previous_breakout",
            passed=True,
            value=found.breakout_age_h,
            minimum=BREAKOUT_AGE_H_MIN,
            maximum=BREAKOUT_AGE_H_MAX,
        ),
        at_most(
            "pierce_tolerance",
            None if atr is None else max(0.0, pierce),
            0.0 if atr is None else atr * config.retest_max_pierce_atr,
        ),
        at_least("trading_activity", measures.activity_ratio, ACTIVITY_RATIO_MIN),
        book_condition(state, level.symbol, side, now_ms, config.l2_imbalance_threshold),
        *_trades_condition(state, level.symbol, now_ms),
    )
    return Setup(
        trigger=found,
        entry_px=level.price * (1 + direction * config.retest_pierce_tolerance),
        stop_px=None if atr is None else level.price - direction * STOP_ATR * atr,
        confidence=confidence(
            state.scan.standings[level.symbol],
            found.breakout_age_h,
            state.scan.levels[level.symbol][0].touches,
            measures.activity_ratio or 0.0,
        ),
        checks=checks,
    )


def _trades_condition(state: SignalsState, symbol: str, now_ms: int) -> tuple[Check, ...]:
    """Refuse a market that is seen not to trade at all (specification 3.3)."""
    reading = state.trades.get(symbol)
    if reading is None or now_ms - reading.time_ms > BAR_MS:
        return ()
    return (at_least("trades", reading.value, 1.0),)


def confidence(standing: Standing, age_h: float, strongest_touches: int, activity_ratio: float) -> float:
    """Return 0.1 to 1 for a retest of a known breakout (specification 3.2)."""
    return clamp(
        0.3 * clamp((standing.score + 2) / 4)
        + 0.3 * 0.8
        + 0.2 * max(0.3, 1 - age_h / 24)
        + 0.1 * min(1.0, strongest_touches / 5)
        + 0.1 * min(1.0, activity_ratio),
        low=0.1,
    )
