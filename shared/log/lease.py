"""Says what a lease is: the right to lead, and at the same time the sign of life.

A lease makes takeover quick; safety is the fence's. It lives in memory at the broker, lapses when it
is not renewed, and after a restart of the broker it is simply taken again.
"""

from enum import StrEnum
from typing import Protocol

import msgspec


class Role(StrEnum):
    LEADER = "leader"
    STANDBY = "standby"


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance says of itself with every renewal."""

    service: str
    partition: int
    instance: str
    role: Role
    pid: int
    host: str
    # Seq of the last record read, and how many records were waiting behind it.
    position: int
    lag: int
    rss_bytes: int


class Leases(Protocol):
    """The leases of a desk."""

    async def hold(self, heartbeat: Heartbeat) -> bool:
        """Take or renew the lease of `heartbeat.service` and partition; False: another holds it.

        A standby's heartbeat is kept beside the leader's. Call it a few times per time-to-live.
        """
        ...

    async def release(self, heartbeat: Heartbeat) -> None:
        """Give the lease up, so that a standby takes over at once."""
        ...

    async def seen(self) -> tuple[Heartbeat, ...]:
        """Return the last heartbeat of every instance that is alive, leaders first."""
        ...
