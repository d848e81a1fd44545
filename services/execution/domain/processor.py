"""Is the execution service's decider: the one place that decides what is sent to the venue."""

from collections.abc import Callable, Sequence
from typing import Any, get_args

from services.execution.domain import reports
from services.execution.domain.entries import enter, expire_entries
from services.execution.domain.exits import on_bars
from services.execution.domain.flatten import on_command, press_on, verify
from services.execution.domain.folding import fold_decided
from services.execution.domain.managing import manage
from services.execution.domain.observing import fold_observed, fold_report
from services.execution.domain.reconcile import on_account
from services.execution.domain.state import Decidable, ExecutionState
from services.execution.domain.turn import Turn
from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.engine import CommandRequested
from shared.contracts.market import BarsClosed
from shared.contracts.processor import Context
from shared.contracts.risk import SignalApproved
from shared.contracts.venue import (
    AccountObserved,
    AmendAcknowledged,
    AmendRefused,
    CancelRefused,
    ExecutionReported,
    OrderMissing,
    OrderReported,
    SubmitAcknowledged,
    SubmitRefused,
    SubmitUncertain,
)

READS = frozenset(
    {Source.RISK, Source.MARKET, Source.ORCHESTRATOR, Source.CLOCK, Source.COMMANDS, Source.VENUE}
)
_DECIDABLE = frozenset(get_args(Decidable))


class ExecutionProcessor:
    """The decider of one account."""

    source = Source.EXECUTION
    partition = 0
    reads = READS
    state_type = ExecutionState

    def initial(self) -> ExecutionState:
        """Return the state of an account nobody has looked at."""
        return ExecutionState()

    def evolve(self, state: ExecutionState, event: Event, ctx: Context) -> None:
        """Fold an event of anybody's."""
        if ctx.source is Source.EXECUTION:
            fold_decided(state, event, ctx)
            return
        if ctx.seq != state.record_seq:
            # The record before has been answered: what its words said of themselves stays.
            for _, earlier in state.record_inputs:
                fold_report(state, earlier)
            state.record_seq = ctx.seq
            state.record_inputs.clear()
        fold_observed(state, event, ctx)
        if type(event) in _DECIDABLE:
            state.record_inputs.append((ctx.ordinal, event))  # type: ignore[arg-type]

    def decide(self, state: ExecutionState, event: Event, ctx: Context) -> Sequence[Event]:
        """Answer an input; see `Turn` for why the earlier inputs of its record come first."""
        if type(event) not in _DECIDERS or _idle(state, event):
            return ()
        turn = Turn(state.scratch(), ctx)
        for ordinal, earlier in state.record_inputs:
            if ordinal < ctx.ordinal:
                turn.at(_at(ctx, ordinal))
                fold_report(turn.state, earlier)
                _DECIDERS[type(earlier)](turn, earlier)
        turn.at(ctx)
        fold_report(turn.state, event)
        _DECIDERS[type(event)](turn, event)
        return turn.taken()


def _idle(state: ExecutionState, event: Event) -> bool:
    """Tell whether a frequent input can concern nobody, so that nothing is copied for it."""
    if isinstance(event, BarsClosed):
        return not state.positions
    return isinstance(event, ClockTicked) and not (state.positions or state.orders or state.flattening)


def _at(ctx: Context, ordinal: int) -> Context:
    return Context(
        desk_id=ctx.desk_id,
        seq=ctx.seq,
        source=ctx.source,
        time_ns=ctx.time_ns,
        ordinal=ordinal,
        correlation=ctx.correlation,
    )


def _on_tick(turn: Turn, _event: ClockTicked) -> None:
    expire_entries(turn)
    press_on(turn)
    for symbol in dict.fromkeys((*turn.state.positions, *(o.symbol for o in turn.state.orders.values()))):
        manage(turn, symbol)


def _on_account(turn: Turn, event: AccountObserved) -> None:
    verify(turn, event)
    on_account(turn, event)


_DECIDERS: dict[type[Event], Callable[[Turn, Any], None]] = {
    SignalApproved: enter,
    BarsClosed: on_bars,
    ClockTicked: _on_tick,
    CommandRequested: on_command,
    AccountObserved: _on_account,
    SubmitAcknowledged: reports.on_acknowledged,
    SubmitRefused: reports.on_refused,
    SubmitUncertain: reports.on_uncertain,
    OrderMissing: reports.on_missing,
    CancelRefused: reports.on_cancel_refused,
    AmendAcknowledged: reports.on_amended,
    AmendRefused: reports.on_amend_refused,
    OrderReported: reports.on_order_reported,
    ExecutionReported: reports.on_execution,
}
