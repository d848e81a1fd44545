"""Speaks to one Bybit account through ccxt.pro's bybit class, whose code is untouched.

Requests go through ccxt's raw endpoints, so that numbers stay the text they are and an answer is
what the venue said. Stream messages are read in their raw form the moment they arrive: ccxt's
caches keep a thousand and change what they have handed out.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from services.execution.adapters.bybit_wire import (
    RowUnreadable,
    amend_params,
    create_params,
    execution,
    number,
    order_report,
    redirected,
    venue_order,
    venue_position,
)
from services.execution.adapters.outcomes import (
    UNUSABLE_CODES,
    VenueRefused,
    VenueTrouble,
    VenueUncertain,
    VenueUnusable,
    result_of,
    trouble,
)
from services.execution.adapters.venue import Listener, Wallet
from shared.contracts.order import AmendSubmitted, OrderSubmitted
from shared.contracts.venue import ExecutionReported, OrderReported, VenueOrder, VenuePosition
from shared.runtime.lean_ccxt import VenueError, bybit
from shared.runtime.settings import VenueSection

COIN = "USDT"
PAGE_ROWS = 100
PAGES_MAX = 1_000
# Bybit lists executions of at most a week per request.
WINDOW_MS = 7 * 86_400_000
LISTEN_TIMEOUT_S = 10.0
# Bybit answers a change that changes nothing with an error.
NOT_MODIFIED = ("not modified", "remains unchanged")


class CcxtVenue:
    """One account over one REST session and one private WebSocket."""

    def __init__(
        self,
        section: VenueSection,
        *,
        recv_window_ms: int,
        request_timeout_s: float,
        on_time: Callable[[int], None],
    ) -> None:
        """Prepare; nothing is sent before `open`. `on_time` hears the venue's time, ms, with every answer."""
        self._exchange = _exchange(section, recv_window_ms, request_timeout_s)
        self._on_time = on_time
        self._time_ms = 0
        self._logger = structlog.get_logger("execution.venue")
        self._ids: dict[str, str] = {}
        self._symbols: dict[str, str] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._listener: Listener | None = None
        self._hook()

    async def open(self) -> int:
        """Load the markets, check the key, and return the venue's time in ms.

        Raises:
            VenueUnusable: the key, its permissions or our clock will never do.
            VenueTrouble: no result this time.
        """
        try:
            markets = await self._exchange.load_markets()
        except (VenueError, TimeoutError) as error:
            raise _usable(trouble(error)) from error
        perpetuals = [market for market in markets.values() if market["swap"] and market["linear"]]
        self._ids = {market["symbol"]: market["id"] for market in perpetuals}
        self._symbols = {market["id"]: market["symbol"] for market in perpetuals}
        try:
            await self.wallet()
        except VenueTrouble as error:
            raise _usable(error) from error
        return self._time_ms

    async def close(self) -> None:
        for task in self._watches:
            task.cancel()
        with contextlib.suppress(Exception):
            await self._exchange.close()

    async def submit(self, order: OrderSubmitted) -> str:
        params = create_params(order, self._id(order.symbol))
        result = await self._call(self._exchange.privatePostV5OrderCreate, params)
        return str(result.get("orderId", ""))

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        params = {"category": "linear", "symbol": self._id(symbol), "orderLinkId": client_order_id}
        await self._call(self._exchange.privatePostV5OrderCancel, params)

    async def amend(self, amend: AmendSubmitted) -> None:
        try:
            await self._call(
                self._exchange.privatePostV5OrderAmend, amend_params(amend, self._id(amend.symbol))
            )
        except VenueRefused as error:
            # Sent again after a lost answer: the order is as wanted already.
            if not any(words in error.message.lower() for words in NOT_MODIFIED):
                raise

    async def find(self, client_order_id: str, symbol: str) -> OrderReported | None:
        params = {"category": "linear", "symbol": self._id(symbol), "orderLinkId": client_order_id}
        for endpoint in (
            self._exchange.privateGetV5OrderRealtime,
            self._exchange.privateGetV5OrderHistory,
        ):
            rows = (await self._call(endpoint, params)).get("list") or []
            if rows:
                found: OrderReported = self._read(order_report, rows[0])
                return found
        return None

    async def executions_of(self, client_order_id: str, symbol: str) -> list[ExecutionReported]:
        params = {"symbol": self._id(symbol), "orderLinkId": client_order_id}
        return await self._executions(params)

    async def executions_since(self, start_ms: int) -> list[ExecutionReported]:
        found: list[ExecutionReported] = []
        end_ms = start_ms
        # The answers tell the venue's time, so the last window is known when it has been read.
        while True:
            window = {"startTime": end_ms, "endTime": end_ms + WINDOW_MS}
            found += await self._executions(window)
            end_ms += WINDOW_MS
            if end_ms > self._time_ms:
                break
        return sorted(found, key=lambda each: each.executed_at_ms)

    async def open_orders(self) -> list[VenueOrder]:
        params = {"category": "linear", "settleCoin": COIN, "openOnly": 0, "limit": 50}
        rows = await self._pages(self._exchange.privateGetV5OrderRealtime, params)
        return [self._read(venue_order, row) for row in rows]

    async def orders_since(self, start_ms: int) -> list[OrderReported]:
        """Return every order from a time of the venue on, open or done."""
        params = {"category": "linear", "settleCoin": COIN, "openOnly": 0, "limit": 50}
        rows = await self._pages(self._exchange.privateGetV5OrderRealtime, params)
        while True:
            window = {
                "category": "linear",
                "limit": 50,
                "startTime": start_ms,
                "endTime": start_ms + WINDOW_MS,
            }
            rows += await self._pages(self._exchange.privateGetV5OrderHistory, window)
            start_ms += WINDOW_MS
            if start_ms > self._time_ms:
                return [self._read(order_report, row) for row in rows]

    async def positions(self) -> list[VenuePosition]:
        params = {"category": "linear", "settleCoin": COIN, "limit": 200}
        rows = await self._pages(self._exchange.privateGetV5PositionList, params)
        return [held for row in rows if (held := self._read(venue_position, row)) is not None]

    async def wallet(self) -> Wallet:
        result = await self._call(
            self._exchange.privateGetV5AccountWalletBalance, {"accountType": "UNIFIED", "coin": COIN}
        )
        try:
            account = result["list"][0]
            coin = next(row for row in account["coin"] if row["coin"] == COIN)
            return Wallet(
                wallet_usd=number(coin, "walletBalance"),
                equity_usd=number(coin, "equity"),
                available_usd=number(account, "totalAvailableBalance"),
            )
        except (KeyError, IndexError, StopIteration, RowUnreadable) as error:
            raise VenueUncertain(f"wallet-balance: {error!r}") from error

    async def listen(self, listener: Listener) -> None:
        """Open the private stream: sign in, and ask for orders and executions.

        Raises:
            VenueTrouble: the stream does not stand.
        """
        self._listener = listener
        try:
            async with asyncio.timeout(LISTEN_TIMEOUT_S):
                url = await self._exchange.get_url_by_market_type(None, True, "watchOrders", {})
                await self._exchange.authenticate(url)
        except (VenueError, TimeoutError) as error:
            raise trouble(error) from error
        for subscription in (self._exchange.watch_orders(), self._exchange.watch_my_trades()):
            task = asyncio.create_task(self._watch(subscription, listener))
            self._watches.add(task)
            task.add_done_callback(self._watches.discard)

    async def _watch(self, subscription: Coroutine[Any, Any, Any], listener: Listener) -> None:
        """Wait for what only ccxt can tell of a subscription: that it is lost. The data comes through the hook."""
        try:
            await subscription
        except (VenueError, TimeoutError) as error:
            listener.lose(str(trouble(error)))

    def _hook(self) -> None:
        handle = self._exchange.handle_message

        def handle_message(client: Any, message: Any) -> None:
            topic = message.get("topic", "") if isinstance(message, dict) else ""
            kind = topic.partition(".")[0]
            if kind in ("order", "execution"):
                self._hear(kind, message.get("data") or [])
            else:
                handle(client, message)

        self._exchange.handle_message = handle_message

    def _hear(self, kind: str, rows: list[Any]) -> None:
        if self._listener is None:
            return
        for row in rows:
            try:
                report = self._read(order_report if kind == "order" else execution, row)
            except VenueUncertain as error:
                # The periodic look at the account finds what could not be read here.
                self._logger.warning("row_unreadable", topic=kind, error=str(error))
                continue
            if report is not None:
                self._listener.hear(report)

    async def _executions(self, params: dict[str, Any]) -> list[ExecutionReported]:
        params = {"category": "linear", "limit": PAGE_ROWS, **params}
        rows = await self._pages(self._exchange.privateGetV5ExecutionList, params)
        # The venue lists the newest first.
        return [found for row in reversed(rows) if (found := self._read(execution, row)) is not None]

    async def _pages(self, endpoint: Any, params: dict[str, Any]) -> list[Any]:
        rows: list[Any] = []
        for _ in range(PAGES_MAX):
            result = await self._call(endpoint, params)
            page = result.get("list") or []
            rows += page
            cursor = result.get("nextPageCursor")
            if not cursor or not page:
                return rows
            params = {**params, "cursor": cursor}
        raise VenueUncertain("a list without an end")

    async def _call(self, endpoint: Any, params: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await endpoint(params)
        except (VenueError, TimeoutError) as error:
            raise trouble(error) from error
        result = result_of(answer)
        if isinstance(answer.get("time"), int):
            self._time_ms = max(self._time_ms, answer["time"])
            self._on_time(answer["time"])
        return result

    def _read(self, reader: Callable[..., Any], row: Any) -> Any:
        try:
            return reader(row, self._symbol)
        except (RowUnreadable, ValueError, AttributeError) as error:
            raise VenueUncertain(f"unreadable row: {error}") from error

    def _id(self, symbol: str) -> str:
        if symbol not in self._ids:
            raise VenueRefused("unknown_symbol", f"{symbol} is not listed")
        return self._ids[symbol]

    def _symbol(self, market_id: str) -> str:
        return self._symbols.get(market_id, market_id)


def _usable(error: VenueTrouble) -> VenueTrouble:
    """Return the same trouble, or that the account will never be usable with these settings."""
    if isinstance(error, VenueRefused) and error.code in UNUSABLE_CODES:
        hint = "check this machine's clock" if error.code == "10002" else "check venue.api_key and api_secret"
        return VenueUnusable(f"the venue refuses the account ({error}); {hint}")
    return error


def _exchange(section: VenueSection, recv_window_ms: int, request_timeout_s: float) -> Any:
    if section.exchange != "bybit":
        raise VenueUnusable(f"venue.exchange: only bybit is known, got {section.exchange!r}")
    exchange = bybit(
        {
            "apiKey": section.api_key,
            "secret": section.api_secret,
            # An order must not wait behind the periodic look at the account; the venue says when it is too much.
            "enableRateLimit": False,
            "timeout": int(request_timeout_s * 1000),
            # ccxt would retry order creation too.
            "maxRetriesOnFailure": 0,
            "options": {
                "defaultType": "swap",
                "fetchMarkets": {"types": ["linear"]},
                "enableUnifiedAccount": True,
                "enableUnifiedMargin": False,
                "recvWindow": recv_window_ms,
            },
        }
    )
    if section.testnet:
        exchange.set_sandbox_mode(True)
    if section.base_url:
        exchange.urls["api"] = redirected(exchange.urls["api"], section.base_url)
    return exchange
