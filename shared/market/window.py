"""Keep the latest bars of many symbols as contiguous columns on one time grid.

Back-fill and live bars arrive through the same `push`, in any order and for any subset of symbols; what has
not arrived is NaN. A buffer of twice the capacity makes the arrays contiguous views and an appended bar a copy
of one row: the whole window is moved only once per `capacity` bars.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from shared.market.bars import Bars
from shared.market.columns import Floats, Ints

_FIELDS = len(Bars._fields)


class BarWindow(msgspec.Struct, kw_only=True, eq=False):
    """The last `capacity` bars of every symbol seen; part of a processor's state, so a snapshot can hold it."""

    step_ms: int
    capacity: int
    # Open time of the newest row, None before the first bar.
    last_open_time_ms: int | None = None
    # Column of each symbol, in order of first appearance.
    column_of: dict[str, int] = {}
    # `[field, row, symbol]`; the window is the `capacity` rows before `stop`.
    buffer: Floats = msgspec.field(default_factory=lambda: np.empty((_FIELDS, 0, 0)))
    stop: int = 0

    def __post_init__(self) -> None:
        assert self.step_ms > 0, "bars have a length"
        assert self.capacity > 0, "a window holds at least one bar"
        if self.stop == 0:
            self.stop = self.capacity
            self.buffer = np.empty((_FIELDS, 2 * self.capacity, 0))

    def __eq__(self, other: object) -> bool:
        """Compare what the windows show; where it lies in their buffers does not matter."""
        return (
            isinstance(other, BarWindow)
            and (self.step_ms, self.last_open_time_ms, self.symbols)
            == (other.step_ms, other.last_open_time_ms, other.symbols)
            and np.array_equal(np.stack(self.bars), np.stack(other.bars), equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.column_of)

    @property
    def open_time_ms(self) -> Ints:
        """Open time of each row, `[capacity]`; raises ValueError while the window is empty."""
        if self.last_open_time_ms is None:
            raise ValueError("an empty window has no times")
        return self.last_open_time_ms + self.step_ms * np.arange(1 - self.capacity, 1, dtype=np.int64)

    @property
    def bars(self) -> Bars:
        """Read-only views `[capacity, symbols]`, oldest row first, valid until the next `push`."""
        view = self.buffer[:, self.stop - self.capacity : self.stop]
        view.flags.writeable = False
        return Bars(*view)

    def _add(self, symbols: Sequence[str]) -> None:
        """Give each unknown symbol a column of missing bars; many at once cost no more than one."""
        added = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self.column_of]
        if not added:
            return
        empty = np.full((_FIELDS, 2 * self.capacity, len(added)), np.nan)
        self.buffer = np.concatenate([self.buffer, empty], axis=2)
        for symbol in added:
            self.column_of[symbol] = len(self.column_of)

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
        assert self.last_open_time_ms is not None, "advancing sets the time"
        behind = (self.last_open_time_ms - open_time_ms) // step_ms
        skipped = max(0, behind + 1 - self.capacity)
        if skipped >= rows:
            return
        start = self.stop - 1 - behind + skipped
        self._merge(slice(start, start + rows - skipped), symbols, bars.rows(skipped))

    def one(self, symbol: str) -> tuple[Ints, Bars]:
        """Return the open times and the bars `[n]` of one symbol, without its missing rows."""
        column = self.column_of[symbol]
        bars = Bars(*(field[:, column] for field in self.bars))
        present = bars.present
        return self.open_time_ms[present], Bars(*(field[present] for field in bars))

    def _checked_rows(self, open_time_ms: int, step_ms: int, symbols: Sequence[str], bars: Bars) -> int:
        if step_ms != self.step_ms:
            raise ValueError(f"bars of {step_ms} ms do not belong into a window of {self.step_ms} ms")
        if open_time_ms % step_ms:
            raise ValueError(f"open time {open_time_ms} is not a multiple of {step_ms} ms")
        shape = bars.close.shape
        if len(shape) != 2 or shape[1] != len(symbols) or any(field.shape != shape for field in bars):
            raise ValueError(f"columns must be [rows, {len(symbols)}], got {[f.shape for f in bars]}")
        return len(bars.close)

    def _advance_to(self, open_time_ms: int) -> None:
        """Make `open_time_ms` the newest row if it is newer; rows in between are missing until they arrive."""
        if self.last_open_time_ms is None:
            self.last_open_time_ms = open_time_ms
            return
        ahead = (open_time_ms - self.last_open_time_ms) // self.step_ms
        if ahead <= 0:
            return
        self.last_open_time_ms = open_time_ms
        steps = min(ahead, self.capacity)
        if self.stop + steps > 2 * self.capacity:
            self.buffer[:, : self.capacity] = self.buffer[:, self.stop - self.capacity : self.stop]
            self.stop = self.capacity
        self.buffer[:, self.stop : self.stop + steps] = np.nan
        self.stop += steps

    def _merge(self, rows: slice, symbols: Sequence[str], bars: Bars) -> None:
        target = self.buffer[:, rows]
        source = np.stack(bars)
        present = bars.present
        if len(symbols) == len(self.column_of) and tuple(symbols) == self.symbols:
            np.copyto(target, source, where=present)
            return
        columns = [self.column_of[symbol] for symbol in symbols]
        target[:, :, columns] = np.where(present, source, target[:, :, columns])
