"""Puts the prices of a trade on the instrument's tick grid, and its targets where R says.

Rounding never flatters the trade: the stop moves away from the entry, targets move towards it.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from shared.contracts.preset import PositionConfig
from shared.contracts.signal import PositionSide, Target

_ONE = Decimal(1)
_SHARE_STEP = Decimal("0.000001")


def to_tick(price: float | Decimal, tick_size: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Return the price as a whole number of ticks."""
    exact = price if isinstance(price, Decimal) else Decimal(repr(price))
    return ((exact / tick_size).to_integral_value(rounding=rounding) * tick_size).quantize(tick_size)


def unflattering(side: PositionSide) -> str:
    """Return the rounding that moves a long's stop away from its entry, and its targets towards it."""
    return ROUND_FLOOR if side is PositionSide.LONG else ROUND_CEILING


def reward_rungs(config: PositionConfig) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return (distance in R, share of the quantity open there) of each target, nearest first.

    A ladder gives shares of the initial quantity, TP1 and TP2 of what is left (specification 6).
    """
    if not config.tp_levels:
        pairs = ((config.tp1_r, config.tp1_size_pct), (config.tp2_r, config.tp2_size_pct))
        return tuple((_exact(r), _exact(share)) for r, share in pairs if share > 0)
    left, rungs = _ONE, []
    for level in config.tp_levels:
        share = _exact(level.size_pct)
        if left > 0:
            of_open = min(_ONE, share / left).quantize(_SHARE_STEP)
            rungs.append((_exact(level.reward_multiple), of_open))
        left -= share
    return tuple(rungs)


def targets(
    config: PositionConfig, *, side: PositionSide, entry_px: Decimal, stop_px: Decimal, tick_size: Decimal
) -> tuple[Target, ...]:
    """Return the take-profits of a trade, `reward_r` times |entry - stop| from the entry.

    Specification 3.1. A short's target that would lie at or below zero is left out.
    """
    direction = 1 if side is PositionSide.LONG else -1
    placed = (
        Target(
            price=to_tick(
                entry_px + direction * reward_r * abs(entry_px - stop_px), tick_size, unflattering(side)
            ),
            reward_r=reward_r,
            size_frac=share,
        )
        for reward_r, share in reward_rungs(config)
    )
    return tuple(target for target in placed if target.price > 0)


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))
