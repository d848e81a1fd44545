"""Is the venue edge: follows what execution has decided, sends it, and records what the venue says.

Intents are sent the moment they are read. Whatever has no outcome when the edge starts is resolved
by asking the venue, before the account is reported and entries can open.
"""

import asyncio
import contextlib
import time

import structlog

from services.execution.adapters.ccxt_venue import CcxtVenue
from services.execution.adapters.dispatcher import Dispatcher
from services.execution.adapters.intents import Intents
from services.execution.adapters.observer import Observer
from services.execution.adapters.outcomes import VenueTrouble, VenueUncertain, VenueUnusable
from services.execution.adapters.reporter import Reporter
from services.execution.adapters.venue import Venue
from services.execution.settings import ExecutionSettings
from shared.contracts.desk import Source
from shared.contracts.processor import NS_PER_MS
from shared.contracts.venue import (
    ExecutionReported,
    OrderReported,
    VenueConnected,
    VenueDisconnected,
)
from shared.log.writer import Writer
from shared.runtime.edge import Desk

SOURCES = frozenset({Source.EXECUTION, Source.VENUE})
RETRY_S = 0.2
RETRY_MAX_S = 3.0
# So many looks at the account in a row may fail before the connection counts as lost.
FAILED_LOOKS_MAX = 3
DRAIN_S = 1.5
BEAT_S = 0.2
# An event loop that stands still for this long may have lost its lease.
STOPPED_S = 1.0


class VenueEdge:
    """The one place that sends orders."""

    def __init__(self, settings: ExecutionSettings) -> None:
        """Prepare; nothing is sent before `run`."""
        self._settings = settings
        self._logger = structlog.get_logger("execution.edge")

    async def run(self, desk: Desk) -> None:
        """Work until cancelled.

        Raises:
            VenueUnusable: key, permissions or clock will never do.
            FenceConflict: another instance has taken over.
        """
        section = self._settings.execution
        venue = CcxtVenue(
            self._settings.venue,
            recv_window_ms=section.recv_window_ms,
            request_timeout_s=section.request_timeout_s,
            on_time=lambda time_ms: desk.clock.observe(time_ms * NS_PER_MS),
        )
        try:
            start_ms = await self._opened(venue)
            session = Session(self._settings, desk, venue, start_ms)
            await session.run(await Writer.open(desk.log, Source.VENUE))
        finally:
            await venue.close()

    async def _opened(self, venue: Venue) -> int:
        pause_s = RETRY_S
        while True:
            try:
                return await venue.open()
            except VenueUnusable:
                raise
            except VenueTrouble as error:
                self._logger.warning("venue_unreachable", error=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)


class Session:
    """One life of the edge, from catching up with the log to its end."""

    def __init__(self, settings: ExecutionSettings, desk: Desk, venue: Venue, start_ms: int) -> None:
        self._section = settings.execution
        self._desk = desk
        self._venue = venue
        self._start_ms = start_ms
        self._intents = Intents()
        self._logger = structlog.get_logger("execution.edge")
        self._lost: asyncio.Future[str] | None = None
        self._beaten_at = time.monotonic()

    async def run(self, writer: Writer) -> None:
        """Follow the log and the venue until cancelled or one of them ends it."""
        self._reporter = Reporter(writer, self._desk.clock)
        self._dispatcher = Dispatcher(
            self._venue, self._intents, self._reporter, self._section.recv_window_ms / 1000
        )
        self._observer = Observer(
            self._venue, self._intents, self._reporter, self._dispatcher, self._start_ms
        )
        caught_up = asyncio.Event()
        tasks = [
            asyncio.create_task(self._reporter.run(), name="reporter"),
            asyncio.create_task(self._follow(caught_up), name="follow"),
            asyncio.create_task(self._attend(caught_up), name="attend"),
            asyncio.create_task(self._beat(), name="beat"),
            asyncio.ensure_future(self._dispatcher.failed),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            # Requests on the wire may finish, and what they came to is recorded.
            tasks[1].cancel()
            await self._dispatcher.drain(DRAIN_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S / 3):
                    await self._reporter.flush()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def hear(self, report: OrderReported | ExecutionReported) -> None:
        """Record a word of the stream, unless the log holds it."""
        if isinstance(report, ExecutionReported) and not self._intents.claim(report):
            return
        correlation = self._intents.correlation_of(report.client_order_id)
        self._reporter.say(report, correlation=correlation)

    def lose(self, reason: str) -> None:
        """Take note that the stream is gone."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)

    async def _follow(self, caught_up: asyncio.Event) -> None:
        async for delivery in self._desk.log.read(SOURCES):
            record = delivery.record
            if record is not None:
                wishes = self._intents.fold(record)
                if record.source is Source.EXECUTION:
                    self._intents.execution_seq = record.seq
                if caught_up.is_set():
                    if wishes and self._stopped_s() > STOPPED_S:
                        await self._confirm_leadership()
                    for intent, wish in wishes:
                        self._dispatcher.send(intent, wish)
            if delivery.caught_up and not caught_up.is_set():
                for intent in list(self._intents.open.values()):
                    self._dispatcher.recover(intent)
                self._intents.reconciled = False
                caught_up.set()

    async def _beat(self) -> None:
        """Notice when this process has been stopped: another may have taken over meanwhile."""
        while True:
            if self._stopped_s() > STOPPED_S:
                await self._confirm_leadership()
            self._beaten_at = time.monotonic()
            await asyncio.sleep(BEAT_S)

    def _stopped_s(self) -> float:
        return time.monotonic() - self._beaten_at - BEAT_S

    async def _confirm_leadership(self) -> None:
        """Write on our subject before anything is sent: the fence ends an edge that is not the leader's any more."""
        reason = f"this process was stopped for {self._stopped_s():.1f} s"
        self._beaten_at = time.monotonic()
        self._logger.warning("stopped", reason=reason)
        self._reporter.say(VenueDisconnected(error=reason))
        await self._reporter.flush()
        self.lose(reason)

    async def _attend(self, caught_up: asyncio.Event) -> None:
        """Keep the private connection, and look at the account while it stands."""
        await caught_up.wait()
        pause_s = RETRY_S
        while True:
            self._lost = asyncio.get_running_loop().create_future()
            connected = False
            try:
                await self._venue.listen(self)
                await self._observer.catch_up()
                self._reporter.say(VenueConnected())
                connected = True
                pause_s = RETRY_S
                await self._look_on(self._lost)
            except VenueUnusable:
                raise
            except VenueTrouble as error:
                self._logger.warning("venue_lost", error=str(error))
                if connected:
                    self._reporter.say(VenueDisconnected(error=str(error)))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)

    async def _look_on(self, lost: asyncio.Future[str]) -> None:
        """Look at the account at intervals until the stream is lost.

        Raises:
            VenueTrouble: the stream is lost, or the venue does not answer.
        """
        failed = 0
        while True:
            try:
                await self._observer.observe()
                failed = 0
            except VenueTrouble as error:
                failed += 1
                self._logger.warning("account_not_observed", error=str(error))
                if failed >= FAILED_LOOKS_MAX:
                    raise
            settled = self._intents.reconciled and not self._intents.flattening
            wait_s = self._section.account_every_s if settled else self._section.account_urgent_every_s
            done, _ = await asyncio.wait([lost], timeout=wait_s)
            if done:
                raise VenueUncertain(f"stream lost: {lost.result()}")
