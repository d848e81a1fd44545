"""Wire the simulator: ledger, clock, markets, routes, streams and the server that carries them.

An unmodified ccxt reaches it with only its URLs changed. With U = "http://127.0.0.1:PORT" and
W = "ws://127.0.0.1:PORT":

    exchange = ccxt.pro.bybit({"apiKey": "demo-key", "secret": "demo-secret", "options": {
        "defaultType": "swap", "fetchMarkets": {"types": ["linear"]},
        "enableUnifiedAccount": True, "enableUnifiedMargin": False}})
    exchange.urls["api"] = {**dict.fromkeys(exchange.urls["api"], U), "ws": {
        "public": {"linear": f"{W}/v5/public/linear"}, "private": {"contract": f"{W}/v5/private"}}}
"""

import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from services.simulator.adapters.account_routes import AccountRoutes
from services.simulator.adapters.auth import Credentials
from services.simulator.adapters.control import Control
from services.simulator.adapters.exchange import Exchange
from services.simulator.adapters.faults import Faults
from services.simulator.adapters.feed import Feed
from services.simulator.adapters.http import Server
from services.simulator.adapters.hub import Hub
from services.simulator.adapters.ledger import Ledger
from services.simulator.adapters.limits import RateLimits
from services.simulator.adapters.market_routes import MarketRoutes
from services.simulator.adapters.private_feed import PrivateFeed
from services.simulator.adapters.trade_routes import TradeRoutes
from services.simulator.adapters.wire import Json
from services.simulator.domain.bars import DAY_MS
from services.simulator.domain.clock import MarketClock
from services.simulator.domain.listing import generated_markets
from services.simulator.domain.market import SymbolMarket
from services.simulator.settings import GENERATED_START_MS, Settings

_TICK_S = 0.02
_CLOCK_LEASE_S = 1.0


class Simulator:
    """One exchange process; `run` serves until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        markets, start_ms = open_markets(settings)
        self._ledger = Ledger(Path(settings.state))
        self._ledger.claim(f"{Path(settings.data).name or 'generated'}, seed {settings.seed}")
        self._processed_ms = _whole(self._ledger.meta("processed_ms"))
        self._clock = self._resume_clock(start_ms)
        account = self._ledger.load(settings.balance)
        self.exchange = Exchange(markets, self._ledger, account, self.now)
        self._faults = Faults()
        routes = MarketRoutes(self.exchange, start_ms - 400 * DAY_MS)
        self._feed = Feed(self.exchange, routes.scales, self._wall_delay_s)
        credentials = Credentials(key=settings.key, secret=settings.secret)
        self._hub = Hub(credentials, lambda: int(time.time() * 1000), self._feed.snapshot)
        self._feed.attach(self._hub)
        self.exchange.publish = PrivateFeed(self.exchange, self._hub).publish
        self.application = Server(
            public=routes.table(),
            private={**TradeRoutes(self.exchange).table(), **AccountRoutes(self.exchange).table()},
            control=Control(self.exchange, self._faults, self._hub, self._clock_state).table(),
            hub=self._hub,
            faults=self._faults,
            credentials=credentials,
            limits=RateLimits(settings.requests_per_s),
            now=self.now,
            latency_s=settings.latency_ms / 1000,
        )

    def now(self) -> int:
        """Return market time in ms."""
        return self._clock.at(time.monotonic_ns())

    async def run(self, listener: socket.socket) -> None:
        """Serve on a bound socket; prints one line when ready, returns after SIGTERM or SIGINT."""
        self.exchange.start(self._processed_ms)
        server = AnnouncingServer(
            uvicorn.Config(
                self.application,
                lifespan="off",
                log_level="warning",
                access_log=False,
                ws_per_message_deflate=False,
                ws_ping_interval=None,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        background = asyncio.gather(self._feed.run(), self._tick(server))
        background.add_done_callback(lambda _: setattr(server, "should_exit", True))
        try:
            await server.serve(sockets=[listener])
        finally:
            failure = background.exception() if background.done() and not background.cancelled() else None
            background.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await background
            self._close()
        if failure is not None:
            raise failure

    async def _tick(self, server: uvicorn.Server) -> None:
        """Let the markets with working orders move, and lease the clock's next second."""
        leased = 0.0
        while not server.should_exit:
            self.exchange.advance()
            if time.monotonic() >= leased:
                self._lease_clock()
                leased = time.monotonic() + _CLOCK_LEASE_S / 2
            await asyncio.sleep(_TICK_S)

    def _lease_clock(self) -> None:
        """Record a time this process will not pass before it records again.

        After a kill the clock resumes there: it may skip a second, but it never runs backwards.
        """
        now_ms = self.now()
        lease_ms = now_ms + int(_CLOCK_LEASE_S * 1000 * self._settings.speed)
        self._ledger.set_meta(clock_ms=str(lease_ms), processed_ms=str(now_ms))

    def _resume_clock(self, start_ms: int) -> MarketClock:
        kept = _whole(self._ledger.meta("clock_ms"))
        base_ms = start_ms if kept is None else kept
        return MarketClock(base_ms=base_ms, start_ns=time.monotonic_ns(), speed=self._settings.speed)

    def _wall_delay_s(self, market_ms: int) -> float:
        return self._clock.wall_delay_s(market_ms, time.monotonic_ns())

    def _clock_state(self) -> Json:
        return {
            "market_ms": self.now(),
            "speed": self._settings.speed,
            "wall_ms": int(time.time() * 1000),
            "seed": self._settings.seed,
            "symbols": len(self.exchange.markets),
        }

    def _close(self) -> None:
        now_ms = str(self.now())
        self._ledger.set_meta(clock_ms=now_ms, processed_ms=now_ms)
        self._ledger.close()


class AnnouncingServer(uvicorn.Server):
    """Prints one line when the socket is being served, for the process that waits for it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; uvicorn's own version raises them again before we can close."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, setattr, self, "should_exit", True)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            line = {"event": "listening", "port": listener.getsockname()[1]}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def open_markets(settings: Settings) -> tuple[dict[str, SymbolMarket], int]:
    """Return the listed markets and the market time at which a fresh session starts."""
    if settings.data:
        # pyarrow is large: only a recorded session pays for it.
        from services.simulator.adapters.candles import open_recorded  # noqa: PLC0415

        return open_recorded(settings)
    return generated_markets(settings.seed, settings.symbols), GENERATED_START_MS


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)
