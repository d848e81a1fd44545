"""The decider, the edge and ccxt against the real simulator process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.contracts.order import OrderPurpose
from shared.contracts.position import ExitReason, PositionClosed
from tests.services.execution.live import LiveDesk, live_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[LiveDesk]:
    async with live_desk(tmp_path) as opened:
        yield opened


async def test_an_approval_becomes_a_protected_position(desk: LiveDesk) -> None:
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.until(lambda: len(desk.sent(OrderPurpose.TARGET)) == 2)
    ledger = await desk.simulator.ledger()
    assert ledger["duplicates_accepted"] == 0


async def test_a_stop_out_closes_the_position_and_its_orders(desk: LiveDesk) -> None:
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.simulator.move(approved.symbol, -0.05)
    await desk.until(desk.flat)
    (closed,) = [event for event in desk.events if isinstance(event, PositionClosed)]
    assert closed.exit_reason is ExitReason.STOP_LOSS
