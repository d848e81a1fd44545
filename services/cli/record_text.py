"""Writes records for people: one line each, or everything, with columns as numbers."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.contracts.base import Event
from shared.contracts.columns import unpack
from shared.contracts.processor import NS_PER_S
from shared.contracts.record import Record

COLUMN_PREVIEW = 6
# What tells events of one type apart, most telling first; at most so many are shown.
TELLING = (
    "symbol", "command", "to_state", "reason", "side", "purpose", "quantity", "price", "trigger_price",
    "last_qty", "last_px", "exit_reason", "pnl_r", "service", "alive", "number", "channel", "rows",
)  # fmt: skip
TELLING_MAX = 4


def desk_time(time_ns: int) -> str:
    """Return desk time as ISO 8601 with milliseconds, UTC."""
    moment = datetime.fromtimestamp(time_ns / NS_PER_S, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record_line(record: Record) -> str:
    """Return seq, desk time, writer, cause and events in one line."""
    writer = f"{record.source}.{record.partition}"
    cause = f"<- {record.cause}" if record.cause else ""
    events = "; ".join(_brief(event) for event in record.events)
    return f"{record.seq:>8}  {desk_time(record.time_ns)}  {writer:<14} {cause:<10} {events}"


def record_document(record: Record) -> dict[str, Any]:
    """Return a record with its events, as they stand in the log."""
    return {
        "seq": record.seq,
        "time_ns": record.time_ns,
        "source": record.source,
        "partition": record.partition,
        "cause": record.cause,
        "correlation": record.correlation,
        "prev": record.prev,
        "digest": record.digest,
        "events": record.events,
    }


def record_text(record: Record) -> str:
    """Return everything in a record over several lines, columns shortened to their first numbers."""
    lines = [
        f"record       {record.seq}",
        f"time         {desk_time(record.time_ns)}",
        f"written by   {record.source}.{record.partition}",
        f"answers      {record.cause or 'nothing: an observation'}",
        f"correlation  {record.correlation or '-'}",
        f"digest       {record.digest} after {record.prev or 'nothing'}",
    ]
    for event in record.events:
        shown = _with_numbers(msgspec.to_builtins(event, builtin_types=(bytes,)))
        lines.append(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    return "\n".join(lines)


def _brief(event: Event) -> str:
    told = [
        f"{name}={getattr(event, name)}"
        for name in TELLING
        if getattr(event, name, None) not in (None, "") and not isinstance(getattr(event, name), tuple)
    ]
    return " ".join([type(event).__name__, *told[:TELLING_MAX]])


def _with_numbers(value: Any) -> Any:
    if isinstance(value, bytes):
        numbers = unpack(value)
        shown = ", ".join(f"{number:g}" for number in numbers[:COLUMN_PREVIEW])
        return f"{len(numbers)} values: {shown}{', ...' if len(numbers) > COLUMN_PREVIEW else ''}"
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_numbers(item) for item in value]
    return value
