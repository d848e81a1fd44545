"""Says what the edge needs of a venue, so that it can be implemented from reading this file."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from shared.contracts.order import AmendSubmitted, OrderSubmitted
from shared.contracts.venue import ExecutionReported, OrderReported, VenueOrder, VenuePosition


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """The account's money in the settlement currency; equity includes unrealised profit."""

    wallet_usd: Decimal
    equity_usd: Decimal
    available_usd: Decimal


class Listener(Protocol):
    """Who hears the private stream; both methods return at once and never raise."""

    def hear(self, report: OrderReported | ExecutionReported) -> None:
        """Take a word of the venue."""
        ...

    def lose(self, reason: str) -> None:
        """Take note that the connection is gone."""
        ...


class Venue(Protocol):
    """One account. Every method raises `VenueTrouble` (see `outcomes.py`) when it gets no result."""

    async def open(self) -> int:
        """Load the markets, check the key, and return the venue's time in ms."""
        ...

    async def close(self) -> None: ...

    async def submit(self, order: OrderSubmitted) -> str:
        """Send an order and return the venue's id of it."""
        ...

    async def cancel(self, client_order_id: str, symbol: str) -> None: ...

    async def amend(self, amend: AmendSubmitted) -> None: ...

    async def find(self, client_order_id: str, symbol: str) -> OrderReported | None:
        """Return where an order stands, open or done; None when the venue knows no such order."""
        ...

    async def executions_of(self, client_order_id: str, symbol: str) -> Sequence[ExecutionReported]: ...

    async def executions_since(self, start_ms: int) -> Sequence[ExecutionReported]:
        """Return trades and funding from a time of the venue on, oldest first."""
        ...

    async def open_orders(self) -> Sequence[VenueOrder]: ...

    async def positions(self) -> Sequence[VenuePosition]: ...

    async def wallet(self) -> Wallet: ...

    async def listen(self, listener: Listener) -> None:
        """Open the private stream and return when it stands."""
        ...
