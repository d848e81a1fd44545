"""Turn arrays into the bytes of a record's numeric column and back.

A column on the wire is little-endian float64, row by row (time-major), so decoding is one `np.frombuffer`.
"""

import numpy as np
import numpy.typing as npt

WIRE_DTYPE = np.dtype("<f8")

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def to_bytes(array: Floats) -> bytes:
    """Return the little-endian float64 bytes of an array of any shape, in C order."""
    return np.ascontiguousarray(array, dtype=WIRE_DTYPE).tobytes()


def from_bytes(data: bytes, rows: int, symbols: int) -> Floats:
    """Return a read-only `[rows, symbols]` view of a column; raise ValueError if its length does not fit."""
    expected = rows * symbols * WIRE_DTYPE.itemsize
    if len(data) != expected:
        raise ValueError(f"column has {len(data)} bytes, {rows} rows x {symbols} symbols need {expected}")
    return np.frombuffer(data, dtype=WIRE_DTYPE).reshape(rows, symbols)
