"""Keeps leases as messages that lapse: a stream in the broker's memory with a short maximum age."""

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from shared.log.lease import Heartbeat, Role
from shared.log.port import LogUnavailable

REQUEST_TIMEOUT_S = 1.0
WRONG_LAST_SEQUENCE = 10071


class JetStreamLeases:
    """The leases of a desk; see `Leases`."""

    def __init__(self, connection: Client, desk: str, ttl_s: float) -> None:
        """Use the desk's leases; one that is not renewed for `ttl_s` lapses."""
        self._context: JetStreamContext = connection.jetstream(timeout=REQUEST_TIMEOUT_S)
        self._prefix = f"lease.{desk}"
        self._stream = f"LEASES_{desk}"
        self._ttl_s = ttl_s
        # Revision of the last renewal, per subject and instance.
        self._revisions: dict[tuple[str, str], int] = {}

    async def hold(self, heartbeat: Heartbeat) -> bool:
        """Take or renew; see `Leases.hold`.

        Raises:
            LogUnavailable: the broker does not answer; the lease may lapse.
        """
        subject = f"{self._prefix}.{heartbeat.service}.{heartbeat.partition}"
        leading = msgspec.structs.replace(heartbeat, role=Role.LEADER)
        try:
            if await self._renew(subject, leading):
                return True
            standby = msgspec.structs.replace(heartbeat, role=Role.STANDBY)
            instance = heartbeat.instance.replace(".", "-")
            await self._context.publish(f"{subject}.{instance}", msgspec.json.encode(standby))
        except (APIError, NatsError, TimeoutError, OSError) as error:
            self._revisions.pop((subject, heartbeat.instance), None)
            await self._ensure_quietly()
            raise LogUnavailable(f"{subject}: {error!r}") from error
        return False

    async def _renew(self, subject: str, heartbeat: Heartbeat) -> bool:
        key = (subject, heartbeat.instance)
        # A remembered revision is stale after a restart of the broker: then the lease itself is asked.
        for expected in (self._revisions.pop(key, None), None):
            revision = expected or await self._revision_to_follow(subject, heartbeat.instance)
            if revision is None:
                return False
            headers = {api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(revision)}
            try:
                ack = await self._context.publish(subject, msgspec.json.encode(heartbeat), headers=headers)
            except APIError as error:
                if error.err_code != WRONG_LAST_SEQUENCE:
                    raise
            else:
                self._revisions[key] = ack.seq
                return True
        return False

    async def _revision_to_follow(self, subject: str, instance: str) -> int | None:
        """Return 0 when nobody holds the lease, its revision when we did, None when another does."""
        try:
            message = await self._context.get_last_msg(self._stream, subject)
        except NotFoundError:
            return 0
        holder = msgspec.json.decode(message.data or b"", type=Heartbeat)
        return message.seq if holder.instance == instance else None

    async def release(self, heartbeat: Heartbeat) -> None:
        """Give the lease up, so that a standby takes over at once."""
        subject = f"{self._prefix}.{heartbeat.service}.{heartbeat.partition}"
        if self._revisions.pop((subject, heartbeat.instance), None) is None:
            return
        try:
            await self._context.purge_stream(self._stream, subject=subject)
        except (APIError, NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{subject}: {error!r}") from error

    async def seen(self) -> tuple[Heartbeat, ...]:
        """Return the last heartbeat of every instance that is alive, leaders first."""
        found: list[Heartbeat] = []
        try:
            info = await self._context.stream_info(self._stream, subjects_filter=f"{self._prefix}.>")
            for subject in sorted(info.state.subjects or {}):
                found.extend(await self._read(subject))
        except (APIError, NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{self._stream}: {error!r}") from error
        return tuple(sorted(found, key=lambda beat: (beat.role, beat.service, beat.partition)))

    async def _read(self, subject: str) -> list[Heartbeat]:
        try:
            message = await self._context.get_last_msg(self._stream, subject)
        except NotFoundError:
            return []  # lapsed between the listing and the look
        return [msgspec.json.decode(message.data or b"", type=Heartbeat)]

    async def ensure(self) -> None:
        """Create the stream of leases, or leave it as it is.

        Raises:
            LogUnavailable: the broker does not answer.
        """
        try:
            await self._context.stream_info(self._stream)
        except NotFoundError:
            await self._context.add_stream(
                api.StreamConfig(
                    name=self._stream,
                    subjects=[f"{self._prefix}.>"],
                    storage=api.StorageType.MEMORY,
                    max_age=self._ttl_s,
                    max_msgs_per_subject=1,
                    duplicate_window=min(self._ttl_s, 1.0),
                )
            )
        except (APIError, NatsError, TimeoutError, OSError) as error:
            raise LogUnavailable(f"{self._stream}: {error!r}") from error

    async def _ensure_quietly(self) -> None:
        """Bring the stream back after a restart of the broker, which has forgotten it."""
        try:
            await self.ensure()
        except (LogUnavailable, APIError, NatsError, TimeoutError, OSError):
            return
