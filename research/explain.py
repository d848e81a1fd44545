"""Folds a log into the explanation of a symbol or of one opportunity.

Only what concerns the symbol is kept, so that a session of any length can be explained.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from research.explanation import (
    Bar,
    Explanation,
    NearMiss,
    Opportunity,
    Outcome,
    ScanVerdict,
    Step,
)
from research.subject import Subject
from shared.contracts.base import Event
from shared.contracts.columns import FLOAT64_SIZE, unpack
from shared.contracts.desk import Source
from shared.contracts.engine import ScanCompleted
from shared.contracts.market import BarsClosed
from shared.contracts.order import OrderCanceled, OrderPurpose, OrderRejected, OrderSubmitted
from shared.contracts.position import PositionClosed, PositionOpened
from shared.contracts.processor import NS_PER_MS
from shared.contracts.record import Record
from shared.contracts.risk import EntryRefused, SignalApproved, SignalDenied
from shared.contracts.scan import LevelsBuilt, MarketsScored
from shared.contracts.signal import SignalExpired, SignalRaised, SignalSuppressed

NEAR_MISSES_KEPT = 10
# A signal refers to the latest scan; a few more are kept because scans and signals overlap.
SCANS_KEPT = 4
READS = frozenset(
    {Source.SCANNER, Source.ORCHESTRATOR, Source.SIGNALS, Source.RISK, Source.EXECUTION}
)  # what `Explainer.read` looks at


class _Story(msgspec.Struct, kw_only=True):
    signal_id: str
    position_id: str = ""
    outcome: Outcome = Outcome.RAISED
    scan: ScanVerdict | None
    steps: list[Step] = msgspec.field(default_factory=list)


class Explainer:
    """Reads a log once, in order, and keeps what explains its subject."""

    def __init__(self, subject: Subject) -> None:
        """Begin before the first record."""
        self._subject = subject
        self._stories: dict[str, _Story] = {}
        # Position ids and client order ids, by the signal they belong to.
        self._owners: dict[str, str] = {}
        self._scans: dict[str, ScanVerdict] = {}
        self._last_scan: ScanVerdict | None = None
        self._scans_found = 0
        self._scans_passed = 0
        self._near_misses: deque[NearMiss] = deque(maxlen=NEAR_MISSES_KEPT)
        self._near_misses_found = 0

    def read(self, record: Record) -> None:
        """Take in the next record."""
        for event in record.events:
            match event:
                case MarketsScored() | LevelsBuilt() | ScanCompleted():
                    self._scan(event, record)
                case SignalRaised():
                    self._raise(event, record)
                case SignalSuppressed():
                    self._miss(event, record)
                case _:
                    self._follow(event, record)

    def finish(self) -> Explanation:
        """Return the explanation; whoever has the market records adds the bars (`bar_of`)."""
        return Explanation(
            symbol=self._subject.symbol,
            opportunities=tuple(
                Opportunity(
                    signal_id=story.signal_id,
                    position_id=story.position_id,
                    outcome=story.outcome,
                    bar=None,
                    scan=story.scan,
                    steps=tuple(story.steps),
                )
                for story in self._stories.values()
            ),
            near_misses=tuple(self._near_misses),
            near_misses_found=self._near_misses_found,
            last_scan=self._last_scan,
            scans=self._scans_found,
            scans_passed=self._scans_passed,
        )

    def _scan(self, event: MarketsScored | LevelsBuilt | ScanCompleted, record: Record) -> None:
        symbol = self._subject.symbol
        if isinstance(event, MarketsScored):
            market = next((each for each in event.markets if each.symbol == symbol), None)
            if market is None:
                return
            self._scans_found += 1
            self._scans_passed += market.passed
            verdict = ScanVerdict(
                scan_id=event.scan_id,
                seq=record.seq,
                cause=record.cause,
                time_ms=record.time_ns // NS_PER_MS,
                market=market,
            )
            self._keep_scan(verdict)
            return
        known = self._scans.get(event.scan_id)
        if known is None:
            return
        if isinstance(event, LevelsBuilt):
            levels = tuple(level for level in event.levels if level.symbol == symbol)
            # Another partition's answer has none of ours.
            self._keep_scan(msgspec.structs.replace(known, levels=levels or known.levels))
        else:
            rank = next((each.rank for each in event.ranked if each.symbol == symbol), None)
            self._keep_scan(msgspec.structs.replace(known, rank=rank, scored=event.scored))

    def _keep_scan(self, verdict: ScanVerdict) -> None:
        self._last_scan = verdict
        self._scans[verdict.scan_id] = verdict
        while len(self._scans) > SCANS_KEPT:
            del self._scans[next(iter(self._scans))]

    def _raise(self, event: SignalRaised, record: Record) -> None:
        asked = self._subject.signal_id in ("", event.signal_id)
        if event.symbol == self._subject.symbol and asked:
            story = _Story(signal_id=event.signal_id, scan=self._scans.get(event.scan_id))
            story.steps.append(_step(event, record))
            self._stories[event.signal_id] = story

    def _miss(self, event: SignalSuppressed, record: Record) -> None:
        if event.symbol == self._subject.symbol:
            self._near_misses_found += 1
            miss = NearMiss(step=_step(event, record), scan=self._scans.get(event.scan_id))
            self._near_misses.append(miss)

    def _follow(self, event: Event, record: Record) -> None:
        signal_id = self._owner(event)
        story = self._stories.get(signal_id)
        if story is None:
            return
        for name in ("position_id", "client_order_id"):
            owned = getattr(event, name, "")
            if owned:
                self._owners[owned] = signal_id
        story.position_id = getattr(event, "position_id", "") or story.position_id
        story.outcome = _outcome_after(story.outcome, event)
        story.steps.append(_step(event, record))

    def _owner(self, event: Event) -> str:
        """Return the signal an event belongs to: named by itself, by its position or by its order."""
        named = getattr(event, "signal_id", "")
        if named:
            return str(named)
        for name in ("position_id", "client_order_id"):
            owner = self._owners.get(getattr(event, name, ""))
            if owner is not None:
                return owner
        return ""


def _outcome_after(outcome: Outcome, event: Event) -> Outcome:  # noqa: PLR0911  one line per outcome
    match event:
        case SignalDenied():
            return Outcome.DENIED
        case SignalApproved():
            return Outcome.APPROVED
        case EntryRefused():
            return Outcome.REFUSED
        case SignalExpired() if outcome is Outcome.RAISED:
            return Outcome.EXPIRED
        case OrderSubmitted(purpose=OrderPurpose.ENTRY) if outcome not in (Outcome.OPEN, Outcome.CLOSED):
            return Outcome.ENTERING
        case OrderCanceled() | OrderRejected() if outcome is Outcome.ENTERING:
            return Outcome.NOT_FILLED
        case PositionOpened():
            return Outcome.OPEN
        case PositionClosed():
            return Outcome.CLOSED
        case _:
            return outcome


def explain(subject: Subject, records: Iterable[Record]) -> Explanation:
    """Return the explanation of `subject` from the records of a log, in order."""
    explainer = Explainer(subject)
    for record in records:
        explainer.read(record)
    return explainer.finish()


def bar_of(record: Record, symbol: str) -> Bar | None:
    """Return the last bar of `symbol` in a market record, None when it holds none."""
    for event in record.events:
        if isinstance(event, BarsClosed) and symbol in event.symbols:
            cell = (event.rows - 1) * len(event.symbols) + event.symbols.index(symbol)
            return Bar(
                seq=record.seq,
                open_time_ms=event.close_time_ms - event.timeframe_s * 1000,
                close_time_ms=event.close_time_ms,
                open=_at(event.open, cell),
                high=_at(event.high, cell),
                low=_at(event.low, cell),
                close=_at(event.close, cell),
                volume=_at(event.volume, cell),
            )
    return None


def _at(column: bytes, cell: int) -> float:
    return unpack(column[cell * FLOAT64_SIZE : (cell + 1) * FLOAT64_SIZE])[0]


def _step(event: Event, record: Record) -> Step:
    return Step(
        seq=record.seq,
        cause=record.cause,
        time_ms=record.time_ns // NS_PER_MS,
        source=record.source,
        event=event,
    )
