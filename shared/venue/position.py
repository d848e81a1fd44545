"""Fold fills into a one-way position and its realised profit.

The position keeps the *value* it was opened for instead of an average price, so that no rounding
of the average leaks into cash: over a round trip the realised profit is the exact difference.
"""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from shared.venue.values import ZERO, Side

MONEY_STEP = Decimal("0.00000001")


def to_money(amount: Decimal) -> Decimal:
    """Return the amount in the smallest unit the venue books, eight decimals."""
    return amount.quantize(MONEY_STEP, rounding=ROUND_HALF_EVEN)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Signed quantity (negative is short) and the signed value paid for it."""

    symbol: str
    quantity: Decimal = ZERO
    open_value: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    opened_ms: int = 0
    updated_ms: int = 0

    @property
    def avg_px(self) -> Decimal:
        return self.open_value / self.quantity if self.quantity else ZERO

    def unrealised_pnl(self, mark_px: Decimal) -> Decimal:
        """Return the profit in quote currency if all of it were closed at `mark_px`."""
        return self.quantity * mark_px - self.open_value

    def reducible_by(self, side: Side) -> Decimal:
        """Return how much an order on `side` can close; 0 when it would add or open."""
        return abs(self.quantity) if self.quantity * side.sign < 0 else ZERO


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """What a position needs to know of an execution; `fee` is paid, in quote currency."""

    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time_ms: int


def apply_fill(position: Position, fill: Fill) -> tuple[Position, Decimal]:
    """Return the position after a fill and the profit it realised, before the fee.

    A fill larger than an opposite position closes it and opens the rest the other way.
    """
    side, quantity, price = fill.side, fill.quantity, fill.price
    closing = min(quantity, position.reducible_by(side))
    held = abs(position.quantity)
    released = position.open_value if closing == held else to_money(position.open_value * closing / held)
    if not closing:
        released = ZERO
    realised = -side.sign * closing * price - released
    opened = side.sign * (quantity - closing) * price
    after = position.quantity + side.sign * quantity
    starts = position.quantity == 0 or after * position.quantity < 0
    return msgspec.structs.replace(
        position,
        quantity=after,
        open_value=position.open_value - released + opened,
        realised_pnl=position.realised_pnl + realised,
        fees=position.fees + fill.fee,
        opened_ms=fill.time_ms if starts else position.opened_ms,
        updated_ms=fill.time_ms,
    ), realised
