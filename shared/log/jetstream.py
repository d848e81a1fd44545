"""Keeps a log in a JetStream stream: `DESK_<desk>`, subjects `desk.<desk>.<source>.<partition>`.

One decision is one message, appended with the expectation of the writer's last one, so the server
itself refuses a second writer.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from shared.contracts.codec import decode_record, encode_body
from shared.contracts.desk import AGEING_SOURCES, Source
from shared.contracts.record import Draft, Record, digest
from shared.log.port import Delivery, FenceConflict, LogInvalid, LogUnavailable, Tail
from shared.log.reader import OrderedReader

WRONG_LAST_SEQUENCE = 10071
PUBLISH_TIMEOUT_S = 1.0
DUPLICATE_WINDOW_S = 120


class LogLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How a desk's stream is kept. Market data and ticks age; nothing else does."""

    market_ttl_s: int = 7 * 86_400
    replicas: int = 1


class JetStreamLog:
    """A desk's log at a broker."""

    def __init__(self, connection: Client, desk: str, limits: LogLimits | None = None) -> None:
        """Use a desk's stream over this connection; `ensure` creates it."""
        self.desk = desk
        self.stream = f"DESK_{desk}"
        self._connection = connection
        self._context: JetStreamContext = connection.jetstream(timeout=PUBLISH_TIMEOUT_S)
        self._limits = limits or LogLimits()

    async def ensure(self) -> None:
        """Create the stream, or leave it as it is.

        Raises:
            LogInvalid: the broker has no JetStream, or holds another stream on these subjects.
            LogUnavailable: no answer.
        """
        config = api.StreamConfig(
            name=self.stream,
            subjects=[f"desk.{self.desk}.>"],
            storage=api.StorageType.FILE,
            num_replicas=self._limits.replicas,
            duplicate_window=DUPLICATE_WINDOW_S,
            deny_delete=True,
            deny_purge=True,
            allow_direct=True,
            allow_msg_ttl=True,
        )
        try:
            await self._context.stream_info(self.stream)
        except NotFoundError:
            await self._create(config)
        except (NatsError, TimeoutError) as error:
            raise LogUnavailable(f"{self.stream}: {error!r}") from error

    async def _create(self, config: api.StreamConfig) -> None:
        try:
            await self._context.add_stream(config)
        except APIError as error:
            raise LogInvalid(f"{self.stream}: the broker does not create it: {error.description}") from error
        except (NatsError, TimeoutError) as error:
            raise LogUnavailable(f"{self.stream}: {error!r}") from error

    def subject(self, source: Source, partition: int) -> str:
        """Return the subject of one writer."""
        return f"desk.{self.desk}.{source}.{partition}"

    async def append(self, draft: Draft, *, source: Source, partition: int, after: Tail) -> Tail:
        """Store the draft; see `Log.append`."""
        body = encode_body(draft, source=source, partition=partition, prev=after.digest)
        own = digest(body)
        headers = {
            # Unique per body, because the body names its predecessor.
            api.Header.MSG_ID: f"{source}.{partition}.{after.seq}.{own}",
            api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(after.seq),
        }
        if source in AGEING_SOURCES:
            headers["Nats-TTL"] = f"{self._limits.market_ttl_s}s"
        try:
            ack = await self._context.publish(
                self.subject(source, partition), body, timeout=PUBLISH_TIMEOUT_S, headers=headers
            )
        except APIError as error:
            if error.err_code != WRONG_LAST_SEQUENCE:
                raise LogUnavailable(f"{source}.{partition}: {error.description}") from error
            return await self._settle(source, partition, own, after)
        except MaxPayloadError as error:
            raise LogInvalid(
                f"{source}.{partition}: the broker takes no record of {len(body)} bytes"
            ) from error
        except (NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{source}.{partition}: no acknowledgement: {error!r}") from error
        return Tail(ack.seq, own)

    async def _settle(self, source: Source, partition: int, own: str, after: Tail) -> Tail:
        """Tell a retry that had arrived the first time from a real conflict (both come as 10071)."""
        tail = await self.tail(source, partition)
        if tail.digest == own:
            return tail
        raise FenceConflict(f"{source}.{partition}: expected {after.seq}, the last is {tail.seq}")

    async def tail(self, source: Source, partition: int) -> Tail:
        """Return the last record of a subject, as the stream's leader knows it."""
        message = await self._last_message(source, partition)
        return Tail(message.seq, digest(message.data)) if message is not None else Tail()

    async def last_record(self, source: Source, partition: int) -> Record | None:
        """Return the last record of a subject itself, or None."""
        message = await self._last_message(source, partition)
        return decode_record(message.data, seq=message.seq) if message is not None else None

    async def _last_message(self, source: Source, partition: int) -> Any:
        try:
            return await self._context.get_last_msg(self.stream, self.subject(source, partition))
        except NotFoundError:
            return None
        except (NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{source}.{partition}: the tail is not to be had: {error!r}") from error

    async def read(
        self, sources: frozenset[Source], *, after_seq: int = 0, live: bool = True
    ) -> AsyncIterator[Delivery]:
        """Yield the records of these sources; see `Log.read`."""
        filters = [f"desk.{self.desk}.{source}.*" for source in sorted(sources)]
        reader = OrderedReader(self._connection, self.stream, filters, after_seq)
        try:
            async for delivery in reader.deliveries(live=live):
                yield delivery
        finally:
            await reader.close()

    async def first_seq(self) -> int:
        """Return the seq of the oldest record that is still stored; 0 for an empty log."""
        info = await self._info()
        return int(info.state.first_seq)

    async def last_seq(self) -> int:
        """Return the seq of the newest record."""
        info = await self._info()
        return int(info.state.last_seq)

    async def _info(self) -> Any:
        try:
            return await self._context.stream_info(self.stream)
        except (NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{self.stream}: {error!r}") from error

    async def close(self) -> None:
        """Close the connection."""
        # While the broker is away there is nobody to say good-bye to.
        with contextlib.suppress(NatsError, OSError):
            await self._connection.close()
