"""Packs numeric columns into little-endian float64 bytes and back.

A column is written as one base64 string, so that reading the bars of a whole exchange is one
buffer and not a hundred thousand JSON numbers. NaN inside a column means "not observed".
"""

import sys
from array import array
from collections.abc import Iterable

FLOAT64_SIZE = 8


def pack(values: Iterable[float]) -> bytes:
    """Return the values as little-endian float64, 8 bytes each."""
    column = array("d", values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def unpack(column: bytes) -> tuple[float, ...]:
    """Return the values of a packed column.

    Raises:
        ValueError: when the length is no multiple of eight bytes.
    """
    values = array("d")
    values.frombytes(column)
    if sys.byteorder == "big":
        values.byteswap()
    return tuple(values)


def require_length(owner: str, columns: dict[str, bytes], cells: int) -> None:
    """Refuse columns that do not hold exactly `cells` numbers.

    Raises:
        ValueError: naming the owner and the column.
    """
    for name, column in columns.items():
        if len(column) != cells * FLOAT64_SIZE:
            raise ValueError(f"{owner}.{name}: {cells} float64 required, got {len(column)} bytes")
