"""A gateway on a free port over a log in memory, with an engine that answers where a test wants one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from services.gateway.adapters.edge import GatewayEdge
from services.gateway.settings import GatewaySection
from services.orchestrator.domain.processor import OrchestratorProcessor
from shared.contracts.base import Event
from shared.contracts.desk import DeskOpened, Mode, Source
from shared.log.memory import MemoryLeases, MemoryLog
from shared.log.snapshots import MemorySnapshots
from shared.log.writer import Writer
from shared.runtime.clock import DeskClock
from shared.runtime.edge import Desk
from shared.runtime.loop import ProcessorLoop
from shared.runtime.replica import Replica
from tests.services.orchestrator.story import PARTITIONS

OPENED = DeskOpened(
    desk="test", desk_id="00000000-0000-5000-8000-000000000001", mode=Mode.DEMO, partitions=PARTITIONS
)
NOW_NS = 1_700_000_000_000_000_000
BOUND_S = 5.0


async def until(claim: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the claim holds; fail when it does not within the bound."""
    async with asyncio.timeout(BOUND_S):
        while True:
            if await claim():
                return
            await asyncio.sleep(0.005)


class House:
    """A desk with a gateway, and what tests do to them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.log = MemoryLog()
        self.desk = Desk(opened=OPENED, log=self.log, leases=MemoryLeases(), clock=DeskClock(60.0))
        self.now_ns = NOW_NS
        self._stack = stack
        self.base = ""
        self.http: httpx.AsyncClient

    async def write(self, source: Source, *events: Event) -> int:
        writer = await Writer.open(self.log, source)
        return await writer.append(events, time_ns=self.now_ns)

    async def open_gateway(self, **section: object) -> asyncio.Task[None]:
        """Start a gateway; the last one opened is the one that requests go to."""
        edge = GatewayEdge(GatewaySection(**{"port": 0, "command_timeout_s": 0.5} | section))  # type: ignore[arg-type]
        task = asyncio.create_task(edge.run(self.desk))
        self._stack.push_async_callback(_end, task)
        self.base = f"127.0.0.1:{edge.port}"
        self.http = await self._stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://{self.base}", timeout=BOUND_S, verify=False)
        )
        await self.until_ready()
        return task

    async def until_ready(self) -> None:
        async def ready() -> bool:
            return (await self.http.get("/ready")).status_code == 200

        await until(ready)

    async def until_read(self) -> None:
        """Wait until the gateway shows the end of the log."""

        async def read() -> bool:
            return bool((await self.http.get("/ready")).json()["seq"] >= len(self.log.records))

        await until(read)

    async def show(self, path: str) -> Any:
        """Return what the gateway shows there, once it has read everything."""
        await self.until_read()
        response = await self.http.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    async def open_engine(self) -> None:
        loop = ProcessorLoop(
            Replica(OrchestratorProcessor(PARTITIONS), UUID(OPENED.desk_id)),
            self.log,
            MemorySnapshots(),
            self.desk.clock,
        )
        await loop.lead()
        self._stack.push_async_callback(_end, asyncio.create_task(loop.run()))

    @asynccontextmanager
    async def socket(
        self, query: str = "", path: str = "/ws", **options: object
    ) -> AsyncIterator[ClientConnection]:
        async with connect(f"ws://{self.base}{path}{query}", **options) as socket:  # type: ignore[arg-type]
            yield socket


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A desk that has just been opened; the gateway is the test's to open."""
    async with AsyncExitStack() as stack:
        house = House(stack)
        await house.write(Source.DESK, OPENED)
        yield house
