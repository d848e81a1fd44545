"""Read recorded candles from a folder of Parquet files, only the columns, symbols and days needed.

One file per symbol: `ts` (open time, ms UTC), open, high, low, close, volume. The exchange settles
everything in USDT, so BTCUSDC.parquet is listed as BTCUSDT. Whatever is wrong with a folder or a
file is a `DataError` that names it, before anything is served.
"""

from math import isfinite
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.simulator.adapters.failures import DataError
from services.simulator.domain.bars import DAY_MS, BarSource
from services.simulator.domain.listing import recorded_markets
from services.simulator.domain.market import SymbolMarket
from services.simulator.domain.recorded import Candles, RecordedSource, recorded_traits
from services.simulator.domain.universe import Traits
from services.simulator.settings import Settings

_COLUMNS = ["ts", "open", "high", "low", "close", "volume"]
_QUOTES = ("USDT", "USDC", "USD")
_WARM_UP_MS = 5 * DAY_MS
_SESSION_MS = 45 * DAY_MS
_HOUR_MS = 3_600_000
_FIRST_SYMBOLS = ("BTC", "ETH", "BNB", "SOL", "XRP")


def open_recorded(settings: Settings) -> tuple[dict[str, SymbolMarket], int]:
    """Return the recorded markets and the time at which the session starts."""
    folder = Path(settings.data)
    chosen = _choose(folder, settings.symbols)
    spans = {path: _span(path) for path in chosen.values()}
    begin, end = max(first for first, _ in spans.values()), min(last for _, last in spans.values())
    if begin >= end:
        raise DataError(f"{folder}: the files have no time in common")
    start_ms = begin + min(int(settings.offset_hours * _HOUR_MS), (end - begin) // 2)
    listed: dict[str, tuple[Traits, BarSource]] = {}
    for symbol, path in chosen.items():
        candles = _read(path, start_ms - _WARM_UP_MS, start_ms + _SESSION_MS)
        traits = recorded_traits(settings.seed, symbol, candles, start_ms)
        listed[symbol] = (traits, RecordedSource(candles, traits))
    return recorded_markets(settings.seed, listed), start_ms


def _choose(folder: Path, most: int) -> dict[str, Path]:
    """Return the first `most` files by symbol, the majors before the rest."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of candle files")
    found = {_symbol(path): path for path in sorted(folder.glob("*.parquet"))}
    if not found:
        raise DataError(f"{folder}: holds no *.parquet candle file")
    majors = [f"{base}USDT" for base in _FIRST_SYMBOLS]
    ordered = sorted(found, key=lambda s: (majors.index(s) if s in majors else len(majors), s))
    return {symbol: found[symbol] for symbol in ordered[:most]}


def _symbol(path: Path) -> str:
    for quote in _QUOTES:
        if path.stem.endswith(quote) and len(path.stem) > len(quote):
            return f"{path.stem.removesuffix(quote)}USDT"
    raise DataError(f"{path}: the file's name is not a symbol ending in {', '.join(_QUOTES)}")


def _span(path: Path) -> tuple[int, int]:
    """Return the first and the last open time in a file, in ms."""
    try:
        schema = pq.read_schema(path)
        missing = [name for name in _COLUMNS if name not in schema.names]
        if missing:
            raise DataError(f"{path}: lacks the columns {', '.join(missing)}")
        times = pq.read_table(path, columns=["ts"])["ts"]
        if not pa.types.is_integer(times.type):
            raise DataError(f"{path}: ts is {times.type}, not an integer of milliseconds")
        if len(times) < 2:
            raise DataError(f"{path}: holds {len(times)} candles, at least 2 are needed")
        bounds = pc.min_max(times).as_py()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error
    return int(bounds["min"]), int(bounds["max"])


def _read(path: Path, start_ms: int, end_ms: int) -> Candles:
    window = [("ts", ">=", start_ms), ("ts", "<", end_ms)]
    try:
        table = pq.read_table(path, columns=_COLUMNS, filters=window)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error
    try:
        columns = {name: table[name].to_numpy().astype(np.float64) for name in _COLUMNS[1:]}
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: a price or volume column is not numeric: {error}") from error
    candles = Candles(table["ts"].to_numpy().astype(np.int64), *columns.values())
    fault = _fault(candles)
    if fault:
        raise DataError(f"{path}: {fault}")
    return candles


def _fault(candles: Candles) -> str | None:
    """Return what is wrong with the values, None when they are candles."""
    if candles.ts.size < 2:
        return f"holds {candles.ts.size} candles in the session's time"
    if (np.diff(candles.ts) <= 0).any():
        return "ts is not strictly increasing"
    if not all(isfinite(float(column.sum())) for column in candles[1:]):
        return "holds a value that is not a finite number"
    lows = np.minimum(candles.open, candles.close)
    highs = np.maximum(candles.open, candles.close)
    if (candles.low <= 0).any() or (candles.low > lows).any() or (candles.high < highs).any():
        row = int(np.argmax((candles.low <= 0) | (candles.low > lows) | (candles.high < highs)))
        return f"the candle at ts {candles.ts[row]} is not low <= open, close <= high with low > 0"
    return "holds a negative volume" if (candles.volume < 0).any() else None
