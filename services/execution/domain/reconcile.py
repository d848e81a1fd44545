"""Compares our books with the account as the venue shows it, and says what follows.

A difference is believed when two observed accounts in a row show it: the first may have been taken
while something was on its way. What cannot be explained by executions is reported and keeps entries
closed; nothing of others is ever cancelled silently (RELIABILITY R5).
"""

from decimal import Decimal

from services.execution.domain.state import ExecutionState
from services.execution.domain.turn import Turn
from shared.contracts.account import (
    AccountReconciled,
    Discrepancy,
    DiscrepancyKind,
    ReconciliationFailed,
)
from shared.contracts.order import CancelSubmitted, OrderStatus, OrderType
from shared.contracts.signal import PositionSide
from shared.contracts.venue import AccountObserved

ZERO = Decimal(0)


def differences(state: ExecutionState, account: AccountObserved) -> tuple[Discrepancy, ...]:
    """Return what the account shows otherwise than our books, leaving out what is on its way.

    Positions are compared with their sign, negative when short.
    """
    return (
        *_missing_orders(state, account),
        *_unknown_orders(state, account),
        *_positions(state, account),
    )


def on_account(turn: Turn, account: AccountObserved) -> None:
    """Confirm that the books are equal, or report twice-seen differences, once."""
    state = turn.state
    found = state.suspected
    if not found:
        if state.reconciled or not unresolved(state):
            turn.emit(
                AccountReconciled(
                    wallet_usd=account.wallet_usd,
                    equity_usd=account.equity_usd,
                    available_usd=account.available_usd,
                )
            )
        return
    if found != state.suspected_before:
        return
    _cancel_revenants(turn, account)
    if found != state.reported:
        turn.emit(ReconciliationFailed(discrepancies=found))


def unresolved(state: ExecutionState) -> bool:
    """Tell whether any order of ours has no certain outcome yet."""
    return any(
        order.unknown or order.status is OrderStatus.PENDING_NEW or order.reported_status is not None
        for order in state.orders.values()
    )


def _cancel_revenants(turn: Turn, account: AccountObserved) -> None:
    """Cancel orders of ours that had ended in our books and rest at the venue nevertheless."""
    for order in account.orders:
        if order.client_order_id in turn.state.ended:
            turn.emit(
                CancelSubmitted(
                    client_order_id=order.client_order_id, symbol=order.symbol, reason="ended_in_our_books"
                )
            )


def _busy(state: ExecutionState, account: AccountObserved) -> frozenset[str]:
    """Return the symbols where something is on its way, so that the account cannot be compared."""
    return frozenset(
        order.symbol
        for order in state.orders.values()
        if order.intent.order_type is OrderType.MARKET
        or not order.is_accepted
        or order.unknown
        or order.cause_seq >= account.observed_after_seq
    )


def _missing_orders(state: ExecutionState, account: AccountObserved) -> list[Discrepancy]:
    shown = {order.client_order_id for order in account.orders}
    busy = _busy(state, account)
    return [
        Discrepancy(
            kind=DiscrepancyKind.ORDER_MISSING_AT_VENUE,
            subject=order.client_order_id,
            ours=order.leaves_qty,
            venues=ZERO,
        )
        for order in state.orders.values()
        if order.symbol not in busy and order.client_order_id not in shown
    ]


def _unknown_orders(state: ExecutionState, account: AccountObserved) -> list[Discrepancy]:
    return [
        Discrepancy(
            kind=DiscrepancyKind.ORDER_UNKNOWN_TO_US,
            subject=order.client_order_id or order.venue_order_id,
            ours=ZERO,
            venues=order.quantity - order.cum_qty,
        )
        for order in account.orders
        if order.client_order_id not in state.orders
    ]


def _positions(state: ExecutionState, account: AccountObserved) -> list[Discrepancy]:
    busy = _busy(state, account)
    theirs = {
        held.symbol: held.quantity if held.side is PositionSide.LONG else -held.quantity
        for held in account.positions
    }
    found = []
    for symbol in dict.fromkeys((*state.positions, *theirs)):
        position = state.positions.get(symbol)
        ours = ZERO if position is None else position.booked.quantity
        venues = theirs.get(symbol, ZERO)
        if ours == venues or symbol in busy:
            continue
        kind = DiscrepancyKind.POSITION_DIFFERS if ours else DiscrepancyKind.POSITION_UNKNOWN_TO_US
        found.append(Discrepancy(kind=kind, subject=symbol, ours=ours, venues=venues))
    return found
