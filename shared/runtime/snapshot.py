"""Encodes the states of processors, so that a long log need not be folded from its beginning.

A snapshot is a convenience: tagged with a fingerprint of its state's shape and of the code's version,
ignored when either differs, and always rebuildable from the log.
"""

from hashlib import sha256
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from shared.log.port import Tail

State = TypeVar("State")


class Snapshot(msgspec.Struct, Generic[State], frozen=True, kw_only=True):
    """A processor's state after every input up to `position` had been decided."""

    fingerprint: str
    position: int
    tail: Tail
    state: State


def encode_snapshot(snapshot: Snapshot[Any]) -> bytes:
    """Return the snapshot as MessagePack; NumPy arrays travel as dtype, shape and bytes."""
    return msgspec.msgpack.encode(snapshot, enc_hook=_encode_array)


def decode_snapshot(raw: bytes, state_type: type[State]) -> Snapshot[State] | None:
    """Return the snapshot, or None when it is of another shape of state, or unreadable."""
    try:
        snapshot: Snapshot[State] = msgspec.msgpack.decode(
            raw,
            type=Snapshot[state_type],  # type: ignore[valid-type]
            dec_hook=_decode_array,
        )
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None
    return snapshot if snapshot.fingerprint == fingerprint(state_type) else None


def fingerprint(state_type: type[Any]) -> str:
    """Return a name for the shape of a state: its fields and theirs, by name and type."""
    return sha256(repr(_shape(state_type, set())).encode()).hexdigest()[:16]


def _shape(kind: Any, seen: set[Any]) -> Any:
    fields = getattr(kind, "__struct_fields__", None)
    if fields is None:
        parts = [_shape(part, seen) for part in getattr(kind, "__args__", ())]
        return (str(kind), parts) if parts else str(kind)
    if kind in seen:
        return kind.__qualname__
    seen.add(kind)
    return (kind.__qualname__, [(f.name, _shape(f.type, seen)) for f in msgspec.structs.fields(kind)])


def _encode_array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    raise NotImplementedError(f"a state cannot hold a {type(value).__name__}")


def _decode_array(kind: Any, value: Any) -> Any:
    if kind is np.ndarray or getattr(kind, "__origin__", None) is np.ndarray:
        dtype, shape, raw = value
        return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()
    raise NotImplementedError(f"a state cannot hold a {kind}")
