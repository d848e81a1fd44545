"""Folds the log into books and holds them against the venue's, to the last decimal.

The books are what `breakout books --check` compares: every order with its end, every fill, every
position, and the wallet as it must be: the first reconciled one, plus realised profit, minus fees
and funding. The profit of each fill is computed by the venue's own arithmetic.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from shared.contracts.account import AccountReconciled, Discrepancy, DiscrepancyKind
from shared.contracts.base import Event
from shared.contracts.order import (
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
)
from shared.contracts.position import FundingPaid
from shared.venue.position import Fill, Position, apply_fill
from shared.venue.values import Side

ZERO = Decimal(0)
_ENDS = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})


class BookedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as books know it: where it stands and what it has filled."""

    client_order_id: str
    symbol: str
    status: OrderStatus
    cum_qty: Decimal = ZERO


class BookedFill(msgspec.Struct, frozen=True, kw_only=True):
    """One fill, in the figures that move money."""

    trade_id: str
    client_order_id: str
    symbol: str
    side: OrderSide
    last_qty: Decimal
    last_px: Decimal
    fee_usd: Decimal


class VenueBooks(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's side. `positions` are signed quantities by symbol, flat ones left out."""

    orders: Mapping[str, BookedOrder]
    fills: Mapping[str, BookedFill]
    positions: Mapping[str, Decimal]
    wallet_usd: Decimal


@dataclass
class Books:
    """Our side; fold every event of execution's records, in order."""

    orders: dict[str, BookedOrder] = field(default_factory=dict)
    fills: dict[str, BookedFill] = field(default_factory=dict)
    booked: dict[str, Position] = field(default_factory=dict)
    # None until the account has been reconciled for the first time.
    wallet_usd: Decimal | None = None

    @property
    def positions(self) -> dict[str, Decimal]:
        """Return the signed quantities by symbol, flat ones left out."""
        return {symbol: held.quantity for symbol, held in self.booked.items() if held.quantity}

    def fold(self, events: Iterable[Event]) -> "Books":
        """Take in events of execution, in the order of the log."""
        for event in events:
            self._fold(event)
        return self

    def _fold(self, event: Event) -> None:
        match event:
            case AccountReconciled():
                if self.wallet_usd is None:
                    self.wallet_usd = event.wallet_usd
            case OrderSubmitted():
                self.orders[event.client_order_id] = BookedOrder(
                    client_order_id=event.client_order_id,
                    symbol=event.symbol,
                    status=OrderStatus.PENDING_NEW,
                )
            case OrderAccepted():
                self._move(event.client_order_id, OrderStatus.NEW)
            case OrderRejected():
                self._move(event.client_order_id, OrderStatus.REJECTED)
            case OrderCanceled():
                self._move(event.client_order_id, OrderStatus.CANCELED)
            case OrderFilled():
                self._fill(event)
            case FundingPaid():
                self._pay(event.amount_usd)
            case _:
                pass

    def _move(self, client_order_id: str, status: OrderStatus) -> None:
        order = self.orders.get(client_order_id)
        if order is not None and order.status not in _ENDS:
            self.orders[client_order_id] = msgspec.structs.replace(order, status=status)

    def _fill(self, event: OrderFilled) -> None:
        order = self.orders.get(event.client_order_id)
        if order is not None:
            self.orders[event.client_order_id] = msgspec.structs.replace(
                order, status=event.status, cum_qty=event.cum_qty
            )
        self.fills[event.trade_id] = BookedFill(
            trade_id=event.trade_id,
            client_order_id=event.client_order_id,
            symbol=event.symbol,
            side=event.side,
            last_qty=event.last_qty,
            last_px=event.last_px,
            fee_usd=event.fee_usd,
        )
        before = self.booked.get(event.symbol) or Position(symbol=event.symbol)
        side = Side.BUY if event.side is OrderSide.BUY else Side.SELL
        self.booked[event.symbol], realised = apply_fill(
            before,
            Fill(side=side, quantity=event.last_qty, price=event.last_px, fee=event.fee_usd, time_ms=0),
        )
        self._pay(event.fee_usd - realised)

    def _pay(self, amount_usd: Decimal) -> None:
        if self.wallet_usd is not None:
            self.wallet_usd -= amount_usd


def compare(books: Books, venue: VenueBooks) -> tuple[Discrepancy, ...]:
    """Return every difference; none means that the books equal the venue's to the last decimal.

    The venue's orders and fills may be limited to what it remembers of the desk's lifetime; what
    the venue has refused is in our books only.
    """
    return (
        *_orders(books, venue),
        *_fills(books, venue),
        *_positions(books, venue),
        *_wallet(books, venue),
    )


def _orders(books: Books, venue: VenueBooks) -> list[Discrepancy]:
    found = []
    for key in dict.fromkeys((*books.orders, *venue.orders)):
        ours, theirs = books.orders.get(key), venue.orders.get(key)
        if theirs is None:
            if ours is not None and ours.status is not OrderStatus.REJECTED:
                found.append(_difference(DiscrepancyKind.ORDER_MISSING_AT_VENUE, key, ours.cum_qty, None))
        elif ours is None:
            found.append(_difference(DiscrepancyKind.ORDER_UNKNOWN_TO_US, key, None, theirs.cum_qty))
        elif ours.cum_qty != theirs.cum_qty or (ours.status in _ENDS) != (theirs.status in _ENDS):
            subject = f"{key} {ours.status}/{theirs.status}"
            found.append(
                _difference(DiscrepancyKind.ORDER_UNKNOWN_TO_US, subject, ours.cum_qty, theirs.cum_qty)
            )
    return found


def _fills(books: Books, venue: VenueBooks) -> list[Discrepancy]:
    found = []
    for key in dict.fromkeys((*books.fills, *venue.fills)):
        ours, theirs = books.fills.get(key), venue.fills.get(key)
        if ours == theirs:
            continue
        kind = (
            DiscrepancyKind.ORDER_MISSING_AT_VENUE if theirs is None else DiscrepancyKind.ORDER_UNKNOWN_TO_US
        )
        figures = tuple(None if each is None else each.last_qty for each in (ours, theirs))
        found.append(_difference(kind, f"fill {key}", *figures))
    return found


def _positions(books: Books, venue: VenueBooks) -> list[Discrepancy]:
    ours = books.positions
    return [
        _difference(
            DiscrepancyKind.POSITION_DIFFERS if symbol in ours else DiscrepancyKind.POSITION_UNKNOWN_TO_US,
            symbol,
            ours.get(symbol, ZERO),
            venue.positions.get(symbol, ZERO),
        )
        for symbol in dict.fromkeys((*ours, *venue.positions))
        if ours.get(symbol, ZERO) != venue.positions.get(symbol, ZERO)
    ]


def _wallet(books: Books, venue: VenueBooks) -> list[Discrepancy]:
    if books.wallet_usd == venue.wallet_usd:
        return []
    return [_difference(DiscrepancyKind.BALANCE_DIFFERS, "wallet", books.wallet_usd, venue.wallet_usd)]


def _difference(
    kind: DiscrepancyKind, subject: str, ours: Decimal | None, venues: Decimal | None
) -> Discrepancy:
    return Discrepancy(kind=kind, subject=subject, ours=ours, venues=venues)
