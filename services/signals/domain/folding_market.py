"""Folds market data into the state: bars, books, trades, silences, and the breaks that bars show.

A bar is live when it closed less than one bar before the record that brings it; back-fill only
fills the window.
"""

from collections.abc import Callable
from math import isfinite

from services.signals.domain.levels import breaks
from services.signals.domain.state import BAR_MS, BAR_S, Breakout, Reading, SignalsState
from shared.contracts.base import Event
from shared.contracts.columns import unpack
from shared.contracts.market import (
    BarsClosed,
    BooksObserved,
    FeedRestored,
    FeedStale,
    InstrumentsListed,
    TradesObserved,
)
from shared.contracts.processor import Context
from shared.market.bars import Bars
from shared.market.columns import from_bytes

# Specification 3.2.
BREAKOUT_MEMORY_MS = 7 * 24 * 3_600_000
# A market that crosses a level every bar must not grow the state without bound.
BREAKOUTS_KEPT = 100

Owns = Callable[[str], bool]


def fold_market(state: SignalsState, event: Event, ctx: Context, owns: Owns) -> None:
    """Fold one observation of the market edge; others are left alone."""
    match event:
        case BarsClosed():
            _fold_bars(state, event, ctx, owns)
        case BooksObserved():
            _fold_readings(state.imbalances, event.symbols, unpack(event.imbalance), ctx, owns)
        case TradesObserved():
            _fold_readings(state.trades, event.symbols, unpack(event.trades), ctx, owns)
        case InstrumentsListed():
            state.tick_sizes = {
                each.symbol: each.tick_size for each in event.instruments if owns(each.symbol)
            }
        case FeedStale():
            silent = state.stale.setdefault(event.channel, {})
            silent.update(dict.fromkeys((s for s in event.symbols if owns(s)), True))
        case FeedRestored():
            silent = state.stale.get(event.channel, {})
            for symbol in event.symbols:
                silent.pop(symbol, None)
        case _:
            pass


def _fold_readings(
    readings: dict[str, Reading],
    symbols: tuple[str, ...],
    values: tuple[float, ...],
    ctx: Context,
    owns: Owns,
) -> None:
    for symbol, value in zip(symbols, values, strict=True):
        if isfinite(value) and owns(symbol):
            readings[symbol] = Reading(value=value, time_ms=ctx.time_ms)


def _fold_bars(state: SignalsState, event: BarsClosed, ctx: Context, owns: Owns) -> None:
    state.due = ()
    if event.timeframe_s != BAR_S:
        return
    columns = [i for i, symbol in enumerate(event.symbols) if owns(symbol)]
    if not columns or not event.rows:
        return
    symbols = tuple(event.symbols[i] for i in columns)
    grid = (event.rows, len(event.symbols))
    fields = (from_bytes(f, *grid) for f in (event.open, event.high, event.low, event.close, event.volume))
    bars = Bars(*(field if len(symbols) == grid[1] else field[:, columns] for field in fields))
    state.window.push(event.open_time_ms, BAR_MS, symbols, bars)
    present = [s for s, close in zip(symbols, bars.close[-1].tolist(), strict=True) if isfinite(close)]
    state.due = _due(state, event.close_time_ms, present, ctx.time_ms)
    for symbol in state.due:
        state.due_until_ms[symbol] = event.close_time_ms
    if state.due:
        _remember_breaks(state, event.close_time_ms)


def _due(state: SignalsState, close_time_ms: int, present: list[str], now_ms: int) -> tuple[str, ...]:
    """Return the symbols to judge: their newest bar is live and has not been judged.

    Only one bar of a symbol is live at a time, so no record can make it due twice.
    """
    newest = state.window.last_open_time_ms == close_time_ms - BAR_MS
    if not newest or not 0 <= now_ms - close_time_ms < BAR_MS:
        return ()
    return tuple(s for s in present if state.due_until_ms.get(s, 0) < close_time_ms)


def _remember_breaks(state: SignalsState, close_time_ms: int) -> None:
    """Record every fresh close beyond a tracked level, traded or not (specification 3.2)."""
    if state.preset is None:
        return
    epsilon = state.preset.signal_config.momentum_epsilon
    before, last = state.window.bars.close[-2:].tolist()
    for symbol in state.due:
        column = state.window.column_of[symbol]
        found = tuple(
            Breakout(level_px=level.price, side=side, time_ms=close_time_ms)
            for level in state.scan.levels.get(symbol, ())
            if (side := breaks(level, last[column], before[column], epsilon)) is not None
        )
        if found:
            kept = state.breakouts.get(symbol, ()) + found
            recent = [b for b in kept if close_time_ms - b.time_ms <= BREAKOUT_MEMORY_MS]
            state.breakouts[symbol] = tuple(recent[-BREAKOUTS_KEPT:])
