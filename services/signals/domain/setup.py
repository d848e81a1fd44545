"""Defines a setup: a level being broken or retested, with its conditions and prices."""

import msgspec

from shared.contracts.scan import Check, Level
from shared.contracts.signal import PositionSide, Strategy


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """The price condition holds: why this symbol is looked at on this bar."""

    strategy: Strategy
    level: Level
    side: PositionSide
    # Momentum: 0 for the breaking bar itself. Retest: age of the breakout that is retested.
    bars_since_break: int = 0
    breakout_age_h: float = 0.0


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger with every condition judged; prices are not on the tick grid yet."""

    trigger: Trigger
    entry_px: float
    # None where the bars do not tell the ATR.
    stop_px: float | None
    confidence: float
    checks: tuple[Check, ...]
