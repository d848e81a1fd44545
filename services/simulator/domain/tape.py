"""Print the trades of one candle: times, takers, prices on the path, sizes that add up to its volume."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.simulator.domain.bars import MINUTE_MS, Ints
from services.simulator.domain.dice import dice
from services.simulator.domain.path import STEP_MS, BarPath

_MOST_PRINTS = 4_000


class Tape(NamedTuple):
    """Columns of prints, ordered by time (ms); prices in ticks, sizes in whole lots."""

    times: Ints
    prices: Ints
    lots: Ints
    is_buy: NDArray[np.bool_]


def print_tape(seed: int, symbol: str, path: BarPath, trades_per_minute: float, lot_size: float) -> Tape:
    """Return the prints of one candle; its extremes and its close are printed exactly."""
    rng = dice(seed, symbol, "tape", path.ts)
    expected = trades_per_minute * path.bar_ms / MINUTE_MS
    count = min(4 + int(rng.poisson(expected)), _MOST_PRINTS)
    if path.volume <= 0:
        return empty_tape()
    exact = np.array([path.extremes[0] * STEP_MS, path.extremes[1] * STEP_MS, path.bar_ms - 1])
    offsets = np.sort(np.concatenate((rng.integers(1, path.bar_ms - 1, count), exact)))
    steps = np.arange(len(path.prices)) * STEP_MS
    prices = np.rint(np.interp(offsets, steps, path.prices)).astype(np.int64)
    prices[-1] = path.prices[-1]
    rising = np.sign(np.interp(np.minimum(offsets + STEP_MS, path.bar_ms), steps, path.prices) - prices)
    is_buy = rng.random(offsets.size) < np.clip(0.5 + 0.35 * path.lean + 0.15 * rising, 0.03, 0.97)
    weights = np.exp(rng.normal(0.0, 0.8, offsets.size))
    lots = np.maximum(np.rint(path.volume * weights / weights.sum() / lot_size), 1).astype(np.int64)
    return Tape(path.ts + offsets.astype(np.int64), prices, lots, is_buy)


def empty_tape() -> Tape:
    none = np.empty(0, np.int64)
    return Tape(none, none, none, np.empty(0, np.bool_))


def cut(tape: Tape, after_ms: int, until_ms: int) -> Tape:
    """Return the prints in (after_ms, until_ms]."""
    first, last = np.searchsorted(tape.times, (after_ms, until_ms), side="right")
    return rows(tape, int(first), int(last))


def rows(tape: Tape, first: int, last: int | None) -> Tape:
    """Return prints first..last-1 as views."""
    part = slice(first, last)
    return Tape(tape.times[part], tape.prices[part], tape.lots[part], tape.is_buy[part])


def join_tapes(parts: list[Tape]) -> Tape:
    """Return the prints of all parts, which follow each other in time."""
    if len(parts) == 1:
        return parts[0]
    return Tape(
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.prices for part in parts]),
        np.concatenate([part.lots for part in parts]),
        np.concatenate([part.is_buy for part in parts]),
    )
