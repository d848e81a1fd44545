"""Turn the machine's monotonic time into the market's time, which may run faster."""

import msgspec


class MarketClock(msgspec.Struct, frozen=True, kw_only=True):
    """Market time is `base_ms` at monotonic `start_ns` and runs `speed` times as fast as the wall."""

    base_ms: int
    start_ns: int
    speed: float

    def at(self, monotonic_ns: int) -> int:
        """Return the market time in ms."""
        return self.base_ms + int((monotonic_ns - self.start_ns) * self.speed / 1e6)

    def wall_delay_s(self, market_ms: int, monotonic_ns: int) -> float:
        """Return the wall seconds until the clock shows `market_ms`; negative when it has passed."""
        elapsed_ms = (monotonic_ns - self.start_ns) * self.speed / 1e6
        return (market_ms - self.base_ms - elapsed_ms) / self.speed / 1e3
