"""An execution service that is killed continues where the log and the venue stand."""

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from shared.contracts.desk import Source
from shared.contracts.engine import CommandName
from shared.contracts.order import OrderOutcomeUnknown, OrderPurpose
from shared.contracts.position import ExitReason, Flattened, PositionClosed, PositionOpened
from shared.contracts.signal import PositionSide, Strategy
from shared.contracts.venue import VenueDisconnected
from shared.log.port import FenceConflict
from shared.log.writer import Writer
from tests.services.execution.live import LiveDesk, live_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[LiveDesk]:
    async with live_desk(tmp_path) as opened:
        yield opened


async def test_a_restart_resumes_an_open_position(desk: LiveDesk) -> None:
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.kill()
    await desk.start()
    await desk.until(lambda: desk.state.reconciled and desk.protected(approved.symbol))
    await desk.simulator.move(approved.symbol, -0.05)
    await desk.until(desk.flat)
    assert len(desk.sent(OrderPurpose.ENTRY)) == 1
    await desk.books_equal()


async def test_fills_while_it_is_dead_are_booked_when_it_lives(desk: LiveDesk) -> None:
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.kill()
    await desk.simulator.move(approved.symbol, -0.05)
    await asyncio.sleep(0.3)
    await desk.start()
    await desk.until(lambda: desk.state.connected and desk.flat())
    (closed,) = [event for event in desk.events if isinstance(event, PositionClosed)]
    assert closed.exit_reason is ExitReason.STOP_LOSS
    await desk.books_equal()


async def test_a_kill_between_the_intent_and_its_answer_sends_no_second_order(desk: LiveDesk) -> None:
    await desk.simulator.arm("hang_after_accept", delay_ms=5_000)
    approved = await desk.approve()
    await desk.until(lambda: desk.sent(OrderPurpose.ENTRY))
    await asyncio.sleep(0.1)
    await desk.kill()
    await desk.start()
    await desk.until(lambda: desk.protected(approved.symbol))
    assert len([event for event in desk.events if isinstance(event, PositionOpened)]) == 1
    await desk.books_equal()


async def test_a_kill_before_the_intent_is_sent_never_sends_it_later(desk: LiveDesk) -> None:
    await desk.simulator.arm("hang_before_accept", delay_ms=5_000)
    await desk.approve()
    await desk.until(lambda: desk.sent(OrderPurpose.ENTRY))
    await desk.kill()
    await desk.start()
    await desk.until(lambda: desk.state.reconciled and desk.flat())
    assert len((await desk.simulator.ledger())["orders"]) == 0


@pytest.mark.parametrize("moment_s", [0.0, 0.01, 0.03, 0.1])
async def test_a_kill_between_fill_and_stop_leaves_no_naked_position(desk: LiveDesk, moment_s: float) -> None:
    await desk.simulator.arm("slow", delay_ms=0)
    await desk.simulator.arm("hang_before_accept", delay_ms=5_000)
    approved = await desk.approve()
    await desk.until(lambda: approved.symbol in desk.state.positions)
    await asyncio.sleep(moment_s)
    await desk.kill()
    await desk.start()
    await desk.until(lambda: desk.protected(approved.symbol), within_s=3.0)
    await desk.books_equal()


async def test_a_restart_of_the_exchange_is_survived(desk: LiveDesk) -> None:
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.simulator.kill()
    await desk.until(lambda: any(isinstance(event, VenueDisconnected) for event in desk.events))
    await desk.until(lambda: not desk.state.reconciled)
    await desk.simulator.start()
    await desk.until(lambda: desk.state.reconciled)
    await desk.simulator.move(approved.symbol, -0.05)
    await desk.until(desk.flat)
    await desk.books_equal()


async def test_an_edge_that_was_frozen_writes_before_it_sends(desk: LiveDesk) -> None:
    """Whoever has taken over has written on the venue's subject, so the write is refused."""
    before = len(desk.log.records)
    time.sleep(1.5)  # noqa: ASYNC251  the process stands still
    approved = await desk.approve()
    await desk.until(lambda: desk.state.reconciled and desk.log.records[before:])
    words = [event for record in desk.log.records[before:] for event in record.events]
    assert any(isinstance(event, VenueDisconnected) and "stopped" in event.error for event in words)
    await desk.until(lambda: desk.state.connected and desk.state.reconciled)
    assert approved.signal_id


async def test_a_second_edge_ends_the_first(desk: LiveDesk) -> None:
    writer = await Writer.open(desk.log, Source.VENUE)
    await writer.append([VenueDisconnected(error="the successor")], time_ns=desk.clock.now_ns())
    with pytest.raises(FenceConflict):
        await desk.until(lambda: False)


async def test_flattening_survives_a_restart(desk: LiveDesk) -> None:
    approved = await desk.approve()
    await desk.until(lambda: desk.protected(approved.symbol))
    await desk.simulator.arm("rate_limited", count=8)
    await desk.command(CommandName.KILL_SWITCH)
    await desk.until(lambda: desk.sent(OrderPurpose.EXIT))
    await desk.kill()
    await desk.start()
    ticking = asyncio.create_task(tick_on(desk))
    await desk.until(lambda: any(isinstance(event, Flattened) for event in desk.events))
    ticking.cancel()
    ledger = await desk.simulator.ledger()
    assert all(Decimal(row["quantity"]) == 0 for row in ledger["positions"])
    await desk.books_equal()


async def tick_on(desk: LiveDesk) -> None:
    while True:
        await desk.tick()
        await asyncio.sleep(0.1)


async def test_random_kills_under_load_lose_and_double_nothing(desk: LiveDesk) -> None:
    seed = 20_261_122
    print(f"seed {seed}")
    random = Random(seed)
    ticking = asyncio.create_task(tick_on(desk))
    symbols = list(desk.instruments)
    for _ in range(8):
        for symbol in random.sample(symbols, 3):
            await desk.approve(
                symbol,
                stop_frac=0.01,
                strategy=random.choice([Strategy.MOMENTUM, Strategy.RETEST]),
                side=random.choice([PositionSide.LONG, PositionSide.SHORT]),
            )
        if random.random() < 0.5:
            kind = random.choice(["cut_after_accept", "cut_before_accept", "502_after_accept"])
            await desk.simulator.arm(kind)
        await desk.simulator.move(random.choice(symbols), random.choice([-0.03, 0.03]))
        await asyncio.sleep(random.random() * 0.3)
        await desk.kill()
        await desk.start()
        await desk.until(lambda: desk.state.reconciled)
    for symbol in symbols:
        await desk.simulator.move(symbol, -0.05)
    await desk.command(CommandName.PANIC_EXIT)
    await desk.until(lambda: any(isinstance(event, Flattened) for event in desk.events))
    ticking.cancel()
    assert len(desk.sent(OrderPurpose.ENTRY)) >= 10
    assert all(
        not isinstance(event, OrderOutcomeUnknown) or event.client_order_id not in desk.state.orders
        for event in desk.events
    )
    await desk.books_equal()
