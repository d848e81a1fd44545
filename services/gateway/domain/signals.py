"""Folds signals and what became of them, the near misses and the refusals included."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from services.gateway.domain.rows import Row, keep_last
from shared.contracts.base import Event
from shared.contracts.position import PositionOpened
from shared.contracts.risk import Denial, EntryRefused, SignalApproved, SignalDenied, SizeCap
from shared.contracts.scan import Check, Level
from shared.contracts.signal import (
    PositionSide,
    SignalExpired,
    SignalRaised,
    SignalSuppressed,
    Strategy,
    Target,
)

SIGNALS_MAX = 1_000
SUPPRESSED_MAX = 1_000


class SignalStatus(StrEnum):
    RAISED = "raised"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    REFUSED = "refused"
    EXECUTED = "executed"
    SUPPRESSED = "suppressed"


class Signal(Row, kw_only=True):
    """One setup. A suppressed one has neither prices nor confidence: it failed before those exist."""

    id: str
    status: SignalStatus
    symbol: str
    side: PositionSide
    strategy: Strategy
    level: Level
    scan_id: str
    checks: tuple[Check, ...]
    entry: Decimal | None = None
    sl: Decimal | None = None
    targets: tuple[Target, ...] = ()
    confidence: float | None = None
    score: float | None = None
    btc_correlation: float | None = None
    quantity: Decimal | None = None
    risk_usd: Decimal | None = None
    caps: tuple[SizeCap, ...] = ()
    denials: tuple[Denial, ...] = ()
    expires_at: int | None = None
    timestamp: int
    updated_at: int


class SignalsView(msgspec.Struct, kw_only=True):
    """The latest signals and near misses by id, oldest first."""

    signals: dict[str, Signal] = {}
    suppressed: dict[str, Signal] = {}

    def fold(self, event: Event, *, time_ms: int, seq: int, ordinal: int) -> None:
        """Take in one event of a setup's life."""
        match event:
            case SignalRaised():
                self.signals[event.signal_id] = _raised(event, time_ms)
                keep_last(self.signals, SIGNALS_MAX)
            case SignalSuppressed():
                # Near misses have no id of their own; their place in the log is one.
                self.suppressed[f"{seq}.{ordinal}"] = _suppressed(event, f"{seq}.{ordinal}", time_ms)
                keep_last(self.suppressed, SUPPRESSED_MAX)
            case SignalApproved() | SignalDenied() | EntryRefused() | SignalExpired() | PositionOpened():
                signal = self.signals.get(event.signal_id)
                if signal is not None:
                    _answer(signal, event)
                    signal.updated_at = time_ms


def _answer(
    signal: Signal, event: SignalApproved | SignalDenied | EntryRefused | SignalExpired | PositionOpened
) -> None:
    match event:
        case SignalApproved():
            signal.status = SignalStatus.APPROVED
            signal.quantity, signal.risk_usd, signal.caps = event.quantity, event.risk_usd, event.caps
        case SignalDenied():
            signal.status, signal.denials = SignalStatus.DENIED, event.reasons
        case EntryRefused():
            signal.status, signal.denials = SignalStatus.REFUSED, event.reasons
        case SignalExpired() if signal.status is SignalStatus.RAISED:
            signal.status = SignalStatus.EXPIRED
        case PositionOpened():
            signal.status = SignalStatus.EXECUTED


def _raised(event: SignalRaised, time_ms: int) -> Signal:
    return Signal(
        id=event.signal_id,
        status=SignalStatus.RAISED,
        symbol=event.symbol,
        side=event.side,
        strategy=event.strategy,
        level=event.level,
        scan_id=event.scan_id,
        checks=event.checks,
        entry=event.entry_px,
        sl=event.stop_px,
        targets=event.targets,
        confidence=event.confidence,
        score=event.score,
        btc_correlation=event.btc_correlation,
        expires_at=event.expires_at_ms,
        timestamp=time_ms,
        updated_at=time_ms,
    )


def _suppressed(event: SignalSuppressed, signal_id: str, time_ms: int) -> Signal:
    return Signal(
        id=signal_id,
        status=SignalStatus.SUPPRESSED,
        symbol=event.symbol,
        side=event.side,
        strategy=event.strategy,
        level=event.level,
        scan_id=event.scan_id,
        checks=event.checks,
        timestamp=time_ms,
        updated_at=time_ms,
    )
