"""Describe a linear perpetual's trading rules and check prices and quantities against them.

The contract size is always 1: a quantity is in units of the base asset.
"""

from decimal import Decimal

import msgspec

from shared.venue.values import OrderType


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue publishes about one market; fees are fractions of the traded value."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    max_leverage: Decimal = Decimal(50)
    taker_fee_rate: Decimal = Decimal("0.00055")
    maker_fee_rate: Decimal = Decimal("0.0002")


def price_fault(instrument: Instrument, price: Decimal, name: str) -> str | None:
    """Return what is wrong with a price, or None when it is a positive multiple of the tick."""
    if not price.is_finite() or price <= 0:
        return f"{name} {price} must be positive"
    if price % instrument.tick_size:
        return f"{name} {price} is not a multiple of the tick {instrument.tick_size}"
    return None


def quantity_fault(instrument: Instrument, quantity: Decimal, order_type: OrderType) -> str | None:
    """Return what is wrong with a quantity, or None when the venue would take it."""
    if not quantity.is_finite() or quantity < instrument.min_quantity:
        return f"qty {quantity} is below the minimum {instrument.min_quantity}"
    if quantity % instrument.lot_size:
        return f"qty {quantity} is not a multiple of the step {instrument.lot_size}"
    is_market = order_type is OrderType.MARKET
    largest = instrument.max_market_quantity if is_market else instrument.max_quantity
    if quantity > largest:
        return f"qty {quantity} is above the maximum {largest}"
    return None


def round_to_tick(instrument: Instrument, price: Decimal) -> Decimal:
    """Return the nearest price on the tick grid, at least one tick."""
    ticks = (price / instrument.tick_size).to_integral_value()
    return max(ticks, Decimal(1)) * instrument.tick_size
