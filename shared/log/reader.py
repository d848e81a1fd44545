"""Reads a stream in order through a push consumer that we watch ourselves.

nats-py's own ordered consumer is blind for 16 to 20 seconds after a restart of the broker. This one
asks for a heartbeat twice a second and, when it hears nothing or misses a delivery, subscribes
again from the last record it has seen.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import api

from shared.contracts.codec import decode_record
from shared.log.port import Delivery

HEARTBEAT_S = 0.5
SILENCE_MAX_S = 1.25
RETRY_WAIT_S = 0.1
REQUEST_TIMEOUT_S = 1.0
# The server forgets a consumer that nobody listens to.
INACTIVE_S = 30.0
ACK_SUBJECT_TOKENS = 9


class Gap(Exception):
    """The subscription has missed something, or has fallen silent; it is opened anew."""


class OrderedReader:
    """One reader of a stream: each matching message once, in order."""

    def __init__(self, connection: Client, stream: str, filters: list[str], after_seq: int) -> None:
        """Read what comes after `after_seq` on any of the `filters`."""
        self._connection = connection
        self._stream = stream
        self._filters = filters
        self._position = after_seq
        self._delivered = 0
        self._inbox: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._subscription: Subscription | None = None
        self._consumer = ""

    async def deliveries(self, *, live: bool) -> AsyncIterator[Delivery]:
        """Yield deliveries for ever, or up to the end of the stream."""
        while True:
            try:
                if await self._subscribe() == 0:
                    yield Delivery(record=None, caught_up=True)
                    if not live:
                        return
                async for delivery in self._drain():
                    yield delivery
                    if delivery.caught_up and not live:
                        return
            except (Gap, NatsError, TimeoutError, OSError):
                await self.close()
                await asyncio.sleep(RETRY_WAIT_S)

    async def _subscribe(self) -> int:
        """Open a consumer after the last record seen; return how many messages wait for it."""
        subject = self._connection.new_inbox()
        self._inbox.clear()
        self._delivered = 0
        self._subscription = await self._connection.subscribe(
            subject, cb=self._enqueue, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        context = self._connection.jetstream(timeout=REQUEST_TIMEOUT_S)
        info = await context.add_consumer(
            self._stream,
            api.ConsumerConfig(
                deliver_subject=subject,
                deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self._position + 1,
                ack_policy=api.AckPolicy.NONE,
                filter_subjects=self._filters,
                idle_heartbeat=HEARTBEAT_S,
                flow_control=True,
                inactive_threshold=INACTIVE_S,
                mem_storage=True,
                num_replicas=1,
                max_deliver=1,
            ),
        )
        self._consumer = info.name
        return int(info.num_pending or 0)

    async def _enqueue(self, message: Msg) -> None:
        # A callback that raises or awaits can silence its subscription: it only ever enqueues.
        self._inbox.append(message)
        self._arrived.set()

    async def _drain(self) -> AsyncIterator[Delivery]:
        while True:
            while self._inbox:
                message = self._inbox.popleft()
                if message.headers and message.headers.get("Status") == "100":
                    await self._answer_status(message)
                else:
                    yield self._deliver(message)
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), SILENCE_MAX_S)
            except TimeoutError:
                raise Gap(f"no heartbeat for {SILENCE_MAX_S} s") from None

    async def _answer_status(self, message: Msg) -> None:
        """Answer a flow-control request; compare a heartbeat's count with ours."""
        if message.reply:
            await self._connection.publish(message.reply)
            return
        headers = message.headers or {}
        last = headers.get("Nats-Last-Consumer")
        if last is not None and int(last) != self._delivered:
            raise Gap(f"the server has delivered {last}, we have {self._delivered}")

    def _deliver(self, message: Msg) -> Delivery:
        seq, delivered, pending = _positions(message.reply)
        if delivered != self._delivered + 1:
            raise Gap(f"delivery {delivered} after {self._delivered}")
        self._delivered = delivered
        self._position = seq
        return Delivery(record=decode_record(message.data, seq=seq), caught_up=pending == 0)

    async def close(self) -> None:
        """Leave the subscription and its consumer."""
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._connection.is_closed:
            return
        with contextlib.suppress(NatsError, TimeoutError, OSError, ValueError):
            await subscription.unsubscribe()
        if self._consumer and self._connection.is_connected:
            context = self._connection.jetstream(timeout=REQUEST_TIMEOUT_S)
            with contextlib.suppress(NatsError, TimeoutError, OSError):
                await context.delete_consumer(self._stream, self._consumer)


def _positions(reply: str) -> tuple[int, int, int]:
    """Return stream seq, delivery number and messages still waiting, from a JetStream reply subject.

    `$JS.ACK.<stream>.<consumer>.<times>.<stream seq>.<delivery>.<time>.<pending>`, with a domain and an
    account hash before the stream, and a token after the end, where leaf nodes are used.
    """
    tokens = reply.split(".")
    offset = 0 if len(tokens) == ACK_SUBJECT_TOKENS else 2
    return int(tokens[5 + offset]), int(tokens[6 + offset]), int(tokens[8 + offset])
