"""Builds the recorded conditions of an entry: the value seen and the bound applied.

An unknown value fails its condition; nothing is entered on a guess.
"""

from services.signals.domain.state import BAR_MS, SignalsState
from shared.contracts.scan import Check
from shared.contracts.signal import PositionSide


def at_least(name: str, value: float | None, minimum: float) -> Check:
    """Demand a value, a count included, of no less than `minimum`; what is recorded is a float."""
    passed = value is not None and value >= minimum
    return Check(name=name, passed=passed, value=_recorded(value), minimum=float(minimum))


def at_most(name: str, value: float | None, maximum: float) -> Check:
    """Demand a value, a count included, of no more than `maximum`; what is recorded is a float."""
    passed = value is not None and value <= maximum
    return Check(name=name, passed=passed, value=_recorded(value), maximum=float(maximum))


def _recorded(value: float | None) -> float | None:
    return None if value is None else float(value)


def imbalance_toward(state: SignalsState, symbol: str, side: PositionSide, now_ms: int) -> float | None:
    """Return the book's imbalance in the trade's direction, -1 to 1; None when older than a bar.

    Specification 3.1 (intent): bids outweigh for a long, asks for a short.
    """
    reading = state.imbalances.get(symbol)
    if reading is None or now_ms - reading.time_ms > BAR_MS:
        return None
    return reading.value if side is PositionSide.LONG else -reading.value


def book_condition(
    state: SignalsState, symbol: str, side: PositionSide, now_ms: int, minimum: float
) -> Check:
    """Demand a book that leans in the trade's direction by at least the preset's threshold."""
    return at_least("l2_imbalance", imbalance_toward(state, symbol, side, now_ms), minimum)


def clamp(value: float, low: float = 0.0, high: float = 1.0) -> float:
    return min(max(value, low), high)
