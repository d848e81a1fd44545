"""Lays bars of many symbols out as grids, the events that the log carries."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import nan

from services.market.domain.bars import Bar
from shared.contracts.columns import pack
from shared.contracts.market import BarsClosed

# Five columns of base64 float64 make 53 bytes a cell: a record of this many cells stays below 400 kB.
CELLS_MAX = 7_500
_MISSING = (nan,) * 5


def grids(bars: Mapping[str, Sequence[Bar]], *, step_ms: int, cells_max: int = CELLS_MAX) -> list[BarsClosed]:
    """Return the bars as grids of at most `cells_max` bars, earliest first; bars in order per symbol.

    Symbols whose bars span the same time share a grid, so a hole costs a NaN and a symbol with a longer
    past costs none to the others.
    """
    spans: dict[tuple[int, int], dict[str, Sequence[Bar]]] = {}
    for symbol, sequence in bars.items():
        if sequence:
            span = (sequence[0].open_time_ms, sequence[-1].open_time_ms)
            spans.setdefault(span, {})[symbol] = sequence
    found = chain.from_iterable(
        _cut(first, last, group, step_ms, cells_max) for (first, last), group in spans.items()
    )
    return sorted(found, key=lambda grid: grid.open_time_ms)


def _cut(
    first_ms: int, last_ms: int, group: Mapping[str, Sequence[Bar]], step_ms: int, cells_max: int
) -> Iterator[BarsClosed]:
    symbols = tuple(group)
    # More symbols than cells are cut by symbol, each part by time.
    for start in range(0, len(symbols), cells_max):
        part = symbols[start : start + cells_max]
        rows_max = max(1, cells_max // len(part))
        by_time = [{bar.open_time_ms: bar for bar in group[symbol]} for symbol in part]
        for open_ms in range(first_ms, last_ms + 1, rows_max * step_ms):
            stop_ms = min(open_ms + rows_max * step_ms, last_ms + step_ms)
            yield _grid(range(open_ms, stop_ms, step_ms), part, by_time)


def _grid(times_ms: range, symbols: tuple[str, ...], by_time: Sequence[Mapping[int, Bar]]) -> BarsClosed:
    cells = [
        (bar.open, bar.high, bar.low, bar.close, bar.volume) if (bar := column.get(time_ms)) else _MISSING
        for time_ms in times_ms
        for column in by_time
    ]
    opens, highs, lows, closes, volumes = zip(*cells, strict=True)
    return BarsClosed(
        timeframe_s=times_ms.step // 1000,
        open_time_ms=times_ms.start,
        rows=len(times_ms),
        symbols=symbols,
        open=pack(opens),
        high=pack(highs),
        low=pack(lows),
        close=pack(closes),
        volume=pack(volumes),
    )
