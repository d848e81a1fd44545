"""Targets, break-even, trail and time: how a position ends when its stop is not hit."""

from decimal import Decimal

import pytest

from shared.contracts.order import (
    AmendSubmitted,
    CancelSubmitted,
    OrderPurpose,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import (
    ExitReason,
    PositionChanged,
    PositionClosed,
    StopMoved,
    StopMoveReason,
)
from shared.contracts.signal import PositionSide
from shared.contracts.venue import AmendAcknowledged, SubmitRefused
from tests.services.execution.trading import (
    SYMBOL,
    Desk,
    approval,
    bars,
    every,
    external_fill,
    fill,
    one,
    preset,
    quotes,
    reported,
)

D = Decimal
HOUR_MS = 3_600_000


def targets_of(desk: Desk) -> list[OrderSubmitted]:
    return desk.working(OrderPurpose.TARGET)


def confirm(desk: Desk, decided: list) -> None:  # type: ignore[type-arg]
    for amend in every(decided, AmendSubmitted):
        desk.venue(AmendAcknowledged(amend_id=amend.amend_id, client_order_id=amend.client_order_id))


def test_targets_are_sent_when_the_entry_is_final_and_not_before() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(fill(entry, D(4)))
    assert targets_of(desk) == []
    desk.venue(fill(entry, D(6)))
    assert [(t.quantity, t.price) for t in targets_of(desk)] == [(D(4), D(103)), (D("2.1"), D("105.6"))]
    assert all(t.reduce_only and t.order_type is OrderType.LIMIT for t in targets_of(desk))


def test_targets_are_fractions_of_what_was_filled() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(fill(entry, D(5)))
    desk.venue(reported(entry, OrderStatus.CANCELED, D(5), "no liquidity"))
    assert [t.quantity for t in targets_of(desk)] == [D(2), D(1)]


def test_what_is_too_small_for_the_venue_is_left_to_the_runner() -> None:
    desk = Desk()
    desk.open(approval(quantity=D("0.3")))
    # 0.4 of 0.3 is one lot; 0.35 of the remaining 0.2 is less than one.
    assert [t.quantity for t in targets_of(desk)] == [D("0.1")]


def test_a_target_too_small_to_be_an_order_still_moves_the_stop() -> None:
    desk = Desk()
    desk.open(approval(quantity=D("0.2")))
    assert targets_of(desk) == []
    desk.given(quotes(103.0))
    assert one(desk.tick(), StopMoved).reason is StopMoveReason.BREAK_EVEN


def test_the_stop_goes_to_break_even_after_the_first_target_has_filled_completely() -> None:
    desk = Desk()
    desk.open()
    first, _ = targets_of(desk)
    assert every(desk.venue(fill(first, D(1), D(103))), StopMoved) == []
    decided = desk.venue(fill(first, D(3), D(103)))
    assert one(decided, StopMoved).new_stop_px == D("100.10")
    assert one(decided, PositionChanged).quantity == D(6)


def test_break_even_of_a_short_lies_below_its_entry() -> None:
    desk = Desk()
    desk.open(approval(side=PositionSide.SHORT))
    first, _ = targets_of(desk)
    assert one(desk.venue(fill(first, price=D(97))), StopMoved).new_stop_px == D("99.90")


def test_both_targets_and_the_stop_account_for_the_whole_position() -> None:
    desk = Desk()
    stop = desk.open()
    first, second = targets_of(desk)
    confirm(desk, desk.venue(fill(first, price=D(103))))
    desk.venue(fill(second, price=D("105.6")))
    decided = desk.venue(fill(stop, D("3.9"), D("100.1")))
    closed = one(decided, PositionClosed)
    gross = D(4) * 3 + D("2.1") * D("5.6") + D("3.9") * D("0.1")
    assert closed.gross_pnl_usd == gross
    assert closed.pnl_usd == gross - D("0.4")
    assert closed.pnl_r == closed.pnl_usd / D(20)
    assert closed.exit_reason is ExitReason.BREAK_EVEN
    assert closed.exit_px == (D(4) * 103 + D("2.1") * D("105.6") + D("3.9") * D("100.1")) / 10


def test_what_is_left_at_flat_is_cancelled() -> None:
    desk = Desk()
    stop = desk.open()
    decided = desk.venue(fill(stop, price=D(98)))
    assert len(every(decided, CancelSubmitted)) == 2
    assert desk.state.positions == {}


def test_a_refused_target_is_sent_again_but_not_for_ever() -> None:
    desk = Desk()
    entry = desk.enter()
    sent = [o for o in every(desk.venue(fill(entry)), OrderSubmitted) if o.purpose is OrderPurpose.TARGET]
    total = len(sent)
    for _ in range(10):
        retries = []
        for order in sent:
            refused = SubmitRefused(client_order_id=order.client_order_id, code="10001", message="no")
            retries += every(desk.venue(refused), OrderSubmitted)
        sent = retries
        total += len(sent)
    assert total == 6


def test_a_target_that_a_person_cancels_is_not_sent_again() -> None:
    desk = Desk()
    desk.open()
    first, _ = targets_of(desk)
    decided = desk.venue(reported(first, OrderStatus.CANCELED, reason="by user"))
    assert every(decided, OrderSubmitted) == []
    assert every(desk.tick(), OrderSubmitted) == []


def trailing_desk(**position: object) -> Desk:
    desk = Desk(rules=preset(time_stop_minutes=None, **position))
    start = desk.time_ms - 40 * 300_000
    desk.given(bars(start - start % 300_000, [(100.5, 99.5, 100.0)] * 39))
    desk.open()
    first, _ = targets_of(desk)
    confirm(desk, desk.venue(fill(first, price=D(103))))
    return desk


def next_bar(desk: Desk, high: float, low: float, close: float) -> list:  # type: ignore[type-arg]
    open_ms = desk.time_ms - desk.time_ms % 300_000
    return desk.when(bars(open_ms, [(high, low, close)]), time_ms=open_ms + 300_000)


def test_the_chandelier_follows_the_highest_high_at_k_atr() -> None:
    desk = trailing_desk(chandelier_atr_mult=1.0)
    moved = one(next_bar(desk, 106.0, 104.0, 105.5), StopMoved)
    # EMA(22) of the true range: 1 everywhere, then 6 (from the close before).
    atr = 1 + 2 / 23 * (6 - 1)
    assert moved.new_stop_px == D(str(106 - atr)).quantize(D("0.01"), rounding="ROUND_FLOOR")
    assert moved.reason is StopMoveReason.TRAILING


def test_the_trail_only_ratchets() -> None:
    desk = trailing_desk(chandelier_atr_mult=1.0)
    confirm(desk, next_bar(desk, 106.0, 105.0, 105.9))
    before = desk.state.positions[SYMBOL].stop_px
    assert every(next_bar(desk, 105.9, 100.0, 105.0), StopMoved) == []
    assert desk.state.positions[SYMBOL].stop_px == before


def test_there_is_no_trail_before_break_even() -> None:
    desk = Desk()
    start = desk.time_ms - 40 * 300_000
    desk.given(bars(start - start % 300_000, [(100.5, 99.5, 100.0)] * 39))
    desk.open()
    assert every(next_bar(desk, 102.0, 101.0, 101.9), StopMoved) == []


def test_a_close_beyond_the_chandelier_closes_at_once() -> None:
    desk = trailing_desk(chandelier_atr_mult=0.5)
    exit_order = one(next_bar(desk, 106.0, 101.0, 102.0), OrderSubmitted)
    assert exit_order.purpose is OrderPurpose.EXIT
    closed = one(desk.venue(fill(exit_order, price=D(102))), PositionClosed)
    assert closed.exit_reason is ExitReason.TRAILING_STOP


@pytest.mark.parametrize(
    ("rules", "after_ms", "reason"),
    [
        ({"time_stop_minutes": 180.0}, 3 * HOUR_MS + 1, ExitReason.TIME_STOP),
        ({"time_stop_minutes": None, "max_hold_time_hours": 5.0}, 5 * HOUR_MS + 1, ExitReason.MAX_HOLD_TIME),
        ({"time_stop_minutes": None}, 8 * HOUR_MS + 1, ExitReason.NO_PROGRESS),
    ],
)
def test_a_position_whose_time_is_over_is_closed(
    rules: dict[str, object], after_ms: int, reason: ExitReason
) -> None:
    desk = Desk(rules=preset(**rules))
    desk.open()
    assert desk.tick(after_ms - 1) == []
    desk.given(quotes(100.1), time_ms=desk.time_ms)
    exit_order = one(desk.tick(1), OrderSubmitted)
    assert (exit_order.purpose, exit_order.quantity) == (OrderPurpose.EXIT, D(10))
    assert every(desk.tick(), OrderSubmitted) == [], "one exit at a time"
    assert one(desk.venue(fill(exit_order)), PositionClosed).exit_reason is reason


def test_a_position_with_progress_is_kept_beyond_eight_hours() -> None:
    desk = Desk(rules=preset(time_stop_minutes=None))
    desk.open()
    desk.given(quotes(100.7), time_ms=desk.time_ms + 9 * HOUR_MS)
    assert desk.tick() == []


def test_a_position_closed_by_hand_is_closed_externally() -> None:
    desk = Desk()
    stop = desk.open()
    decided = desk.venue(external_fill(stop.side, D(4), D(101)))
    assert one(decided, PositionChanged).quantity == D(6)
    decided = desk.venue(external_fill(stop.side, D(6), D(101)))
    closed = one(decided, PositionClosed)
    assert closed.exit_reason is ExitReason.CLOSED_EXTERNALLY
    assert closed.gross_pnl_usd == D(10)
    assert len(every(decided, CancelSubmitted)) == 3
