"""Folds the last price of the symbols that somebody holds; of all others nothing is kept."""

from collections.abc import Container, Iterator
from decimal import Decimal
from math import isfinite

from shared.contracts.base import Event
from shared.contracts.columns import unpack
from shared.contracts.market import BarsClosed, QuotesObserved, TickersObserved


def marks(event: Event, held: Container[str]) -> Iterator[tuple[str, Decimal]]:
    """Yield the last price that the event shows of each held symbol."""
    match event:
        case QuotesObserved() | TickersObserved():
            column, symbols = event.last, event.symbols
        case BarsClosed():
            # Time-major: the last row is the latest bar.
            column, symbols = event.close[-8 * len(event.symbols) :], event.symbols
        case _:
            return
    if not any(symbol in held for symbol in symbols):
        return
    for symbol, price in zip(symbols, unpack(column), strict=True):
        if symbol in held and isfinite(price):
            yield symbol, Decimal(repr(price))
