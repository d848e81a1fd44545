"""What follows from each way in which the account can differ from our books."""

from decimal import Decimal

import msgspec
import pytest

from services.execution.domain.state import ExecutionState
from shared.contracts.account import AccountReconciled, DiscrepancyKind, ReconciliationFailed
from shared.contracts.order import (
    CancelSubmitted,
    OrderCanceled,
    OrderFilled,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
)
from shared.contracts.position import ExitReason, FundingPaid, PositionClosed, PositionOpened
from shared.contracts.risk import DenialReason, EntryRefused
from shared.contracts.signal import PositionSide
from shared.contracts.venue import (
    AccountObserved,
    ExecutionKind,
    OrderMissing,
    SubmitRefused,
    SubmitUncertain,
    VenueConnected,
    VenueOrder,
)
from shared.log.port import Tail
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint
from tests.services.execution.trading import (
    OTHER,
    SYMBOL,
    Desk,
    account,
    acknowledged,
    approval,
    every,
    external_fill,
    fill,
    held,
    one,
    reported,
    resting,
)

D = Decimal
FOREIGN = VenueOrder(
    client_order_id="by-hand",
    venue_order_id="77",
    symbol=OTHER,
    side=OrderSide.BUY,
    quantity=D(1),
    cum_qty=D(0),
    reduce_only=False,
)


def as_booked(desk: Desk) -> AccountObserved:
    """The account as our books say it must be."""
    positions = [
        held(position.quantity, symbol, position.side) for symbol, position in desk.state.positions.items()
    ]
    orders = tuple(resting(order.intent) for order in desk.state.orders.values())
    return account(*positions, orders=orders)


def test_an_equal_account_is_reconciled_each_time() -> None:
    desk = Desk()
    desk.open()
    for _ in range(3):
        assert one(desk.venue(as_booked(desk)), AccountReconciled).equity_usd == D(10_000)


def test_a_reconnect_needs_a_new_reconciliation() -> None:
    desk = Desk()
    desk.open()
    desk.venue(VenueConnected())
    assert not desk.state.reconciled
    desk.venue(as_booked(desk))
    assert desk.state.reconciled


def test_an_unknown_outcome_keeps_the_account_unreconciled() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(SubmitUncertain(client_order_id=entry.client_order_id, error="cut"))
    desk.venue(VenueConnected())
    assert desk.venue(account()) == []
    desk.venue(OrderMissing(client_order_id=entry.client_order_id))
    assert one(desk.venue(account()), AccountReconciled)


def test_a_difference_seen_once_is_not_believed() -> None:
    desk = Desk()
    desk.open()
    assert desk.venue(account()) == []
    assert desk.state.reconciled


def test_a_position_of_others_is_reported_once_and_closes_entries() -> None:
    desk = Desk()
    foreign = account(held(D(5), OTHER, PositionSide.SHORT))
    assert desk.venue(foreign) == []
    (difference,) = one(desk.venue(foreign), ReconciliationFailed).discrepancies
    assert difference.kind is DiscrepancyKind.POSITION_UNKNOWN_TO_US
    assert (difference.ours, difference.venues) == (D(0), D(-5))
    assert desk.venue(foreign) == [], "reported once"
    (reason,) = one(desk.approve(), EntryRefused).reasons
    assert reason.reason is DenialReason.NOT_RECONCILED
    assert one(desk.venue(account()), AccountReconciled), "and it heals by itself"
    assert one(desk.approve(approval("signal-2")), OrderSubmitted)


def test_an_order_of_others_is_reported_and_never_cancelled() -> None:
    desk = Desk()
    foreign = account(orders=(FOREIGN,))
    decided = desk.venue(foreign) + desk.venue(foreign)
    (difference,) = one(decided, ReconciliationFailed).discrepancies
    assert (difference.kind, difference.subject) == (DiscrepancyKind.ORDER_UNKNOWN_TO_US, "by-hand")
    assert every(decided, CancelSubmitted) == []


def test_protective_exits_go_on_while_the_books_differ() -> None:
    desk = Desk()
    stop = desk.open()
    foreign = account(held(D(10)), orders=(FOREIGN, *as_booked(desk).orders))
    desk.venue(foreign)
    assert one(desk.venue(foreign), ReconciliationFailed)
    again = desk.venue(reported(stop, OrderStatus.CANCELED))
    assert [order.purpose for order in every(again, OrderSubmitted)] == [OrderPurpose.STOP]


def test_a_position_larger_than_ours_is_reported_with_both_figures() -> None:
    desk = Desk()
    desk.open()
    larger = account(held(D(12)), orders=as_booked(desk).orders)
    desk.venue(larger)
    (difference,) = one(desk.venue(larger), ReconciliationFailed).discrepancies
    assert (difference.kind, difference.ours, difference.venues) == (
        DiscrepancyKind.POSITION_DIFFERS,
        D(10),
        D(12),
    )


def test_a_position_closed_by_hand_reconciles_from_its_executions() -> None:
    desk = Desk()
    stop = desk.open()
    decided = desk.venue(external_fill(OrderSide.SELL, D(10), D(101)), account())
    assert one(decided, PositionClosed).exit_reason is ExitReason.CLOSED_EXTERNALLY
    for order in list(desk.state.orders.values()):
        desk.venue(reported(order.intent, OrderStatus.CANCELED))
    assert one(desk.venue(account()), AccountReconciled)
    assert stop.client_order_id in desk.state.ended


def test_a_hand_that_closes_more_than_there_is_closes_ours_and_the_rest_is_reported() -> None:
    desk = Desk()
    desk.open()
    decided = desk.venue(external_fill(OrderSide.SELL, D(12)))
    assert one(decided, OrderFilled).last_qty == D(10)
    assert one(decided, PositionClosed)
    for order in list(desk.state.orders.values()):
        desk.venue(reported(order.intent, OrderStatus.CANCELED))
    turned = account(held(D(2), SYMBOL, PositionSide.SHORT))
    desk.venue(turned)
    assert one(desk.venue(turned), ReconciliationFailed)


def test_an_order_that_has_vanished_is_reported_unless_the_venue_explains_it() -> None:
    desk = Desk()
    stop = desk.open()
    orders = tuple(order for order in as_booked(desk).orders if order.client_order_id != stop.client_order_id)
    without = account(held(D(10)), orders=orders)
    desk.venue(without)
    (difference,) = one(desk.venue(without), ReconciliationFailed).discrepancies
    assert (difference.kind, difference.subject) == (
        DiscrepancyKind.ORDER_MISSING_AT_VENUE,
        stop.client_order_id,
    )
    decided = desk.venue(OrderMissing(client_order_id=stop.client_order_id))
    assert one(decided, OrderCanceled)
    assert [order.purpose for order in every(decided, OrderSubmitted)] == [OrderPurpose.STOP]


def test_an_order_of_ours_that_had_ended_and_rests_after_all_is_cancelled() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(SubmitRefused(client_order_id=entry.client_order_id, code="x", message=""))
    revenant = account(orders=(resting(entry),))
    desk.venue(revenant)
    assert one(desk.venue(revenant), CancelSubmitted).client_order_id == entry.client_order_id


def test_an_entry_given_up_that_fills_after_all_is_protected() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(OrderMissing(client_order_id=entry.client_order_id))
    decided = desk.venue(fill(entry))
    assert one(decided, PositionOpened).quantity == D(10)
    assert OrderPurpose.STOP in [order.purpose for order in every(decided, OrderSubmitted)]


def test_what_is_on_its_way_is_no_difference() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.accept(entry)
    filled = account(held(D(10)))
    decided = desk.venue(filled) + desk.venue(filled)
    assert every(decided, ReconciliationFailed) == []


def test_reconciling_twice_changes_nothing() -> None:
    desk = Desk()
    desk.open()
    observed = as_booked(desk)
    before = msgspec.json.encode(desk.state.positions)
    desk.venue(observed)
    desk.venue(observed)
    assert msgspec.json.encode(desk.state.positions) == before


def test_funding_counts_once_and_against_the_position() -> None:
    desk = Desk()
    stop = desk.open()
    paid = msgspec.structs.replace(
        fill(stop, trade_id="f1"), kind=ExecutionKind.FUNDING, client_order_id="", fee_usd=D("0.5")
    )
    assert one(desk.venue(paid), FundingPaid).amount_usd == D("0.5")
    assert desk.venue(paid) == []
    closed = one(desk.venue(fill(stop, price=D(98))), PositionClosed)
    assert closed.funding_usd == D("0.5")
    assert closed.pnl_usd == D("-20.7")


def test_a_state_with_everything_in_it_survives_a_snapshot() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(acknowledged(entry), fill(entry, D(4)))
    desk.approve(approval("signal-2", symbol=OTHER))
    snapshot = Snapshot(fingerprint=fingerprint(ExecutionState), position=1, tail=Tail(), state=desk.state)
    restored = decode_snapshot(encode_snapshot(snapshot), ExecutionState)
    assert restored is not None
    assert restored.state == desk.state


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_repeated_execution_is_booked_once(times: int) -> None:
    desk = Desk()
    entry = desk.enter()
    report = fill(entry, D(4))
    for _ in range(times):
        desk.venue(report, report)
    assert desk.state.positions[SYMBOL].quantity == D(4)
