"""Rounds prices and quantities to what the venue accepts, always to the side that is safe for us."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

from shared.contracts.market import Instrument


def floor_to_lot(quantity: Decimal, instrument: Instrument) -> Decimal:
    """Return the largest whole number of lots within a quantity; zero when it is below the minimum."""
    lots = (quantity / instrument.lot_size).to_integral_value(rounding=ROUND_DOWN)
    floored = lots * instrument.lot_size
    return floored if floored >= instrument.quantity_min else Decimal(0)


def floor_to_tick(price: Decimal, instrument: Instrument) -> Decimal:
    """Return the nearest price on the grid that is not above `price`."""
    return _to_tick(price, instrument, ROUND_FLOOR)


def ceil_to_tick(price: Decimal, instrument: Instrument) -> Decimal:
    """Return the nearest price on the grid that is not below `price`."""
    return _to_tick(price, instrument, ROUND_CEILING)


def _to_tick(price: Decimal, instrument: Instrument, rounding: str) -> Decimal:
    return (price / instrument.tick_size).to_integral_value(rounding=rounding) * instrument.tick_size
