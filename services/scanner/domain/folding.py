"""Folds what the market edge has seen into the state; what concerns other partitions is left out."""

from collections.abc import Callable
from math import isfinite

from services.scanner.domain.state import BAR_MS, BAR_S, Book, Interest, ScannerState, Trades
from services.scanner.domain.universe import reference_of
from shared.contracts.base import Event
from shared.contracts.columns import unpack
from shared.contracts.market import (
    BarsClosed,
    BooksObserved,
    InstrumentsListed,
    TickersObserved,
    TradesObserved,
)
from shared.contracts.processor import Context
from shared.market.bars import Bars
from shared.market.columns import from_bytes

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Owns = Callable[[str], bool]


def fold_market(state: ScannerState, event: Event, ctx: Context, owns: Owns) -> None:
    """Fold one observation; events of no interest change nothing."""
    match event:
        case BarsClosed():
            _fold_bars(state, event, owns)
        case InstrumentsListed():
            state.bases = {each.symbol: each.base for each in event.instruments}
        case TickersObserved():
            state.tickers = event
            _sample_interest(state, event, ctx.time_ms, owns)
        case BooksObserved():
            _fold_books(state, event, ctx.time_ms, owns)
        case TradesObserved():
            for symbol, count in zip(event.symbols, unpack(event.trades), strict=True):
                if owns(symbol) and isfinite(count):
                    state.trades[symbol] = Trades(time_ms=ctx.time_ms, window_s=event.window_s, count=count)
        case _:
            pass


def _fold_bars(state: ScannerState, event: BarsClosed, owns: Owns) -> None:
    if event.timeframe_s != BAR_S:
        return
    btc = reference_of(state.bases)
    columns = [i for i, symbol in enumerate(event.symbols) if symbol == btc or owns(symbol)]
    fields = (
        from_bytes(field, event.rows, len(event.symbols))
        for field in (event.open, event.high, event.low, event.close, event.volume)
    )
    every = len(columns) == len(event.symbols)
    bars = Bars(*(field if every else field[:, columns] for field in fields))
    symbols = event.symbols if every else tuple(event.symbols[i] for i in columns)
    state.window.push(event.open_time_ms, BAR_MS, symbols, bars)


def _fold_books(state: ScannerState, event: BooksObserved, time_ms: int, owns: Owns) -> None:
    rows = zip(
        event.symbols,
        unpack(event.spread_bps),
        unpack(event.bid_depth_0_3pct_usd),
        unpack(event.ask_depth_0_3pct_usd),
        unpack(event.bid_depth_0_5pct_usd),
        unpack(event.ask_depth_0_5pct_usd),
        strict=True,
    )
    for symbol, spread_bps, bid_0_3, ask_0_3, bid_0_5, ask_0_5 in rows:
        if owns(symbol):
            state.books[symbol] = Book(
                time_ms=time_ms,
                spread_bps=spread_bps,
                bid_0_3pct_usd=bid_0_3,
                ask_0_3pct_usd=ask_0_3,
                bid_0_5pct_usd=bid_0_5,
                ask_0_5pct_usd=ask_0_5,
            )


def _sample_interest(state: ScannerState, event: TickersObserved, time_ms: int, owns: Owns) -> None:
    """Keep one sample of open interest an hour, up to the first that is a day old."""
    if state.interest and time_ms - state.interest[-1].time_ms < HOUR_MS:
        return
    usd = {
        symbol: value
        for symbol, value in zip(event.symbols, unpack(event.open_interest_usd), strict=True)
        if owns(symbol) and isfinite(value) and value > 0
    }
    state.interest.append(Interest(time_ms=time_ms, usd=usd))
    while len(state.interest) > 1 and time_ms - state.interest[1].time_ms >= DAY_MS:
        del state.interest[0]
