"""Keep the latest bars of many symbols as contiguous columns on one time grid.

Back-fill and live bars arrive through the same `push`, in any order and for any subset of symbols; what has
not arrived is NaN. A buffer of twice the capacity makes the arrays contiguous views and an appended bar a copy
of one row: the whole window is moved only once per `capacity` bars.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
import numpy as np

from shared.market.bars import Bars
from shared.market.columns import Floats, Ints, from_bytes, to_bytes

_FIELDS = len(Bars._fields)


class BarWindowState(msgspec.Struct, frozen=True, kw_only=True):
    """What a window is, in types that a snapshot can store; `columns` is `[field, row, symbol]` float64 bytes."""

    step_ms: int
    capacity: int
    last_open_time_ms: int | None
    symbols: tuple[str, ...]
    columns: bytes


class BarWindow:
    """The last `capacity` bars of every symbol seen, in order of first appearance."""

    def __init__(self, *, step_ms: int, capacity: int) -> None:
        assert step_ms > 0, "bars have a length"
        assert capacity > 0, "a window holds at least one bar"
        self.step_ms = step_ms
        self.capacity = capacity
        self._symbols: tuple[str, ...] = ()
        self._column_of: dict[str, int] = {}
        self._buffer: Floats = np.empty((_FIELDS, 2 * capacity, 0))
        self._stop = capacity
        self._last_open_time_ms: int | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        return self._symbols

    @property
    def column_of(self) -> Mapping[str, int]:
        """Map each symbol to its column."""
        return MappingProxyType(self._column_of)

    @property
    def last_open_time_ms(self) -> int | None:
        """Open time of the newest row, None before the first bar."""
        return self._last_open_time_ms

    @property
    def open_time_ms(self) -> Ints:
        """Open time of each row, `[capacity]`; raises ValueError while the window is empty."""
        if self._last_open_time_ms is None:
            raise ValueError("an empty window has no times")
        return self._last_open_time_ms + self.step_ms * np.arange(1 - self.capacity, 1, dtype=np.int64)

    @property
    def bars(self) -> Bars:
        """Read-only views `[capacity, symbols]`, oldest row first, valid until the next `push`."""
        view = self._buffer[:, self._stop - self.capacity : self._stop]
        view.flags.writeable = False
        return Bars(*view)

    def push(self, open_time_ms: int, step_ms: int, symbols: Sequence[str], bars: Bars) -> None:
        """Merge bars `[rows, len(symbols)]` whose first row opens at `open_time_ms`.

        Bars present replace what the window holds, missing ones (NaN close) leave it; rows older than the window are
        dropped. Raises ValueError when the step or the shape is wrong, or the time is off the grid.
        """
        rows = self._checked_rows(open_time_ms, step_ms, symbols, bars)
        if rows == 0 or not symbols:
            return
        self._add(symbols)
        self._advance_to(open_time_ms + (rows - 1) * step_ms)
        assert self._last_open_time_ms is not None, "advancing sets the time"
        behind = (self._last_open_time_ms - open_time_ms) // step_ms
        skipped = max(0, behind + 1 - self.capacity)
        if skipped >= rows:
            return
        start = self._stop - 1 - behind + skipped
        self._merge(slice(start, start + rows - skipped), symbols, bars.rows(skipped))

    def one(self, symbol: str) -> tuple[Ints, Bars]:
        """Return the open times and the bars `[n]` of one symbol, without its missing rows."""
        column = self._column_of[symbol]
        bars = Bars(*(field[:, column] for field in self.bars))
        present = bars.present
        return self.open_time_ms[present], Bars(*(field[present] for field in bars))

    def to_state(self) -> BarWindowState:
        """Return everything a restart needs to continue with the same bytes."""
        return BarWindowState(
            step_ms=self.step_ms,
            capacity=self.capacity,
            last_open_time_ms=self._last_open_time_ms,
            symbols=self._symbols,
            columns=to_bytes(np.stack(self.bars)),
        )

    @classmethod
    def from_state(cls, state: BarWindowState) -> "BarWindow":
        """Rebuild the window; raise ValueError when the columns do not fit its shape."""
        window = cls(step_ms=state.step_ms, capacity=state.capacity)
        window._add(state.symbols)
        flat = from_bytes(state.columns, _FIELDS * state.capacity, len(state.symbols))
        window._buffer[:, : state.capacity] = flat.reshape(_FIELDS, state.capacity, len(state.symbols))
        window._last_open_time_ms = state.last_open_time_ms
        return window

    def _checked_rows(self, open_time_ms: int, step_ms: int, symbols: Sequence[str], bars: Bars) -> int:
        if step_ms != self.step_ms:
            raise ValueError(f"bars of {step_ms} ms do not belong into a window of {self.step_ms} ms")
        if open_time_ms % step_ms:
            raise ValueError(f"open time {open_time_ms} is not a multiple of {step_ms} ms")
        shape = bars.close.shape
        if len(shape) != 2 or shape[1] != len(symbols) or any(field.shape != shape for field in bars):
            raise ValueError(f"columns must be [rows, {len(symbols)}], got {[f.shape for f in bars]}")
        return len(bars.close)

    def _add(self, symbols: Sequence[str]) -> None:
        added = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self._column_of]
        if not added:
            return
        empty = np.full((_FIELDS, 2 * self.capacity, len(added)), np.nan)
        self._buffer = np.concatenate([self._buffer, empty], axis=2)
        for symbol in added:
            self._column_of[symbol] = len(self._column_of)
        self._symbols = tuple(self._column_of)

    def _advance_to(self, open_time_ms: int) -> None:
        """Make `open_time_ms` the newest row if it is newer; rows in between are missing until they arrive."""
        if self._last_open_time_ms is None:
            self._last_open_time_ms = open_time_ms
            return
        ahead = (open_time_ms - self._last_open_time_ms) // self.step_ms
        if ahead <= 0:
            return
        self._last_open_time_ms = open_time_ms
        steps = min(ahead, self.capacity)
        if self._stop + steps > 2 * self.capacity:
            self._buffer[:, : self.capacity] = self._buffer[:, self._stop - self.capacity : self._stop]
            self._stop = self.capacity
        self._buffer[:, self._stop : self._stop + steps] = np.nan
        self._stop += steps

    def _merge(self, rows: slice, symbols: Sequence[str], bars: Bars) -> None:
        target = self._buffer[:, rows]
        source = np.stack(bars)
        present = bars.present
        if len(symbols) == len(self._symbols) and tuple(symbols) == self._symbols:
            np.copyto(target, source, where=present)
            return
        columns = [self._column_of[symbol] for symbol in symbols]
        target[:, :, columns] = np.where(present, source, target[:, :, columns])
