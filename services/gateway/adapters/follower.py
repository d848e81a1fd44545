"""Follows the log into the read models, the clients and whoever waits for an answer."""

import asyncio

from services.gateway.adapters.hub import Hub
from services.gateway.domain.commands import Outcome
from services.gateway.domain.views import TELLING_TIME, Views
from shared.contracts.desk import Source
from shared.contracts.engine import CommandAccepted, CommandRefused
from shared.contracts.record import Record
from shared.log.port import Log
from shared.runtime.clock import DeskClock

EVERY_SOURCE = frozenset(Source)
# So many records are folded before requests get their turn.
YIELD_EVERY = 200


class Follower:
    """The gateway's own copy of the desk; current when `caught_up`."""

    def __init__(self, log: Log, clock: DeskClock) -> None:
        """Prepare to read the log from its beginning."""
        self.log = log
        self.clock = clock
        self.views = Views()
        self.hub = Hub()
        self.caught_up = False
        self._waiting: dict[str, list[asyncio.Future[Outcome]]] = {}

    async def run(self) -> None:
        """Follow for ever; requests are not served as current before the past is read."""
        read = 0
        try:
            async for delivery in self.log.read(EVERY_SOURCE):
                if delivery.record is not None:
                    self._take(delivery.record)
                self.caught_up = self.caught_up or delivery.caught_up
                read += 1
                if read % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        finally:
            self.caught_up = False

    def _take(self, record: Record) -> None:
        self.views.fold(record)
        if record.source in TELLING_TIME:
            self.clock.observe(record.time_ns)
        self.hub.publish(record)
        if record.source is Source.ORCHESTRATOR:
            for event in record.events:
                if isinstance(event, CommandAccepted | CommandRefused):
                    self._tell(event)

    def _tell(self, outcome: Outcome) -> None:
        for waiting in self._waiting.pop(outcome.command_id, []):
            if not waiting.done():
                waiting.set_result(outcome)

    async def outcome(self, command_id: str, *, timeout_s: float) -> Outcome:
        """Return the engine's answer to a command, waiting for it.

        Raises:
            TimeoutError: there is none yet.
        """
        answered = self.views.commands.answered.get(command_id)
        if answered is not None:
            return answered
        waiting: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(command_id, []).append(waiting)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        finally:
            others = [other for other in self._waiting.get(command_id, []) if other is not waiting]
            if others:
                self._waiting[command_id] = others
            else:
                self._waiting.pop(command_id, None)

    def now_ns(self) -> int:
        """Return the time to write on a command: the desk's as the log tells it."""
        return self.views.time_ns or self.clock.now_ns()
