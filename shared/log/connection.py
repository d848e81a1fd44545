"""Opens the one kind of NATS connection this project uses, with the bounds that were measured to matter.

Default pings notice a frozen server after minutes; these notice it in seven seconds. A connection
reconnects for ever; a permission violation, which NATS reports only beside the call, ends it.
"""

import asyncio
import contextlib

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
        LogInvalid: the broker does not let this user in, or `url` is none.
    """
    logger = structlog.get_logger("nats")
    connection = Client()
    connected = False

    async def on_error(error: Exception) -> None:
        # An exception that leaves this callback ends nats-py's connecting and reconnecting.
        if not connected and "authorization violation" in str(error).lower():
            raise LogInvalid("the broker refuses this user: check BREAKOUT__NATS__USER and __PASSWORD")
        with contextlib.suppress(OSError):
            if "permissions violation" in str(error).lower():
                logger.error("permission_violation", error=str(error))
                await connection.close()
            else:
                logger.debug("connection_error", error=repr(error))

    try:
        async with asyncio.timeout(timeout_s):
            # With no bound on its attempts nats-py tries until this is cancelled.
            await connection.connect(
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
    except TimeoutError as error:
        await connection.close()
        raise LogUnavailable(
            f"no broker answers at {url} (waited {timeout_s:g} s): start it, or set BREAKOUT__NATS__URL"
        ) from error
    except LogInvalid:
        await connection.close()
        raise
    except NatsError as error:
        raise LogInvalid(f"BREAKOUT__NATS__URL={url!r}: {error}") from error
    connected = True
    return connection
