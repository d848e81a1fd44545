"""Kills processes of a trading desk at random: nothing is lost, nothing doubled, the books stay equal."""

import asyncio
import os
import random
import time

import pytest

from shared.contracts.position import PositionClosed, PositionOpened
from tests.system.running_desk import RunningDesk

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("BREAKOUT_TEST_KILLS", "50"))
SEED = int(os.environ.get("BREAKOUT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
VICTIMS = (
    "market", "scanner", "signals", "risk", "execution", "execution", "orchestrator", "gateway",
    "simulator", "nats",
)  # fmt: skip


async def test_after_random_kills_the_books_equal_the_exchanges(desk: RunningDesk) -> None:
    print(f"seed {SEED}, {KILLS} kills")
    dice = random.Random(SEED)
    await desk.await_events(PositionOpened, 1, timeout_s=120)
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.1, 1.5))
        desk.kill(dice.choice(VICTIMS))
    async with desk.log() as log:
        last = await log.last_seq()
    # It trades again, without help.
    await desk.await_events(PositionClosed, 1, timeout_s=120, after_seq=last)
    code, books = await _books_when_quiet(desk)
    assert code == 0, f"seed {SEED}: {books}"
    assert not desk.ids_accepted_twice(), f"seed {SEED}"
    code, report = desk.command("replay", "--verify")
    assert code == 0, f"seed {SEED}: {report}"
    code, report = desk.command("log", "verify")
    assert code == 0, f"seed {SEED}: {report}"


async def _books_when_quiet(desk: RunningDesk) -> tuple[int, object]:
    """Ask for the books; a report on its way to the log is given the time to arrive."""
    deadline = time.monotonic() + 30
    while True:
        code, books = await asyncio.to_thread(desk.command, "books", "--check")
        if code == 0 or time.monotonic() > deadline:
            return code, books
