"""Draw the price inside one candle, so that the finer path reproduces the candle exactly.

Open, one extreme, the other extreme, close: a rising candle visits its low first, a falling one its
high. In between the price wanders, but never outside the candle.
"""

from typing import NamedTuple

import numpy as np

from services.simulator.domain.bars import Bars
from services.simulator.domain.dice import dice

STEP_MS = 5_000


class BarPath(NamedTuple):
    """One candle at steps of STEP_MS: n + 1 prices in ticks and the share of volume done until each."""

    ts: int
    bar_ms: int
    # Lists, not arrays: they are short and read one by one.
    prices: list[int]
    volume_share: list[float]
    volume: float
    lean: float
    extremes: tuple[int, int]

    def price_at(self, now_ms: int) -> int:
        """Return the price in ticks at a time within the candle, linear between steps."""
        position = min(max((now_ms - self.ts) / STEP_MS, 0.0), float(len(self.prices) - 1))
        index = min(int(position), len(self.prices) - 2)
        before, after = self.prices[index], self.prices[index + 1]
        return round(before + (after - before) * (position - index))

    def share_at(self, now_ms: int) -> float:
        """Return the share of the candle's volume traded until a time within it."""
        position = min(max((now_ms - self.ts) / STEP_MS, 0.0), float(len(self.prices) - 1))
        index = min(int(position), len(self.prices) - 2)
        before, after = self.volume_share[index], self.volume_share[index + 1]
        return before + (after - before) * (position - index)


def draw_path(seed: int, symbol: str, bars: Bars, row: int, bar_ms: int) -> BarPath:
    """Return the path inside one candle; the same for the same seed, symbol and candle."""
    ts = int(bars.ts[row])
    rng = dice(seed, symbol, "path", ts)
    steps = max(bar_ms // STEP_MS, 4)
    opened, high, low, closed = (int(column[row]) for column in bars[1:5])
    first = int(rng.integers(max(steps // 8, 1), steps * 2 // 5 + 1))
    second = int(rng.integers(max(steps // 2, first + 1), steps * 9 // 10 + 1))
    turns = (low, high) if closed >= opened else (high, low)
    knots = np.array([0, first, second, steps])
    line = np.interp(np.arange(steps + 1), knots, np.array([opened, *turns, closed], dtype=np.float64))
    wander = rng.normal(0.0, 0.06 * (high - low), steps + 1)
    wander[knots] = 0.0
    prices = np.clip(np.rint(line + wander), low, high).astype(np.int64)
    prices[knots] = (opened, *turns, closed)
    weights = np.exp(rng.normal(0.0, 0.5, steps))
    share = np.concatenate(([0.0], np.cumsum(weights) / weights.sum()))
    return BarPath(
        ts,
        bar_ms,
        prices.tolist(),
        share.tolist(),
        float(bars.volume[row]),
        float(bars.lean[row]),
        (first, second),
    )
