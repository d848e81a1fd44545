"""Defines the record: one message of the log, and the chain that makes a broken file visible."""

from hashlib import sha256

import msgspec

from shared.contracts.base import Event
from shared.contracts.desk import Source


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one writer said at once: one or more events, stored together or not at all."""

    seq: int
    source: Source
    partition: int
    # Desk time, ns since the epoch.
    time_ns: int
    # The seq of the record that this one answers; 0 for an edge's observation.
    cause: int
    correlation: str
    # `digest` of the body of this writer's previous record; empty for its first.
    prev: str
    events: tuple[Event, ...]
    # `digest` of this record's own body, for the writer's next record.
    digest: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A record before the log has given it a seq."""

    time_ns: int
    cause: int = 0
    correlation: str = ""
    events: tuple[Event, ...]


def digest(body: bytes) -> str:
    """Return the first 128 bits of the body's SHA-256, in hex."""
    return sha256(body).hexdigest()[:32]
