"""Reads a desk's stream message by message as it lies in the store, for those who distrust it.

The ordered reader gives records and trusts the broker to skip nothing. This one asks for stored
messages by sequence, so that what the broker silently leaves out shows as a missing number.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from shared.log.port import LogInvalid, LogUnavailable

BATCH_RECORDS = 512
BATCH_BYTES = 16 * 1024 * 1024
BATCH_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 5.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NS_PER_S = 1_000_000_000
FRACTION_DIGITS = 9


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the stream, with what the broker keeps about it; nothing of it decoded."""

    seq: int
    subject: str
    # When the broker stored it: wall time, ns since the epoch.
    stored_at_ns: int
    message_id: str
    # How long the broker keeps it; 0 for ever.
    ttl_s: int
    body: bytes


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The first and the last sequence that the broker says the stream has."""

    first_seq: int
    last_seq: int
    messages: int


class StoredLog:
    """The stored messages of one desk."""

    def __init__(self, connection: Client, desk: str) -> None:
        """Look at a desk's stream; it is never created here."""
        self.stream = f"DESK_{desk}"
        self._connection = connection

    async def bounds(self) -> Bounds | None:
        """Return the stream's bounds, None when the broker has no such stream.

        Raises:
            LogUnavailable: the broker does not answer.
        """
        context = self._connection.jetstream(timeout=REQUEST_TIMEOUT_S)
        try:
            info = await context.stream_info(self.stream)
        except NotFoundError:
            return None
        except (NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{self.stream}: {error!r}") from error
        state = info.state
        return Bounds(first_seq=state.first_seq, last_seq=state.last_seq, messages=state.messages)

    async def messages(self, bounds: Bounds) -> AsyncIterator[StoredMessage]:
        """Yield every message that the broker has within the bounds, in order.

        Raises:
            LogUnavailable: the broker does not answer.
        """
        seq = max(bounds.first_seq, 1)
        while seq <= bounds.last_seq:
            batch, exhausted = await self._batch(seq)
            for message in batch:
                if message.seq <= bounds.last_seq:
                    yield message
            if exhausted or not batch:
                return
            seq = batch[-1].seq + 1

    async def _batch(self, seq: int) -> tuple[list[StoredMessage], bool]:
        """Return the messages from `seq` on, and whether nothing is stored after them."""
        answers: asyncio.Queue[Msg] = asyncio.Queue()
        inbox = self._connection.new_inbox()

        async def enqueue(message: Msg) -> None:
            answers.put_nowait(message)

        subscription = await self._connection.subscribe(
            inbox, cb=enqueue, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        try:
            request = json.dumps({"seq": seq, "batch": BATCH_RECORDS, "max_bytes": BATCH_BYTES}).encode()
            await self._connection.publish(f"$JS.API.DIRECT.GET.{self.stream}", request, reply=inbox)
            async with asyncio.timeout(BATCH_TIMEOUT_S):
                return await _collect(answers)
        except (NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{self.stream}: record {seq} is not to be had: {error!r}") from error
        finally:
            await subscription.unsubscribe()


async def _collect(answers: "asyncio.Queue[Msg]") -> tuple[list[StoredMessage], bool]:
    batch: list[StoredMessage] = []
    while True:
        message = await answers.get()
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            batch.append(_stored(message.data, headers))
        elif status in {"204", "404"}:
            return batch, status == "404" or headers.get("Nats-Num-Pending", "0") == "0"
        else:
            raise LogInvalid(f"the broker refuses to show stored records: {status} {dict(headers)}")


def _stored(body: bytes, headers: dict[str, str]) -> StoredMessage:
    return StoredMessage(
        seq=int(headers["Nats-Sequence"]),
        subject=headers["Nats-Subject"],
        stored_at_ns=_parse_time(headers["Nats-Time-Stamp"]),
        message_id=headers.get("Nats-Msg-Id", ""),
        ttl_s=int(headers.get("Nats-TTL", "0s").removesuffix("s")),
        body=body,
    )


def _parse_time(text: str) -> int:
    """Return ns since the epoch of `2026-01-31T12:00:00.123456789Z`; datetime itself stops at µs."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    elapsed = datetime.fromisoformat(whole).replace(tzinfo=UTC) - EPOCH
    return elapsed // timedelta(seconds=1) * NS_PER_S + int(fraction.ljust(FRACTION_DIGITS, "0") or "0")
