"""Notices channels that have fallen silent, and those that speak again."""

from collections.abc import Collection, Iterable, Mapping

from shared.contracts.market import FeedChannel, FeedRestored, FeedStale


class Silence:
    """When each symbol was last heard on each channel, in ms of the watchdog's clock (the wall)."""

    def __init__(self, max_ms: Mapping[FeedChannel, int]) -> None:
        """Allow each channel its own silence."""
        self._max_ms = dict(max_ms)
        self._heard: dict[FeedChannel, dict[str, int]] = {channel: {} for channel in max_ms}
        # Said to be stale and not heard since; dictionaries, because their order reaches the log.
        self._told: dict[FeedChannel, dict[str, None]] = {channel: {} for channel in max_ms}
        # Said to be stale and not restored since; True once heard again.
        self._owed: dict[FeedChannel, dict[str, bool]] = {channel: {} for channel in max_ms}

    def suppose_stale(self, channel: FeedChannel, symbols: Iterable[str]) -> None:
        """Take over symbols that the log says, or may say, are stale: hearing them restores them."""
        for symbol in symbols:
            self._owed[channel].setdefault(symbol, False)

    def expect(self, channel: FeedChannel, symbols: Iterable[str], now_ms: int) -> None:
        """Expect to hear exactly these symbols; the patience for an added one starts here.

        A stale symbol that is no longer expected stays stale: it has not spoken.
        """
        heard = self._heard[channel]
        self._heard[channel] = {symbol: heard.get(symbol, now_ms) for symbol in symbols}

    def hear(self, channel: FeedChannel, symbol: str, now_ms: int) -> None:
        """Take note that a symbol has been heard."""
        heard = self._heard[channel]
        if symbol in heard:
            heard[symbol] = now_ms
            self._told[channel].pop(symbol, None)
            if symbol in self._owed[channel]:
                self._owed[channel][symbol] = True

    def hear_all(self, channel: FeedChannel, now_ms: int) -> None:
        """Take note that the channel as a whole is alive."""
        for symbol in self._heard[channel]:
            self.hear(channel, symbol, now_ms)

    def fall_silent(self, now_ms: int) -> list[FeedStale]:
        """Return, once each, what has been silent for longer than it may."""
        events = []
        for channel, heard in self._heard.items():
            silent = {
                symbol: now_ms - at_ms
                for symbol, at_ms in heard.items()
                if now_ms - at_ms > self._max_ms[channel] and symbol not in self._told[channel]
            }
            if silent:
                self._told[channel].update(dict.fromkeys(silent))
                self._owed[channel].update(dict.fromkeys(silent, False))
                silent_ms = max(silent.values())
                events.append(FeedStale(channel=channel, symbols=tuple(silent), silent_ms=silent_ms))
        return events

    def recover(self, *, behind: Collection[str]) -> list[FeedRestored]:
        """Return, once each, what speaks again; bars only of symbols that are not `behind` any more."""
        events = []
        for channel, owed in self._owed.items():
            waits = behind if channel is FeedChannel.BARS else ()
            back = tuple(symbol for symbol, heard in owed.items() if heard and symbol not in waits)
            if back:
                for symbol in back:
                    del owed[symbol]
                events.append(FeedRestored(channel=channel, symbols=back))
        return events
