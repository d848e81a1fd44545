"""Kill and freeze the broker under writers and readers: nothing is missed, nothing is doubled."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest

from shared.contracts.desk import Source
from shared.contracts.record import Record
from shared.log.port import Log, LogUnavailable
from shared.log.server import PrivateServer
from shared.log.writer import Writer
from tests.log.reading import PATIENCE_S, OpenLog, append, fill, jetstream, numbers, past, reader, take, tick

# The promise is 2 s; a busy machine gets more before the test fails.
BLIND_MAX_S = 5.0
# An append that gets no answer says so within the time-out of its request, and of asking for the tail.
APPEND_MAX_S = 3.0


@pytest.fixture
async def open_log(server: PrivateServer) -> AsyncIterator[OpenLog]:
    async with jetstream(server.url) as open_log:
        yield open_log


class Traffic:
    """A writer that never stops and a reader that never stops, with the times of both."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.taken: list[tuple[Record, float]] = []
        self.enough = False

    async def write(self, log: Log) -> None:
        writer = await Writer.open(log, Source.RISK)
        while not self.enough:
            self.written.append(await writer.append([tick(len(self.written))], time_ns=1))
            await asyncio.sleep(0.002)

    async def read(self, log: Log) -> None:
        async with reader(log) as deliveries:
            while True:
                (record,) = await take(deliveries, 1)
                self.taken.append((record, time.monotonic()))

    async def reaches(self, what: Callable[[], int], count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while what() < count:  # noqa: ASYNC110  both sides go on by themselves
                await asyncio.sleep(0.005)


async def test_a_reader_outlives_the_broker_and_misses_nothing(
    server: PrivateServer, open_log: OpenLog, record_property: Callable[[str, object], None]
) -> None:
    traffic = Traffic()
    reading = asyncio.create_task(traffic.read(await open_log()))
    writing = asyncio.create_task(traffic.write(await open_log()))
    await traffic.reaches(lambda: len(traffic.taken), 50)
    await server.kill()
    killed = time.monotonic()
    await server.start()
    started = time.monotonic()
    await traffic.reaches(lambda: sum(at > started for _, at in traffic.taken), 50)
    traffic.enough = True
    await writing
    await traffic.reaches(lambda: len(traffic.taken), len(traffic.written))
    reading.cancel()
    await asyncio.wait([reading])

    blind_s = next(at for _, at in traffic.taken if at > started) - started
    record_property("blind_s", blind_s)
    sys.stdout.write(f"down {started - killed:.2f} s, reading again {blind_s:.2f} s after the start\n")
    assert [record.seq for record, _ in traffic.taken] == traffic.written
    assert numbers([record for record, _ in traffic.taken]) == list(range(len(traffic.written)))
    assert blind_s <= BLIND_MAX_S


async def test_no_acknowledged_record_is_lost_by_a_kill(server: PrivateServer, open_log: OpenLog) -> None:
    log = await open_log()
    tails = await fill(log, 40)
    await server.kill()
    await server.start()
    assert [record.seq for record in await past(await open_log())] == [tail.seq for tail in tails]
    assert await (await open_log()).tail(Source.RISK, 0) == tails[-1]


async def test_an_append_without_a_broker_says_so_in_time(server: PrivateServer, open_log: OpenLog) -> None:
    log = await open_log()
    (tail,) = await fill(log, 1)
    await server.kill()
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match=r"risk\.0: no acknowledgement"):
        await append(log, 2, after=tail)
    with pytest.raises(LogUnavailable, match="the tail is not to be had"):
        await log.tail(Source.RISK, 0)
    assert time.monotonic() - began < 2 * APPEND_MAX_S


async def test_an_append_that_a_frozen_broker_stored_later_is_recognised(
    server: PrivateServer, open_log: OpenLog
) -> None:
    log = await open_log()
    (first,) = await fill(log, 1)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(LogUnavailable):
            await append(log, 2, after=first)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    second = await append(log, 2, after=first)
    assert second == await log.tail(Source.RISK, 0)
    assert numbers(await past(log)) == [1, 2]


async def test_a_writer_gives_up_when_the_broker_stays_away(
    server: PrivateServer, open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.log.writer.ATTEMPTS_MAX", 2)
    writer = await Writer.open(await open_log(), Source.RISK)
    await server.kill()
    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        await writer.append([tick(1)], time_ns=1)
    assert time.monotonic() - began < 2 * APPEND_MAX_S
