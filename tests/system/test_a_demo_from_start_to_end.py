"""Follows one demo desk: it trades, its books equal the exchange's, and its session can be checked."""

from decimal import Decimal
from typing import TypeVar

import pytest

from shared.contracts.base import Event
from shared.contracts.position import ExitReason, PositionClosed, PositionOpened, StopMoved
from shared.contracts.signal import PositionSide
from tests.system.running_desk import DECISIONS, RunningDesk

pytestmark = pytest.mark.system

STOP_WITHIN_WALL_S = 2.0
SPEED = 120.0
Kind = TypeVar("Kind", bound=Event)


async def test_it_opens_and_closes_positions_by_itself(desk: RunningDesk) -> None:
    await desk.await_events(PositionOpened, 1, timeout_s=90)
    closed = await desk.await_events(PositionClosed, 3, timeout_s=180)
    print(f"ready after {desk.ready_s:.1f} s; closed {len(closed)}")


def test_the_books_equal_the_exchanges(desk: RunningDesk) -> None:
    code, books = desk.command("books", "--check")
    assert code == 0, books


def test_the_exchange_took_no_client_order_id_twice(desk: RunningDesk) -> None:
    assert desk.ledger()["client_ids"]
    assert not desk.ids_accepted_twice()


def test_every_position_had_a_stop_at_the_exchange_within_two_seconds(desk: RunningDesk) -> None:
    ledger = desk.ledger()
    entries = {
        order["client_order_id"]: order["symbol"] for order in ledger["orders"] if not order["reduce_only"]
    }
    stops = [order for order in ledger["orders"] if order["trigger_price"] is not None]
    first_fills: dict[str, int] = {}
    for execution in ledger["executions"]:
        if execution["client_order_id"] in entries:
            first_fills.setdefault(execution["client_order_id"], execution["time_ms"])
    assert first_fills
    for entry, filled_ms in first_fills.items():
        delays = [
            (stop["created_ms"] - filled_ms) / 1000 / SPEED
            for stop in stops
            if stop["symbol"] == entries[entry] and stop["created_ms"] >= filled_ms
        ]
        assert delays, f"{entry}: no stop"
        assert min(delays) <= STOP_WITHIN_WALL_S, f"{entry}: stop after {min(delays):.1f} s"


async def test_a_stop_out_costs_one_r_plus_slippage_and_fees(desk: RunningDesk) -> None:
    """Where the initial stop was hit, the loss is R and what the market took beyond the two prices."""
    opened = {event.position_id: event for event in await _all(desk, PositionOpened)}
    moved = {event.position_id for event in await _all(desk, StopMoved)}
    stopped_out = [
        event
        for event in await _all(desk, PositionClosed)
        if event.exit_reason is ExitReason.STOP_LOSS and event.position_id not in moved
    ]
    for closed in stopped_out:
        position = opened[closed.position_id]
        sign = 1 if closed.side is PositionSide.LONG else -1
        one_r = position.risk_per_unit * closed.quantity
        to_the_stop = sign * (closed.entry_px - position.stop_px) * closed.quantity
        beyond_the_stop = sign * (position.stop_px - closed.exit_px) * closed.quantity
        costs = closed.fees_usd + closed.funding_usd
        print(
            f"{closed.symbol}: {closed.pnl_r:.2f} R, of it entry {to_the_stop / one_r - 1:.2f}, "
            f"exit {beyond_the_stop / one_r:.2f}, fees and funding {costs / one_r:.2f}"
        )
        assert abs(closed.pnl_usd + to_the_stop + beyond_the_stop + costs) < Decimal("0.000001")
        assert closed.pnl_r > Decimal(-2), "a stop at the exchange bounds the loss"


async def _all(desk: RunningDesk, kind: type[Kind]) -> list[Kind]:
    async with desk.log() as log:
        records = [d.record async for d in log.read(DECISIONS, live=False) if d.record is not None]
    return [event for record in records for event in record.events if isinstance(event, kind)]


def test_every_decision_of_the_session_is_derived_again(desk: RunningDesk) -> None:
    code, report = desk.command("replay", "--verify")
    assert code == 0, report
    print(report)


def test_the_logs_chain_is_whole(desk: RunningDesk) -> None:
    code, report = desk.command("log", "verify")
    assert code == 0, report


async def test_a_closed_position_can_be_explained(desk: RunningDesk) -> None:
    (_, closed), *_ = await desk.await_events(PositionClosed, 1, timeout_s=10)
    assert isinstance(closed, PositionClosed)
    code, chain = desk.command("explain", closed.position_id)
    assert code == 0, chain
    assert closed.symbol in str(chain)


def test_ctrl_c_ends_everything_within_ten_seconds_and_the_next_start_resumes(desk: RunningDesk) -> None:
    closed_before = desk.command("status")[1]["engine"]["positions_closed"]
    took = desk.stop()
    assert took < 10
    desk.start()
    code, status = desk.command("status")
    assert code == 0
    assert status["engine"]["positions_closed"] >= closed_before
    code, books = desk.command("books", "--check")
    assert code == 0, books
