"""Runs the real simulator as a process, and a market edge against it on a memory log."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from services.market.adapters.market_edge import MarketEdge
from services.market.settings import MarketSection, MarketSettings
from shared.contracts.base import Event
from shared.contracts.columns import unpack
from shared.contracts.desk import DeskOpened, Mode, Source
from shared.contracts.market import BarsClosed
from shared.contracts.record import Record
from shared.log.memory import MemoryLeases, MemoryLog
from shared.log.writer import SharedWriter
from shared.runtime.clock import DeskClock
from shared.runtime.edge import Desk
from shared.runtime.settings import VenueSection

STEP_MS = 300_000
ROOT = Path(__file__).parents[3]
WAIT_S = 20.0


class Simulator:
    """One simulator process; it can be killed, frozen and started again on the same port and ledger."""

    def __init__(self, state: Path, *, symbols: int, speed: float) -> None:
        self.port = _free_port()
        self.speed = speed
        self._arguments = ["--state", str(state), "--symbols", str(symbols), "--speed", str(speed)]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.simulator",
            "--port",
            str(self.port),
            *self._arguments,
            cwd=ROOT,
            env={key: value for key, value in os.environ.items() if not key.startswith("BREAKOUT__")},
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            line = await self._process.stdout.readline()
        assert json.loads(line)["event"] == "listening"

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            # Reads its pipe to the end, so that nothing of it is left open.
            await self._process.communicate()

    async def arm(self, kind: str, path: str, *, count: int, delay_ms: int = 0) -> None:
        """Let the next requests of a path go wrong."""
        fault = {"kind": kind, "path": path, "count": count, "delay_ms": delay_ms}
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.url}/sim/faults", json=fault)
        answer.raise_for_status()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def simulator(state: Path, *, symbols: int = 5, speed: float = 600.0) -> AsyncIterator[Simulator]:
    """Give a running simulator; at speed 600 a five-minute bar takes half a second."""
    venue = Simulator(state, symbols=symbols, speed=speed)
    await venue.start()
    try:
        yield venue
    finally:
        await venue.kill()


@asynccontextmanager
async def running_edge(
    log: MemoryLog, url: str, *, speed: float = 600.0, market: MarketSection | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a market edge against a venue; it is cancelled at the end."""
    section = market or MarketSection(backfill_bars=30)
    edge = MarketEdge(MarketSettings(venue=VenueSection(base_url=url), market=section))
    opened = DeskOpened(
        desk="test", desk_id="00000000-0000-5000-8000-000000000001", mode=Mode.DEMO, partitions=1
    )
    desk = Desk(opened=opened, log=log, leases=MemoryLeases(), clock=DeskClock(speed))
    task = asyncio.create_task(edge.run(desk))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def wait_for(log: MemoryLog, claim: Callable[[Sequence[Record]], bool], *, what: str) -> None:
    """Wait until the claim is true of the market records, at most `WAIT_S`."""
    try:
        async with asyncio.timeout(WAIT_S):
            async for _ in log.read(frozenset({Source.MARKET})):
                if claim(market_records(log)):
                    return
    except TimeoutError:
        tail = [type(event).__name__ for record in log.records[-20:] for event in record.events]
        raise AssertionError(f"not within {WAIT_S} s: {what}; the log ends with {tail}") from None


async def tell(log: MemoryLog, source: Source, *events: Event) -> None:
    """Let another service say something."""
    await SharedWriter(log, source).append(events, time_ns=1)


def market_records(log: MemoryLog) -> list[Record]:
    return [record for record in log.records if record.source is Source.MARKET]


def seen(records: Sequence[Record], kind: type[Event]) -> list[Event]:
    return [event for record in records for event in record.events if isinstance(event, kind)]


def closes(records: Sequence[Record]) -> dict[str, list[tuple[int, float]]]:
    """Return every bar in the records as (open time, close), by symbol, in the order of the log."""
    found: dict[str, list[tuple[int, float]]] = {}
    for grid in seen(records, BarsClosed):
        assert isinstance(grid, BarsClosed)
        values = iter(unpack(grid.close))
        for row in range(grid.rows):
            for symbol in grid.symbols:
                close = next(values)
                if close == close:  # noqa: PLR0124  NaN: the grid has no such bar
                    found.setdefault(symbol, []).append((grid.open_time_ms + row * STEP_MS, close))
    return found


def assert_unbroken(bars: dict[str, list[tuple[int, float]]]) -> None:
    """Claim that no symbol misses a bar or has one twice."""
    assert bars
    for symbol, sequence in bars.items():
        times = [open_ms for open_ms, _ in sequence]
        assert times == list(range(times[0], times[0] + len(times) * STEP_MS, STEP_MS)), symbol


class Proxy:
    """A TCP proxy that can swallow everything, as a half-open connection does."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.connections = 0
        # Connections up to this number are swallowed.
        self.swallowed = 0

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def swallow_all_open(self) -> None:
        self.swallowed = self.connections

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        upstream, downstream = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers += [writer, downstream]
        for source, sink in ((reader, downstream), (upstream, writer)):
            task = asyncio.create_task(self._pump(source, sink, number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, number: int) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(65_536):
                if number > self.swallowed:
                    sink.write(chunk)
                    await sink.drain()
        sink.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
