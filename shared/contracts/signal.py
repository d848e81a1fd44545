"""Defines what the signal service decides: setups that are there, and those that nearly were."""

from decimal import Decimal
from enum import StrEnum

from shared.contracts.base import Event, Value
from shared.contracts.scan import Check, Level


class PositionSide(StrEnum):
    """The direction of a trade."""

    LONG = "long"
    SHORT = "short"


class Strategy(StrEnum):
    """Why a trade is entered."""

    MOMENTUM = "momentum"
    RETEST = "retest"


class Target(Value, frozen=True, kw_only=True):
    """A take-profit: a price, its distance in R, and the share of the open quantity it closes there."""

    price: Decimal
    reward_r: Decimal
    size_frac: Decimal


class SignalRaised(Event, frozen=True, kw_only=True):
    """A market has broken out, or has come back to a broken level, with every condition met."""

    signal_id: str
    symbol: str
    side: PositionSide
    strategy: Strategy
    level: Level
    # Of the scan that found the level.
    scan_id: str
    # Where the bar that triggered it closed.
    bar_close_time_ms: int
    entry_px: Decimal
    stop_px: Decimal
    targets: tuple[Target, ...]
    confidence: float
    score: float
    btc_correlation: float | None
    checks: tuple[Check, ...]
    expires_at_ms: int


class SignalSuppressed(Event, frozen=True, kw_only=True):
    """A setup failed by a condition or two; recorded so that a trade not taken can be explained."""

    symbol: str
    side: PositionSide
    strategy: Strategy
    level: Level
    scan_id: str
    checks: tuple[Check, ...]


class SignalExpired(Event, frozen=True, kw_only=True):
    """A signal has outlived its time without becoming an approved trade."""

    signal_id: str
    symbol: str
