"""Generate a symbol's one-minute candles as a function of seed, symbol and time.

Each day is a bridge between two anchors that depend on the day's number only, so any day of the
past or the future is made alone, in any order, and two days always meet at the same price.
"""

from collections import OrderedDict
from math import log

import numpy as np

from services.simulator.domain.bars import DAY_MS, MINUTE_MS, Bars, Floats, join
from services.simulator.domain.cycles import DAY_MINUTES, Cycle, Outcome, plan_cycle, split_day
from services.simulator.domain.dice import dice
from services.simulator.domain.universe import Traits

_KEPT_DAYS = 3
_ANCHOR_SIGMA = 0.025


class Day:
    """One generated day before rounding: log prices at minute ends, extremes, volume factor, lean."""

    def __init__(self, closes: Floats, wicks: tuple[Floats, Floats], volume: Floats, lean: Floats) -> None:
        self.closes = closes  # DAY_MINUTES + 1 values, the first is the day's opening price
        self.wicks = wicks
        self.volume = volume
        self.lean = lean


class GeneratedSource:
    """Candles of one generated symbol; `btc` is the common factor, None for BTC itself."""

    bar_ms = MINUTE_MS

    def __init__(self, seed: int, traits: Traits, btc: "GeneratedSource | None") -> None:
        self._seed = seed
        self._traits = traits
        self._symbol = traits.instrument.symbol
        self._btc = btc
        self._tick = float(traits.instrument.tick_size)
        self._offset_ms = traits.phase_minutes * MINUTE_MS
        self._days: OrderedDict[int, Day] = OrderedDict()
        self._bars: OrderedDict[int, Bars] = OrderedDict()

    def window(self, start_ms: int, end_ms: int) -> Bars:
        """Return the one-minute candles that open in [start_ms, end_ms)."""
        first = (start_ms - self._offset_ms) // DAY_MS
        last = (end_ms - 1 - self._offset_ms) // DAY_MS
        return join([self._day_bars(index).between(start_ms, end_ms) for index in range(first, last + 1)])

    def log_path(self, start_ms: int, minutes: int) -> Floats:
        """Return minutes + 1 log prices at minute ends, the first at start_ms, relative to the anchor."""
        index = (start_ms - self._offset_ms) // DAY_MS
        skip = (start_ms - self._offset_ms) // MINUTE_MS - index * DAY_MINUTES
        path = np.concatenate((self._day(index).closes, self._day(index + 1).closes[1:]))
        return path[skip : skip + minutes + 1] - log(self._traits.price)

    def _day_bars(self, index: int) -> Bars:
        known = self._bars.get(index)
        if known is None:
            known = self._bars[index] = self._round(index, self._day(index))
            while len(self._bars) > _KEPT_DAYS:
                self._bars.popitem(last=False)
        self._bars.move_to_end(index)
        return known

    def _day(self, index: int) -> Day:
        known = self._days.get(index)
        if known is None:
            known = self._days[index] = self._make_day(index)
            # Only BTC's unrounded days are asked for again, by the symbols that follow it.
            while len(self._days) > (1 if self._btc else 4):
                self._days.popitem(last=False)
        return known

    def _anchor(self, index: int) -> float:
        draw = dice(self._seed, self._symbol, "anchor", index).normal(0.0, _ANCHOR_SIGMA)
        return log(self._traits.price) + float(np.clip(draw, -0.06, 0.06))

    def _make_day(self, index: int) -> Day:
        rng = dice(self._seed, self._symbol, "day", index)
        atr = self._traits.atr_frac
        start, end = self._anchor(index), self._anchor(index + 1)
        cycles = _plan_day(rng, (end - start) / atr)
        closes = start + atr * _bridge(rng, cycles, (end - start) / atr)
        wicks = (
            0.09 * atr * rng.exponential(1.0, DAY_MINUTES),
            0.09 * atr * rng.exponential(1.0, DAY_MINUTES),
        )
        volume, lean = _activity(rng, cycles)
        return Day(closes, wicks, volume, lean)

    def _round(self, index: int, day: Day) -> Bars:
        start_ms = index * DAY_MS + self._offset_ms
        path = day.closes
        if self._btc is not None and self._traits.btc_beta:
            path = path + self._traits.btc_beta * self._btc.log_path(start_ms, DAY_MINUTES)
        opens, closes = path[:-1], path[1:]
        highs = np.exp(np.maximum(opens, closes) + day.wicks[0])
        lows = np.exp(np.minimum(opens, closes) - day.wicks[1])
        ticks = np.maximum(np.rint(np.exp(path) / self._tick), 1).astype(np.int64)
        per_minute = self._traits.turnover_usd / DAY_MINUTES
        return Bars(
            start_ms + MINUTE_MS * np.arange(DAY_MINUTES, dtype=np.int64),
            ticks[:-1],
            np.maximum(np.rint(highs / self._tick).astype(np.int64), np.maximum(ticks[:-1], ticks[1:])),
            np.clip(np.rint(lows / self._tick).astype(np.int64), 1, np.minimum(ticks[:-1], ticks[1:])),
            ticks[1:],
            per_minute * day.volume / np.exp(closes),
            day.lean,
        )


def _plan_day(rng: np.random.Generator, target: float) -> list[Cycle]:
    """Draw a day's cycles whose breaks lean towards the day's end price, `target` in ATRs."""
    cycles: list[Cycle] = []
    reached, passed = 0.0, 0
    for minutes in split_day(rng):
        gap = target * passed / DAY_MINUTES - reached
        cycles.append(plan_cycle(rng, minutes, float(np.clip(gap / 6.0, -1.0, 1.0))))
        reached += cycles[-1].end
        passed += minutes
    return cycles


def _bridge(rng: np.random.Generator, cycles: list[Cycle], target: float) -> Floats:
    """Return DAY_MINUTES + 1 offsets in ATRs from 0 to `target`; trends absorb what is missing."""
    missing = target - sum(cycle.end for cycle in cycles)
    bearers = [index for index, cycle in enumerate(cycles) if cycle.outcome is Outcome.FOLLOWS]
    bearers = bearers or list(range(len(cycles)))
    parts = [np.zeros(1)]
    level = 0.0
    for index, cycle in enumerate(cycles):
        offsets = _minute_path(rng, cycle)
        if index in bearers:
            # Spread over the minutes after the break: ranges stay flat, break candles as planned.
            ramp = np.clip(
                (np.arange(1, cycle.minutes + 1) - cycle.break_minute - 10)
                / (cycle.minutes - cycle.break_minute - 10),
                0.0,
                1.0,
            )
            offsets = offsets + ramp * missing / len(bearers)
        parts.append(level + offsets)
        level = float(parts[-1][-1])
    return np.concatenate(parts)


def _minute_path(rng: np.random.Generator, cycle: Cycle) -> Floats:
    """Return the cycle's offsets at its minute ends: eased swings, noise, and a clean level."""
    minutes = np.arange(1, cycle.minutes + 1, dtype=np.float64)
    right = np.clip(np.searchsorted(cycle.times, minutes), 1, cycle.times.size - 1)
    t0, t1 = cycle.times[right - 1], cycle.times[right]
    share = np.clip((minutes - t0) / (t1 - t0), 0.0, 1.0)
    eased = share * share * (3 - 2 * share)
    path = cycle.offsets[right - 1] + (cycle.offsets[right] - cycle.offsets[right - 1]) * eased
    noise = rng.normal(0.0, 0.16, cycle.minutes)
    in_break = (minutes > cycle.break_minute) & (minutes <= cycle.break_minute + 5)
    noise[in_break] *= 0.3
    noise[-1] = 0.0
    path = path + noise
    ranging = minutes <= cycle.break_minute
    path[ranging] = np.clip(path[ranging], -cycle.half_width, cycle.half_width)
    return path


def _activity(rng: np.random.Generator, cycles: list[Cycle]) -> tuple[Floats, Floats]:
    """Return each minute's volume factor and order-flow lean."""
    volumes, leans = [], []
    for cycle in cycles:
        after = cycle.minutes - cycle.break_minute - 5
        building = np.clip((np.arange(cycle.break_minute) - (cycle.break_minute - 60)) / 60, 0.0, 1.0)
        surge = float(rng.uniform(4.0, 6.5))
        fading = np.arange(after)
        volumes.append(
            np.concatenate((0.72 + 0.75 * building, np.full(5, surge), 0.75 + 2.2 * np.exp(-fading / 9.0)))
        )
        quiet = rng.normal(0.0, 0.12, cycle.break_minute)
        quiet[-10:] += 0.3 * cycle.direction
        then = 0.4 if cycle.outcome is Outcome.FOLLOWS else -0.35
        leans.append(
            np.concatenate((quiet, np.full(5, 0.6 * cycle.direction), np.full(after, then * cycle.direction)))
        )
    noise = np.exp(rng.normal(-0.02, 0.22, DAY_MINUTES))
    return np.concatenate(volumes) * noise, np.clip(np.concatenate(leans), -0.8, 0.8)
