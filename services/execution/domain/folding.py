"""Folds events into the state: what others have said, and what execution itself has decided.

Reports of the venue change nothing by themselves (but for how an order is said to have ended):
orders and positions move by our own events only, so that history stays what was decided then.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from services.execution.domain import orders
from services.execution.domain.ids import exit_reason_of, target_order_id
from services.execution.domain.positions import PositionState, planned, with_fill, with_funding
from services.execution.domain.state import REFUSED_KEPT, TRADE_IDS_KEPT, ExecutionState
from shared.contracts.account import AccountReconciled, ReconciliationFailed
from shared.contracts.base import Event
from shared.contracts.order import (
    AmendRejected,
    AmendSubmitted,
    CancelRejected,
    CancelSubmitted,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderPurpose,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
)
from shared.contracts.position import (
    Flattened,
    FlattenStarted,
    FundingPaid,
    PositionClosed,
    StopMoved,
)
from shared.contracts.processor import Context
from shared.contracts.risk import EntryRefused

ENTRIES_REMEMBERED_MS = 3_600_000


def fold_decided(state: ExecutionState, event: Event, ctx: Context) -> None:
    """Fold one event that execution has decided, in the context of the input it answers."""
    folder = _FOLDERS.get(type(event))
    if folder is not None:
        folder(state, event, ctx)


def _entry_refused(state: ExecutionState, event: EntryRefused, _ctx: Context) -> None:
    state.refused[event.signal_id] = True
    while len(state.refused) > REFUSED_KEPT:
        del state.refused[next(iter(state.refused))]


def _submitted(state: ExecutionState, event: OrderSubmitted, ctx: Context) -> None:
    state.put(orders.opened(event, cause_seq=ctx.seq, time_ms=ctx.time_ms))
    if event.purpose is OrderPurpose.ENTRY:
        horizon_ms = ctx.time_ms - ENTRIES_REMEMBERED_MS
        state.entries_sent = [sent for sent in state.entries_sent if sent[0] > horizon_ms]
        state.entries_sent.append((ctx.time_ms, event.symbol))
        return
    position = state.positions.get(event.symbol)
    if position is None or position.position_id != event.position_id:
        if event.purpose is OrderPurpose.EXIT:
            state.sweeps += 1
        return
    state.positions[event.symbol] = _with_order(position, event, ctx)


def _with_order(position: PositionState, event: OrderSubmitted, ctx: Context) -> PositionState:
    key = event.client_order_id
    if event.purpose is OrderPurpose.STOP:
        return msgspec.structs.replace(
            position, stop_order_id=key, stop_attempts=position.stop_attempts + 1, amend_refusals=0
        )
    if event.purpose is OrderPurpose.EXIT:
        return msgspec.structs.replace(
            position,
            exit_order_id=key,
            exit_reason=exit_reason_of(ctx.desk_id, position.position_id, key, position.exit_attempts),
            exit_attempts=position.exit_attempts + 1,
            exit_sent_at_ms=ctx.time_ms,
        )
    return msgspec.structs.replace(
        position,
        targets=tuple(
            msgspec.structs.replace(held, client_order_id=key, attempts=held.attempts + 1)
            if target_order_id(ctx.desk_id, position.position_id, index, held.attempts) == key
            else held
            for index, held in enumerate(position.targets)
        ),
    )


def _accepted(state: ExecutionState, event: OrderAccepted, _ctx: Context) -> None:
    order = state.orders[event.client_order_id]
    canceling = order.status is OrderStatus.PENDING_CANCEL
    status = order.status if canceling else orders.working_status(order)
    state.put(orders.moved(order, status, venue_order_id=event.venue_order_id))
    position = state.positions.get(order.symbol)
    if position is not None and position.stop_order_id == order.client_order_id:
        state.positions[order.symbol] = msgspec.structs.replace(position, stop_refusals=0)


def _rejected(state: ExecutionState, event: OrderRejected, _ctx: Context) -> None:
    order = state.orders[event.client_order_id]
    state.put(orders.moved(order, OrderStatus.REJECTED))
    position = state.positions.get(order.symbol)
    if position is not None and position.stop_order_id == order.client_order_id:
        refusals = position.stop_refusals + 1
        state.positions[order.symbol] = msgspec.structs.replace(position, stop_refusals=refusals)


def _filled(state: ExecutionState, event: OrderFilled, ctx: Context) -> None:
    state.trade_ids[event.trade_id] = True
    while len(state.trade_ids) > TRADE_IDS_KEPT:
        del state.trade_ids[next(iter(state.trade_ids))]
    order = state.order(event.client_order_id)
    if order is not None:
        state.put(orders.filled(order, event))
    position = state.positions.get(event.symbol)
    if position is None and event.purpose is OrderPurpose.ENTRY and order is not None:
        approval = state.approvals[order.intent.signal_id]
        # Even a fill that comes after everything seemed over opens a position, which gets its stop.
        position = planned(approval, position_id=event.position_id, time_ms=ctx.time_ms)
    if position is None or position.position_id != event.position_id:
        return
    position = with_fill(position, event, ctx.time_ms)
    state.positions[event.symbol] = _with_reached(position, event)


def _with_reached(position: PositionState, fill: OrderFilled) -> PositionState:
    if fill.purpose is not OrderPurpose.TARGET or fill.leaves_qty > 0:
        return position
    reached = tuple(
        msgspec.structs.replace(held, reached=held.reached or held.client_order_id == fill.client_order_id)
        for held in position.targets
    )
    return msgspec.structs.replace(position, targets=reached)


def _canceled(state: ExecutionState, event: OrderCanceled, _ctx: Context) -> None:
    state.put(orders.moved(state.orders[event.client_order_id], OrderStatus.CANCELED))


def _cancel_submitted(state: ExecutionState, event: CancelSubmitted, _ctx: Context) -> None:
    order = state.orders.get(event.client_order_id)
    if order is not None:
        # The question whether the venue has it at all stays open.
        state.put(
            msgspec.structs.replace(orders.moved(order, OrderStatus.PENDING_CANCEL), unknown=order.unknown)
        )


def _cancel_rejected(state: ExecutionState, event: CancelRejected, _ctx: Context) -> None:
    order = state.orders[event.client_order_id]
    state.put(orders.moved(order, orders.working_status(order)))


def _amend_submitted(state: ExecutionState, event: AmendSubmitted, _ctx: Context) -> None:
    order = state.orders[event.client_order_id]
    state.put(msgspec.structs.replace(order, amend=event))
    position = state.positions.get(order.symbol)
    if position is not None:
        amends = position.amends + 1
        state.positions[order.symbol] = msgspec.structs.replace(position, amends=amends)


def _amended(state: ExecutionState, event: OrderAmended, _ctx: Context) -> None:
    order = state.orders[event.client_order_id]
    amend = order.amend
    assert amend is not None, "only a requested change is confirmed"
    trigger_price = amend.trigger_price if amend.trigger_price is not None else order.trigger_price
    state.put(msgspec.structs.replace(order, amend=None, trigger_price=trigger_price))
    position = state.positions.get(order.symbol)
    if position is not None:
        state.positions[order.symbol] = msgspec.structs.replace(position, amend_refusals=0)


def _amend_rejected(state: ExecutionState, event: AmendRejected, _ctx: Context) -> None:
    order = state.orders[event.client_order_id]
    state.put(msgspec.structs.replace(order, amend=None))
    position = state.positions.get(order.symbol)
    if position is not None:
        refusals = position.amend_refusals + 1
        state.positions[order.symbol] = msgspec.structs.replace(position, amend_refusals=refusals)


def _unknown(state: ExecutionState, event: OrderOutcomeUnknown, _ctx: Context) -> None:
    state.put(msgspec.structs.replace(state.orders[event.client_order_id], unknown=True))


def _stop_moved(state: ExecutionState, event: StopMoved, _ctx: Context) -> None:
    position = state.positions[event.symbol]
    assert position.improves(event.new_stop_px), "a stop only ever moves in the position's favour"
    state.positions[event.symbol] = msgspec.structs.replace(
        position, stop_px=event.new_stop_px, stop_reason=event.reason
    )


def _closed(state: ExecutionState, event: PositionClosed, _ctx: Context) -> None:
    del state.positions[event.symbol]


def _funding(state: ExecutionState, event: FundingPaid, _ctx: Context) -> None:
    state.trade_ids[event.trade_id] = True
    position = state.positions.get(event.symbol)
    if position is not None and position.position_id == event.position_id:
        state.positions[event.symbol] = with_funding(position, event.amount_usd)


def _reconciled(state: ExecutionState, _event: AccountReconciled, _ctx: Context) -> None:
    state.reconciled = True
    state.reported = ()


def _reconciliation_failed(state: ExecutionState, event: ReconciliationFailed, _ctx: Context) -> None:
    state.reconciled = False
    state.reported = event.discrepancies


def _flatten_started(state: ExecutionState, event: FlattenStarted, _ctx: Context) -> None:
    state.flattening = event
    state.halted = True


def _flattened(state: ExecutionState, _event: Flattened, _ctx: Context) -> None:
    state.flattening = None


_FOLDERS: dict[type[Event], Callable[[ExecutionState, Any, Context], None]] = {
    EntryRefused: _entry_refused,
    OrderSubmitted: _submitted,
    OrderAccepted: _accepted,
    OrderRejected: _rejected,
    OrderFilled: _filled,
    OrderCanceled: _canceled,
    CancelSubmitted: _cancel_submitted,
    CancelRejected: _cancel_rejected,
    AmendSubmitted: _amend_submitted,
    OrderAmended: _amended,
    AmendRejected: _amend_rejected,
    OrderOutcomeUnknown: _unknown,
    StopMoved: _stop_moved,
    PositionClosed: _closed,
    FundingPaid: _funding,
    AccountReconciled: _reconciled,
    ReconciliationFailed: _reconciliation_failed,
    FlattenStarted: _flatten_started,
    Flattened: _flattened,
}
