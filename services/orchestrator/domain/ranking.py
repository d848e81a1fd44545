"""Collects the partitions' answers to a scan and ranks them into one list."""

import msgspec

from shared.contracts.engine import RankedMarket, ScanCompleted
from shared.contracts.scan import LevelsBuilt, MarketsScored


class Scored(msgspec.Struct, frozen=True):
    """What ranking needs of one market."""

    symbol: str
    score: float
    passed: bool


class Answers(msgspec.Struct, kw_only=True):
    """What the scanner's partitions have answered to one scan."""

    scan_id: str = ""
    scored: dict[int, tuple[Scored, ...]] = {}
    # Markets with at least one level, by partition.
    with_levels: dict[int, int] = {}

    def expect(self, scan_id: str) -> None:
        """Wait for the answers to this scan alone."""
        self.scan_id = scan_id
        self.scored = {}
        self.with_levels = {}

    def fold(self, event: MarketsScored | LevelsBuilt) -> None:
        """Take in one partition's answer; answers to an earlier scan are late and ignored."""
        if event.scan_id != self.scan_id:
            return
        if isinstance(event, MarketsScored):
            self.scored[event.partition] = tuple(
                Scored(market.symbol, market.score, market.passed) for market in event.markets
            )
        else:
            self.with_levels[event.partition] = len({level.symbol for level in event.levels})

    def all_scored(self, partitions: int) -> bool:
        """Whether every partition has judged its markets."""
        return all(n in self.scored for n in range(partitions))

    def complete(self, partitions: int) -> bool:
        """Whether every partition has judged its markets and built their levels."""
        return self.all_scored(partitions) and all(n in self.with_levels for n in range(partitions))

    @property
    def passed(self) -> int:
        """How many markets passed every filter."""
        return sum(market.passed for markets in self.scored.values() for market in markets)


def completed(answers: Answers, *, number: int, candidates_max: int) -> ScanCompleted:
    """Return the scan's outcome: passing markets first, best score first, at most `candidates_max`.

    Equal scores rank by symbol, so that the order of the answers changes nothing.
    """
    markets = [market for part in sorted(answers.scored) for market in answers.scored[part]]
    best = sorted(markets, key=lambda market: (not market.passed, -market.score, market.symbol))
    return ScanCompleted(
        scan_id=answers.scan_id,
        number=number,
        scored=len(markets),
        passed=answers.passed,
        with_levels=sum(answers.with_levels.values()),
        ranked=tuple(
            RankedMarket(symbol=market.symbol, rank=rank, score=market.score, passed=market.passed)
            for rank, market in enumerate(best[:candidates_max], start=1)
        ),
    )
