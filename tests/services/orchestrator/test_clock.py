"""The clock edge: ticks in desk time, and who is alive, on change only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.orchestrator.adapters.clock import ClockEdge, DeskTime
from shared.contracts.desk import ClockTicked, DeskOpened, Mode, ServiceSeen, Source
from shared.contracts.market import InstrumentsListed
from shared.log.lease import Heartbeat, Role
from shared.log.memory import MemoryLeases, MemoryLog
from shared.log.port import FenceConflict, LogUnavailable
from shared.log.writer import Writer
from shared.runtime.clock import DeskClock
from shared.runtime.edge import Desk

DESK_NS = 1_600_000_000_000_000_000
NS_PER_S = 1_000_000_000
FAST = {"tick_s": 0.02, "poll_s": 0.01}
TWO = (("market", 0), ("risk", 0))


def desk(*, speed: float = 1.0) -> Desk:
    opened = DeskOpened(
        desk="test", desk_id="00000000-0000-5000-8000-000000000001", mode=Mode.DEMO, partitions=1
    )
    return Desk(
        opened=opened, log=MemoryLog(), leases=MemoryLeases(), clock=DeskClock(speed, from_wall=speed == 1.0)
    )


def beat(service: str, instance: str = "a", role: Role = Role.LEADER, pid: int = 1) -> Heartbeat:
    return Heartbeat(
        service=service,
        partition=0,
        instance=instance,
        role=role,
        pid=pid,
        host="h",
        position=0,
        lag=0,
        rss_bytes=0,
    )


@asynccontextmanager
async def running(edge: ClockEdge, at: Desk) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(edge.run(at))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def observed(at: Desk, time_ns: int) -> None:
    writer = await Writer.open(at.log, Source.MARKET)
    await writer.append([InstrumentsListed(instruments=())], time_ns=time_ns)


async def ticks(at: Desk, count: int) -> list[tuple[int, int]]:
    """Return (number, time) of the first ticks; fail when they do not come."""
    found: list[tuple[int, int]] = []
    async with asyncio.timeout(3):
        async for delivery in at.log.read(frozenset({Source.CLOCK})):
            if delivery.record is not None:
                found += [
                    (event.number, delivery.record.time_ns)
                    for event in delivery.record.events
                    if isinstance(event, ClockTicked)
                ]
            if len(found) >= count:
                return found
    raise AssertionError("unreachable: the log is read for ever")


async def sightings(at: Desk, count: int) -> list[ServiceSeen]:
    found: list[ServiceSeen] = []
    async with asyncio.timeout(3):
        async for delivery in at.log.read(frozenset({Source.CLOCK})):
            if delivery.record is not None:
                found += [event for event in delivery.record.events if isinstance(event, ServiceSeen)]
            if len(found) >= count:
                return found
    raise AssertionError("unreachable: the log is read for ever")


async def test_a_real_venues_desk_ticks_at_once_in_rising_time() -> None:
    at = desk()
    async with running(ClockEdge(expected=(), **FAST), at):
        found = await ticks(at, 3)
    assert [number for number, _ in found] == [1, 2, 3]
    assert [time for _, time in found] == sorted(time for _, time in found)


async def test_a_simulated_desk_has_no_tick_before_its_venue_has_shown_a_time() -> None:
    at = desk(speed=60)
    async with running(ClockEdge(expected=(), **FAST), at):
        await asyncio.sleep(0.1)
        assert not (await at.log.tail(Source.CLOCK, 0)).seq
        await observed(at, DESK_NS)
        found = await ticks(at, 2)
    assert all(time >= DESK_NS for _, time in found)
    assert found[1][1] > found[0][1]


async def test_a_restarted_clock_goes_on_counting_and_does_not_run_before_the_venue_does() -> None:
    at = desk(speed=60)
    await observed(at, DESK_NS)
    writer = await Writer.open(at.log, Source.CLOCK)
    await writer.append([ClockTicked(number=41)], time_ns=DESK_NS + NS_PER_S)
    async with running(ClockEdge(expected=(), **FAST), at):
        assert (await ticks(at, 3))[1:] == [(42, DESK_NS + NS_PER_S), (43, DESK_NS + NS_PER_S)]


def test_desk_time_stands_still_when_a_simulated_venue_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    mono_ns = 0
    monkeypatch.setattr("services.orchestrator.adapters.clock.monotonic_ns", lambda: mono_ns)
    time = DeskTime(DeskClock(10.0), 0)
    assert time.next_ns() == 0
    time.observe(DESK_NS)
    mono_ns = 2 * NS_PER_S
    assert time.next_ns() == DESK_NS + 20 * NS_PER_S
    mono_ns = 600 * NS_PER_S
    assert time.next_ns() == DESK_NS + 30 * NS_PER_S
    time.observe(DESK_NS + 40 * NS_PER_S)
    assert time.next_ns() == DESK_NS + 40 * NS_PER_S


async def test_services_are_reported_on_the_first_look_and_then_on_change_only() -> None:
    at = desk()
    await at.leases.hold(beat("market"))
    async with running(ClockEdge(expected=TWO, **FAST), at):
        first = await sightings(at, 2)
        assert [(seen.service, seen.alive) for seen in first] == [("market", True), ("risk", False)]

        await ticks(at, 5)
        await at.leases.hold(beat("risk", "r1"))
        assert (await sightings(at, 3))[2] == ServiceSeen(
            service="risk", partition=0, alive=True, instance="r1"
        )

        await at.leases.release(beat("risk", "r1"))
        assert not (await sightings(at, 4))[3].alive


async def test_a_takeover_is_reported_with_the_instance_that_leads() -> None:
    at = desk()
    await at.leases.hold(beat("market", "one"))
    await at.leases.hold(beat("market", "two", Role.STANDBY))
    async with running(ClockEdge(expected=(("market", 0),), **FAST), at):
        await sightings(at, 1)
        await at.leases.release(beat("market", "one"))
        await at.leases.hold(beat("market", "two"))
        found = await sightings(at, 2)
    assert [seen.instance for seen in found if seen.alive] == ["one", "two"]


async def test_a_restart_is_reported_though_the_instance_keeps_its_name() -> None:
    at = desk()
    await at.leases.hold(beat("market", pid=1))
    async with running(ClockEdge(expected=(("market", 0),), **FAST), at):
        await sightings(at, 1)
        await at.leases.hold(beat("market", pid=2))
        assert [seen.alive for seen in await sightings(at, 2)] == [True, True]


class SilentLeases(MemoryLeases):
    """Leases at a broker that is away."""

    away = False

    async def seen(self) -> tuple[Heartbeat, ...]:
        if self.away:
            raise LogUnavailable("no answer")
        return await super().seen()


async def test_a_broker_that_is_away_declares_nobody_dead() -> None:
    at = desk()
    leases = SilentLeases()
    at = Desk(opened=at.opened, log=at.log, leases=leases, clock=at.clock)
    await leases.hold(beat("market"))
    async with running(ClockEdge(expected=(("market", 0),), **FAST), at):
        await sightings(at, 1)
        leases.away = True
        before = len(await ticks(at, 1))
        await ticks(at, before + 4)
        assert len(await sightings(at, 1)) == 1


async def test_a_second_clock_is_refused_by_the_log() -> None:
    at = desk()
    async with running(ClockEdge(expected=(), **FAST), at) as first:
        await ticks(at, 1)
        await (await Writer.open(at.log, Source.CLOCK)).append([ClockTicked(number=9)], time_ns=1)
        with pytest.raises(FenceConflict):
            await asyncio.wait_for(first, 3)
