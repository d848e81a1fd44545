"""Encodes and decodes the body of a record: JSON, an envelope around a list of tagged events."""

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from shared.contracts import (
    account,
    desk,
    engine,
    market,
    order,
    position,
    risk,
    scan,
    signal,
    venue,
)
from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.record import Draft, Record, digest

MODULES = (desk, market, scan, signal, risk, order, position, account, venue, engine)


def _events_of(module: Any) -> list[type[Event]]:
    own = (value for value in vars(module).values() if isinstance(value, type))
    return [kind for kind in own if issubclass(kind, Event) and kind.__module__ == module.__name__]


EVENT_TYPES: tuple[type[Event], ...] = tuple(kind for module in MODULES for kind in _events_of(module))
AnyEvent: Any = reduce(or_, EVENT_TYPES)


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it lies in the log; the log itself adds the seq."""

    source: Source
    partition: int
    time_ns: int
    cause: int
    correlation: str
    prev: str
    events: tuple[AnyEvent, ...]


class RecordUnreadable(Exception):
    """A message of the log is no record: a flipped bit, a foreign writer or a newer version."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Body)
_event_decoder = msgspec.json.Decoder(AnyEvent)


def encode_body(draft: Draft, *, source: Source, partition: int, prev: str) -> bytes:
    """Return the body of the record that `draft` becomes after the writer's record `prev`."""
    assert draft.events, "a record says something"
    body = Body(
        source=source,
        partition=partition,
        time_ns=draft.time_ns,
        cause=draft.cause,
        correlation=draft.correlation,
        prev=prev,
        events=draft.events,
    )
    return _encoder.encode(body)


def decode_record(body: bytes, *, seq: int) -> Record:
    """Return the record at `seq`.

    Raises:
        RecordUnreadable: naming the seq and what is wrong.
    """
    try:
        decoded = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise RecordUnreadable(f"record {seq}: {error}") from error
    return Record(
        seq=seq,
        source=decoded.source,
        partition=decoded.partition,
        time_ns=decoded.time_ns,
        cause=decoded.cause,
        correlation=decoded.correlation,
        prev=decoded.prev,
        events=decoded.events,
        digest=digest(body),
    )


def encode_event(event: Event) -> bytes:
    """Return one event as JSON, its type as the tag."""
    return _encoder.encode(event)


def decode_event(raw: bytes) -> Event:
    """Return the event that `encode_event` wrote."""
    event: Event = _event_decoder.decode(raw)
    return event
