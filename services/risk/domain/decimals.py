"""Computes in Decimal without ever rounding up: a cap that is a hair too large is no cap (W-R1)."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Context, Decimal

from shared.contracts.signal import PositionSide

ZERO = Decimal(0)
_DOWN = Context(prec=28, rounding=ROUND_DOWN)


def exact(value: float) -> Decimal:
    """Return the decimal that the float prints as: a preset's 0.015 is 15/1000, not its binary neighbour."""
    return Decimal(repr(value))


def divide_down(dividend: Decimal, divisor: Decimal) -> Decimal:
    """Return the quotient, never above the true one; both must be positive or zero."""
    return _DOWN.divide(dividend, divisor)


def multiply_down(left: Decimal, right: Decimal) -> Decimal:
    """Return the product, never above the true one; both must be positive or zero."""
    return _DOWN.multiply(left, right)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of the step that is not above the value."""
    steps = divide_down(value, step).to_integral_value(rounding=ROUND_FLOOR)
    return (steps * step).quantize(step)


def to_tick(price: Decimal, tick_size: Decimal, side: PositionSide, *, up: bool) -> Decimal:
    """Return the price on the tick grid: `up` is away from a long's stop, mirrored for a short."""
    upwards = up is (side is PositionSide.LONG)
    rounding = ROUND_CEILING if upwards else ROUND_FLOOR
    return ((price / tick_size).to_integral_value(rounding=rounding) * tick_size).quantize(tick_size)
