"""Says how a recorded decision and the one derived again differ, down to the first field.

Bytes are compared, not values: 1.0 and 1.00 are different decisions to whoever reads the log.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from shared.contracts.base import Event
from shared.contracts.codec import decode_event, encode_body, encode_event
from shared.contracts.record import Draft, Record, digest


class DifferenceKind(StrEnum):
    """How the recorded session and the derived one part."""

    CHANGED = "changed"
    # Derived, but the log goes on without it.
    DROPPED = "dropped"
    # Recorded, but the input it names is decided otherwise: with nothing, or once already.
    ADDED = "added"
    # Recorded after an answer to a later input.
    REORDERED = "reordered"
    RAISED = "raised"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that does not come out as recorded; events as JSON."""

    kind: DifferenceKind
    # Seq of the recorded decision; 0 when there is none.
    seq: int
    cause: int
    time_ns: int
    # The first field that differs, with both values; or the error raised.
    first: str
    recorded: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()


def as_json(events: Iterable[Event]) -> tuple[str, ...]:
    """Return each event as on the wire."""
    return tuple(encode_event(event).decode() for event in events)


def first_difference(record: Record, draft: Draft | None) -> str:
    """Return the path of the first value that differs, byte for byte; empty when nothing does."""
    assert draft is not None, "an awaited decision has a draft"
    body = encode_body(draft, source=record.source, partition=record.partition, prev=record.prev)
    if digest(body) == record.digest:
        return ""
    if record.time_ns != draft.time_ns:
        return f"time_ns: recorded {record.time_ns}, derived {draft.time_ns}"
    if record.correlation != draft.correlation:
        return f"correlation: recorded {record.correlation!r}, derived {draft.correlation!r}"
    recorded = [encode_event(event) for event in record.events]
    # A log written before a field existed says the same in other bytes; what was read from it is compared.
    derived = [encode_event(decode_event(encode_event(event))) for event in draft.events]
    if recorded == derived:
        return ""
    return (
        _differing("events", _decoded(recorded), _decoded(derived)) or "events: other digits of equal numbers"
    )


def _decoded(events: list[bytes]) -> list[Any]:
    return [msgspec.json.decode(event) for event in events]


def _differing(path: str, recorded: Any, derived: Any) -> str:
    if isinstance(recorded, dict) and isinstance(derived, dict) and recorded.keys() == derived.keys():
        pairs = ((f"{path}.{key}", recorded[key], derived[key]) for key in recorded)
    elif isinstance(recorded, list) and isinstance(derived, list) and len(recorded) == len(derived):
        pairs = (
            (f"{path}[{place}]", *pair) for place, pair in enumerate(zip(recorded, derived, strict=True))
        )
    else:
        return (
            "" if recorded == derived else f"{path}: recorded {_short(recorded)}, derived {_short(derived)}"
        )
    return next((found for found in (_differing(*pair) for pair in pairs) if found), "")


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} ({', '.join(_name(item) for item in value)})"
    return msgspec.json.encode(value).decode()


def _name(item: Any) -> str:
    return str(item.get("type", "?")) if isinstance(item, dict) else str(item)
