"""Carry what the market shows at one moment: a finite book, the trades since, the last price.

`version` says which displayed liquidity a book is: takers consume it once until it changes.
"""

from decimal import Decimal

import msgspec

from shared.venue.values import Side

Level = tuple[Decimal, Decimal]


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Price levels as (price, size), best first on both sides."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    version: int


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One print of the market's flow; `side` is the taker's."""

    side: Side
    price: Decimal
    quantity: Decimal
    time_ms: int


class MarketUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """All that happened in one market since the previous update."""

    symbol: str
    last_px: Decimal
    book: Book
    now_ms: int
    trades: tuple[Trade, ...] = ()


class Liquidity:
    """What is left of a displayed book after our own orders took from it.

    What was taken stays gone from later books of the same version, wherever the price moved.
    """

    def __init__(self, book: Book, previous: "Liquidity | None" = None) -> None:
        self.version = book.version
        carried = previous is not None and previous.version == book.version
        self.taken: dict[tuple[Side, Decimal], Decimal] = dict(previous.taken) if previous and carried else {}
        self._sides = {Side.BUY: self._left(Side.BUY, book.asks), Side.SELL: self._left(Side.SELL, book.bids)}

    def _left(self, taker: Side, levels: tuple[Level, ...]) -> list[Level]:
        if not self.taken:
            return list(levels)
        none = Decimal(0)
        return [(px, max(size - self.taken.get((taker, px), none), none)) for px, size in levels]

    def crossing(self, taker: Side, limit_px: Decimal) -> list[Level]:
        """Return the levels a taker may hit at `limit_px` or better, best first."""
        sign = taker.sign
        return [level for level in self._sides[taker] if level[1] > 0 and sign * (limit_px - level[0]) >= 0]

    def take(self, taker: Side, quantity: Decimal, limit_px: Decimal) -> list[Level]:
        """Remove up to `quantity` at `limit_px` or better and return the (price, quantity) pieces."""
        pieces: list[Level] = []
        levels = self._sides[taker]
        for index, (price, size) in enumerate(levels):
            if quantity <= 0 or taker.sign * (limit_px - price) < 0:
                break
            piece = min(size, quantity)
            if piece > 0:
                pieces.append((price, piece))
                levels[index] = (price, size - piece)
                self.taken[taker, price] = self.taken.get((taker, price), Decimal(0)) + piece
                quantity -= piece
        return pieces

    def displayed(self, maker: Side, price: Decimal) -> Decimal:
        """Return the size shown at `price` on the side where a `maker` order rests."""
        return next((size for px, size in self._sides[maker.opposite] if px == price), Decimal(0))
