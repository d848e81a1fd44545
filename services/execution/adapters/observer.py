"""Looks at the whole account, fills the gaps of the stream, and reports what it has seen.

Executions first and again afterwards: an observation during which something happened is taken
anew, so that the figures are of one moment as far as a venue allows.
"""

import asyncio
from collections.abc import Sequence

import structlog

from services.execution.adapters.dispatcher import Dispatcher
from services.execution.adapters.intents import Intents
from services.execution.adapters.reporter import Reporter
from services.execution.adapters.venue import Venue
from shared.contracts.order import OrderType
from shared.contracts.venue import AccountObserved, VenueOrder

# How far back, in the venue's time, executions are asked for again.
OVERLAP_MS = 60_000
TRIES_FOR_A_QUIET_MOMENT = 3


class Observer:
    """The eyes of the edge."""

    def __init__(
        self, venue: Venue, intents: Intents, reporter: Reporter, dispatcher: Dispatcher, start_ms: int
    ) -> None:
        """Look from `start_ms` (venue time) on, where the log holds nothing older."""
        self._venue = venue
        self._intents = intents
        self._reporter = reporter
        self._dispatcher = dispatcher
        self._start_ms = start_ms
        # Orders that were not among the open ones the last time.
        self._absent: set[str] = set()
        self._logger = structlog.get_logger("execution.observer")

    async def observe(self) -> None:
        """Report executions not heard, orders that have gone, and the account.

        Raises:
            VenueTrouble: the venue gave no result.
        """
        for attempt in range(TRIES_FOR_A_QUIET_MOMENT):
            await self.catch_up()
            before = self._reporter.count
            seq = self._intents.execution_seq
            wallet, positions, orders = await asyncio.gather(
                self._venue.wallet(), self._venue.positions(), self._venue.open_orders()
            )
            await self.catch_up()
            quiet = before == self._reporter.count and seq == self._intents.execution_seq
            if quiet or attempt == TRIES_FOR_A_QUIET_MOMENT - 1:
                break
        await self._settle_absent(orders)
        self._reporter.say(
            AccountObserved(
                wallet_usd=wallet.wallet_usd,
                equity_usd=wallet.equity_usd,
                available_usd=wallet.available_usd,
                positions=tuple(positions),
                orders=tuple(orders),
                observed_after_seq=seq,
            )
        )

    async def catch_up(self) -> None:
        """Report the executions that the log does not hold."""
        since_ms = (self._intents.executed_ms or self._start_ms) - OVERLAP_MS
        for each in await self._venue.executions_since(max(since_ms, 0)):
            if each.executed_at_ms < self._start_ms and not self._intents.executed_ms:
                continue
            if self._intents.claim(each):
                correlation = self._intents.correlation_of(each.client_order_id)
                self._reporter.say(each, correlation=correlation)

    async def _settle_absent(self, orders: Sequence[VenueOrder]) -> None:
        """Ask where the orders stand that the venue should show as open and did not, twice running."""
        shown = {order.client_order_id for order in orders}
        absent = {
            key
            for key, intent in self._intents.open.items()
            if intent.known and key not in shown and key not in self._dispatcher.resolving
        }
        for key in sorted(absent):
            intent = self._intents.open.get(key)
            # A market order is done sooner than it can be seen resting.
            if intent is None or (
                key not in self._absent and intent.order.order_type is not OrderType.MARKET
            ):
                continue
            self._logger.info("order_absent", order=key)
            await self._dispatcher.settle(intent)
        self._absent = absent
