"""Times one update of all scanner features on a new bar, beside TA-Lib called once per symbol.

Both get the same random bars in the same run. Ours is everything `measure` computes, after the new row went into
the window. TA-Lib computes the part it knows: ATR of 5 m and of 15 m bars, Bollinger bands, correlation
with BTC; its arrays lie ready, contiguous per symbol, and medians, counts and the 15 m bars cost it nothing.
"""

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from decimal import Decimal
from time import thread_time
from typing import Any
from uuid import UUID

import numpy as np
import talib
from msgspec.structs import replace

from services.scanner.domain.features import CORRELATION_BARS, measure
from services.scanner.domain.processor import ScannerProcessor
from services.scanner.domain.state import BAR_MS, BAR_S
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import Source
from shared.contracts.engine import PresetActivated, ScanStarted
from shared.contracts.market import BarsClosed, Instrument, InstrumentsListed, TickersObserved
from shared.contracts.preset import load_preset
from shared.contracts.processor import NS_PER_MS, Context
from shared.market.aggregate import aggregate_bars
from shared.market.bars import Bars
from shared.market.columns import Ints, to_bytes
from shared.market.window import BarWindow

START_MS = 1_700_000_100_000
TARGET_MS = 5.0


def random_bars(seed: int, rows: int, symbols: int) -> Bars:
    rng = np.random.default_rng(seed)
    close = rng.uniform(0.01, 50_000.0, symbols) * np.exp(
        np.cumsum(rng.normal(0.0, 0.004, (rows, symbols)), axis=0)
    )
    opened = close * np.exp(rng.normal(0.0, 0.002, (rows, symbols)))
    high = np.maximum(opened, close) * (1.0 + np.abs(rng.normal(0.0, 0.002, (rows, symbols))))
    low = np.minimum(opened, close) * (1.0 - np.abs(rng.normal(0.0, 0.002, (rows, symbols))))
    return Bars(opened, high, low, close, rng.lognormal(3.0, 1.0, (rows, symbols)))


def best_ms(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the least and the median CPU time of one call, ms.

    Nothing here waits, so CPU time is what a call takes on a machine with nothing else to do.
    """
    times = [1e3 * each for each in timeit.repeat(work, number=1, repeat=repeats, timer=thread_time)]
    return min(times), sorted(times)[len(times) // 2]


def our_update(bars: Bars, names: tuple[str, ...]) -> Callable[[], object]:
    """Return an update: one more row into the window, then every feature of every symbol."""
    window = BarWindow(step_ms=BAR_MS, capacity=len(bars.close))
    window.push(START_MS, BAR_MS, names, bars)
    row = bars.rows(-1)

    def update() -> object:
        assert window.last_open_time_ms is not None
        window.push(window.last_open_time_ms + BAR_MS, BAR_MS, names, row)
        return measure(window.open_time_ms, window.bars, 0)

    return update


def talib_update(open_time_ms: Ints, bars: Bars) -> Callable[[], object]:
    """Return the same features by TA-Lib, symbol by symbol, as far as it defines them."""
    _, long = aggregate_bars(open_time_ms, bars, step_ms=BAR_MS, factor=3)
    short = [np.ascontiguousarray(field.T) for field in (bars.high, bars.low, bars.close)]
    longer = [np.ascontiguousarray(field.T) for field in (long.high, long.low, long.close)]
    change = np.ascontiguousarray((bars.close[1:] / bars.close[:-1] - 1.0).T)

    def update() -> object:
        for high, low, close in zip(*short, strict=True):
            talib.EMA(talib.TRANGE(high, low, close), 14)
            talib.BBANDS(close, 20, 2.0, 2.0)
        for high, low, close in zip(*longer, strict=True):
            talib.EMA(talib.TRANGE(high, low, close), 14)
        return [talib.CORREL(one, change[0], CORRELATION_BARS) for one in change]

    return update


def whole_scan(open_time_ms: Ints, bars: Bars, names: tuple[str, ...]) -> Callable[[], object]:
    """Return the answer to `ScanStarted`: features, filters, scores and levels of every market, as events."""
    processor = ScannerProcessor()
    state = processor.initial()
    count = len(names)
    last = to_bytes(bars.close[-1])
    preset = load_preset("smallcap_top_losers")
    assert preset.scanner_config.top_n_by_volume is None, "every market is to be scanned"
    preset = replace(preset, scanner_config=replace(preset.scanner_config, losers_filter=None))
    past: list[Event] = [
        PresetActivated(digest="", preset=preset),
        InstrumentsListed(instruments=tuple(_instrument(name) for name in names)),
        BarsClosed(
            timeframe_s=BAR_S,
            open_time_ms=START_MS,
            rows=len(bars.close),
            symbols=names,
            **{name: to_bytes(field) for name, field in bars._asdict().items()},
        ),
        TickersObserved(
            symbols=names,
            last=last,
            bid=last,
            ask=last,
            volume_24h_usd=pack([1e9] * count),
            change_24h_frac=pack([0.01] * count),
            open_interest_usd=pack([1e8] * count),
        ),
    ]
    context = Context(
        desk_id=UUID(int=0),
        seq=1,
        source=Source.MARKET,
        time_ns=int(open_time_ms[-1] + BAR_MS) * NS_PER_MS,
        ordinal=0,
        correlation="",
    )
    for event in past:
        processor.evolve(state, event, context)
    return lambda: processor.decide(state, ScanStarted(scan_id="scan", number=1), context)


def _instrument(name: str) -> Instrument:
    one = Decimal(1)
    return Instrument(
        symbol=name,
        base=name.partition("/")[0],
        quote="USDT",
        tick_size=one,
        lot_size=one,
        quantity_min=one,
        notional_min_usd=one,
    )


def run(symbols: int, rows: int, repeats: int, seed: int) -> dict[str, Any]:
    bars = random_bars(seed, rows, symbols)
    names = ("BTC/USDT:USDT", *(f"S{i}/USDT:USDT" for i in range(1, symbols)))
    open_time_ms = START_MS + BAR_MS * np.arange(rows, dtype=np.int64)
    ours, ours_median = best_ms(our_update(bars, names), repeats)
    theirs, theirs_median = best_ms(talib_update(open_time_ms, bars), repeats)
    scan, scan_median = best_ms(whole_scan(open_time_ms, bars, names), max(3, repeats // 10))
    return {
        "benchmark": "scan",
        "symbols": symbols,
        "bars": rows,
        "seed": seed,
        "repeats": repeats,
        "update_ms": {"min": ours, "median": ours_median},
        "talib_per_symbol_ms": {"min": theirs, "median": theirs_median},
        "talib_over_ours": theirs_median / ours_median,
        "scan_with_levels_ms": {"min": scan, "median": scan_median},
        "target_ms": TARGET_MS,
        "within_target": ours_median < TARGET_MS,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--bars", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = run(options.symbols, options.bars, options.repeats, options.seed)
    if options.json:
        print(json.dumps(found))
        return 0
    print(
        f"{found['symbols']} symbols, {found['bars']} bars; median (least) of {found['repeats']} runs, ms of CPU"
    )
    for label, key in (
        ("update of all features", "update_ms"),
        ("TA-Lib, called per symbol", "talib_per_symbol_ms"),
        ("whole scan with levels", "scan_with_levels_ms"),
    ):
        print(f"  {label:<28}{found[key]['median']:8.2f} ({found[key]['min']:.2f})")
    print(f"  TA-Lib / ours               {found['talib_over_ours']:8.2f}")
    print(
        f"  target                      {found['target_ms']:8.2f} {'met' if found['within_target'] else 'missed'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
