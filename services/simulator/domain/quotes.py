"""Show a market to the matching core: exact decimals in place of ticks and lots."""

from collections.abc import Iterable
from decimal import Decimal

from services.simulator.domain.bars import Ints
from services.simulator.domain.depth import EPOCH_MS
from services.simulator.domain.market import SymbolMarket
from shared.venue.market import Book, Level, Trade
from shared.venue.order import Order
from shared.venue.values import Side

_FAR = 2**62


def book_at(market: SymbolMarket, now_ms: int) -> Book:
    """Return the displayed book; its version changes when its sizes may."""
    depth = market.depth(now_ms)
    return Book(
        bids=_levels(market, depth.bid_ticks, depth.bid_lots),
        asks=_levels(market, depth.ask_ticks, depth.ask_lots),
        version=now_ms // EPOCH_MS,
    )


def trades_between(market: SymbolMarket, after_ms: int, until_ms: int) -> tuple[Trade, ...]:
    """Return the prints in (after_ms, until_ms]."""
    tape = market.trades(after_ms, until_ms)
    tick, lot = market.instrument.tick_size, market.instrument.lot_size
    columns = (tape.times.tolist(), tape.prices.tolist(), tape.lots.tolist(), tape.is_buy.tolist())
    return tuple(
        Trade(side=Side.BUY if is_buy else Side.SELL, price=tick * px, quantity=lot * lots, time_ms=at_ms)
        for at_ms, px, lots, is_buy in zip(*columns, strict=True)
    )


def nearest_events(market: SymbolMarket, orders: Iterable[Order], now_ms: int) -> tuple[int, int]:
    """Return the prices in ticks between which no working order can trade or wake.

    A resting order may trade when the touch reaches its price; the touch is at most a spread away.
    """
    below, above = -_FAR, _FAR
    margin = market.liquidity(now_ms).spread_ticks + 2
    tick = market.instrument.tick_size
    for order in orders:
        waits = order.trigger_price is not None and not order.triggered
        price = int((order.trigger_price if waits and order.trigger_price else order.price) / tick)
        from_above = order.side is Side.BUY
        if waits:
            from_above = _is_below(price, market, now_ms)
        if from_above:
            below = max(below, price + (0 if waits else margin))
        else:
            above = min(above, price - (0 if waits else margin))
    return below, above


def _is_below(ticks: int, market: SymbolMarket, now_ms: int) -> bool:
    return ticks < market.last_ticks(now_ms)


def _levels(market: SymbolMarket, ticks: Ints, lots: Ints) -> tuple[Level, ...]:
    tick, lot = market.instrument.tick_size, market.instrument.lot_size
    pairs = zip(ticks.tolist(), lots.tolist(), strict=True)
    return tuple((tick * px, Decimal(size) * lot) for px, size in pairs)
