"""Answer every question about one symbol at a market time: price, candles, trades, book, statistics.

All answers derive from the symbol's candles, the seed and the list of shocks, never from earlier
questions; the caches only save work.
"""

from collections import OrderedDict
from math import pi, sin
from typing import NamedTuple

import numpy as np

from services.simulator.domain.bars import DAY_MS, Bars, BarSource, aggregate, join
from services.simulator.domain.depth import Depth, Liquidity, Touch, lay_out, liquidity_at, touch
from services.simulator.domain.dice import dice, stable_hash
from services.simulator.domain.path import STEP_MS, BarPath, draw_path
from services.simulator.domain.shocks import Shock, Shocks
from services.simulator.domain.tape import Tape, cut, empty_tape, join_tapes, print_tape, rows
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
        self._stats: tuple[int, DayStats] | None = None
        self._waves: tuple[float, float, float, float] | None = None
        self._rates: dict[int, float] = {}

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
        end_ms = -(-end_ms // interval_ms) * interval_ms
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
            cut(self._tape(ts), after_ms, until_ms)
            for ts in range((after_ms + 1) // bar_ms * bar_ms, until_ms + 1, bar_ms)
        ]
        return join_tapes(parts)

    def recent_trades(self, count: int, now_ms: int) -> Tape:
        """Return the last `count` prints, looking back over at most a few candles."""
        reach = max(self.bar_ms * 3, 600_000)
        tape = self.trades(now_ms - reach, now_ms)
        return rows(tape, max(tape.times.size - count, 0), None)

    def depth(self, now_ms: int) -> Depth:
        """Return the displayed book."""
        return lay_out(self._salt, self.last_ticks(now_ms), self.liquidity(now_ms), self.lean(now_ms), now_ms)

    def touch(self, now_ms: int) -> Touch:
        """Return the best bid and ask of the displayed book."""
        last, liquidity = self.last_ticks(now_ms), self.liquidity(now_ms)
        return touch(self._salt, last, liquidity, self.lean(now_ms), now_ms)

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
            self._stats = (current_ms, self._closed_stats(current_ms))
        stats = self._stats[1]
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
        if self._waves is None:
            rng = dice(self._seed, self.symbol, "open interest")
            slow, fast = rng.uniform(26.0, 61.0), rng.uniform(5.0, 17.0)
            self._waves = (slow, fast, *rng.uniform(0.0, 2 * pi, 2).tolist())
        slow, fast, first, second = self._waves
        hours = now_ms / _HOUR_MS
        wave = 0.14 * sin(2 * pi * hours / slow + first) + 0.04 * sin(2 * pi * hours / fast + second)
        return self.traits.open_interest_usd / self.traits.price * (1.0 + wave)

    def funding_rate(self, period_end_ms: int) -> float:
        """Return the rate paid at the end of a funding period, a fraction of the position's value."""
        period = period_end_ms // FUNDING_MS
        if period not in self._rates:
            draw = dice(self._seed, self.symbol, "funding", period).normal(8e-5, 1e-4)
            self._rates[period] = round(float(np.clip(draw, -7.5e-4, 7.5e-4)), 8)
        return self._rates[period]

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
            return empty_tape()
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
        prices = [path.price_at(start_ms), *path.prices[first : last + 1], path.price_at(now_ms)]
        if self.shocks.any_before(now_ms + 1):
            times = [start_ms, *(path.ts + STEP_MS * step for step in range(first, last + 1)), now_ms]
            prices = self.shocks.scale(np.array(prices), np.array(times)).tolist()
        volume = path.volume * (path.share_at(now_ms) - path.share_at(start_ms))
        ohlc = np.array([[prices[0]], [max(prices)], [min(prices)], [prices[-1]]])
        floats = np.array([[volume], [path.lean]])
        return Bars(np.array([start_ms]), ohlc[0], ohlc[1], ohlc[2], ohlc[3], floats[0], floats[1])

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
        times = bars.ts
        scaled = [np.array(self.shocks.scale(column, times)) for column in bars[1:5]]
        for shock in self.shocks:
            row = int(np.searchsorted(times, shock.at_ms, side="right")) - 1
            if row >= 0 and times[row] < shock.at_ms < times[row] + self.bar_ms:
                path = draw_path(self._seed, self.symbol, bars, row, self.bar_ms)
                redrawn = self._of_path(path, path.ts, path.ts + self.bar_ms - 1)
                for target, column in zip(scaled, redrawn[1:5], strict=True):
                    target[row] = column[0]
        opens, highs, lows, closes = scaled
        return Bars(times, opens, highs, lows, closes, bars.volume, bars.lean)

    def _closed_stats(self, current_ms: int) -> DayStats:
        bars = self._scaled(self._source.window(current_ms - DAY_MS, current_ms))
        if not bars.ts.size:
            last = self.last_ticks(current_ms)
            return DayStats(last, last, last, last, 0.0, 0.0)
        hour_row = min(int(np.searchsorted(bars.ts, current_ms - _HOUR_MS)), bars.ts.size - 1)
        return DayStats(
            int(bars.open[0]),
            int(bars.high.max()),
            int(bars.low.min()),
            int(bars.open[hour_row]),
            float(bars.volume.sum()),
            float((bars.volume * bars.close).sum() * self.tick),
        )

    def _latest_before(self, now_ms: int) -> Bars:
        """Return candles that end with the latest one before a time, or with the first there is."""
        for reach in (DAY_MS, 40 * DAY_MS):
            bars = self._source.window(now_ms - reach, now_ms)
            if bars.ts.size:
                return bars
        later = self._source.window(now_ms, now_ms + 40 * DAY_MS)
        return later.part(0, 1)._replace(close=later.open[:1])
