"""Decides signals: which markets break out or come back to a broken level, and which nearly did.

Judged once per closed bar, for the markets that passed the latest scan. Specification 3.1 to 3.3.
"""

from collections.abc import Sequence

from services.signals.domain.folding import fold_engine, fold_scan, fold_signals
from services.signals.domain.folding_market import fold_market
from services.signals.domain.measures import measure
from services.signals.domain.prices import targets
from services.signals.domain.setup import Setup
from services.signals.domain.setups import (
    SIGNAL_LIFE_MS,
    admission_condition,
    find_triggers,
    is_met,
    judge,
    ticked_prices,
)
from services.signals.domain.state import BAR_MS, WINDOW_BARS, SignalsState
from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.ids import partition_of
from shared.contracts.market import BarsClosed
from shared.contracts.preset import Preset
from shared.contracts.processor import Context
from shared.contracts.scan import Check
from shared.contracts.signal import SignalExpired, SignalRaised, SignalSuppressed
from shared.market.window import BarWindow


class SignalsProcessor:
    """The decider of one partition of the symbols."""

    source = Source.SIGNALS
    reads = frozenset({Source.MARKET, Source.SCANNER, Source.ORCHESTRATOR, Source.RISK, Source.CLOCK})
    state_type = SignalsState

    def __init__(self, partition: int = 0, partitions: int = 1) -> None:
        assert 0 <= partition < partitions, "a partition is one of the desk's"
        self.partition = partition
        self.partitions = partitions

    def initial(self) -> SignalsState:
        return SignalsState(window=BarWindow(step_ms=BAR_MS, capacity=WINDOW_BARS))

    def evolve(self, state: SignalsState, event: Event, ctx: Context) -> None:
        """Fold any event; what concerns symbols of other partitions is left out."""
        match ctx.source:
            case Source.MARKET:
                fold_market(state, event, ctx, self._owns)
            case Source.SCANNER:
                fold_scan(state, event, self._owns)
            case Source.ORCHESTRATOR:
                fold_engine(state, event)
                fold_scan(state, event, self._owns)
            case Source.RISK | Source.SIGNALS:
                fold_signals(state, event)
            case _:
                pass

    def decide(self, state: SignalsState, event: Event, ctx: Context) -> Sequence[Event]:
        """Answer a bar with signals and near misses, a tick with the signals that have expired."""
        match event:
            case BarsClosed():
                return _judge_bar(state, event.close_time_ms, ctx)
            case ClockTicked():
                return _expire(state, ctx.time_ms)
            case _:
                return ()

    def _owns(self, symbol: str) -> bool:
        return self.partitions == 1 or partition_of(symbol, self.partitions) == self.partition


def _expire(state: SignalsState, now_ms: int) -> list[Event]:
    return [
        SignalExpired(signal_id=signal_id, symbol=signal.symbol)
        for signal_id, signal in state.active.items()
        if signal.expires_at_ms <= now_ms
    ]


def _judge_bar(state: SignalsState, bar_close_time_ms: int, ctx: Context) -> list[Event]:
    """Return the signals of this bar, the most confident first, then the near misses."""
    preset = state.preset
    if not state.due or not state.entries_allowed or preset is None:
        return []
    triggers = find_triggers(state, preset, _judgeable(state), bar_close_time_ms)
    if not triggers:
        return []
    met: list[Setup] = []
    missed: list[Event] = []
    for symbol, measures in measure(state.window, tuple(triggers)).items():
        setups = [judge(state, preset, found, measures, ctx.time_ms) for found in triggers[symbol]]
        hit = next((setup for setup in setups if is_met(setup.checks)), None)
        if hit is not None:
            met.append(hit)
        else:
            missed.extend(_suppressed(state, setup) for setup in setups)
    met.sort(key=lambda setup: -setup.confidence)
    raised: list[Event] = []
    for setup in met:
        admission = admission_condition(state, len(raised))
        if admission.passed:
            raised.append(_raised(state, preset, setup, bar_close_time_ms, ctx))
        else:
            missed.append(_suppressed(state, setup, admission))
    return raised + missed


def _judgeable(state: SignalsState) -> list[str]:
    """Return the candidates that are due and have no signal open, best first."""
    due, open_symbols = frozenset(state.due), {signal.symbol for signal in state.active.values()}
    return [s for s in state.scan.candidates if s in due and s not in open_symbols]


def _raised(
    state: SignalsState, preset: Preset, setup: Setup, bar_close_time_ms: int, ctx: Context
) -> SignalRaised:
    found, symbol = setup.trigger, setup.trigger.level.symbol
    tick_size = state.tick_sizes[symbol]
    entry_px, stop_px = ticked_prices(setup, tick_size)
    standing = state.scan.standings[symbol]
    return SignalRaised(
        signal_id=ctx.derive("signal", symbol),
        symbol=symbol,
        side=found.side,
        strategy=found.strategy,
        level=found.level,
        scan_id=state.scan.scan_id,
        bar_close_time_ms=bar_close_time_ms,
        entry_px=entry_px,
        stop_px=stop_px,
        targets=targets(
            preset.position_config, side=found.side, entry_px=entry_px, stop_px=stop_px, tick_size=tick_size
        ),
        confidence=setup.confidence,
        score=standing.score,
        btc_correlation=standing.btc_correlation,
        checks=setup.checks,
        expires_at_ms=ctx.time_ms + SIGNAL_LIFE_MS,
    )


def _suppressed(state: SignalsState, setup: Setup, *further: Check) -> SignalSuppressed:
    return SignalSuppressed(
        symbol=setup.trigger.level.symbol,
        side=setup.trigger.side,
        strategy=setup.trigger.strategy,
        level=setup.trigger.level,
        scan_id=state.scan.scan_id,
        checks=(*setup.checks, *further),
    )
