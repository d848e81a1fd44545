"""Requests whose answer is lost, late or unreadable end with exactly one order, or none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.contracts.order import (
    OrderAmended,
    OrderCanceled,
    OrderOutcomeUnknown,
    OrderPurpose,
    OrderRejected,
)
from shared.contracts.position import ExitReason, PositionClosed, StopMoved
from tests.services.execution.live import LiveDesk, live_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[LiveDesk]:
    async with live_desk(tmp_path) as opened:
        yield opened


def accepted(ledger: dict, client_order_id: str) -> int:  # type: ignore[type-arg]
    seen = ledger["client_ids"].get(client_order_id, {"accepted": 0})
    count: int = seen["accepted"]
    return count


@pytest.mark.parametrize(
    "kind",
    [
        "cut_after_accept",
        "502_after_accept",
        "hang_after_accept",
        "bad_json_after_accept",
        "timeout_after_accept",
    ],
)
async def test_an_accepted_entry_whose_answer_is_lost_is_found_and_protected(
    desk: LiveDesk, kind: str
) -> None:
    await desk.simulator.arm(kind)
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    (entry,) = desk.sent(OrderPurpose.ENTRY)
    assert accepted(await desk.simulator.ledger(), entry.client_order_id) == 1
    await desk.books_equal()


@pytest.mark.parametrize("kind", ["cut_before_accept", "502_before_accept", "400", "429"])
async def test_an_entry_that_never_arrived_is_known_to_be_missing(desk: LiveDesk, kind: str) -> None:
    await desk.simulator.arm(kind)
    await desk.approve()
    await desk.until(lambda: any(isinstance(event, OrderRejected) for event in desk.events))
    (entry,) = desk.sent(OrderPurpose.ENTRY)
    assert any(isinstance(event, OrderOutcomeUnknown) for event in desk.events)
    assert accepted(await desk.simulator.ledger(), entry.client_order_id) == 0
    assert desk.flat()


async def test_an_entry_refused_as_too_many_requests_is_sent_again(desk: LiveDesk) -> None:
    await desk.simulator.arm("rate_limited", count=2)
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    assert not any(isinstance(event, OrderOutcomeUnknown) for event in desk.events)
    await desk.books_equal()


async def test_an_entry_accepted_after_it_was_given_up_becomes_a_protected_position(desk: LiveDesk) -> None:
    await desk.simulator.arm("slow", delay_ms=2_200)
    approved = await desk.approve()
    await desk.until(lambda: any(isinstance(event, OrderRejected) for event in desk.events))
    await desk.until(lambda: desk.protected(approved.symbol))
    assert len(desk.sent(OrderPurpose.ENTRY)) == 1


@pytest.mark.parametrize("kind", ["cut_before_accept", "cut_after_accept", "hang_before_accept"])
async def test_a_stop_without_an_answer_stands_within_two_seconds(desk: LiveDesk, kind: str) -> None:
    await desk.simulator.arm("slow", delay_ms=0)
    await desk.simulator.arm(kind)
    approved = await desk.approve()
    await desk.until(lambda: approved.symbol in desk.state.positions)
    await desk.until(lambda: desk.protected(approved.symbol), within_s=2.0)
    (stop,) = desk.sent(OrderPurpose.STOP)
    assert accepted(await desk.simulator.ledger(), stop.client_order_id) == 1


async def test_a_position_whose_stop_the_venue_refuses_is_flattened_within_five_seconds(
    desk: LiveDesk,
) -> None:
    await desk.simulator.arm("refuse_stop", count=100)
    await desk.approve()
    await desk.until(lambda: desk.sent(OrderPurpose.ENTRY))
    await desk.until(lambda: any(isinstance(event, PositionClosed) for event in desk.events), within_s=5.0)
    (closed,) = [event for event in desk.events if isinstance(event, PositionClosed)]
    assert closed.exit_reason is ExitReason.NAKED_POSITION
    await desk.until(desk.flat)
    await desk.books_equal()


async def test_a_stop_move_whose_answer_is_lost_is_repeated_until_it_is_certain(desk: LiveDesk) -> None:
    approved = await desk.approve(stop_frac=0.01)
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.until(lambda: len(desk.sent(OrderPurpose.TARGET)) == 2)
    await desk.simulator.arm("cut_after_accept", path="/v5/order/amend")
    await desk.simulator.move(approved.symbol, 0.024)
    await desk.until(lambda: any(isinstance(event, StopMoved) for event in desk.events))
    await desk.until(lambda: any(isinstance(event, OrderAmended) for event in desk.events))
    stop = desk.state.orders[desk.state.positions[approved.symbol].stop_order_id]
    row = next(
        row
        for row in (await desk.simulator.ledger())["orders"]
        if row["client_order_id"] == stop.client_order_id
    )
    assert row["trigger_price"] == format(stop.trigger_price, "f")


async def test_a_cancel_whose_answer_is_lost_is_repeated_until_it_is_certain(desk: LiveDesk) -> None:
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.until(lambda: len(desk.sent(OrderPurpose.TARGET)) == 2)
    await desk.simulator.arm("502_before_accept", path="/v5/order/cancel", count=2)
    await desk.simulator.arm("cut_after_accept", path="/v5/order/cancel")
    await desk.simulator.move(approved.symbol, -0.05)
    await desk.until(desk.flat)
    assert any(isinstance(event, OrderCanceled) for event in desk.events)
    await desk.books_equal()
