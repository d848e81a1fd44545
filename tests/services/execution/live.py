"""Runs the execution service's parts (decider, loop, edge) against the real simulator process."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from services.execution.adapters.ccxt_venue import CcxtVenue
from services.execution.adapters.venue_books import books_of
from services.execution.adapters.venue_edge import VenueEdge
from services.execution.domain.books import Books, VenueBooks, compare
from services.execution.domain.processor import ExecutionProcessor
from services.execution.domain.state import ExecutionState
from services.execution.settings import ExecutionSection, ExecutionSettings
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import ClockTicked, DeskOpened, Mode, Source
from shared.contracts.engine import (
    CommandName,
    CommandRequested,
    EngineState,
    EngineStateChanged,
    PresetActivated,
)
from shared.contracts.market import Instrument, InstrumentsListed, QuotesObserved
from shared.contracts.order import OrderPurpose, OrderSubmitted
from shared.contracts.preset import load_preset
from shared.contracts.processor import NS_PER_MS
from shared.contracts.record import Draft, Record
from shared.contracts.risk import SignalApproved
from shared.contracts.signal import PositionSide, Strategy, Target
from shared.log.memory import MemoryLeases, MemoryLog
from shared.log.port import Delivery, FenceConflict, Tail
from shared.log.snapshots import MemorySnapshots
from shared.log.writer import SharedWriter
from shared.runtime.clock import DeskClock
from shared.runtime.edge import Desk
from shared.runtime.loop import ProcessorLoop
from shared.runtime.replica import Replica
from shared.runtime.settings import VenueSection

ROOT = Path(__file__).parents[3]
DESK_ID = "00000000-0000-5000-8000-000000000002"
WAIT_S = 20.0
D = Decimal


class Simulator:
    """One simulator process and its control port."""

    def __init__(self, state: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._state = state
        self._process: asyncio.subprocess.Process | None = None
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10.0)

    async def start(self) -> None:
        options = {"port": self.port, "state": self._state, "symbols": 6, "seed": 3, "speed": 1}
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.simulator",
            *arguments,
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
            await self._process.communicate()

    async def close(self) -> None:
        await self.kill()
        await self.http.aclose()

    async def arm(
        self, kind: str, *, path: str = "/v5/order/create", count: int = 1, delay_ms: int = 30_000
    ) -> None:
        fault = {"kind": kind, "path": path, "count": count, "delay_ms": delay_ms}
        (await self.http.post("/sim/faults", json=fault)).raise_for_status()

    async def move(self, symbol: str, frac: float) -> None:
        body = {"symbol": market_id(symbol), "move_frac": frac}
        (await self.http.post("/sim/market", json=body)).raise_for_status()

    async def ledger(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.http.get("/sim/ledger")).json()
        return answer

    async def tickers(self) -> dict[str, dict[str, str]]:
        answer = (await self.http.get("/v5/market/tickers", params={"category": "linear"})).json()
        return {unified(row["symbol"]): row for row in answer["result"]["list"]}

    async def instruments(self) -> tuple[Instrument, ...]:
        params = {"category": "linear", "limit": "1000"}
        rows = (await self.http.get("/v5/market/instruments-info", params=params)).json()["result"]["list"]
        return tuple(
            Instrument(
                symbol=unified(row["symbol"]),
                base=row["baseCoin"],
                quote="USDT",
                tick_size=D(row["priceFilter"]["tickSize"]),
                lot_size=D(row["lotSizeFilter"]["qtyStep"]),
                quantity_min=D(row["lotSizeFilter"]["minOrderQty"]),
                notional_min_usd=D(5),
            )
            for row in rows
        )


def unified(symbol: str) -> str:
    return symbol.removesuffix("USDT") + "/USDT:USDT"


def market_id(symbol: str) -> str:
    return symbol.partition("/")[0] + "USDT"


class Severable:
    """A log that a killed instance can no longer write to; the next instance gets another."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.severed = False

    async def append(self, draft: Draft, *, source: Source, partition: int, after: Tail) -> Tail:
        if self.severed:
            raise FenceConflict("this instance has been killed")
        return await self._log.append(draft, source=source, partition=partition, after=after)

    async def tail(self, source: Source, partition: int) -> Tail:
        return await self._log.tail(source, partition)

    def read(
        self, sources: frozenset[Source], *, after_seq: int = 0, live: bool = True
    ) -> AsyncIterator[Delivery]:
        return self._log.read(sources, after_seq=after_seq, live=live)

    async def close(self) -> None:
        await self._log.close()


class LiveDesk:
    """A memory log, an execution service on it, and the words of everybody else."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.log = MemoryLog()
        # Not exactly 1, which would mean the wall's time and not the simulator's.
        self.clock = DeskClock()
        self.settings = ExecutionSettings(
            venue=VenueSection(
                base_url=f"http://127.0.0.1:{simulator.port}", api_key="demo-key", api_secret="demo-secret"
            ),
            execution=ExecutionSection(
                account_every_s=0.5, account_urgent_every_s=0.2, recv_window_ms=1_000, request_timeout_s=1.0
            ),
        )
        self.snapshots = MemorySnapshots()
        self._tasks: list[asyncio.Task[None]] = []
        self._signals = 0

    @property
    def events(self) -> list[Event]:
        return [event for record in self.log.records for event in record.events]

    async def start(self) -> None:
        """Start an instance of the service, as after a kill."""
        self._reach = Severable(self.log)
        desk = Desk(
            opened=DeskOpened(desk="test", desk_id=DESK_ID, mode=Mode.DEMO, partitions=1),
            log=self._reach,
            leases=MemoryLeases(),
            clock=self.clock,
        )
        self.loop = ProcessorLoop(
            Replica(ExecutionProcessor(), UUID(DESK_ID)), self._reach, self.snapshots, self.clock
        )
        self._tasks = [
            asyncio.create_task(self.loop.run()),
            asyncio.create_task(VenueEdge(self.settings).run(desk)),
        ]
        await self.loop.lead()

    async def kill(self) -> None:
        """Stop everything where it stands: nothing that is on the wire is recorded any more."""
        self._reach.severed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def say(self, source: Source, *events: Event) -> None:
        await SharedWriter(self.log, source).append(events, time_ns=max(self.clock.now_ns(), 1))

    async def open(self) -> None:
        """Let the engine trade; return when the account is reconciled."""
        self.instruments = {each.symbol: each for each in await self.simulator.instruments()}
        await self.say(Source.MARKET, InstrumentsListed(instruments=tuple(self.instruments.values())))
        changed = EngineStateChanged(
            from_state=EngineState.INITIALIZING,
            to_state=EngineState.SCANNING,
            trigger="test",
            entries_allowed=True,
        )
        activated = PresetActivated(digest="", preset=load_preset("demo"))
        await self.say(Source.ORCHESTRATOR, activated, changed)
        await self.start()
        await self.until(lambda: self.state.reconciled)

    @property
    def state(self) -> ExecutionState:
        state: ExecutionState = self.loop.replica.state
        return state

    async def tick(self) -> None:
        await self.say(Source.CLOCK, ClockTicked(number=1))

    async def command(self, name: CommandName) -> None:
        await self.say(
            Source.COMMANDS, CommandRequested(command_id=name.value, command=name, requested_by="test")
        )

    async def approve(
        self, symbol: str | None = None, *, notional: float = 2_000.0, stop_frac: float = 0.02,
        strategy: Strategy = Strategy.MOMENTUM, side: PositionSide = PositionSide.LONG,
    ) -> SignalApproved:  # fmt: skip
        """Approve an entry at the market, with the stop a fraction away."""
        symbol = symbol or next(iter(self.instruments))
        row = (await self.simulator.tickers())[symbol]
        await self.say(
            Source.MARKET,
            QuotesObserved(
                symbols=(symbol,),
                bid=pack([float(row["bid1Price"])]),
                ask=pack([float(row["ask1Price"])]),
                last=pack([float(row["lastPrice"])]),
            ),
        )
        rules = self.instruments[symbol]
        sign = 1 if side is PositionSide.LONG else -1
        last = D(row["lastPrice"])
        risk = max(round(last * D(str(stop_frac)) / rules.tick_size), 1) * rules.tick_size
        lots = max(int(D(str(notional)) / last / rules.lot_size), 10)
        self._signals += 1
        approved = SignalApproved(
            signal_id=f"signal-{self._signals}",
            symbol=symbol,
            side=side,
            strategy=strategy,
            quantity=max(lots * rules.lot_size, rules.quantity_min),
            entry_px=last,
            stop_px=last - sign * risk,
            targets=(
                Target(price=last + sign * 2 * risk, reward_r=D(2), size_frac=D("0.4")),
                Target(price=last + sign * 3 * risk, reward_r=D(3), size_frac=D("0.35")),
            ),
            equity_usd=D(100_000),
            risk_usd=risk * lots * rules.lot_size,
            notional_usd=last * lots * rules.lot_size,
            caps=(),
            level_px=last,
            expires_at_ms=9_000_000_000_000,
        )
        await self.say(Source.RISK, approved)
        return approved

    async def until(self, claim: Callable[[], object], within_s: float = WAIT_S) -> None:
        """Wait until a claim about the log or the state holds."""
        try:
            async with asyncio.timeout(within_s):
                while not claim():
                    for task in self._tasks:
                        if task.done():
                            task.result()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            last = "\n".join(repr(event) for event in self.events[-12:])
            raise AssertionError(f"not within {within_s} s; the log ends with\n{last}") from None

    def sent(self, purpose: OrderPurpose) -> list[OrderSubmitted]:
        return [
            event for event in self.events if isinstance(event, OrderSubmitted) and event.purpose is purpose
        ]

    def protected(self, symbol: str) -> bool:
        """Tell whether the position stands with a stop that the venue has confirmed, and nothing is open."""
        position = self.state.positions.get(symbol)
        if position is None:
            return False
        stop = self.state.orders.get(position.stop_order_id)
        return stop is not None and stop.is_accepted

    async def books_equal(self) -> None:
        """Hold the log's books against the venue's, and the venue's ledger against doubles."""
        for _ in range(20):
            found = compare(self.books(), await self.venue_books())
            if not found:
                break
            await asyncio.sleep(0.05)
        assert not found, "\n".join(map(repr, found))
        ledger = await self.simulator.ledger()
        assert ledger["duplicates_accepted"] == 0

    def books(self) -> Books:
        books = Books()
        for record in self._said():
            books.fold(record.events)
        return books

    def _said(self) -> list[Record]:
        return [record for record in self.log.records if record.source is Source.EXECUTION]

    async def venue_books(self) -> VenueBooks:
        section = self.settings.execution
        venue = CcxtVenue(
            self.settings.venue,
            recv_window_ms=section.recv_window_ms,
            request_timeout_s=section.request_timeout_s,
            on_time=lambda _: None,
        )
        try:
            await venue.open()
            # The venue may stamp an order a little before the record that answers the same moment.
            return await books_of(venue, since_ms=self._said()[0].time_ns // NS_PER_MS - 60_000)
        finally:
            await venue.close()

    def flat(self) -> bool:
        return not self.state.positions and not self.state.orders


@asynccontextmanager
async def live_desk(folder: Path) -> AsyncIterator[LiveDesk]:
    """Give a desk that trades on a simulator of its own."""
    simulator = Simulator(folder / "simulator")
    await simulator.start()
    desk = LiveDesk(simulator)
    try:
        await desk.open()
        yield desk
    finally:
        with suppress(Exception):
            await desk.kill()
        await simulator.close()
