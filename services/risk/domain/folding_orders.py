"""Folds what execution says: orders, fills, positions, funding and reconciliation.

The wallet follows fills, fees and funding; `AccountReconciled` sets it, because only that is
ordered with the fills. `AccountObserved` is not: fills it contains may follow it in the log.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from services.risk.domain.limits import note_closed
from services.risk.domain.state import LiveOrder, RiskState
from services.risk.domain.trades import Trade
from shared.contracts.account import AccountReconciled, ReconciliationFailed
from shared.contracts.base import Event
from shared.contracts.order import (
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderPurpose,
    OrderRejected,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
)
from shared.contracts.position import FundingPaid, PositionClosed, PositionOpened, StopMoved
from shared.contracts.risk import EntryRefused
from shared.venue.position import Fill, Position, apply_fill
from shared.venue.values import Side


def fold_execution(state: RiskState, event: Event) -> None:
    """Fold one of execution's events; others are left alone."""
    fold = _FOLDS.get(type(event))
    if fold is not None:
        fold(state, event)


def _trade_of(state: RiskState, position_id: str) -> Trade | None:
    return next((t for t in state.trades.values() if t.position_id == position_id), None)


def _entry_refused(state: RiskState, event: EntryRefused) -> None:
    """Free what the approval bound: execution never enters what it has refused."""
    trade = state.trades.get(event.signal_id)
    if trade is not None and not trade.submitted:
        del state.trades[event.signal_id]


def _submitted(state: RiskState, event: OrderSubmitted) -> None:
    state.orders[event.client_order_id] = LiveOrder(
        symbol=event.symbol, signal_id=event.signal_id, purpose=event.purpose, quantity=event.quantity
    )
    trade = state.trades.get(event.signal_id)
    if trade is not None and event.purpose is OrderPurpose.ENTRY:
        trade.working[event.client_order_id] = event.quantity
        trade.position_id = event.position_id
        trade.submitted, trade.ended = True, False


def _resolved(state: RiskState, event: OrderAccepted) -> None:
    state.unresolved.pop(event.client_order_id, None)


def _over(state: RiskState, event: OrderRejected | OrderCanceled) -> None:
    _forget_order(state, event.client_order_id)


def _forget_order(state: RiskState, client_order_id: str) -> None:
    state.unresolved.pop(client_order_id, None)
    order = state.orders.pop(client_order_id, None)
    trade = None if order is None else state.trades.get(order.signal_id)
    if trade is not None and trade.working.pop(client_order_id, None) is not None:
        trade.ended = not trade.working and not trade.booked.quantity


def _unknown(state: RiskState, event: OrderOutcomeUnknown) -> None:
    order = state.orders.get(event.client_order_id)
    if order is not None:
        state.unresolved[event.client_order_id] = order.symbol


def _filled(state: RiskState, event: OrderFilled) -> None:
    state.unresolved.pop(event.client_order_id, None)
    trade = _trade_of(state, event.position_id)
    if trade is not None:
        fill = Fill(
            side=Side.BUY if event.side is OrderSide.BUY else Side.SELL,
            quantity=event.last_qty,
            price=event.last_px,
            fee=event.fee_usd,
            time_ms=0,
        )
        trade.booked, realised = apply_fill(trade.booked, fill)
        trade.ended = False
        if event.client_order_id in trade.working:
            trade.working[event.client_order_id] = event.leaves_qty
        _credit(state, realised)
    _credit(state, -event.fee_usd)
    if event.status is OrderStatus.FILLED:
        _forget_order(state, event.client_order_id)


def _credit(state: RiskState, amount_usd: Decimal) -> None:
    if state.wallet_usd is not None:
        state.wallet_usd += amount_usd


def _opened(state: RiskState, event: PositionOpened) -> None:
    """Adopt a position that no approval of ours led to; one that did has been folded by its fill."""
    trade = state.trades.get(event.signal_id)
    if trade is None:
        trade = Trade(
            signal_id=event.signal_id,
            symbol=event.symbol,
            side=event.side,
            approved_qty=event.quantity,
            entry_px=event.entry_px,
            stop_px=event.stop_px,
            submitted=True,
            booked=Position(symbol=event.symbol),
        )
        # An adopted position may have no signal; its own id keeps it apart from others.
        state.trades[event.signal_id or event.position_id] = trade
    trade.position_id, trade.stop_px, trade.ended = event.position_id, event.stop_px, False
    if not trade.booked.quantity:
        signed = trade.sign * event.quantity
        trade.booked = msgspec.structs.replace(
            trade.booked, quantity=signed, open_value=signed * event.entry_px
        )


def _stop_moved(state: RiskState, event: StopMoved) -> None:
    trade = _trade_of(state, event.position_id)
    if trade is not None:
        trade.stop_px = event.new_stop_px


def _closed(state: RiskState, event: PositionClosed) -> None:
    for key, trade in list(state.trades.items()):
        if trade.position_id == event.position_id:
            del state.trades[key]
    note_closed(state, event.pnl_usd)


def _funded(state: RiskState, event: FundingPaid) -> None:
    _credit(state, -event.amount_usd)


def _reconciled(state: RiskState, event: AccountReconciled) -> None:
    state.wallet_usd = event.wallet_usd
    state.reconciled = True


def _not_reconciled(state: RiskState, _event: ReconciliationFailed) -> None:
    state.reconciled = False


_FOLDS: dict[type[Event], Callable[[RiskState, Any], None]] = {
    EntryRefused: _entry_refused,
    OrderSubmitted: _submitted,
    OrderAccepted: _resolved,
    OrderRejected: _over,
    OrderCanceled: _over,
    OrderOutcomeUnknown: _unknown,
    OrderFilled: _filled,
    PositionOpened: _opened,
    StopMoved: _stop_moved,
    PositionClosed: _closed,
    FundingPaid: _funded,
    AccountReconciled: _reconciled,
    ReconciliationFailed: _not_reconciled,
}
