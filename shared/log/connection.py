"""Opens the one kind of NATS connection this project uses, with the bounds that were measured to matter.

Default pings notice a frozen server after minutes; these notice it in seven seconds. A connection
reconnects for ever; a permission violation, which NATS reports only beside the call, ends it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import nats
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.log.port import LogInvalid, LogUnavailable

PING_INTERVAL_S = 3
RECONNECT_WAIT_S = 0.1


async def connect(
    url: str, *, name: str, user: str = "", password: str = "", timeout_s: float = 10.0
) -> Client:
    """Return a connection, trying for `timeout_s` until the broker answers.

    Raises:
        LogUnavailable: nobody answers at `url`.
        LogInvalid: the broker does not let this user in.
    """
    logger = structlog.get_logger("nats")

    async def on_error(error: Exception) -> None:
        # An exception that leaves this callback ends nats-py's reconnecting.
        with contextlib.suppress(OSError):
            if "permissions violation" in str(error).lower():
                logger.error("permission_violation", error=str(error))
                await connection.close()
            else:
                logger.debug("connection_error", error=repr(error))

    connection = Client()
    try:
        await asyncio.wait_for(
            _connect_patiently(
                lambda: connection.connect(
                    url,
                    name=name,
                    user=user or None,
                    password=password or None,
                    error_cb=on_error,
                    ping_interval=PING_INTERVAL_S,
                    max_outstanding_pings=2,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_WAIT_S,
                    connect_timeout=2,
                    allow_reconnect=True,
                )
            ),
            timeout_s,
        )
    except TimeoutError as error:
        raise LogUnavailable(
            f"no broker answers at {url} (waited {timeout_s:g} s): start it, or set BREAKOUT__NATS__URL"
        ) from error
    return connection


async def _connect_patiently(attempt: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await attempt()
        except (OSError, nats.errors.NoServersError, TimeoutError):
            await asyncio.sleep(RECONNECT_WAIT_S)
        except NatsError as error:
            if "authorization" in str(error).lower():
                raise LogInvalid(
                    "the broker refuses this user: check BREAKOUT__NATS__USER and __PASSWORD"
                ) from error
            await asyncio.sleep(RECONNECT_WAIT_S)
        else:
            return
