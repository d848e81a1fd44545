"""Folds what scanner, orchestrator, risk and this service itself have said."""

from services.signals.domain.folding_market import Owns
from services.signals.domain.state import OpenSignal, Raised, Scan, SignalsState, Standing
from shared.contracts.base import Event
from shared.contracts.engine import TRADING_ACTIVE, EngineStateChanged, PresetActivated, ScanCompleted
from shared.contracts.risk import SignalApproved, SignalDenied
from shared.contracts.scan import Level, LevelsBuilt, MarketsScored
from shared.contracts.signal import SignalExpired, SignalRaised

# Strongest first. Breaks of all of them are remembered; signals look at fewer (see `setups`).
LEVELS_TRACKED = 5
RAISED_KEPT = 10


def fold_scan(state: SignalsState, event: Event, owns: Owns) -> None:
    """Fold the scanner's verdicts; they count from the scan's completion on."""
    match event:
        case MarketsScored():
            scan = _arriving(state, event.scan_id)
            for market in event.markets:
                if owns(market.symbol):
                    scan.standings[market.symbol] = Standing(
                        score=market.score, btc_correlation=market.btc_correlation
                    )
        case LevelsBuilt():
            scan = _arriving(state, event.scan_id)
            for symbol, levels in _by_symbol(event.levels).items():
                if owns(symbol):
                    scan.levels[symbol] = tuple(levels[:LEVELS_TRACKED])
        case ScanCompleted() if event.scan_id == state.arriving.scan_id:
            state.scan, state.arriving = state.arriving, Scan()
            limit = state.preset.scanner_config.max_candidates if state.preset else 0
            passed = [market.symbol for market in event.ranked if market.passed][:limit]
            state.scan.candidates = tuple(
                s for s in passed if s in state.scan.standings and s in state.scan.levels
            )
        case _:
            pass


def _arriving(state: SignalsState, scan_id: str) -> Scan:
    if state.arriving.scan_id != scan_id:
        state.arriving = Scan(scan_id=scan_id)
    return state.arriving


def _by_symbol(levels: tuple[Level, ...]) -> dict[str, list[Level]]:
    grouped: dict[str, list[Level]] = {}
    for level in levels:
        grouped.setdefault(level.symbol, []).append(level)
    return grouped


def fold_engine(state: SignalsState, event: Event) -> None:
    """Fold the engine's state and the rules in force."""
    match event:
        case EngineStateChanged():
            state.entries_allowed = event.entries_allowed and event.to_state in TRADING_ACTIVE
        case PresetActivated():
            state.preset = event.preset
        case _:
            pass


def fold_signals(state: SignalsState, event: Event) -> None:
    """Fold the life of signals: raised or expired by us, answered by risk."""
    match event:
        case SignalRaised():
            state.active[event.signal_id] = OpenSignal(symbol=event.symbol, expires_at_ms=event.expires_at_ms)
            raised = Raised(
                side=event.side,
                strategy=event.strategy,
                entry_px=event.entry_px,
                bar_close_time_ms=event.bar_close_time_ms,
            )
            state.raised[event.symbol] = (*state.raised.get(event.symbol, ()), raised)[-RAISED_KEPT:]
        case SignalApproved() | SignalDenied() | SignalExpired():
            state.active.pop(event.signal_id, None)
        case _:
            pass
