"""Every open position has a stop at the venue, or is on its way out."""

from decimal import Decimal

import pytest

from shared.contracts.order import (
    AmendSubmitted,
    CancelSubmitted,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import ExitReason, PositionClosed, PositionOpened, StopMoved, StopMoveReason
from shared.contracts.signal import PositionSide
from shared.contracts.venue import (
    AmendAcknowledged,
    AmendRefused,
    OrderMissing,
    SubmitRefused,
    SubmitUncertain,
)
from tests.services.execution.trading import (
    Desk,
    approval,
    every,
    fill,
    one,
    reported,
)

D = Decimal


def refused(order: OrderSubmitted, code: str = "10001") -> SubmitRefused:
    return SubmitRefused(client_order_id=order.client_order_id, code=code, message="no")


def stop_in(events: list) -> OrderSubmitted:  # type: ignore[type-arg]
    (stop,) = [o for o in every(events, OrderSubmitted) if o.purpose is OrderPurpose.STOP]
    return stop


def test_the_first_fill_and_the_stop_are_one_record() -> None:
    desk = Desk()
    entry = desk.enter()
    decided = desk.venue(fill(entry, D(3)))
    assert one(decided, PositionOpened).quantity == D(3)
    stop = stop_in(decided)
    assert (stop.order_type, stop.side, stop.reduce_only) == (OrderType.STOP_MARKET, OrderSide.SELL, True)
    assert (stop.trigger_price, stop.quantity) == (D(98), D(10))


def test_the_stop_of_a_short_buys_above() -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter(approval(side=PositionSide.SHORT)))))
    assert (stop.side, stop.trigger_price) == (OrderSide.BUY, D(102))


def test_two_fills_in_one_record_lead_to_one_stop() -> None:
    desk = Desk()
    entry = desk.enter()
    decided = desk.venue(fill(entry, D(3)), fill(entry, D(7)))
    assert stop_in(decided).quantity == D(10)
    assert len(every(decided, PositionOpened)) == 1
    assert desk.state.positions[entry.symbol].quantity == D(10)


def test_a_refused_stop_is_sent_again_at_once() -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter())))
    again = stop_in(desk.venue(refused(stop)))
    assert again.client_order_id != stop.client_order_id
    assert again.trigger_price == stop.trigger_price


def test_a_position_whose_stop_is_refused_thrice_is_closed() -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter())))
    stop = stop_in(desk.venue(refused(stop)))
    stop = stop_in(desk.venue(refused(stop)))
    decided = desk.venue(refused(stop))
    exit_order = one(decided, OrderSubmitted)
    assert (exit_order.purpose, exit_order.order_type) == (OrderPurpose.EXIT, OrderType.MARKET)
    assert exit_order.reduce_only
    decided = desk.venue(fill(exit_order, price=D(99)))
    assert one(decided, PositionClosed).exit_reason is ExitReason.NAKED_POSITION


@pytest.mark.parametrize("code", ["110092", "110093"])
def test_a_stop_that_is_already_through_means_out_at_once(code: str) -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter())))
    exit_order = one(desk.venue(refused(stop, code)), OrderSubmitted)
    assert exit_order.purpose is OrderPurpose.EXIT
    closed = one(desk.venue(fill(exit_order, price=D(97))), PositionClosed)
    assert closed.exit_reason is ExitReason.STOP_LOSS


def test_a_stop_that_somebody_cancels_is_created_again() -> None:
    desk = Desk()
    stop = desk.open()
    again = stop_in(desk.venue(reported(stop, OrderStatus.CANCELED)))
    assert again.client_order_id != stop.client_order_id


def test_a_stop_the_venue_never_received_is_created_again() -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter())))
    assert (
        every(desk.venue(SubmitUncertain(client_order_id=stop.client_order_id, error="cut")), OrderSubmitted)
        == []
    )
    assert stop_in(desk.venue(OrderMissing(client_order_id=stop.client_order_id)))


def test_an_unknown_stop_that_the_venue_has_is_not_sent_again() -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter())))
    desk.venue(SubmitUncertain(client_order_id=stop.client_order_id, error="cut"))
    desk.venue(reported(stop, OrderStatus.NEW))
    for _ in range(5):
        assert desk.tick() == []


def test_a_market_exit_that_does_not_fill_is_tried_again() -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter())))
    for _ in range(2):
        stop = stop_in(desk.venue(refused(stop)))
    exit_order = one(desk.venue(refused(stop)), OrderSubmitted)
    assert every(desk.venue(refused(exit_order)), OrderSubmitted) == [], "not in a tight circle"
    again = one(desk.tick(5_000), OrderSubmitted)
    assert again.purpose is OrderPurpose.EXIT
    assert again.client_order_id != exit_order.client_order_id


def test_a_refused_exit_leads_back_to_the_stop() -> None:
    desk = Desk()
    stop = stop_in(desk.venue(fill(desk.enter())))
    exit_order = one(desk.venue(refused(stop, "110093")), OrderSubmitted)
    desk.venue(refused(exit_order))
    assert stop_in(desk.tick(5_000))


def test_a_stop_out_costs_one_r_and_its_fees() -> None:
    desk = Desk()
    stop = desk.open()
    closed = one(desk.venue(fill(stop, price=D(98))), PositionClosed)
    assert closed.gross_pnl_usd == D(-20)
    assert closed.fees_usd == D("0.2")
    assert closed.pnl_usd == D("-20.2")
    assert closed.pnl_r == D("-20.2") / D(20)
    assert closed.exit_reason is ExitReason.STOP_LOSS


def after_first_target(desk: Desk) -> list:  # type: ignore[type-arg]
    desk.open()
    first = desk.working(OrderPurpose.TARGET)[0]
    return desk.venue(fill(first, price=D(103)))


def test_a_stop_moves_by_changing_the_order_in_place() -> None:
    desk = Desk()
    decided = after_first_target(desk)
    moved, amend = one(decided, StopMoved), one(decided, AmendSubmitted)
    assert (moved.old_stop_px, moved.new_stop_px) == (D(98), D("100.10"))
    assert moved.reason is StopMoveReason.BREAK_EVEN
    assert amend.trigger_price == D("100.10")
    acknowledged = AmendAcknowledged(amend_id=amend.amend_id, client_order_id=amend.client_order_id)
    assert len(desk.venue(acknowledged)) == 1
    assert desk.tick() == []


def amend_refused(amend: AmendSubmitted, code: str) -> AmendRefused:
    return AmendRefused(
        amend_id=amend.amend_id, client_order_id=amend.client_order_id, code=code, message="no"
    )


def test_the_old_stop_stays_until_the_venue_has_confirmed_the_other() -> None:
    desk = Desk()
    amend = one(after_first_target(desk), AmendSubmitted)
    amend = one(desk.venue(amend_refused(amend, "10001")), AmendSubmitted)
    decided = desk.venue(amend_refused(amend, "10001"))
    other = stop_in(decided)
    assert other.trigger_price == D("100.10")
    assert every(decided, CancelSubmitted) == []
    cancel = one(desk.accept(other), CancelSubmitted)
    assert cancel.client_order_id == amend.client_order_id


def test_the_old_stop_stays_when_the_venue_refuses_the_other() -> None:
    desk = Desk()
    amend = one(after_first_target(desk), AmendSubmitted)
    amend = one(desk.venue(amend_refused(amend, "10001")), AmendSubmitted)
    other = stop_in(desk.venue(amend_refused(amend, "10001")))
    decided = desk.venue(refused(other))
    assert every(decided, CancelSubmitted) == []
    assert every(decided, OrderSubmitted) == []
    assert [stop.client_order_id for stop in desk.working(OrderPurpose.STOP)] == [amend.client_order_id]


def test_a_better_stop_that_is_already_through_means_out_at_once() -> None:
    desk = Desk()
    amend = one(after_first_target(desk), AmendSubmitted)
    exit_order = one(desk.venue(amend_refused(amend, "110093")), OrderSubmitted)
    assert exit_order.quantity == D(6)
    closed = one(desk.venue(fill(exit_order, price=D(100))), PositionClosed)
    assert closed.exit_reason is ExitReason.BREAK_EVEN


def test_a_kill_between_fill_and_stop_ends_with_one_stop() -> None:
    """The fill is in the log, the decision is not: the next leader decides it, once."""
    desk = Desk()
    entry = desk.enter()
    successor = Desk()
    assert successor.enter() == entry
    report = fill(entry)
    first, second = desk.venue(report), successor.venue(report)
    assert first == second
    assert successor.venue(report) == [], "a repeated report is no fill"
