"""Defines what explaining a trade, or a trade not taken, comes to: the causation chain with its numbers."""

from enum import StrEnum

import msgspec

from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.scan import Level, MarketScore


class Outcome(StrEnum):
    """What has become of an opportunity."""

    RAISED = "raised"
    DENIED = "denied"
    EXPIRED = "expired"
    APPROVED = "approved"
    # At the last hop, by execution.
    REFUSED = "refused"
    ENTERING = "entering"
    # Its entry orders are gone without a fill.
    NOT_FILLED = "not_filled"
    OPEN = "open"
    CLOSED = "closed"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the chain, and where it stands in the log."""

    seq: int
    # Seq of the record it answers; 0 for an observation.
    cause: int
    # Desk time, ms since the epoch.
    time_ms: int
    source: Source
    event: Event


class ScanVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How the market did in one scan, and the levels found in it."""

    scan_id: str
    seq: int
    cause: int
    time_ms: int
    market: MarketScore
    levels: tuple[Level, ...] = ()
    # Place among all markets of the scan, 1 the best; None before all partitions have answered.
    rank: int | None = None
    scored: int | None = None


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """The closed bar that triggered a signal; volume in base units."""

    seq: int
    open_time_ms: int
    close_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Opportunity(msgspec.Struct, frozen=True, kw_only=True):
    """A signal and everything that came of it, in the order of the log."""

    signal_id: str
    position_id: str
    outcome: Outcome
    # None when the market data has expired.
    bar: Bar | None
    scan: ScanVerdict | None
    steps: tuple[Step, ...]


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """A setup that failed by a condition or two, and the scan that had let its market through."""

    step: Step
    scan: ScanVerdict | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to say about a symbol, or about one of its opportunities."""

    symbol: str
    opportunities: tuple[Opportunity, ...]
    # The latest ones; counted in full.
    near_misses: tuple[NearMiss, ...]
    near_misses_found: int
    # None when no scan has ever judged the symbol.
    last_scan: ScanVerdict | None
    scans: int
    scans_passed: int
