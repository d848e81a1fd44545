"""Tells stories about an engine: what others do to it, in a line each."""

from collections.abc import Callable
from decimal import Decimal

from services.orchestrator.domain.processor import OrchestratorProcessor, OrchestratorState
from shared.contracts.account import AccountReconciled, Discrepancy, DiscrepancyKind, ReconciliationFailed
from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, ProcessorFailed, ServiceSeen, Source
from shared.contracts.engine import (
    CommandName,
    CommandRequested,
    EngineState,
    EngineStateChanged,
    ScanStarted,
)
from shared.contracts.market import InstrumentsListed, TickersObserved
from shared.contracts.order import (
    OrderCanceled,
    OrderPurpose,
    OrderRejected,
    OrderSide,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import ExitReason, PositionClosed, PositionOpened
from shared.contracts.preset import Preset, load_preset
from shared.contracts.risk import (
    Denial,
    DenialReason,
    EntryRefused,
    KillSwitchCleared,
    KillSwitchTripped,
    SignalApproved,
    SignalDenied,
    SizeCap,
)
from shared.contracts.scan import Level, LevelKind, LevelsBuilt, MarketScore, MarketsScored
from shared.contracts.signal import PositionSide, SignalExpired, SignalRaised, Strategy
from shared.contracts.venue import VenueConnected
from tests.deciding import START_MS, Given

PARTITIONS = 2
PRESET = load_preset("demo")
SLOTS = PRESET.risk.max_concurrent_positions
INTERVAL_S = int(PRESET.scanner_config.scan_interval_seconds)
SERVICES = [
    ("market", 0),
    ("scanner", 0),
    ("scanner", 1),
    ("signals", 0),
    ("signals", 1),
    ("risk", 0),
    ("execution", 0),
]
SIGNAL_TTL_MS = 900_000


class Story:
    """An engine on a desk of two partitions; its clock starts at `START_MS`."""

    def __init__(self) -> None:
        self.given = Given(OrchestratorProcessor(PARTITIONS))
        self.now_ms = START_MS
        self.decided: list[Event] = []
        self._commands = 0

    @property
    def state(self) -> EngineState:
        return self.given.state.engine.state

    @property
    def memory(self) -> OrchestratorState:
        return self.given.state

    @property
    def moves(self) -> list[EngineState]:
        """Where the last decision took the engine."""
        return [event.to_state for event in self.decided if isinstance(event, EngineStateChanged)]

    def tell(self, *events: Event, source: Source) -> "Story":
        self.decided = self.given.when(*events, source=source, time_ms=self.now_ms)
        return self

    def tick(self, times: int = 1, *, seconds: float = 1.0) -> "Story":
        """Let seconds of desk time pass, a tick each; `decided` is what all of them decided."""
        decided: list[Event] = []
        for _ in range(times):
            self.now_ms += int(seconds * 1_000)
            self.tell(ClockTicked(number=1), source=Source.CLOCK)
            decided += self.decided
        self.decided = decided
        return self

    def command(
        self, name: CommandName, *, preset: Preset | None = None, command_id: str = "", reason: str = ""
    ) -> "Story":
        self._commands += 1
        request = CommandRequested(
            command_id=command_id or f"command-{self._commands}",
            command=name,
            requested_by="test",
            reason=reason,
            preset=preset,
        )
        return self.tell(request, source=Source.COMMANDS)

    def seen(self, service: str, partition: int = 0, *, alive: bool = True, instance: str = "a") -> "Story":
        event = ServiceSeen(service=service, partition=partition, alive=alive, instance=instance)
        return self.tell(event, source=Source.CLOCK)

    def failed(self, service: Source = Source.SIGNALS, partition: int = 0) -> "Story":
        event = ProcessorFailed(processor=service, partition=partition, poisonous_seq=7, error="boom")
        return self.tell(event, source=Source.SHELL)

    def healthy(self) -> "Story":
        for service, partition in SERVICES:
            self.seen(service, partition)
        self.tell(InstrumentsListed(instruments=()), source=Source.MARKET)
        self.tell(TICKERS, source=Source.MARKET)
        self.tell(VenueConnected(), source=Source.VENUE)
        return self.reconciled()

    def reconciled(self) -> "Story":
        thousand = Decimal(1_000)
        event = AccountReconciled(wallet_usd=thousand, equity_usd=thousand, available_usd=thousand)
        return self.tell(event, source=Source.EXECUTION)

    def irreconcilable(self) -> "Story":
        difference = Discrepancy(kind=DiscrepancyKind.BALANCE_DIFFERS, subject="USDT")
        return self.tell(ReconciliationFailed(discrepancies=(difference,)), source=Source.EXECUTION)

    @property
    def scan_id(self) -> str:
        scan = self.memory.engine.scan
        assert scan is not None
        return scan.scan_id

    def scanned(self, *symbols: str, scan_id: str = "") -> "Story":
        """All partitions answer, a record each; the named symbols pass."""
        decided: list[Event] = []
        for partition in range(PARTITIONS):
            own = [symbol for n, symbol in enumerate(symbols) if n % PARTITIONS == partition]
            self.tell(*answers(scan_id or self.scan_id, partition, own), source=Source.SCANNER)
            decided += self.decided
        self.decided = decided
        return self

    def raised(self, signal_id: str = "s1") -> "Story":
        return self.tell(signal(signal_id, self.now_ms + SIGNAL_TTL_MS), source=Source.SIGNALS)

    def approved(self, signal_id: str = "s1") -> "Story":
        return self.tell(approval(signal_id, self.now_ms + SIGNAL_TTL_MS), source=Source.RISK)

    def denied(self, signal_id: str = "s1") -> "Story":
        event = SignalDenied(
            signal_id=signal_id, symbol="A", reasons=(Denial(reason=DenialReason.CORRELATION),)
        )
        return self.tell(event, source=Source.RISK)

    def refused(self, signal_id: str = "s1") -> "Story":
        reasons = (Denial(reason=DenialReason.ORDER_RATE),)
        event = EntryRefused(signal_id=signal_id, symbol="A", reasons=reasons)
        return self.tell(event, source=Source.EXECUTION)

    def expired(self, signal_id: str = "s1") -> "Story":
        return self.tell(SignalExpired(signal_id=signal_id, symbol="A"), source=Source.SIGNALS)

    def entering(self, signal_id: str = "s1") -> "Story":
        return self.tell(entry(signal_id), source=Source.EXECUTION)

    def rejected(self, signal_id: str = "s1") -> "Story":
        event = OrderRejected(client_order_id=f"order-{signal_id}", code="1", reason="no")
        return self.tell(event, source=Source.EXECUTION)

    def canceled(self, signal_id: str = "s1") -> "Story":
        event = OrderCanceled(client_order_id=f"order-{signal_id}", cum_qty=Decimal(0), reason="timed out")
        return self.tell(event, source=Source.EXECUTION)

    def opened(self, signal_id: str = "s1") -> "Story":
        return self.tell(opening(signal_id), source=Source.EXECUTION)

    def closed(self, signal_id: str = "s1") -> "Story":
        return self.tell(closing(signal_id), source=Source.EXECUTION)

    def tripped(self) -> "Story":
        event = KillSwitchTripped(
            limit=DenialReason.DAILY_RISK_LIMIT, value=Decimal("-0.09"), threshold=Decimal("-0.08")
        )
        return self.tell(event, source=Source.RISK)

    def cleared(self) -> "Story":
        return self.tell(KillSwitchCleared(command_id="c"), source=Source.RISK)


TICKERS = TickersObserved(
    symbols=(), last=b"", bid=b"", ask=b"", volume_24h_usd=b"", change_24h_frac=b"", open_interest_usd=b""
)


def market(symbol: str, *, passed: bool = True, score: float = 1.0) -> MarketScore:
    return MarketScore(
        symbol=symbol,
        score=score,
        passed=passed,
        price=100.0,
        btc_correlation=None,
        filters=(),
        components=(),
    )


def level(symbol: str) -> Level:
    return Level(
        symbol=symbol,
        kind=LevelKind.RESISTANCE,
        price=101.0,
        touches=3,
        strength=0.8,
        first_touch_ms=START_MS - 1,
        last_touch_ms=START_MS,
    )


def answers(scan_id: str, partition: int, symbols: list[str]) -> tuple[Event, ...]:
    return (
        MarketsScored(
            scan_id=scan_id, partition=partition, markets=tuple(market(symbol) for symbol in symbols)
        ),
        LevelsBuilt(scan_id=scan_id, partition=partition, levels=tuple(level(symbol) for symbol in symbols)),
    )


def signal(signal_id: str, expires_at_ms: int) -> SignalRaised:
    return SignalRaised(
        signal_id=signal_id,
        symbol="A",
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        level=level("A"),
        scan_id="scan",
        bar_close_time_ms=START_MS,
        entry_px=Decimal(101),
        stop_px=Decimal(99),
        targets=(),
        confidence=0.5,
        score=1.0,
        btc_correlation=None,
        checks=(),
        expires_at_ms=expires_at_ms,
    )


def approval(signal_id: str, expires_at_ms: int) -> SignalApproved:
    return SignalApproved(
        signal_id=signal_id,
        symbol="A",
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=Decimal(1),
        entry_px=Decimal(101),
        stop_px=Decimal(99),
        targets=(),
        equity_usd=Decimal(1_000),
        risk_usd=Decimal(2),
        notional_usd=Decimal(101),
        caps=(SizeCap.RISK,),
        level_px=Decimal(100),
        expires_at_ms=expires_at_ms,
    )


def entry(signal_id: str) -> OrderSubmitted:
    return OrderSubmitted(
        client_order_id=f"order-{signal_id}",
        symbol="A",
        side=OrderSide.BUY,
        order_type=OrderType.MARKET,
        quantity=Decimal(1),
        reduce_only=False,
        purpose=OrderPurpose.ENTRY,
        position_id=f"position-{signal_id}",
        signal_id=signal_id,
    )


def opening(signal_id: str) -> PositionOpened:
    return PositionOpened(
        position_id=f"position-{signal_id}",
        signal_id=signal_id,
        symbol="A",
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=Decimal(1),
        entry_px=Decimal(101),
        stop_px=Decimal(99),
        risk_per_unit=Decimal(2),
    )


def closing(signal_id: str) -> PositionClosed:
    return PositionClosed(
        position_id=f"position-{signal_id}",
        signal_id=signal_id,
        symbol="A",
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=Decimal(1),
        entry_px=Decimal(101),
        exit_px=Decimal(99),
        gross_pnl_usd=Decimal(-2),
        fees_usd=Decimal("0.1"),
        funding_usd=Decimal(0),
        pnl_usd=Decimal("-2.1"),
        pnl_r=Decimal("-1.05"),
        exit_reason=ExitReason.STOP_LOSS,
        opened_at_ms=START_MS,
        closed_at_ms=START_MS + 1,
    )


def started(decided: list[Event]) -> list[ScanStarted]:
    return [event for event in decided if isinstance(event, ScanStarted)]


def _level_building(story: Story) -> None:
    for partition in range(PARTITIONS):
        story.tell(answers(story.scan_id, partition, [f"M{partition}"])[0], source=Source.SCANNER)


# How a healthy engine that has just been started gets there.
_LEADS: dict[EngineState, Callable[[Story], object]] = {
    EngineState.SCANNING: lambda _: None,
    EngineState.LEVEL_BUILDING: _level_building,
    EngineState.SIGNAL_WAIT: lambda story: story.scanned("A", "B"),
    EngineState.SIZING: lambda story: story.scanned("A", "B").raised(),
    EngineState.EXECUTION: lambda story: story.scanned("A", "B").raised().approved().entering(),
    EngineState.MANAGING: lambda story: story.scanned("A", "B").raised().approved().entering().opened(),
    EngineState.PAUSED: lambda story: story.command(CommandName.PAUSE),
    EngineState.ERROR: lambda story: story.failed(),
    EngineState.EMERGENCY: lambda story: story.command(CommandName.EMERGENCY_STOP),
    EngineState.STOPPED: lambda story: story.command(CommandName.STOP),
}


def engine_in(state: EngineState) -> Story:
    """Return a story that has led the engine into this state by ordinary events."""
    if state is EngineState.INITIALIZING:
        return Story().command(CommandName.START, preset=PRESET)
    story = Story().healthy()
    if state is not EngineState.IDLE:
        story.command(CommandName.START, preset=PRESET)
        _LEADS[state](story)
    assert story.state is state
    return story
