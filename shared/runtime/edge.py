"""Says what an edge is: the only kind of code that touches the world.

It runs while its service leads and is cancelled when it does not. It turns what it sees into
records on its own subject and, for the venue, recorded intents into effects.
"""

from typing import Protocol

import msgspec

from shared.contracts.desk import DeskOpened
from shared.log.lease import Leases
from shared.log.port import Log
from shared.runtime.clock import DeskClock


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What the shell hands to an edge: the log it works on, who is alive, and desk time."""

    opened: DeskOpened
    log: Log
    leases: Leases
    clock: DeskClock


class Edge(Protocol):
    """A piece of I/O with a life of its own."""

    async def run(self, desk: Desk) -> None:
        """Work until cancelled; raise when the edge cannot go on, and the process ends.

        Cancellation is the graceful end: finish what is on the wire within a second or two.
        """
        ...
