"""Runs the gateway: follows the log, serves HTTP and WebSockets, and ends within seconds."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn

from services.gateway.adapters.app import make_app
from services.gateway.adapters.follower import Follower
from services.gateway.adapters.guard import Access
from services.gateway.adapters.requesting import Commands
from services.gateway.settings import GatewaySection
from shared.runtime.edge import Desk

SHUTDOWN_S = 2
INBOUND_BYTES_MAX = 4_096
# A peer that acknowledges nothing for so long, or leaves its window shut, is cut off by the kernel.
PEER_SILENCE_MS = 30_000


class PortInUseError(Exception):
    """The address cannot be listened on."""


class GatewayEdge:
    """One replica of the gateway."""

    def __init__(self, section: GatewaySection) -> None:
        """Listen where the settings say; the socket is bound at once, so that a taken port shows at once.

        Raises:
            PortInUseError: naming host, port and the system's reason.
        """
        self._section = section
        self._listener = _listen(section.host, section.port)

    @property
    def port(self) -> int:
        """The port listened on; a free one where the settings say 0."""
        port: int = self._listener.getsockname()[1]
        return port

    async def run(self, desk: Desk) -> None:
        """Serve until cancelled.

        Raises:
            LogError: the log cannot be followed any more.
        """
        follower = Follower(desk.log, desk.clock)
        server = self._server(desk, follower)
        following = asyncio.create_task(follower.run())
        serving = asyncio.create_task(server.serve(sockets=[self._listener]))
        structlog.get_logger("gateway").info("listening", host=self._section.host, port=self.port)
        try:
            done, _ = await asyncio.wait({following, serving}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            server.should_exit = True
            # Cancelled again or not, whoever is connected gets the bound of the shutdown.
            await asyncio.wait({serving}, timeout=SHUTDOWN_S + 1)
            for task in (following, serving):
                task.cancel()
            await asyncio.gather(following, serving, return_exceptions=True)

    def _server(self, desk: Desk, follower: Follower) -> "_Server":
        section = self._section
        commands = Commands(
            follower,
            desk.opened,
            presets=Path(section.presets_dir) if section.presets_dir else None,
            timeout_s=section.command_timeout_s,
        )
        app = make_app(follower, desk.opened, commands, Access.of(section.token, section.origins))
        config = uvicorn.Config(
            app,
            # uvicorn's own log is the request's author's; ours is structured.
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=INBOUND_BYTES_MAX,
            ws_per_message_deflate=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            h11_max_incomplete_event_size=16_384,
        )
        return _Server(config)


class _Server(uvicorn.Server):
    """Leaves the signals to the shell, which drains every edge in its turn."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise PortInUseError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    # Accepted sockets inherit both. asyncio sets no delay itself only where it has made the listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_SILENCE_MS)
    return listener
