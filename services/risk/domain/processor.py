"""Decides risk: each signal's size or the reasons against it, and when the account's limits are reached."""

from collections.abc import Sequence

from services.risk.domain import folding
from services.risk.domain.folding_orders import fold_execution
from services.risk.domain.limits import answer_crossings, note_crossings, roll_day, watch_equity
from services.risk.domain.state import RiskState
from services.risk.domain.trades import approved_trade, live
from services.risk.domain.verdict import judge
from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.engine import CommandAccepted, CommandName
from shared.contracts.processor import Context
from shared.contracts.risk import KillSwitchCleared, SignalApproved
from shared.contracts.signal import SignalRaised


class RiskProcessor:
    """The decider of one account."""

    source = Source.RISK
    partition = 0
    reads = frozenset(
        {
            Source.MARKET,
            Source.SCANNER,
            Source.SIGNALS,
            Source.EXECUTION,
            Source.VENUE,
            Source.ORCHESTRATOR,
            Source.COMMANDS,
            Source.CLOCK,
        }
    )
    state_type = RiskState

    def initial(self) -> RiskState:
        return RiskState()

    def evolve(self, state: RiskState, event: Event, ctx: Context) -> None:
        """Fold any event, then see what it has done to equity and its limits."""
        if ctx.source is self.source:
            folding.fold_decided(state, event)
            return
        roll_day(state, ctx.time_ms)
        match ctx.source:
            case Source.MARKET:
                folding.fold_market(state, event, ctx)
            case Source.SCANNER:
                folding.fold_scan(state, event)
            case Source.SIGNALS:
                folding.fold_signal(state, event, ctx)
            case Source.EXECUTION:
                fold_execution(state, event)
            case Source.VENUE:
                folding.fold_venue(state, event)
            case Source.ORCHESTRATOR:
                folding.fold_engine(state, event)
            case Source.COMMANDS:
                folding.fold_command(state, event)
            case Source.CLOCK:
                folding.end_expired(state, state.now_ms)
            case _:
                pass
        watch_equity(state)
        note_crossings(state, ctx)

    def decide(self, state: RiskState, event: Event, ctx: Context) -> Sequence[Event]:
        """Answer an input; limits first, so that a signal of the same moment meets them."""
        decided = answer_crossings(state, ctx)
        match event:
            case SignalRaised():
                decided += _answer_signal(state, ctx)
            case CommandAccepted(command=CommandName.CLEAR_KILL_SWITCH):
                decided.append(KillSwitchCleared(command_id=event.command_id))
            case _:
                pass
        return decided


def _answer_signal(state: RiskState, ctx: Context) -> list[Event]:
    """Return the verdict on the signal folded last, none when it has one already.

    What was decided on earlier signals of the same record is not folded yet, so it is derived again
    here: nine signals in one record are judged like nine records of one signal (W-S5).
    """
    trades, now_ms = live(state.trades.values()), max(state.now_ms, ctx.time_ms)
    *earlier, signal = state.asked
    judged: list[str] = []
    for other in earlier:
        if other.signal_id not in state.answered and other.signal_id not in judged:
            verdict = judge(state, trades, other, now_ms)
            if isinstance(verdict, SignalApproved):
                trades.append(approved_trade(verdict, other.btc_correlation))
        judged.append(other.signal_id)
    if signal.signal_id in state.answered or signal.signal_id in judged:
        return []
    return [judge(state, trades, signal, now_ms)]
