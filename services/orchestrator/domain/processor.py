"""Puts the orchestrator together: which events it answers, and in which order it considers things."""

from collections.abc import Sequence

import msgspec

from services.orchestrator.domain import commands, cycle, phases, recovery
from services.orchestrator.domain.engine import Engine, fold
from services.orchestrator.domain.facts import Facts
from services.orchestrator.domain.moves import Moves
from shared.contracts.account import AccountReconciled, ReconciliationFailed
from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, ProcessorFailed, ServiceSeen, Source
from shared.contracts.engine import CommandRequested, EngineState, ScanStarted
from shared.contracts.market import InstrumentsListed, TickersObserved
from shared.contracts.order import OrderCanceled, OrderFilled, OrderRejected, OrderSubmitted
from shared.contracts.position import PositionClosed, PositionOpened
from shared.contracts.processor import Context
from shared.contracts.risk import (
    EntryRefused,
    KillSwitchCleared,
    KillSwitchTripped,
    SignalApproved,
    SignalDenied,
)
from shared.contracts.scan import LevelsBuilt, MarketsScored
from shared.contracts.signal import SignalExpired, SignalRaised
from shared.contracts.venue import VenueConnected

# Everything else (bars, quotes, books) passes by without being looked at.
HANDLED: frozenset[type[Event]] = frozenset(
    {
        AccountReconciled,
        ClockTicked,
        CommandRequested,
        EntryRefused,
        InstrumentsListed,
        KillSwitchCleared,
        KillSwitchTripped,
        LevelsBuilt,
        MarketsScored,
        OrderCanceled,
        OrderFilled,
        OrderRejected,
        OrderSubmitted,
        PositionClosed,
        PositionOpened,
        ProcessorFailed,
        ReconciliationFailed,
        ServiceSeen,
        SignalApproved,
        SignalDenied,
        SignalExpired,
        SignalRaised,
        TickersObserved,
        VenueConnected,
    }
)


class OrchestratorState(msgspec.Struct, kw_only=True):
    """What the orchestrator knows, and how far a decision under way runs ahead of the log.

    The events of one record are decided one by one, but recorded together: what was decided for the
    first must be known when the second is decided. `ahead` is the engine as the current event finds
    it, `after` as it leaves it. Both are dropped with the next record: history is `engine` alone.
    """

    engine: Engine = Engine()
    facts: Facts = msgspec.field(default_factory=Facts)
    deciding_seq: int = 0
    ahead: Engine = Engine()
    after: Engine = Engine()


class OrchestratorProcessor:
    """Decides the engine's state, the scan cycle and people's commands for one desk."""

    source = Source.ORCHESTRATOR
    partition = 0
    reads = frozenset(
        {
            Source.CLOCK,
            Source.MARKET,
            Source.SCANNER,
            Source.SIGNALS,
            Source.RISK,
            Source.EXECUTION,
            Source.VENUE,
            Source.COMMANDS,
            Source.SHELL,
        }
    )
    state_type = OrchestratorState

    def __init__(self, partitions: int) -> None:
        """Expect answers from that many partitions of scanner and signals."""
        self._partitions = partitions

    def initial(self) -> OrchestratorState:
        """Return an idle engine that knows nothing."""
        return OrchestratorState()

    def evolve(self, state: OrchestratorState, event: Event, ctx: Context) -> None:
        """Fold an event of anybody."""
        if ctx.source is self.source:
            state.engine = fold(state.engine, event, time_ms=ctx.time_ms, tick=state.facts.tick)
            if isinstance(event, ScanStarted):
                state.facts.answers.expect(event.scan_id)
        elif type(event) in HANDLED:
            if not _answered_before(state.engine, event):
                state.facts.fold(event, ctx.time_ms)
            state.ahead = state.after if ctx.seq == state.deciding_seq else state.engine
            state.deciding_seq = ctx.seq
            state.after = self._plan(state, event, ctx).engine

    def decide(self, state: OrchestratorState, event: Event, ctx: Context) -> Sequence[Event]:
        """Answer an input; most say nothing."""
        return self._plan(state, event, ctx).events if type(event) in HANDLED else ()

    def _plan(self, state: OrchestratorState, event: Event, ctx: Context) -> Moves:
        moves = Moves(state.ahead, state.facts, ctx, self._partitions)
        was_active = moves.engine.active
        _respond(moves, event)
        recovery.check_health(moves)
        self._begin_when_ready(moves)
        phases.pause_if_asked(moves)
        if moves.engine.active and not was_active:
            cycle.start_scan(moves, "entered")
        elif isinstance(event, ClockTicked):
            cycle.start_scan_when_due(moves)
            phases.pause_if_asked(moves)
        return moves

    def _begin_when_ready(self, moves: Moves) -> None:
        starting = moves.engine.state is EngineState.INITIALIZING
        if starting and not moves.facts.health.missing(self._partitions, moves.facts.tick):
            moves.go(EngineState.SCANNING, "ready")


def _answered_before(engine: Engine, event: Event) -> bool:
    return isinstance(event, CommandRequested) and event.command_id in engine.answered


def _respond(moves: Moves, event: Event) -> None:
    match event:
        case CommandRequested():
            commands.answer(moves, event)
        case MarketsScored():
            cycle.on_scored(moves)
        case LevelsBuilt():
            cycle.on_levels(moves)
        case ClockTicked():
            phases.leave_outlived(moves)
        case _:
            phases.follow_trade(moves, event)
