"""Appends the ticks of desk time and who is alive, so that deciders need neither clock nor broker.

Ticks come once per second of wall time. Desk time is the venue's: it follows the market's records,
and while a simulated venue is silent it stands still, because nobody knows how fast it will go on.
"""

import asyncio
from time import monotonic_ns

from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, ServiceSeen, Source
from shared.contracts.record import Record
from shared.log.lease import Role
from shared.log.port import Log, LogUnavailable
from shared.log.writer import Writer
from shared.runtime.clock import DeskClock
from shared.runtime.edge import Desk

NS_PER_S = 1_000_000_000
# Market records of a simulated venue come several times a second; after this long it is gone.
EXTRAPOLATE_WALL_S = 3.0
SEEN_TIMEOUT_S = 2.0

Who = tuple[str, int]
# Instance and pid: an instance keeps its name when its supervisor starts it again.
Leader = tuple[str, int]


class DeskTime:
    """Desk time as ticks tell it: never back, and never far beyond what the venue has shown."""

    def __init__(self, clock: DeskClock, last_ns: int) -> None:
        """Continue from the last time in the log; 0 when there is none."""
        self._clock = clock
        self._speed = 1 / clock.wall_s(1.0)
        self._told_ns = last_ns
        self._shown_ns = 0
        self._shown_at_ns = 0

    def observe(self, time_ns: int) -> None:
        """Take the venue's word for what time it is."""
        self._clock.observe(time_ns)
        if time_ns > self._shown_ns:
            self._shown_ns, self._shown_at_ns = time_ns, monotonic_ns()

    def next_ns(self) -> int:
        """Return the time of the next tick; 0 while desk time is unknown."""
        now_ns = self._clock.now_ns() if self._speed == 1.0 else self._simulated_ns()
        self._told_ns = max(self._told_ns, now_ns)
        return self._told_ns

    def _simulated_ns(self) -> int:
        if not self._shown_ns:
            return 0
        silent_ns = min(monotonic_ns() - self._shown_at_ns, int(EXTRAPOLATE_WALL_S * NS_PER_S))
        return self._shown_ns + int(silent_ns * self._speed)


class ClockEdge:
    """Writes `ClockTicked` and `ServiceSeen` while its orchestrator leads."""

    def __init__(self, *, expected: tuple[Who, ...], tick_s: float = 1.0, poll_s: float = 0.5) -> None:
        """Report on the `expected` services from the start, and on others once they are seen."""
        self._expected = expected
        self._tick_s = tick_s
        self._poll_s = poll_s
        # Who led when last reported; None: nobody.
        self._reported: dict[Who, Leader | None] = {}

    async def run(self, desk: Desk) -> None:
        """Tick and watch until cancelled.

        Raises:
            FenceConflict: another orchestrator leads.
            LogUnavailable: the broker stays away.
        """
        last_tick = await _last(desk.log, Source.CLOCK)
        last_market = await _last(desk.log, Source.MARKET)
        known_ns = max(record.time_ns if record else 0 for record in (last_tick, last_market))
        time = DeskTime(desk.clock, known_ns)
        writer = await Writer.open(desk.log, Source.CLOCK)
        follow = asyncio.create_task(_follow_market(desk.log, time, last_market.seq if last_market else 0))
        work = asyncio.create_task(self._work(desk, time, writer, _number(last_tick)))
        try:
            done, _ = await asyncio.wait({follow, work}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (follow, work):
                task.cancel()
            await asyncio.gather(follow, work, return_exceptions=True)

    async def _work(self, desk: Desk, time: DeskTime, writer: Writer, number: int) -> None:
        loop = asyncio.get_running_loop()
        tick_at = loop.time()
        while True:
            time_ns = time.next_ns()
            if time_ns:
                events: list[Event] = await self._changes(desk)
                if loop.time() >= tick_at:
                    # Ticks that a slow broker has cost are not made up for: each stands for a moment.
                    tick_at = max(tick_at + self._tick_s, loop.time())
                    number += 1
                    events.append(ClockTicked(number=number))
                if events:
                    await writer.append(events, time_ns=time_ns)
            await asyncio.sleep(max(0.0, min(self._poll_s, tick_at - loop.time())))

    async def _changes(self, desk: Desk) -> list[Event]:
        """Return what has changed among the leaders since the last call."""
        try:
            async with asyncio.timeout(SEEN_TIMEOUT_S):
                heartbeats = await desk.leases.seen()
        except (LogUnavailable, TimeoutError):
            # No word about anybody is no sign of death.
            return []
        leaders: dict[Who, Leader] = {
            (beat.service, beat.partition): (beat.instance, beat.pid)
            for beat in heartbeats
            if beat.role is Role.LEADER
        }
        everybody = dict.fromkeys((*self._expected, *sorted(self._reported), *sorted(leaders)))
        changed = [w for w in everybody if w not in self._reported or self._reported[w] != leaders.get(w)]
        self._reported = {who: leaders.get(who) for who in everybody}
        return [_sighting(who, leaders.get(who)) for who in changed]


def _sighting(who: Who, leader: Leader | None) -> ServiceSeen:
    service, partition = who
    instance = leader[0] if leader else ""
    return ServiceSeen(service=service, partition=partition, alive=leader is not None, instance=instance)


async def _last(log: Log, source: Source) -> Record | None:
    """Return the last record of a source, while the log still has it."""
    tail = await log.tail(source, 0)
    if not tail.seq:
        return None
    async for delivery in log.read(frozenset({source}), after_seq=tail.seq - 1, live=False):
        if delivery.record is not None:
            return delivery.record
    return None


def _number(last_tick: Record | None) -> int:
    ticks = [
        event.number for event in (last_tick.events if last_tick else ()) if isinstance(event, ClockTicked)
    ]
    return ticks[-1] if ticks else 0


async def _follow_market(log: Log, time: DeskTime, after_seq: int) -> None:
    async for delivery in log.read(frozenset({Source.MARKET}), after_seq=after_seq):
        if delivery.record is not None:
            time.observe(delivery.record.time_ns)
