"""Keeps each symbol's closed bars in one unbroken order, whatever order they arrive in.

A bar goes out only when every bar before it is out or known to be missing at the venue. So the last bar
in the log says exactly where a restart has to continue, and no bar is ever recorded twice.
"""

from collections.abc import Iterable, Mapping
from math import isfinite

import msgspec


class BarInvalid(ValueError):
    """The venue sent a bar that cannot be: not finite, negative, or high below low."""


class Bar(msgspec.Struct, frozen=True):
    """One bar; prices in quote currency, volume in base units."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    def __post_init__(self) -> None:
        """Refuse what cannot be a bar.

        Raises:
            BarInvalid: with the bar.
        """
        prices = (self.open, self.high, self.low, self.close)
        sound = (
            all(isfinite(price) and price > 0 for price in prices)
            and isfinite(self.volume)
            and self.volume >= 0
            and self.low <= min(prices)
            and self.high >= max(prices)
        )
        if not sound:
            raise BarInvalid(f"not a bar: {prices}, volume {self.volume}, opened {self.open_time_ms}")


class Gap(msgspec.Struct, frozen=True):
    """Bars that are closed at the venue and unknown here; both ends are open times, inclusive."""

    first_ms: int
    last_ms: int


class BarSequence:
    """The order of every symbol's bars: what is out, what is ready to go out, what waits for a gap."""

    def __init__(self, *, step_ms: int, depth: int) -> None:
        """Order bars of `step_ms`; a gap is never longer than `depth` bars, older ones are given up."""
        self.step_ms = step_ms
        self._depth = depth
        # Open time of the last bar that is out or ready.
        self._last: dict[str, int] = {}
        self._ready: dict[str, list[Bar]] = {}
        self._held: dict[str, dict[int, Bar]] = {}
        # Open time of the last bar known to be closed, where it is ahead of `_last`.
        self._closed: dict[str, int] = {}

    @property
    def ready(self) -> int:
        """How many symbols have bars ready to go out."""
        return len(self._ready)

    def last_open_ms(self, symbol: str) -> int | None:
        """Return the open time of the symbol's last bar out or ready, None for an unknown symbol."""
        return self._last.get(symbol)

    def resume(self, last_open_ms: Mapping[str, int]) -> None:
        """Continue behind the bars that the log holds."""
        self._last.update(last_open_ms)

    def close(self, symbol: str, bar: Bar) -> bool:
        """Take a bar that the venue says is closed; return whether it is ready to go out."""
        last = self._last.get(symbol)
        if last is not None and bar.open_time_ms <= last:
            return False
        if last is not None and bar.open_time_ms == last + self.step_ms:
            self._append(symbol, bar)
            self._release(symbol)
            return True
        held = self._held.setdefault(symbol, {})
        held[bar.open_time_ms] = bar
        if len(held) > self._depth:
            del held[min(held)]
        self._note_closed(symbol, bar.open_time_ms)
        return False

    def begin(self, symbol: str, open_time_ms: int) -> None:
        """Take note that a bar has begun, so that the one before it is closed, told or not."""
        self._note_closed(symbol, open_time_ms - self.step_ms)

    def gap(self, symbol: str) -> Gap | None:
        """Return what has to be fetched before the symbol's bars can go on, None when nothing."""
        closed = self._closed.get(symbol)
        if closed is None:
            return None
        earliest = closed - (self._depth - 1) * self.step_ms
        last = self._last.get(symbol)
        first = earliest if last is None else max(earliest, last + self.step_ms)
        return Gap(first, closed) if first <= closed else None

    def gapped(self) -> tuple[str, ...]:
        """Return the symbols that have a gap."""
        return tuple(symbol for symbol in self._closed if self.gap(symbol) is not None)

    def fill(self, symbol: str, bars: Iterable[Bar], through_ms: int) -> None:
        """Take the venue's answer for a gap up to `through_ms`; what it lacks, the venue does not have."""
        for bar in sorted(bars, key=lambda each: each.open_time_ms):
            last = self._last.get(symbol)
            if bar.open_time_ms <= through_ms and (last is None or bar.open_time_ms > last):
                self._append(symbol, bar)
        self._last[symbol] = max(through_ms, self._last.get(symbol, through_ms))
        self._release(symbol)

    def take(self) -> dict[str, list[Bar]]:
        """Hand out what is ready, each symbol's bars in order; it counts as out."""
        ready, self._ready = self._ready, {}
        return ready

    def forget(self, symbols: Iterable[str]) -> None:
        """Drop symbols that are no longer listed."""
        for symbol in symbols:
            for known in (self._last, self._ready, self._held, self._closed):
                known.pop(symbol, None)

    def _append(self, symbol: str, bar: Bar) -> None:
        self._ready.setdefault(symbol, []).append(bar)
        self._last[symbol] = bar.open_time_ms

    def _note_closed(self, symbol: str, open_time_ms: int) -> None:
        if open_time_ms > self._last.get(symbol, -1):
            self._closed[symbol] = max(open_time_ms, self._closed.get(symbol, open_time_ms))

    def _release(self, symbol: str) -> None:
        """Let bars go that were held behind a gap, as far as they follow on, and forget what is past."""
        held = self._held.get(symbol, {})
        for open_time_ms in sorted(held):
            if open_time_ms == self._last[symbol] + self.step_ms:
                self._append(symbol, held[open_time_ms])
            if open_time_ms <= self._last[symbol]:
                del held[open_time_ms]
        if not held:
            self._held.pop(symbol, None)
        if self._closed.get(symbol, -1) <= self._last[symbol]:
            self._closed.pop(symbol, None)
