"""Derives every id and every partition from what caused it.

Ids are names, never random: the same input decided twice yields the same id, so a resend after a
crash is recognised, and a replay compares byte for byte.
"""

from uuid import UUID, uuid5
from zlib import crc32


def derive_id(desk_id: UUID, cause_seq: int, *names: str | int) -> str:
    """Return the id of the thing `names`, decided because of record `cause_seq` of that desk."""
    return str(uuid5(desk_id, "/".join([str(cause_seq), *(str(name) for name in names)])))


def partition_of(symbol: str, partitions: int) -> int:
    """Return the partition (0-based) that owns a symbol; stable across processes and versions."""
    return crc32(symbol.encode()) % partitions
