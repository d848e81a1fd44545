"""Sends recorded intents to the venue, each order in a task of its own, and reports the answers.

An order is sent once. Without a certain answer the venue is asked by our id until it either shows
the order or can no longer receive the request; cancels and changes are sent again, which is harmless.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import structlog

from services.execution.adapters.intents import Intent, Intents, Wish
from services.execution.adapters.outcomes import (
    DUPLICATE_CODES,
    GONE_CODES,
    VenueBusy,
    VenueRefused,
    VenueTrouble,
    VenueUncertain,
)
from services.execution.adapters.reporter import Reporter
from services.execution.adapters.venue import Venue
from shared.contracts.base import Event
from shared.contracts.order import AmendSubmitted, CancelSubmitted, OrderPurpose, OrderSubmitted
from shared.contracts.venue import (
    AmendAcknowledged,
    AmendRefused,
    CancelAcknowledged,
    CancelRefused,
    OrderMissing,
    SubmitAcknowledged,
    SubmitRefused,
    SubmitUncertain,
)

# Beyond the receive window: our clock and the venue's do not tick together.
WINDOW_MARGIN_S = 0.5
ASK_PAUSE_S = 0.1
ASK_PAUSE_MAX_S = 1.0
# What adds exposure is given up when the venue is busy; what reduces it is not.
BUSY_RETRIES = {OrderPurpose.ENTRY: 3}
BUSY_RETRIES_PROTECTIVE = 50
# A position is without its stop for no longer than this, as far as it is ours to say.
STOP_PATIENCE_S = 1.0


class Dispatcher:
    """The hands of the edge."""

    def __init__(self, venue: Venue, intents: Intents, reporter: Reporter, recv_window_s: float) -> None:
        self._venue = venue
        self._intents = intents
        self._reporter = reporter
        self._window_s = recv_window_s + WINDOW_MARGIN_S
        # The last request of each order, and all of them.
        self._last: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._logger = structlog.get_logger("execution.dispatcher")
        # Orders whose outcome is being asked for.
        self.resolving: set[str] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, intent: Intent, wish: Wish) -> None:
        """Do what was recorded just now, so that nobody can have sent it before; returns at once."""
        match wish:
            case OrderSubmitted():
                self._start(intent, self._submit(intent))
            case AmendSubmitted():
                self._start(intent, self._amend(intent, wish))
            case CancelSubmitted():
                self._start(intent, self._cancel(intent, wish))

    def recover(self, intent: Intent) -> None:
        """Take up an order whose intents were recorded before this edge ran; returns at once."""
        if not intent.known:
            self.resolving.add(intent.order.client_order_id)
            self._start(intent, self._resolve(intent, time.monotonic()))
        if intent.amend is not None:
            self._start(intent, self._amend(intent, intent.amend))
        if intent.cancel is not None:
            self._start(intent, self._cancel(intent, intent.cancel))

    async def settle(self, intent: Intent) -> None:
        """Ask where an order stands that should be open and is not; report what is found."""
        if not await self._found(intent):
            self._say(intent, OrderMissing(client_order_id=intent.order.client_order_id))

    async def drain(self, timeout_s: float) -> None:
        """Let requests on the wire finish, then cancel the rest."""
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._last.get(key) is task:
            del self._last[key]
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)

    def _start(self, intent: Intent, request: Coroutine[Any, Any, None]) -> None:
        key = intent.order.client_order_id
        task = asyncio.create_task(_after(self._last.get(key), request), name=key)
        self._last[key] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(key, done))

    async def _submit(self, intent: Intent) -> None:
        sent_at = time.monotonic()
        order = intent.order
        key = order.client_order_id
        retries = BUSY_RETRIES.get(order.purpose, BUSY_RETRIES_PROTECTIVE)
        pause_s = ASK_PAUSE_S
        while True:
            try:
                venue_order_id = await self._request(order)
            except VenueBusy as error:
                if retries == 0:
                    self._say(intent, _refusal(key, error))
                    return
                retries -= 1
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, ASK_PAUSE_MAX_S)
                continue
            except VenueRefused as error:
                if error.code in DUPLICATE_CODES:
                    # The venue has an order of that id: ours, of an attempt whose answer was lost.
                    await self._resolve(intent, sent_at)
                else:
                    self._say(intent, _refusal(key, error))
            except VenueTrouble as error:
                self._logger.warning("submit_uncertain", order=key, error=str(error))
                self.resolving.add(key)
                self._say(intent, SubmitUncertain(client_order_id=key, error=str(error)))
                await self._resolve(intent, sent_at)
            else:
                self._say(intent, SubmitAcknowledged(client_order_id=key, venue_order_id=venue_order_id))
            return

    async def _resolve(self, intent: Intent, sent_at: float) -> None:
        """Ask for an order until the venue shows it or can no longer take it."""
        key = intent.order.client_order_id
        pause_s = ASK_PAUSE_S
        try:
            while True:
                # Taken before asking: what is not there after the window's end will never be.
                over = time.monotonic() - sent_at > self._window_s
                try:
                    if await self._found(intent):
                        return
                    if over:
                        self._say(intent, OrderMissing(client_order_id=key))
                        return
                    if intent.order.purpose is OrderPurpose.STOP and await self._sent_again(intent):
                        return
                except VenueTrouble as error:
                    self._logger.warning("cannot_ask", order=key, error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.5, ASK_PAUSE_MAX_S)
        finally:
            self.resolving.discard(key)

    async def _request(self, order: OrderSubmitted) -> str:
        if order.purpose is not OrderPurpose.STOP:
            return await self._venue.submit(order)
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                return await self._venue.submit(order)
        except TimeoutError as error:
            raise VenueUncertain("no answer in time for a stop") from error

    async def _sent_again(self, intent: Intent) -> bool:
        """Send a stop again that the venue does not show; True when that had a certain answer.

        A position must not wait for the receive window to pass. A stop rests at the venue under its
        id, which is unique among resting orders, and being reduce-only it could not hurt twice.
        """
        key = intent.order.client_order_id
        try:
            venue_order_id = await self._request(intent.order)
        except VenueBusy:
            return False
        except VenueRefused as error:
            if error.code in DUPLICATE_CODES:
                return False
            self._say(intent, _refusal(key, error))
        else:
            self._say(intent, SubmitAcknowledged(client_order_id=key, venue_order_id=venue_order_id))
        return True

    async def _found(self, intent: Intent) -> bool:
        """Report where the venue says the order stands; False when it knows no such order."""
        order = intent.order
        report = await self._venue.find(order.client_order_id, order.symbol)
        if report is None:
            return False
        if report.cum_qty > 0:
            for each in await self._venue.executions_of(order.client_order_id, order.symbol):
                if self._intents.claim(each):
                    self._say(intent, each)
        self._say(intent, report)
        return True

    async def _cancel(self, intent: Intent, cancel: CancelSubmitted) -> None:
        key = cancel.client_order_id
        try:
            await self._certainly(lambda: self._venue.cancel(key, cancel.symbol), intent)
        except VenueRefused as error:
            if error.code in GONE_CODES:
                await self._ask_until_told(intent)
            self._say(intent, CancelRefused(client_order_id=key, code=error.code, message=error.message))
        else:
            self._say(intent, CancelAcknowledged(client_order_id=key))

    async def _amend(self, intent: Intent, amend: AmendSubmitted) -> None:
        key = amend.client_order_id
        try:
            await self._certainly(lambda: self._venue.amend(amend), intent)
        except VenueRefused as error:
            if error.code in GONE_CODES:
                await self._ask_until_told(intent)
            self._say(
                intent,
                AmendRefused(
                    amend_id=amend.amend_id,
                    client_order_id=key,
                    code=error.code,
                    message=error.message,
                ),
            )
        else:
            self._say(intent, AmendAcknowledged(amend_id=amend.amend_id, client_order_id=key))

    async def _certainly(self, request: Any, intent: Intent) -> None:
        """Repeat a request that may be repeated until the venue has answered it."""
        pause_s = ASK_PAUSE_S
        while intent.order.client_order_id in self._intents.open:
            try:
                await request()
            except VenueBusy:
                pass
            except VenueRefused:
                raise
            except VenueTrouble as error:
                self._logger.warning(
                    "request_uncertain", order=intent.order.client_order_id, error=str(error)
                )
            else:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, ASK_PAUSE_MAX_S)

    async def _ask_until_told(self, intent: Intent) -> None:
        pause_s = ASK_PAUSE_S
        while True:
            try:
                await self.settle(intent)
            except VenueTrouble as error:
                self._logger.warning("cannot_ask", order=intent.order.client_order_id, error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, ASK_PAUSE_MAX_S)
            else:
                return

    def _say(self, intent: Intent, event: Event) -> None:
        self._reporter.say(event, correlation=intent.correlation, cause=intent.seq)


async def _after(before: asyncio.Task[None] | None, request: Coroutine[Any, Any, None]) -> None:
    """Run a request when the one before it, for the same order, has ended."""
    try:
        if before is not None:
            await asyncio.wait([before])
        await request
    finally:
        request.close()


def _refusal(key: str, error: VenueRefused) -> SubmitRefused:
    return SubmitRefused(client_order_id=key, code=error.code, message=error.message)
