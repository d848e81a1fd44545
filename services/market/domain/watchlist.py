"""Decides whose books and trades are watched: the best of the scan, and everything that is at stake.

A symbol leaves only after several scans without it, so that a market on the edge of the ranking does not
subscribe and unsubscribe with every scan and lose its trade window each time.
"""

from collections.abc import Collection

from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.engine import ScanCompleted
from shared.contracts.position import PositionClosed, PositionOpened
from shared.contracts.risk import EntryRefused, SignalApproved, SignalDenied
from shared.contracts.signal import SignalExpired, SignalRaised

# Whose records say who is at stake.
READS = frozenset({Source.ORCHESTRATOR, Source.SIGNALS, Source.RISK, Source.EXECUTION})


class Watchlist:
    """Who is watched, folded from what the others decide."""

    def __init__(self, *, top: int = 20, scans_kept: int = 3, ranked_max: int = 40) -> None:
        """Watch the first `top` of each scan for `scans_kept` scans, at most `ranked_max` at a time."""
        self._top = top
        self._scans_kept = scans_kept
        self._ranked_max = ranked_max
        self._scans = 0
        # The scan that last had the symbol among its first, and its rank there.
        self._ranked: dict[str, tuple[int, int]] = {}
        self._signals: dict[str, tuple[str, int]] = {}
        self._positions: dict[str, str] = {}

    def fold(self, event: Event) -> None:
        """Take note of an event; most are of no interest."""
        match event:
            case ScanCompleted():
                self._fold_scan(event)
            case SignalRaised() | SignalApproved():
                self._signals[event.signal_id] = (event.symbol, event.expires_at_ms)
            case SignalDenied() | EntryRefused() | SignalExpired():
                self._signals.pop(event.signal_id, None)
            case PositionOpened():
                self._signals.pop(event.signal_id, None)
                self._positions[event.position_id] = event.symbol
            case PositionClosed():
                self._positions.pop(event.position_id, None)
            case _:
                pass

    def wanted(self, time_ms: int, listed: Collection[str]) -> tuple[str, ...]:
        """Return the listed symbols to watch at that desk time, those at stake first."""
        for signal_id in [key for key, (_, expires_ms) in self._signals.items() if expires_ms < time_ms]:
            del self._signals[signal_id]
        at_stake = [*self._positions.values(), *(symbol for symbol, _ in self._signals.values())]
        # The latest scan first, best rank first.
        ranked = sorted(self._ranked, key=lambda symbol: (-self._ranked[symbol][0], self._ranked[symbol][1]))
        chosen = dict.fromkeys([*at_stake, *ranked[: self._ranked_max]])
        return tuple(symbol for symbol in chosen if symbol in listed)

    def _fold_scan(self, scan: ScanCompleted) -> None:
        self._scans += 1
        for market in scan.ranked[: self._top]:
            self._ranked[market.symbol] = (self._scans, market.rank)
        oldest = self._scans - self._scans_kept
        self._ranked = {symbol: seen for symbol, seen in self._ranked.items() if seen[0] > oldest}
