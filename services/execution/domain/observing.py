"""Folds what others have said: prices, rules, the engine's state, approvals, the venue's words."""

from collections.abc import Callable
from typing import Any

import msgspec

from services.execution.domain.reconcile import differences
from services.execution.domain.state import BarHistory, ExecutionState, Quote
from shared.contracts.base import Event
from shared.contracts.columns import unpack
from shared.contracts.engine import EngineState, EngineStateChanged, PresetActivated
from shared.contracts.market import (
    BarsClosed,
    BooksObserved,
    InstrumentsListed,
    QuotesObserved,
    TickersObserved,
)
from shared.contracts.order import OrderStatus
from shared.contracts.processor import Context
from shared.contracts.risk import KillSwitchCleared, KillSwitchTripped, SignalApproved
from shared.contracts.venue import AccountObserved, OrderReported, VenueConnected, VenueDisconnected

BARS_KEPT = 128
APPROVALS_KEPT = 200
_NAN = float("nan")
_ENDED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED})


def fold_observed(state: ExecutionState, event: Event, ctx: Context) -> None:
    """Fold one event of another writer."""
    folder = _FOLDERS.get(type(event))
    if folder is not None:
        folder(state, event, ctx)


def _instruments(state: ExecutionState, event: InstrumentsListed, _ctx: Context) -> None:
    state.instruments = {instrument.symbol: instrument for instrument in event.instruments}


def _preset(state: ExecutionState, event: PresetActivated, _ctx: Context) -> None:
    state.preset = event.preset


def _engine(state: ExecutionState, event: EngineStateChanged, _ctx: Context) -> None:
    state.engine = event.to_state
    state.entries_allowed = event.entries_allowed
    if event.to_state is EngineState.INITIALIZING:
        # Only a person's start leads here.
        state.halted = False


def _kill_switch_tripped(state: ExecutionState, _event: KillSwitchTripped, _ctx: Context) -> None:
    state.kill_switch = True


def _kill_switch_cleared(state: ExecutionState, _event: KillSwitchCleared, _ctx: Context) -> None:
    state.kill_switch = False


def _approved(state: ExecutionState, event: SignalApproved, _ctx: Context) -> None:
    state.approvals[event.signal_id] = event
    while len(state.approvals) > APPROVALS_KEPT:
        unused = next(key for key in state.approvals if not _in_use(state, key))
        del state.approvals[unused]


def _in_use(state: ExecutionState, signal_id: str) -> bool:
    held = any(position.signal_id == signal_id for position in state.positions.values())
    return held or any(order.intent.signal_id == signal_id for order in state.orders.values())


def _quotes(state: ExecutionState, event: QuotesObserved | TickersObserved, ctx: Context) -> None:
    columns = zip(event.symbols, unpack(event.bid), unpack(event.ask), unpack(event.last), strict=True)
    for symbol, bid, ask, last in columns:
        state.quotes[symbol] = Quote(bid, ask, last, ctx.time_ms)


def _books(state: ExecutionState, event: BooksObserved, ctx: Context) -> None:
    for symbol, bid, ask in zip(event.symbols, unpack(event.bid), unpack(event.ask), strict=True):
        known = state.quotes.get(symbol)
        last = known.last if known is not None else (bid + ask) / 2
        state.quotes[symbol] = Quote(bid, ask, last, ctx.time_ms)


def _bars(state: ExecutionState, event: BarsClosed, ctx: Context) -> None:
    width = len(event.symbols)
    high, low, close = unpack(event.high), unpack(event.low), unpack(event.close)
    first = max(0, event.rows - BARS_KEPT)
    step_ms = event.timeframe_s * 1000
    for row in range(first, event.rows):
        open_ms = event.open_time_ms + row * step_ms
        start = row * width
        for column, symbol in enumerate(event.symbols):
            if close[start + column] == close[start + column]:
                _add_bar(state, symbol, open_ms, start + column, (high, low, close))
    # A closed bar is a price too, as old as its close; quotes say more where there are any.
    for column, symbol in enumerate(event.symbols):
        last = close[(event.rows - 1) * width + column]
        known = state.quotes.get(symbol)
        if last == last and (known is None or known.time_ms < event.close_time_ms <= ctx.time_ms):  # noqa: PLR0124
            state.quotes[symbol] = Quote(_NAN, _NAN, last, event.close_time_ms)


def _add_bar(
    state: ExecutionState, symbol: str, open_ms: int, cell: int, columns: tuple[tuple[float, ...], ...]
) -> None:
    history = state.history.get(symbol)
    if history is None:
        history = state.history[symbol] = BarHistory()
    if open_ms <= history.last_open_ms:
        return
    history.last_open_ms = open_ms
    for kept, column in zip((history.high, history.low, history.close), columns, strict=True):
        kept.append(column[cell])
        if len(kept) > BARS_KEPT:
            del kept[0]


def _connected(state: ExecutionState, _event: VenueConnected, _ctx: Context) -> None:
    state.connected = True
    state.reconciled = False
    state.suspected = state.suspected_before = ()


def _disconnected(state: ExecutionState, _event: VenueDisconnected, _ctx: Context) -> None:
    state.connected = False
    state.reconciled = False


def fold_report(state: ExecutionState, event: Event) -> None:
    """Fold what a word of the venue says of itself, before it is decided on."""
    folder = _REPORT_FOLDERS.get(type(event))
    if folder is not None:
        folder(state, event)


def _order_reported(state: ExecutionState, event: OrderReported) -> None:
    order = state.orders.get(event.client_order_id)
    if order is None or event.status not in _ENDED:
        return
    state.put(
        msgspec.structs.replace(
            order,
            reported_status=event.status,
            reported_cum=max(event.cum_qty, order.reported_cum),
            reported_reason=event.reason,
        )
    )


def _account(state: ExecutionState, event: AccountObserved) -> None:
    state.suspected_before = state.suspected
    state.suspected = differences(state, event)


_FOLDERS: dict[type[Event], Callable[[ExecutionState, Any, Context], None]] = {
    InstrumentsListed: _instruments,
    PresetActivated: _preset,
    EngineStateChanged: _engine,
    KillSwitchTripped: _kill_switch_tripped,
    KillSwitchCleared: _kill_switch_cleared,
    SignalApproved: _approved,
    QuotesObserved: _quotes,
    TickersObserved: _quotes,
    BooksObserved: _books,
    BarsClosed: _bars,
    VenueConnected: _connected,
    VenueDisconnected: _disconnected,
}

# Folded one by one between the decisions on a record, see `Turn`.
_REPORT_FOLDERS: dict[type[Event], Callable[[ExecutionState, Any], None]] = {
    OrderReported: _order_reported,
    AccountObserved: _account,
}
