"""Hold the account: wallet, positions, leverage and every order, and compute its cross margin.

Only `Venue` changes it. Everything here is rebuildable from what the caller persisted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from shared.venue.instrument import Instrument
from shared.venue.order import Order
from shared.venue.position import Position
from shared.venue.values import ZERO, Side

DEFAULT_LEVERAGE = Decimal(10)


@dataclass
class Account:
    """Mutable state of one account in quote currency."""

    wallet: Decimal
    sequence: int = 0
    positions: dict[str, Position] = field(default_factory=dict)
    leverages: dict[str, Decimal] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    # Client ids are never forgotten: a duplicate of a filled order is a duplicate too.
    client_order_ids: dict[str, str] = field(default_factory=dict)
    open_ids: dict[str, dict[str, None]] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=dict)

    def restore(self, orders: Iterable[Order], positions: Iterable[Position]) -> None:
        """Fill an empty account with persisted snapshots, orders in their order of arrival."""
        for position in positions:
            self.positions[position.symbol] = position
        for order in orders:
            self.put(order)

    def put(self, order: Order) -> None:
        """Store an order's latest snapshot and keep the indexes of ids and open orders."""
        self.orders[order.venue_order_id] = order
        if order.client_order_id:
            self.client_order_ids[order.client_order_id] = order.venue_order_id
        open_here = self.open_ids.setdefault(order.symbol, {})
        if order.status.is_open:
            open_here[order.venue_order_id] = None
        else:
            open_here.pop(order.venue_order_id, None)

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def position(self, symbol: str) -> Position:
        return self.positions.get(symbol) or Position(symbol=symbol)

    def leverage(self, symbol: str) -> Decimal:
        return self.leverages.get(symbol, DEFAULT_LEVERAGE)

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return the open orders, oldest first within a symbol."""
        symbols: Iterable[str] = self.open_ids if symbol is None else (symbol,)
        return [self.orders[key] for name in symbols for key in self.open_ids.get(name, ())]

    def open_positions(self) -> Iterator[Position]:
        return (position for position in self.positions.values() if position.quantity)

    def held_symbols(self) -> set[str]:
        """Return the symbols with an open position or an open order."""
        working = {symbol for symbol, ids in self.open_ids.items() if ids}
        return working | {position.symbol for position in self.open_positions()}

    def mark(self, position: Position) -> Decimal:
        return self.marks.get(position.symbol, position.avg_px)

    def unrealised_pnl(self) -> Decimal:
        return sum((p.unrealised_pnl(self.mark(p)) for p in self.open_positions()), ZERO)

    def equity(self) -> Decimal:
        """Return wallet plus unrealised profit: what the account is worth if closed at the marks."""
        return self.wallet + self.unrealised_pnl()

    def position_margin(self, position: Position) -> Decimal:
        """Return the initial margin of a position at its mark, in quote currency."""
        return abs(position.quantity) * self.mark(position) / self.leverage(position.symbol)

    def order_margin(self, symbol: str) -> Decimal:
        """Return the initial margin of a symbol's working orders beyond what they could close."""
        position = self.position(symbol)
        total = ZERO
        for side in Side:
            closable = position.reducible_by(side)
            for order in self.open_orders(symbol):
                if order.side is side and not order.reduce_only:
                    opening = max(order.leaves_qty - closable, ZERO)
                    closable = max(closable - order.leaves_qty, ZERO)
                    total += opening * self.reference_px(order)
        return total / self.leverage(symbol)

    def reference_px(self, order: Order) -> Decimal:
        """Return the price an order's margin is computed at: its limit, else its trigger."""
        return order.price or order.trigger_price or self.marks.get(order.symbol, ZERO)

    def used_margin(self) -> Decimal:
        positions = sum((self.position_margin(p) for p in self.open_positions()), ZERO)
        return positions + sum((self.order_margin(s) for s, ids in self.open_ids.items() if ids), ZERO)

    def available(self) -> Decimal:
        """Return what new orders may use as margin; never negative."""
        return max(self.equity() - self.used_margin(), ZERO)


def required_margin(
    account: Account, instrument: Instrument, side: Side, quantity: Decimal, price: Decimal
) -> Decimal:
    """Return the margin and taker fee that the opening part of an order needs, 0 if it only closes."""
    opening = quantity - account.position(instrument.symbol).reducible_by(side)
    if opening <= 0:
        return ZERO
    value = opening * price
    return value / account.leverage(instrument.symbol) + value * instrument.taker_fee_rate
