"""Asks a desk's venue for its side of the books, through execution's own door to it.

A demo desk that rests has no venue running: its exchange is then started on a copy of its account,
with the market's clock all but standing still, for the time of the question.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from services.cli.home import DeskFile, DeskHome
from services.cli.plan import SIMULATOR_KEY, SIMULATOR_SECRET, DeskPlan, plan_simulator
from services.cli.reach import Reached, Unreachable
from services.cli.supervisor import end
from services.execution.adapters.ccxt_venue import CcxtVenue
from services.execution.adapters.outcomes import VenueTrouble, VenueUnusable
from services.execution.adapters.venue_books import books_of
from services.execution.domain.books import VenueBooks
from services.execution.settings import ExecutionSettings
from shared.contracts.desk import Mode
from shared.runtime.settings import VenueSection, load_settings

# Slow enough that nothing happens in the market while it is asked.
STANDSTILL_SPEED = 1e-6
START_TIMEOUT_S = 30.0
ASK_ATTEMPTS = 4
RETRY_WAIT_S = 0.5
Answer = TypeVar("Answer")


class AskedVenue:
    """A venue within reach; `simulator_url` is empty for a real one."""

    def __init__(self, venue: CcxtVenue, simulator_url: str) -> None:
        """Ask this account."""
        self.simulator_url = simulator_url
        self._venue = venue

    async def books(self, since_ms: int) -> VenueBooks:
        """Return the venue's side since a time of its clock.

        Raises:
            Unreachable: the venue does not answer.
        """
        return await _patiently(lambda: books_of(self._venue, since_ms=since_ms))

    async def duplicates(self) -> tuple[str, ...]:
        """Return the client order ids that the simulated exchange has taken more than once; none elsewhere.

        Raises:
            Unreachable: the simulator does not answer.
        """
        if not self.simulator_url:
            return ()
        try:
            async with httpx.AsyncClient(base_url=self.simulator_url, timeout=START_TIMEOUT_S) as client:
                answer = (await client.get("/sim/ledger")).raise_for_status()
        except httpx.HTTPError as error:
            raise Unreachable(f"the simulated exchange does not show its ledger: {error}") from error
        ledger = msgspec.json.decode(answer.content, type=_Ledger)
        return tuple(name for name, seen in ledger.client_ids.items() if seen.accepted > 1)


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    accepted: int
    refused: int


class _Ledger(msgspec.Struct, frozen=True, kw_only=True):
    client_ids: dict[str, _Seen]


class _Listening(msgspec.Struct, frozen=True, kw_only=True):
    port: int


@asynccontextmanager
async def ask_venue(reached: Reached, mode: Mode) -> AsyncIterator[AskedVenue]:
    """Give the venue of a desk, for questions.

    Raises:
        Unreachable: it does not answer, or does not let us in.
        SettingsInvalid: the environment's settings of the venue cannot be used.
    """
    if mode is not Mode.DEMO:
        async with _opened(load_settings(ExecutionSettings, os.environ).venue, "") as venue:
            yield venue
        return
    url = load_settings(ExecutionSettings, os.environ).venue.base_url
    if reached.run is not None:
        url = reached.run.simulator_url
        if not url:
            raise Unreachable("the desk is still starting: try again when it is ready")
    async with _given(url) if url else _standing(reached.home) as simulator_url:
        section = VenueSection(base_url=simulator_url, api_key=SIMULATOR_KEY, api_secret=SIMULATOR_SECRET)
        async with _opened(section, simulator_url) as venue:
            yield venue


@asynccontextmanager
async def _given(url: str) -> AsyncIterator[str]:
    yield url


@asynccontextmanager
async def _opened(section: VenueSection, simulator_url: str) -> AsyncIterator[AskedVenue]:
    settings = ExecutionSettings().execution
    venue = CcxtVenue(
        section,
        recv_window_ms=settings.recv_window_ms,
        request_timeout_s=settings.request_timeout_s,
        on_time=lambda _time_ms: None,
    )
    try:
        await _patiently(venue.open)
        yield AskedVenue(venue, simulator_url)
    finally:
        await venue.close()


async def _patiently(question: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask again when there is no answer; a limit on requests passes within a second."""
    for attempt in range(ASK_ATTEMPTS):
        try:
            return await question()
        except VenueUnusable as error:
            raise Unreachable(str(error)) from error
        except VenueTrouble as error:
            if attempt == ASK_ATTEMPTS - 1:
                raise Unreachable(f"the venue does not answer: {error}") from error
            await asyncio.sleep(RETRY_WAIT_S)
    raise AssertionError("unreachable: the last attempt returns or raises")


@asynccontextmanager
async def _standing(home: DeskHome) -> AsyncIterator[str]:
    """Run the desk's simulated exchange on a copy of its account, its market standing still."""
    before = home.read_desk()
    if before is None or not home.simulator.is_dir():
        raise Unreachable(f"{home.path} holds no account of a simulated exchange: start the desk first")
    with tempfile.TemporaryDirectory(prefix="breakout-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(home.simulator, Path(folder) / "simulator")
        plan = plan_simulator(_standstill(before, home.desk, Path(folder)), os.environ)
        process = await asyncio.create_subprocess_exec(
            *plan.command,
            env=plan.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{await _port_of(process)}"
        finally:
            await end(process)


def _standstill(before: DeskFile, desk: str, folder: Path) -> DeskPlan:
    return DeskPlan(
        desk=desk,
        mode=before.mode,
        preset=before.preset,
        port=0,
        path=folder,
        symbols=before.symbols,
        seed=before.seed,
        speed=STANDSTILL_SPEED,
        partitions=before.partitions,
        data=Path(before.data) if before.data else None,
    )


async def _port_of(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None, "its output is piped"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_TIMEOUT_S):
            async for line in process.stdout:
                with contextlib.suppress(msgspec.MsgspecError):
                    return msgspec.json.decode(line, type=_Listening).port
    raise Unreachable(
        "the simulated exchange does not start on a copy of its account: start the desk instead"
    )
