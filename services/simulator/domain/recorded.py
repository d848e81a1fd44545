"""Turn recorded candles into a market: traits from what was traded, prices on the data's own grid."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from services.simulator.domain.bars import DAY_MS, Bars, Floats, Ints
from services.simulator.domain.dice import dice
from services.simulator.domain.universe import Traits, instrument_for, spread_for, trade_rate_for

_FINEST = 9


class Candles(NamedTuple):
    """Recorded columns: open time in ms, prices and base volume as floats."""

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class RecordedSource:
    """A symbol's recorded candles; the lean of the order flow is read off the candle before."""

    def __init__(self, candles: Candles, traits: Traits) -> None:
        tick = float(traits.instrument.tick_size)
        self.bar_ms = bar_size(candles.ts)
        ranges = np.maximum(candles.high - candles.low, tick)
        body = (candles.close - candles.open) / np.maximum(ranges, float(np.median(ranges)))
        self._bars = Bars(
            candles.ts,
            _ticks(candles.open, tick),
            _ticks(candles.high, tick),
            _ticks(candles.low, tick),
            _ticks(candles.close, tick),
            candles.volume,
            # Shifted by one: a book that knew the candle's outcome would tell the future.
            np.concatenate(([0.0], 0.6 * np.clip(body, -1.0, 1.0)))[:-1],
        )

    def window(self, start_ms: int, end_ms: int) -> Bars:
        """Return the candles that open in [start_ms, end_ms); a gap of the data stays one."""
        return self._bars.between(start_ms, end_ms)


def bar_size(ts: Ints) -> int:
    """Return the most frequent distance between candles, in ms."""
    gaps, counts = np.unique(np.diff(ts), return_counts=True)
    return int(gaps[int(np.argmax(counts))])


def recorded_traits(seed: int, symbol: str, candles: Candles, start_ms: int) -> Traits:
    """Return traits from the candles around the session's start."""
    base = symbol.removesuffix("USDT")
    row = min(int(np.searchsorted(candles.ts, start_ms)), candles.ts.size - 1)
    price = float(candles.close[row])
    days = max((int(candles.ts[-1]) - int(candles.ts[0]) + bar_size(candles.ts)) / DAY_MS, 1e-9)
    turnover = max(float((candles.volume * candles.close).sum()) / days, 1e5)
    rng = dice(seed, symbol, "recorded")
    return Traits(
        instrument=instrument_for(symbol, base, "USDT", price, tick_of(candles)),
        price=price,
        turnover_usd=turnover,
        atr_frac=float(np.median((candles.high - candles.low) / candles.close)),
        btc_beta=0.0,
        spread_bps=spread_for(turnover),
        trades_per_minute=trade_rate_for(turnover),
        open_interest_usd=turnover * float(rng.uniform(0.15, 0.5)),
        phase_minutes=0,
    )


def tick_of(candles: Candles) -> Decimal:
    """Return the coarsest power of ten that all recorded prices are multiples of."""
    prices = np.concatenate((candles.open, candles.high, candles.low, candles.close))
    for places in range(_FINEST):
        scaled = prices * 10.0**places
        if np.all(np.abs(scaled - np.rint(scaled)) < 1e-6 * np.maximum(1.0, 1e-6 * scaled)):
            return Decimal(1).scaleb(-places)
    return Decimal(1).scaleb(-_FINEST)


def _ticks(prices: Floats, tick: float) -> Ints:
    ticks: Ints = np.maximum(np.rint(prices / tick), 1).astype(np.int64)
    return ticks
