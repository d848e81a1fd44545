"""Follows a desk's log for the command line: engine state, readiness and counts.

A small projection of its own, so that `up` and `status` work with the gateway dead.
"""

import asyncio
import time

import msgspec

from shared.contracts.account import AccountReconciled
from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.engine import (
    TRADING_ACTIVE,
    EngineState,
    EngineStateChanged,
    PresetActivated,
)
from shared.contracts.order import OrderPurpose, OrderSubmitted
from shared.contracts.position import PositionClosed, PositionOpened
from shared.contracts.record import Record
from shared.contracts.risk import KillSwitchCleared, KillSwitchTripped, SignalApproved, SignalDenied
from shared.contracts.signal import SignalRaised
from shared.contracts.venue import VenueConnected
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog
from shared.runtime.connect import open_desk
from shared.runtime.settings import DeskSection

READS = frozenset(
    {
        Source.DESK, Source.CLOCK, Source.SIGNALS, Source.RISK, Source.EXECUTION, Source.VENUE,
        Source.ORCHESTRATOR,
    }
)  # fmt: skip


# Where a desk was left on purpose: a start does not lead out of it.
WAITING_FOR_A_PERSON = frozenset({EngineState.PAUSED, EngineState.EMERGENCY})


class DeskView(msgspec.Struct, kw_only=True):
    """What the command line shows of a desk."""

    state: EngineState = EngineState.IDLE
    reason: str = ""
    preset: str = ""
    preset_digest: str = ""
    # Desk time of the last record, ns since the epoch.
    time_ns: int = 0
    reconciled: bool = False
    kill_switch: bool = False
    signals: int = 0
    approved: int = 0
    denied: int = 0
    orders: int = 0
    entries: int = 0
    positions_open: int = 0
    positions_closed: int = 0

    def fold(self, event: Event) -> None:
        """Take in one event."""
        self._fold_engine(event)
        self._count(event)

    def _fold_engine(self, event: Event) -> None:
        match event:
            case EngineStateChanged():
                self.state, self.reason = event.to_state, event.reason
            case PresetActivated():
                self.preset, self.preset_digest = event.preset.name, event.digest
            case VenueConnected() | AccountReconciled():
                self.reconciled = isinstance(event, AccountReconciled)
            case KillSwitchTripped() | KillSwitchCleared():
                self.kill_switch = isinstance(event, KillSwitchTripped)

    def _count(self, event: Event) -> None:
        match event:
            case SignalRaised():
                self.signals += 1
            case SignalApproved():
                self.approved += 1
            case SignalDenied():
                self.denied += 1
            case OrderSubmitted():
                self.orders += 1
                self.entries += event.purpose is OrderPurpose.ENTRY
            case PositionOpened():
                self.positions_open += 1
            case PositionClosed():
                self.positions_open -= 1
                self.positions_closed += 1


class DeskTracker:
    """A `DeskView` that follows the log."""

    def __init__(self, log: JetStreamLog) -> None:
        """Follow this log; `connect` and `follow` are the ways in."""
        self.log = log
        self.view = DeskView()
        self._started_ns = time.time_ns()
        self._caught_up = asyncio.Event()
        self._changed = asyncio.Condition()
        self._connected_since_start = False
        self._task = asyncio.create_task(self._follow())

    @classmethod
    async def connect(cls, nats_url: str, section: DeskSection) -> "DeskTracker":
        """Follow a desk that is being started, opening its log when it is its first start.

        Raises:
            LogInvalid: the desk exists in another mode.
            LogUnavailable: the broker does not answer.
        """
        log = JetStreamLog(await connect(nats_url, name="breakout"), section.name)
        await log.ensure()
        await open_desk(log, section)
        return cls(log)

    async def caught_up(self) -> None:
        """Wait until the past has been read."""
        await self._caught_up.wait()

    async def settled(self) -> None:
        """Wait until books equal since this start, and the engine trades or waits for a person."""
        async with self._changed:
            await self._changed.wait_for(self._is_ready)

    def _is_ready(self) -> bool:
        settled = TRADING_ACTIVE | WAITING_FOR_A_PERSON
        return self._connected_since_start and self.view.reconciled and self.view.state in settled

    def time_ns(self) -> int:
        """Return the desk time of the last record."""
        return self.view.time_ns

    def describe(self) -> str:
        """Return in a few words where the engine stands."""
        books = "reconciled" if self.view.reconciled else "not reconciled"
        reason = f" ({self.view.reason})" if self.view.reason else ""
        return f"state {self.view.state}{reason}, books {books}"

    async def close(self) -> None:
        """Stop following."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.log.close()

    async def _follow(self) -> None:
        async for delivery in self.log.read(READS):
            if delivery.record is not None:
                self._fold(delivery.record)
            if delivery.caught_up:
                self._caught_up.set()
                async with self._changed:
                    self._changed.notify_all()

    def _fold(self, record: Record) -> None:
        self.view.time_ns = max(self.view.time_ns, record.time_ns)
        for event in record.events:
            self.view.fold(event)
            # What was reconciled before this start says nothing about the account today.
            if isinstance(event, VenueConnected) and self._caught_up.is_set():
                self._connected_since_start = True
