"""Panic exit and kill switch: flat, and the venue says so."""

from decimal import Decimal

import pytest

from shared.contracts.desk import Source
from shared.contracts.engine import CommandName, CommandRequested, EngineState
from shared.contracts.order import CancelSubmitted, OrderPurpose, OrderStatus, OrderSubmitted, OrderType
from shared.contracts.position import ExitReason, Flattened, FlattenReason, FlattenStarted, PositionClosed
from shared.contracts.signal import Strategy
from shared.contracts.venue import SubmitRefused
from tests.services.execution.trading import (
    OTHER,
    Desk,
    account,
    approval,
    engine,
    every,
    fill,
    held,
    one,
    reported,
    resting,
)

D = Decimal


def command(desk: Desk, name: CommandName = CommandName.PANIC_EXIT) -> list:  # type: ignore[type-arg]
    requested = CommandRequested(command_id="stop-it", command=name, requested_by="me")
    return desk.when(requested, source=Source.COMMANDS)


@pytest.mark.parametrize(
    ("name", "reason", "exit_reason"),
    [
        (CommandName.PANIC_EXIT, FlattenReason.PANIC_EXIT, ExitReason.PANIC_EXIT),
        (CommandName.KILL_SWITCH, FlattenReason.KILL_SWITCH, ExitReason.KILL_SWITCH),
    ],
)
def test_everything_is_closed_and_the_venue_is_believed(
    name: CommandName, reason: FlattenReason, exit_reason: ExitReason
) -> None:
    desk = Desk()
    stop = desk.open()
    decided = command(desk, name)
    assert one(decided, FlattenStarted).reason is reason
    exit_order = one(decided, OrderSubmitted)
    assert (exit_order.order_type, exit_order.reduce_only, exit_order.quantity) == (
        OrderType.MARKET,
        True,
        D(10),
    )
    cancelled = {cancel.client_order_id for cancel in every(decided, CancelSubmitted)}
    assert cancelled == {target.client_order_id for target in desk.working(OrderPurpose.TARGET)}
    assert stop.client_order_id not in cancelled, "the stop stays until the position is flat"
    for target in desk.working(OrderPurpose.TARGET):
        desk.venue(reported(target, OrderStatus.CANCELED))
    decided = desk.venue(fill(exit_order, price=D(99)))
    assert one(decided, PositionClosed).exit_reason is exit_reason
    assert every(desk.venue(account(held(D(10)), orders=(resting(stop),))), Flattened) == []
    desk.venue(reported(stop, OrderStatus.CANCELED))
    assert one(desk.venue(account()), Flattened).command_id == "stop-it"


def test_it_works_whatever_the_engine_is_doing() -> None:
    desk = Desk()
    desk.open()
    desk.given(engine(EngineState.ERROR, entries=False), source=Source.ORCHESTRATOR)
    assert one(command(desk), OrderSubmitted).purpose is OrderPurpose.EXIT


def test_waiting_entries_are_cancelled() -> None:
    desk = Desk()
    entry = desk.enter(approval(strategy=Strategy.RETEST))
    desk.accept(entry)
    assert one(command(desk), CancelSubmitted).client_order_id == entry.client_order_id
    assert every(desk.venue(reported(entry, OrderStatus.CANCELED)), OrderSubmitted) == []
    assert every(desk.venue(account()), Flattened) != []


def test_a_fill_that_comes_while_flattening_is_closed_at_once() -> None:
    desk = Desk()
    entry = desk.enter()
    command(desk)
    exits = every(desk.venue(fill(entry)), OrderSubmitted)
    assert [order.purpose for order in exits] == [OrderPurpose.EXIT]


def test_a_refused_exit_is_tried_again_until_the_account_is_flat() -> None:
    desk = Desk()
    desk.open()
    exit_order = one(command(desk), OrderSubmitted)
    for _ in range(3):
        refused = SubmitRefused(client_order_id=exit_order.client_order_id, code="10016", message="busy")
        desk.venue(refused)
        again = one(desk.tick(20_000), OrderSubmitted)
        assert again.client_order_id != exit_order.client_order_id
        exit_order = again


def test_a_position_that_is_not_in_our_books_is_closed_too() -> None:
    desk = Desk()
    command(desk)
    sweep = one(desk.venue(account(held(D(3), OTHER))), OrderSubmitted)
    assert (sweep.symbol, sweep.quantity, sweep.reduce_only) == (OTHER, D(3), True)
    assert every(desk.venue(account(held(D(3), OTHER))), OrderSubmitted) == [], "one sweep at a time"
    desk.venue(fill(sweep))
    assert one(desk.venue(account()), Flattened)


def test_a_second_command_changes_nothing() -> None:
    desk = Desk()
    desk.open()
    command(desk)
    assert command(desk, CommandName.KILL_SWITCH) == []


@pytest.mark.parametrize("name", [CommandName.PAUSE, CommandName.STOP, CommandName.TIME_STOP])
def test_other_commands_close_nothing(name: CommandName) -> None:
    desk = Desk()
    desk.open()
    assert command(desk, name) == []


def test_an_order_of_ours_that_still_rests_at_the_venue_is_not_flat() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(SubmitRefused(client_order_id=entry.client_order_id, code="1", message=""))
    command(desk)
    for _ in range(2):
        assert every(desk.venue(account(orders=(resting(entry),))), Flattened) == []
    assert every(desk.venue(account()), Flattened) != []


def test_a_position_that_comes_back_at_the_venue_is_closed_again() -> None:
    desk = Desk()
    command(desk)
    sweep = one(desk.venue(account(held(D(3), OTHER))), OrderSubmitted)
    desk.venue(fill(sweep, D(2)))
    desk.venue(reported(sweep, OrderStatus.CANCELED, D(2)))
    rest = one(desk.venue(account(held(D(1), OTHER))), OrderSubmitted)
    assert (rest.quantity, rest.client_order_id != sweep.client_order_id) == (D(1), True)
