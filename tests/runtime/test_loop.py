"""Run the one loop on a memory log: leaders come, go and clash, and the history stays what it must be."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from shared.contracts.desk import ClockTicked, Source
from shared.contracts.record import Draft
from shared.log.memory import MemoryLog
from shared.log.port import Delivery, LogInvalid, LogUnavailable, Tail
from shared.log.snapshots import MemorySnapshots
from shared.log.writer import Writer
from shared.runtime.clock import DeskClock
from shared.runtime.loop import ProcessorLoop
from shared.runtime.replica import DeciderFailed, Replica
from shared.runtime.snapshot import Snapshot, encode_snapshot, fingerprint
from tests.runtime.chained import DESK_ID, Chain, Chained, assert_history_holds

SEED = 11
INPUTS = 300


def loop_on(
    log: MemoryLog, snapshots: MemorySnapshots | None = None, *, every: int = 10**9, poisonous: int = -1
) -> ProcessorLoop:
    processor = Chained()
    processor.poisonous = frozenset({poisonous})
    replica = Replica(processor, DESK_ID)
    return ProcessorLoop(replica, log, snapshots or MemorySnapshots(), DeskClock(), snapshot_every=every)


@asynccontextmanager
async def running(*loops: ProcessorLoop) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the loops go on by themselves
            await asyncio.sleep(0)


async def observe(log: MemoryLog, count: int, *, first: int = 0) -> None:
    writer = await Writer.open(log, Source.MARKET)
    for number in range(first, first + count):
        await writer.append([ClockTicked(number=number)], time_ns=1_000 + number)


def settled(loop: ProcessorLoop, log: MemoryLog) -> Callable[[], bool]:
    return lambda: loop.replica.position == len(log.records) and not loop.replica.pending


async def test_a_leader_decides_the_past_that_nobody_decided_and_then_live() -> None:
    log = MemoryLog()
    await observe(log, 50)
    loop = loop_on(log)
    async with running(loop):
        await until(lambda: loop.caught_up)
        assert len(log.records) == 50, "a follower decides nothing"
        await loop.lead()
        await until(settled(loop, log))
        await observe(log, 50, first=50)
        await until(settled(loop, log))
    assert loop.replica.state == assert_history_holds(log.records, Chained())


async def test_leading_before_the_log_is_read_waits_for_its_end() -> None:
    log = MemoryLog()
    first = loop_on(log)
    async with running(first):
        await first.lead()
        await observe(log, INPUTS)
        await until(settled(first, log))
    second = loop_on(log)
    await second.lead()
    async with running(second):
        await observe(log, 30, first=INPUTS)
        await until(settled(second, log))
    assert second.replica.state == assert_history_holds(log.records, Chained())


async def test_switches_of_leadership_and_two_leaders_at_once_change_nothing() -> None:
    random = Random(SEED)
    sys.stdout.write(f"seed {SEED}\n")
    log = MemoryLog()
    one, two = loop_on(log), loop_on(log)
    async with running(one, two):
        for number in range(INPUTS):
            loop = random.choice((one, two))
            if random.random() < 0.15:
                loop.follow()
            elif random.random() < 0.25:
                await loop.lead()
            await observe(log, 1, first=number)
            for _ in range(random.randint(0, 3)):
                await asyncio.sleep(0)
        one.follow()
        await two.lead()
        await observe(log, 1, first=INPUTS)
        await until(settled(two, log))
    assert two.replica.state == assert_history_holds(log.records, Chained())
    assert len([record for record in log.records if record.source is Source.RISK]) > INPUTS / 5


async def test_a_crash_at_any_moment_changes_nothing() -> None:
    random = Random(SEED)
    sys.stdout.write(f"seed {SEED}\n")
    log, snapshots = MemoryLog(), MemorySnapshots()
    for life in range(40):
        loop = loop_on(log, snapshots, every=25)
        async with running(loop):
            await loop.lead()
            await observe(log, 10, first=10 * life)
            for _ in range(random.randint(0, 30)):
                await asyncio.sleep(0)
    loop = loop_on(log, snapshots)
    async with running(loop):
        await loop.lead()
        await until(settled(loop, log))
    assert loop.replica.state == assert_history_holds(log.records, Chained())


class LateNews(MemoryLog):
    """A log whose readers learn of our own records only when told: the moment in which two leaders clash."""

    def __init__(self) -> None:
        super().__init__()
        self.tell = asyncio.Event()

    async def read(
        self, sources: frozenset[Source], *, after_seq: int = 0, live: bool = True
    ) -> AsyncIterator[Delivery]:
        async for delivery in super().read(sources, after_seq=after_seq, live=live):
            if delivery.record is not None and delivery.record.source is Source.RISK:
                await self.tell.wait()
            yield delivery


async def test_an_instance_that_begins_to_lead_too_late_rebuilds_and_follows() -> None:
    log = LateNews()
    zombie = loop_on(log)
    async with running(zombie):
        await observe(log, 30)
        await until(lambda: len(zombie.replica.pending) == 30)
        leader = loop_on(log)
        async with running(leader):
            await leader.lead()
            await until(lambda: leader.replica.position >= 30 and not leader.replica.pending)
        decided = len(log.records)
        assert decided > 30
        await zombie.lead()
        assert len(log.records) == decided, "the fence has held"
        log.tell.set()
        await until(settled(zombie, log))
        await observe(log, 30, first=30)
        await until(settled(zombie, log))
    assert zombie.replica.state == assert_history_holds(log.records, Chained())


async def test_a_decider_that_raises_stops_at_its_record_and_decides_nothing_after_it() -> None:
    log = MemoryLog()
    loop = loop_on(log, poisonous=20)
    async with running(loop) as (task,):
        await loop.lead()
        await observe(log, 40)
        with pytest.raises(DeciderFailed) as failed:
            await asyncio.wait_for(task, 5)
    poisonous = log.records[failed.value.seq - 1]
    assert poisonous.events == (ClockTicked(number=20),)
    assert all(record.cause < poisonous.seq for record in log.records)


async def test_leading_reports_a_decider_that_raises_on_what_was_pending() -> None:
    log = MemoryLog()
    await observe(log, 5)
    loop = loop_on(log, poisonous=3)
    async with running(loop):
        await until(lambda: loop.caught_up)
        with pytest.raises(DeciderFailed):
            await loop.lead()


async def test_snapshots_spare_the_past_and_change_nothing() -> None:
    log, snapshots = MemoryLog(), MemorySnapshots()
    loop = loop_on(log, snapshots, every=50)
    async with running(loop):
        await loop.lead()
        await observe(log, 200)
        await until(settled(loop, log))
        await loop.drain()
    state = assert_history_holds(log.records, Chained())
    assert loop.replica.state == state

    late = loop_on(log, snapshots)
    async with running(late):
        await until(lambda: late.caught_up)
        assert late.replica.position == len(log.records)
        assert late.replica.state == state
        await late.lead()
        await observe(log, 100, first=200)
        await until(settled(late, log))
    assert late.replica.state == assert_history_holds(log.records, Chained())


@pytest.mark.parametrize("raw", [b"", b"nonsense"])
async def test_a_snapshot_that_cannot_be_read_is_ignored(raw: bytes) -> None:
    log, snapshots = MemoryLog(), MemorySnapshots()
    await snapshots.save("risk.0", raw)
    loop = loop_on(log, snapshots)
    async with running(loop):
        await loop.lead()
        await observe(log, 30)
        await until(settled(loop, log))
    assert loop.replica.state == assert_history_holds(log.records, Chained())


async def test_a_snapshot_that_contradicts_the_log_is_left_aside() -> None:
    log, snapshots = MemoryLog(), MemorySnapshots()
    honest = loop_on(log)
    async with running(honest):
        await honest.lead()
        await observe(log, 60)
        await until(settled(honest, log))
    stray = Snapshot(fingerprint=fingerprint(Chain), position=20, tail=Tail(3, "stray"), state=Chain())
    await snapshots.save("risk.0", encode_snapshot(stray))
    loop = loop_on(log, snapshots)
    async with running(loop):
        await loop.lead()
        await until(settled(loop, log))
    assert loop.replica.state == assert_history_holds(log.records, Chained())


async def test_a_log_that_contradicts_itself_ends_the_loop() -> None:
    log = MemoryLog()
    await observe(log, 3)
    nonsense = Draft(time_ns=1, cause=0, events=(ClockTicked(number=1),))
    await log.append(nonsense, source=Source.RISK, partition=0, after=Tail())
    with pytest.raises(LogInvalid, match="record 4 answers 0"):
        await asyncio.wait_for(loop_on(log).run(), 5)


class Unreliable(MemoryLog):
    """A log that loses acknowledgements and requests at random."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.random = random
        self.lost = 0

    async def append(self, draft: Draft, *, source: Source, partition: int, after: Tail) -> Tail:
        fate = self.random.random() if source is Source.RISK else 1.0
        if fate < 0.2:
            self.lost += 1
            raise LogUnavailable("the request is lost")
        tail = await super().append(draft, source=source, partition=partition, after=after)
        if fate < 0.4:
            self.lost += 1
            raise LogUnavailable("the acknowledgement is lost")
        return tail


async def test_lost_requests_and_acknowledgements_neither_lose_nor_double(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.runtime.loop.RETRY_WAIT_S", 0.001)
    sys.stdout.write(f"seed {SEED}\n")
    log = Unreliable(Random(SEED))
    loop = loop_on(log)
    async with running(loop):
        await loop.lead()
        await observe(log, INPUTS)
        await until(settled(loop, log))
    assert log.lost > 20
    assert loop.replica.state == assert_history_holds(log.records, Chained())


async def test_desk_time_follows_the_records_that_tell_it() -> None:
    log = MemoryLog()
    clock = DeskClock(speed=60.0)
    loop = ProcessorLoop(Replica(Chained(), DESK_ID), log, MemorySnapshots(), clock)
    assert not clock.started
    async with running(loop):
        await observe(log, 5)
        await until(lambda: clock.started)
    assert clock.now_ns() >= 1_000
