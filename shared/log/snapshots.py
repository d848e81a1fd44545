"""Keeps snapshots beside the log: the last one of each processor, in the broker's object store."""

from typing import Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError, ObjectNotFoundError

REQUEST_TIMEOUT_S = 5.0


class Snapshots(Protocol):
    """Where snapshots lie. Losing them costs time, never truth: failures are not errors here."""

    async def load(self, name: str) -> bytes | None:
        """Return the last snapshot of that name, or None."""
        ...

    async def save(self, name: str, snapshot: bytes) -> bool:
        """Replace the snapshot of that name; False when it could not be stored."""
        ...


class MemorySnapshots:
    """Snapshots in this process."""

    def __init__(self) -> None:
        """Start with none."""
        self._kept: dict[str, bytes] = {}

    async def load(self, name: str) -> bytes | None:
        """Return the last snapshot of that name, or None."""
        return self._kept.get(name)

    async def save(self, name: str, snapshot: bytes) -> bool:
        """Replace the snapshot of that name."""
        self._kept[name] = snapshot
        return True


class JetStreamSnapshots:
    """Snapshots in the desk's object store at the broker."""

    def __init__(self, connection: Client, desk: str) -> None:
        """Use the bucket of that desk; it is created on the first save."""
        self._context: JetStreamContext = connection.jetstream(timeout=REQUEST_TIMEOUT_S)
        self._bucket = f"SNAPSHOTS_{desk}"

    async def load(self, name: str) -> bytes | None:
        """Return the last snapshot of that name, or None."""
        try:
            store = await self._context.object_store(self._bucket)
            found = await store.get(name)
        except (BucketNotFoundError, NotFoundError, ObjectNotFoundError, NatsError, TimeoutError, OSError):
            return None
        data: bytes | None = found.data
        return data

    async def save(self, name: str, snapshot: bytes) -> bool:
        """Replace the snapshot of that name; False when it could not be stored."""
        try:
            try:
                store = await self._context.object_store(self._bucket)
            except (BucketNotFoundError, NotFoundError):
                store = await self._context.create_object_store(
                    self._bucket, config=api.ObjectStoreConfig(storage=api.StorageType.FILE)
                )
            await store.put(name, snapshot)
        except (APIError, NatsError, TimeoutError, OSError):
            return False
        return True
