"""Answer every question about one symbol at a market time: price, candles, trades, book, statistics.

All answers derive from the symbol's candles, the seed and the list of shocks, never from earlier
questions; the caches only save work.
"""

from collections import OrderedDict
from math import pi, sin
from typing import NamedTuple

import numpy as np

from services.simulator.domain.bars import DAY_MS, Bars, BarSource, aggregate, join
from services.simulator.domain.depth import Depth, Liquidity, lay_out, liquidity_at
from services.simulator.domain.dice import dice, stable_hash
from services.simulator.domain.path import STEP_MS, BarPath, draw_path
from services.simulator.domain.shocks import Shock, Shocks
from services.simulator.domain.tape import Tape, print_tape
from services.simulator.domain.universe import Traits

FUNDING_MS = 8 * 3_600_000
_KEPT_PATHS = 4
_HOUR_MS = 3_600_000


class DayStats(NamedTuple):
    """A rolling day: prices in ticks, volume in base units, turnover in USD."""

    open: int
    high: int
    low: int
    open_1h: int
    volume: float
    turnover_usd: float


class SymbolMarket:
    """One listed symbol; times are market milliseconds, prices whole ticks."""

    def __init__(self, seed: int, traits: Traits, source: BarSource) -> None:
        self.traits = traits
        self.instrument = traits.instrument
        self.symbol = traits.instrument.symbol
        self.tick = float(traits.instrument.tick_size)
        self.lot = float(traits.instrument.lot_size)
        self.shocks = Shocks()
        self._seed = seed
        self._source = source
        self._salt = stable_hash(seed, self.symbol, "book") >> 33
        self._paths: OrderedDict[int, BarPath | None] = OrderedDict()
        self._tapes: OrderedDict[int, Tape] = OrderedDict()
        self._liquidity: tuple[int, Liquidity] | None = None
        self._stats: tuple[int, DayStats, Bars] | None = None

    @property
    def bar_ms(self) -> int:
        return self._source.bar_ms

    def shock(self, shock: Shock) -> None:
        """Move the price by a permanent factor from a time on; earlier prices stay as they were."""
        self.shocks.add(shock)
        self._paths.clear()
        self._tapes.clear()
        self._stats = None

    def last_ticks(self, now_ms: int) -> int:
        """Return the last price: on the path, or the last close while the data has a gap."""
        path = self._path(now_ms)
        if path is not None:
            return self._shocked(path.price_at(now_ms), now_ms)
        before = self._latest_before(now_ms)
        return self._shocked(int(before.close[-1]), now_ms)

    def candles(self, interval_ms: int, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """Return the candles that open in [start_ms, end_ms) and have begun, the last one as it stands."""
        start_ms = -(-start_ms // interval_ms) * interval_ms
        horizon = min(end_ms, now_ms // interval_ms * interval_ms + interval_ms)
        if horizon <= start_ms:
            return self._source.window(start_ms, start_ms)
        if interval_ms < self.bar_ms:
            return self._fine_candles(interval_ms, start_ms, horizon, now_ms)
        current_ms = now_ms // self.bar_ms * self.bar_ms
        closed = self._scaled(self._source.window(start_ms, min(horizon, current_ms)))
        parts = [closed]
        if start_ms <= current_ms < horizon:
            parts.append(self._forming(now_ms))
        return aggregate(join(parts), interval_ms)

    def trades(self, after_ms: int, until_ms: int) -> Tape:
        """Return the prints in (after_ms, until_ms]."""
        bar_ms = self.bar_ms
        parts = [
            _cut(self._tape(ts), after_ms, until_ms)
            for ts in range((after_ms + 1) // bar_ms * bar_ms, until_ms + 1, bar_ms)
        ]
        return Tape(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def recent_trades(self, count: int, now_ms: int) -> Tape:
        """Return the last `count` prints, looking back over at most a few candles."""
        reach = max(self.bar_ms * 3, 600_000)
        tape = self.trades(now_ms - reach, now_ms)
        return Tape(*(column[-count:] for column in tape))

    def depth(self, now_ms: int) -> Depth:
        """Return the displayed book."""
        return lay_out(self._salt, self.last_ticks(now_ms), self.liquidity(now_ms), self.lean(now_ms), now_ms)

    def liquidity(self, now_ms: int) -> Liquidity:
        """Return how deep the book is; re-scaled once an hour as the price moves."""
        hour = now_ms // _HOUR_MS
        if self._liquidity is None or self._liquidity[0] != hour:
            price = self.last_ticks(hour * _HOUR_MS) * self.tick
            depth = liquidity_at(price, self.tick, self.lot, self.traits.turnover_usd, self.traits.spread_bps)
            self._liquidity = (hour, depth)
        return self._liquidity[1]

    def lean(self, now_ms: int) -> float:
        """Return the imbalance of the book in -1..1, positive when bids outweigh asks."""
        path = self._path(now_ms)
        return path.lean if path is not None else 0.0

    def day_stats(self, now_ms: int) -> DayStats:
        """Return the statistics of the day up to now."""
        current_ms = now_ms // self.bar_ms * self.bar_ms
        if self._stats is None or self._stats[0] != current_ms:
            self._stats = (current_ms, *self._closed_stats(current_ms))
        stats, _ = self._stats[1:]
        forming = self._forming(now_ms)
        if not forming.ts.size:
            return stats
        volume = float(forming.volume[0])
        return DayStats(
            stats.open,
            max(stats.high, int(forming.high[0])),
            min(stats.low, int(forming.low[0])),
            stats.open_1h,
            stats.volume + volume,
            stats.turnover_usd + volume * int(forming.close[0]) * self.tick,
        )

    def open_interest(self, now_ms: int) -> float:
        """Return the open contracts in base units: two slow waves around the symbol's typical value."""
        rng = dice(self._seed, self.symbol, "open interest")
        slow, fast = rng.uniform(26.0, 61.0), rng.uniform(5.0, 17.0)
        phases = rng.uniform(0.0, 2 * pi, 2)
        hours = now_ms / _HOUR_MS
        wave = 0.14 * sin(2 * pi * hours / slow + phases[0]) + 0.04 * sin(2 * pi * hours / fast + phases[1])
        return self.traits.open_interest_usd / self.traits.price * (1.0 + wave)

    def funding_rate(self, period_end_ms: int) -> float:
        """Return the rate paid at the end of a funding period, a fraction of the position's value."""
        draw = dice(self._seed, self.symbol, "funding", period_end_ms // FUNDING_MS).normal(8e-5, 1e-4)
        return round(float(np.clip(draw, -7.5e-4, 7.5e-4)), 8)

    def _path(self, now_ms: int) -> BarPath | None:
        ts = now_ms // self.bar_ms * self.bar_ms
        if ts not in self._paths:
            bars = self._source.window(ts, ts + 1)
            drawn = draw_path(self._seed, self.symbol, bars, 0, self.bar_ms) if bars.ts.size else None
            self._paths[ts] = drawn
            while len(self._paths) > _KEPT_PATHS:
                self._paths.popitem(last=False)
        return self._paths[ts]

    def _tape(self, ts: int) -> Tape:
        known = self._tapes.get(ts)
        if known is not None:
            return known
        path = self._path(ts)
        if path is None:
            none = np.empty(0, np.int64)
            return Tape(none, none, none, np.empty(0, np.bool_))
        tape = print_tape(self._seed, self.symbol, path, self.traits.trades_per_minute, self.lot)
        tape = tape._replace(prices=self.shocks.scale(tape.prices, tape.times))
        self._tapes[ts] = tape
        while len(self._tapes) > _KEPT_PATHS:
            self._tapes.popitem(last=False)
        return tape

    def _shocked(self, ticks: int, now_ms: int) -> int:
        factor = self.shocks.factor(now_ms)
        return ticks if factor == 1.0 else max(round(ticks * factor), 1)

    def _forming(self, now_ms: int) -> Bars:
        """Return the base candle as it stands, no row while the data has a gap."""
        path = self._path(now_ms)
        if path is None:
            return self._source.window(now_ms, now_ms)
        return self._of_path(path, path.ts, now_ms)

    def _of_path(self, path: BarPath, start_ms: int, now_ms: int) -> Bars:
        """Return one candle of the part of a path between two times."""
        first, last = -(-(start_ms - path.ts) // STEP_MS), (now_ms - path.ts) // STEP_MS
        times = path.ts + STEP_MS * np.arange(first, last + 1, dtype=np.int64)
        ends = (path.price_at(start_ms), path.price_at(now_ms))
        prices = np.concatenate(([ends[0]], path.prices[first : last + 1], [ends[1]]))
        prices = self.shocks.scale(prices, np.concatenate(([start_ms], times, [now_ms])))
        volume = path.volume * (path.share_at(now_ms) - path.share_at(start_ms))
        return Bars(
            np.array([start_ms]),
            prices[:1],
            prices.max(keepdims=True),
            prices.min(keepdims=True),
            prices[-1:],
            np.array([volume]),
            np.array([path.lean]),
        )

    def _fine_candles(self, interval_ms: int, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """Return candles shorter than the base candles, cut out of their paths."""
        parts: list[Bars] = []
        base = self._source.window(start_ms // self.bar_ms * self.bar_ms, end_ms)
        for row, ts in enumerate(base.ts.tolist()):
            path = draw_path(self._seed, self.symbol, base, row, self.bar_ms)
            for begin in range(max(ts, start_ms), min(ts + self.bar_ms, end_ms), interval_ms):
                end = min(begin + interval_ms, now_ms)
                parts.append(self._of_path(path, begin, end))
        return join(parts)

    def _scaled(self, bars: Bars) -> Bars:
        """Return closed candles with the shocks applied; the candle of a shock is drawn again."""
        if not self.shocks.any_before(int(bars.ts[-1]) + self.bar_ms if bars.ts.size else 0):
            return bars
        columns = [self.shocks.scale(column, bars.ts) for column in bars[1:5]]
        scaled = [bars.ts, *(np.array(column) for column in columns), bars.volume, bars.lean]
        for shock in self.shocks:
            row = int(np.searchsorted(bars.ts, shock.at_ms, side="right")) - 1
            if row >= 0 and bars.ts[row] < shock.at_ms < bars.ts[row] + self.bar_ms:
                path = draw_path(self._seed, self.symbol, bars, row, self.bar_ms)
                redrawn = self._of_path(path, path.ts, path.ts + self.bar_ms - 1)
                for target, column in zip(scaled[1:5], redrawn[1:5], strict=True):
                    target[row] = column[0]
        return Bars(*scaled)

    def _closed_stats(self, current_ms: int) -> tuple[DayStats, Bars]:
        bars = self._scaled(self._source.window(current_ms - DAY_MS, current_ms))
        if not bars.ts.size:
            last = self.last_ticks(current_ms)
            return DayStats(last, last, last, last, 0.0, 0.0), bars
        hour_row = min(int(np.searchsorted(bars.ts, current_ms - _HOUR_MS)), bars.ts.size - 1)
        return DayStats(
            int(bars.open[0]),
            int(bars.high.max()),
            int(bars.low.min()),
            int(bars.open[hour_row]),
            float(bars.volume.sum()),
            float((bars.volume * bars.close).sum() * self.tick),
        ), bars

    def _latest_before(self, now_ms: int) -> Bars:
        """Return candles that end with the latest one before a time, or with the first there is."""
        for reach in (DAY_MS, 40 * DAY_MS):
            bars = self._source.window(now_ms - reach, now_ms)
            if bars.ts.size:
                return bars
        later = self._source.window(now_ms, now_ms + 40 * DAY_MS)
        return later.part(0, 1)._replace(close=later.open[:1])


def _cut(tape: Tape, after_ms: int, until_ms: int) -> Tape:
    first, last = np.searchsorted(tape.times, (after_ms, until_ms), side="right")
    return Tape(*(column[first:last] for column in tape))
