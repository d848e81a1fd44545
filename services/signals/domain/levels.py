"""Answers whether closes lie beyond a level: the price condition of a breakout."""

from shared.contracts.scan import Level, LevelKind
from shared.contracts.signal import PositionSide


def break_side(level: Level) -> PositionSide:
    """Return the direction of a break: up through resistance, down through support."""
    return PositionSide.LONG if level.kind is LevelKind.RESISTANCE else PositionSide.SHORT


def break_px(level: Level, epsilon: float) -> float:
    """Return the price a close must reach to count as a break (specification 3.1)."""
    return level.price * (1 + epsilon if level.kind is LevelKind.RESISTANCE else 1 - epsilon)


def is_beyond(level: Level, close: float, epsilon: float) -> bool | None:
    """Whether the close has broken the level; None for a missing bar."""
    if close != close:  # noqa: PLR0124 (NaN alone differs from itself)
        return None
    trigger = break_px(level, epsilon)
    return close >= trigger if level.kind is LevelKind.RESISTANCE else close <= trigger


def breaks(level: Level, last: float, before: float, epsilon: float) -> PositionSide | None:
    """Return the side of a break that the last bar itself made, None when it made none."""
    if is_beyond(level, last, epsilon) is True and is_beyond(level, before, epsilon) is False:
        return break_side(level)
    return None
