"""Writes and reads logs in tests, always within a bound."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.record import Draft, Record
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog, LogLimits
from shared.log.port import Delivery, Log, Tail

PATIENCE_S = 10.0
DECIDERS = (Source.RISK, Source.SIGNALS, Source.EXECUTION)

OpenLog = Callable[[], Awaitable[Log]]


def tick(number: int) -> ClockTicked:
    return ClockTicked(number=number)


def draft(*events: Event, cause: int = 0) -> Draft:
    return Draft(time_ns=1_000, cause=cause, events=events)


async def append(log: Log, number: int, *, after: Tail, source: Source = Source.RISK) -> Tail:
    return await log.append(draft(tick(number)), source=source, partition=0, after=after)


async def fill(log: Log, count: int, *, source: Source = Source.RISK, first: int = 1) -> list[Tail]:
    """Append `count` ticks, numbered from `first`, and return all their tails."""
    tails = [await log.tail(source, 0)]
    for number in range(first, first + count):
        tails.append(await append(log, number, after=tails[-1], source=source))
    return tails[1:]


@asynccontextmanager
async def reader(
    log: Log, *sources: Source, after_seq: int = 0, live: bool = True
) -> AsyncIterator[AsyncIterator[Delivery]]:
    """Read, and leave the log in order."""
    deliveries: Any = log.read(frozenset(sources or DECIDERS), after_seq=after_seq, live=live)
    async with asyncio.timeout(PATIENCE_S), aclosing(deliveries):
        yield deliveries


async def past(log: Log, *sources: Source, after_seq: int = 0) -> list[Record]:
    """Return what the log holds."""
    async with reader(log, *sources, after_seq=after_seq, live=False) as deliveries:
        return [delivery.record async for delivery in deliveries if delivery.record is not None]


async def take(deliveries: AsyncIterator[Delivery], count: int) -> list[Record]:
    """Return the next `count` records, waiting for them."""
    taken: list[Record] = []
    while len(taken) < count:
        delivery = await anext(deliveries)
        if delivery.record is not None:
            taken.append(delivery.record)
    return taken


def numbers(records: list[Record]) -> list[int]:
    """Return the numbers of the ticks in the records."""
    return [event.number for record in records for event in record.events if isinstance(event, ClockTicked)]


async def eventually(condition: Callable[[], Awaitable[bool]], *, within_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110  what is waited for happens at the broker
            await asyncio.sleep(0.02)


@asynccontextmanager
async def jetstream(
    url: str, *, desk: str = "main", limits: LogLimits | None = None
) -> AsyncIterator[OpenLog]:
    """Give a function that opens one and the same log, each time over a connection of its own."""
    opened: list[JetStreamLog] = []

    async def open_log() -> JetStreamLog:
        log = JetStreamLog(await connect(url, name="test"), desk, limits)
        opened.append(log)
        await log.ensure()
        return log

    try:
        yield open_log
    finally:
        for log in opened:
            await log.close()
