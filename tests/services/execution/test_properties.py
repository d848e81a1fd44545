"""What holds after any sequence of fills, refusals, losses, repetitions and moves."""

from decimal import Decimal

import pytest

from services.execution.domain.books import Books
from services.execution.domain.orders import TRANSITIONS
from shared.contracts.account import AccountReconciled
from shared.contracts.order import OrderFilled, OrderPurpose, OrderSide, OrderSubmitted
from shared.contracts.position import Flattened, PositionClosed, PositionOpened, StopMoved
from shared.contracts.signal import PositionSide
from tests.services.execution.pure_world import World
from tests.services.execution.trading import SYMBOL

D = Decimal
SEEDS = 150
STEPS = 120


@pytest.fixture(scope="module", params=range(0, SEEDS, 10))
def worlds(request: pytest.FixtureRequest) -> list[World]:
    """Worlds that have run and come to rest; the seed of a failing one is in its message."""
    ran = []
    for seed in range(request.param, request.param + 10):
        world = World(seed)
        try:
            for _ in range(STEPS):
                world.step()
            world.settle()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        ran.append(world)
    return ran


def test_the_position_is_the_sum_of_the_fills_and_the_venues(worlds: list[World]) -> None:
    for world in worlds:
        fills = [event for event in world.history if isinstance(event, OrderFilled)]
        total = sum((f.last_qty if f.side is OrderSide.BUY else -f.last_qty for f in fills), D(0))
        held = world.desk.state.positions.get(SYMBOL)
        assert (held.booked.quantity if held else D(0)) == total
        assert world.venue.account.position(SYMBOL).quantity == total


def test_every_open_position_has_its_stop_at_the_venue(worlds: list[World]) -> None:
    for world in worlds:
        for position in world.desk.state.positions.values():
            resting = world.venue.find("", position.stop_order_id)
            assert resting is not None
            assert resting.status.is_open
            assert resting.reduce_only
            assert resting.trigger_price == position.stop_px


def test_stops_only_move_in_favour_of_the_position(worlds: list[World]) -> None:
    for world in worlds:
        opened = {e.position_id: e for e in world.history if isinstance(e, PositionOpened)}
        for moved in (event for event in world.history if isinstance(event, StopMoved)):
            sign = 1 if opened[moved.position_id].side is PositionSide.LONG else -1
            assert sign * (moved.new_stop_px - moved.old_stop_px) > 0


def test_only_entries_can_add_and_never_more_than_approved(worlds: list[World]) -> None:
    for world in worlds:
        bought: dict[str, Decimal] = {}
        for event in world.history:
            if isinstance(event, OrderSubmitted):
                assert event.reduce_only == (event.purpose is not OrderPurpose.ENTRY)
            if isinstance(event, OrderFilled) and event.purpose is OrderPurpose.ENTRY:
                bought[event.position_id] = bought.get(event.position_id, D(0)) + event.last_qty
        assert all(quantity <= D(10) for quantity in bought.values())


def test_no_order_is_sent_twice(worlds: list[World]) -> None:
    for world in worlds:
        sent = [event.client_order_id for event in world.history if isinstance(event, OrderSubmitted)]
        assert len(sent) == len(set(sent))


def test_cash_is_conserved_to_the_last_decimal(worlds: list[World]) -> None:
    for world in worlds:
        books = Books(wallet_usd=D(100_000)).fold(world.history)
        assert books.wallet_usd == world.venue.account.wallet


def test_a_closed_positions_account_follows_from_its_fills(worlds: list[World]) -> None:
    for world in worlds:
        for closed in (event for event in world.history if isinstance(event, PositionClosed)):
            fills = [
                event
                for event in world.history
                if isinstance(event, OrderFilled) and event.position_id == closed.position_id
            ]
            cash = sum(
                ((1 if f.side is OrderSide.SELL else -1) * f.last_px * f.last_qty for f in fills), D(0)
            )
            assert closed.gross_pnl_usd == cash
            assert closed.fees_usd == sum((f.fee_usd for f in fills), D(0))
            assert closed.pnl_usd == cash - closed.fees_usd - closed.funding_usd


def test_hearing_everything_again_decides_nothing(worlds: list[World]) -> None:
    for world in worlds:
        for report in world.said:
            assert world.desk.venue(report) == []


def test_the_account_at_rest_reconciles(worlds: list[World]) -> None:
    for world in worlds:
        decided = world.desk.venue(world.observed())
        assert [type(event) for event in decided] == [AccountReconciled]


def test_a_panic_at_any_moment_ends_flat() -> None:
    for seed in range(1_000, 1_060):
        world = World(seed)
        for _ in range(world.random.randint(5, 80)):
            world.step()
        world.panic()
        for _ in range(20):
            world.step()
        world.settle()
        decided = world.desk.venue(world.observed())
        assert any(isinstance(event, Flattened) for event in (*world.history, *decided)), f"seed {seed}"
        assert not world.venue.account.position(SYMBOL).quantity, f"seed {seed}"
        assert not world.venue.account.open_orders(), f"seed {seed}"


def test_no_status_leads_out_of_an_end() -> None:
    ends = {status for status, following in TRANSITIONS.items() if not following}
    assert {status.value for status in ends} == {"filled", "canceled", "expired", "rejected"}
