"""Folds the last complete scan: every market's verdict, not only those that passed."""

import msgspec

from services.gateway.domain.rows import Row
from shared.contracts.base import Event
from shared.contracts.engine import ScanCompleted, ScanStarted
from shared.contracts.scan import Check, Level, LevelsBuilt, MarketScore, MarketsScored, ScoreComponent


class Candidate(Row, kw_only=True):
    """One market of a scan, specification 7.4; `rank` is null for markets that were not ranked."""

    symbol: str
    rank: int | None
    passed: bool
    score: float
    price: float
    filters: dict[str, bool]
    # The value that each filter looked at; null where the input is unknown.
    metrics: dict[str, float | None]
    checks: tuple[Check, ...]
    components: tuple[ScoreComponent, ...]
    levels: tuple[Level, ...]


class Scan(Row, kw_only=True):
    """The outcome of one scan."""

    scan_id: str
    number: int
    timestamp: int
    total_scanned: int
    passed_filters: int
    with_levels: int
    candidates: tuple[Candidate, ...]
    # Markets that failed a filter, with the verdicts that say which.
    rejected: tuple[Candidate, ...]


class ScansView(msgspec.Struct, kw_only=True):
    """The last complete scan and the one under way."""

    last: Scan | None = None
    running: ScanStarted | None = None
    # Scans that were started again without an answer from every partition.
    abandoned: int = 0
    _markets: dict[str, MarketScore] = {}
    _levels: dict[str, list[Level]] = {}

    def fold(self, event: Event, *, time_ms: int) -> None:
        """Take in one event of a scan."""
        match event:
            case ScanStarted():
                self.abandoned += self.running is not None
                self.running = event
                self._markets, self._levels = {}, {}
            case MarketsScored() if self._is_running(event.scan_id):
                self._markets.update((market.symbol, market) for market in event.markets)
            case LevelsBuilt() if self._is_running(event.scan_id):
                for level in event.levels:
                    self._levels.setdefault(level.symbol, []).append(level)
            case ScanCompleted() if self._is_running(event.scan_id):
                self.last = self._complete(event, time_ms)
                self.running = None

    def _is_running(self, scan_id: str) -> bool:
        return self.running is not None and self.running.scan_id == scan_id

    def _complete(self, event: ScanCompleted, time_ms: int) -> Scan:
        ranks = {ranked.symbol: ranked.rank for ranked in event.ranked}
        by_rank = sorted(
            self._markets.values(),
            key=lambda market: (
                ranks.get(market.symbol, len(self._markets) + 1),
                -market.score,
                market.symbol,
            ),
        )
        markets = tuple(self._candidate(market, ranks.get(market.symbol)) for market in by_rank)
        return Scan(
            scan_id=event.scan_id,
            number=event.number,
            timestamp=time_ms,
            total_scanned=event.scored,
            passed_filters=event.passed,
            with_levels=event.with_levels,
            candidates=tuple(market for market in markets if market.passed),
            rejected=tuple(market for market in markets if not market.passed),
        )

    def _candidate(self, market: MarketScore, rank: int | None) -> Candidate:
        return Candidate(
            symbol=market.symbol,
            rank=rank,
            passed=market.passed,
            score=market.score,
            price=market.price,
            filters={check.name: check.passed for check in market.filters},
            metrics={check.name: check.value for check in market.filters},
            checks=market.filters,
            components=market.components,
            levels=tuple(self._levels.get(market.symbol, ())),
        )
