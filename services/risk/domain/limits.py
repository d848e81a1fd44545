"""Watches the account's limits: the day's loss, the losing streak and the drawdown.

A day is a UTC day of desk time. A breached limit stays breached until the next day even if equity
recovers; a losing streak also ends with a win, or when a person clears the kill switch. The kill
switch ends with a person alone. Specification 1.6, 4.2 and 4.3; W-S4: nothing but midnight moves
the day's start, and nothing but a clearance lowers the high-water mark.
"""

from decimal import Decimal

import msgspec

from services.risk.domain.decimals import ZERO, divide_down, exact
from services.risk.domain.equity import equity_usd
from services.risk.domain.state import Day, RiskState
from shared.contracts.base import Event
from shared.contracts.processor import Context
from shared.contracts.risk import DenialReason, KillSwitchTripped, LimitBreached

DAY_MS = 86_400_000
# Specification 4.2, step 4.
STRESS_DAY_SHARE = Decimal("0.8")
STRESS_DRAWDOWN_SHARE = Decimal("0.5")


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that is crossed and has not been recorded so."""

    name: str
    event: Event


def roll_day(state: RiskState, time_ms: int) -> None:
    """Begin another day at UTC midnight of desk time, at the equity then known."""
    state.now_ms = max(state.now_ms, time_ms)
    number = state.now_ms // DAY_MS
    if number == state.day.number:
        return
    if state.day.streak_breached:
        state.losses_in_a_row = 0
    equity = equity_usd(state)
    state.day = Day(number=number, start_usd=equity, kill_start_usd=equity)


def watch_equity(state: RiskState) -> None:
    """Raise the high-water mark, and start a day that began before equity was known."""
    equity = equity_usd(state)
    if equity is None:
        return
    if state.day.start_usd is None:
        state.day.start_usd = state.day.kill_start_usd = equity
    if state.high_water_usd is None or equity > state.high_water_usd:
        state.high_water_usd = equity


def note_crossings(state: RiskState, ctx: Context) -> None:
    """Remember which event of a record crossed a limit first, so that only it is answered."""
    if state.crossed_seq != ctx.seq:
        state.crossed, state.crossed_seq = {}, ctx.seq
    for crossing in crossings(state):
        state.crossed.setdefault(crossing.name, ctx.ordinal)


def answer_crossings(state: RiskState, ctx: Context) -> list[Event]:
    """Return what is to be recorded about limits because of this very event."""
    if state.crossed_seq != ctx.seq or not state.crossed:
        return []
    return [c.event for c in crossings(state) if state.crossed.get(c.name) == ctx.ordinal]


def crossings(state: RiskState) -> list[Crossing]:
    """Return the limits that are crossed without a record of it."""
    limits, found = state.limits, list[Crossing]()
    if limits is None:
        return found
    kill = _kill(state, exact(limits.kill_switch_loss_limit))
    if kill is not None and not state.killed:
        found.append(Crossing(name="kill_switch", event=kill))
    loss, allowed = day_loss_frac(state), exact(limits.daily_risk_limit)
    if loss is not None and loss >= allowed and not state.day.loss_breached:
        breach = LimitBreached(limit=DenialReason.DAILY_RISK_LIMIT, value=loss, threshold=allowed)
        found.append(Crossing(name="day_loss", event=breach))
    if state.losses_in_a_row >= limits.max_consecutive_losses and not state.day.streak_breached:
        streak = LimitBreached(
            limit=DenialReason.CONSECUTIVE_LOSSES,
            value=Decimal(state.losses_in_a_row),
            threshold=Decimal(limits.max_consecutive_losses),
        )
        found.append(Crossing(name="losses_in_a_row", event=streak))
    return found


def _kill(state: RiskState, allowed: Decimal) -> KillSwitchTripped | None:
    drawdown = drawdown_frac(state)
    if drawdown is not None and drawdown > allowed:
        return KillSwitchTripped(limit=DenialReason.KILL_SWITCH, value=drawdown, threshold=allowed)
    loss = _lost_frac(state, state.day.kill_start_usd)
    if loss is not None and loss >= allowed:
        return KillSwitchTripped(limit=DenialReason.DAILY_RISK_LIMIT, value=loss, threshold=allowed)
    return None


def day_loss_frac(state: RiskState) -> Decimal | None:
    """Return the day's loss, unrealised included, as a share of its start; 0 for a gain."""
    return _lost_frac(state, state.day.start_usd)


def drawdown_frac(state: RiskState) -> Decimal | None:
    """Return the distance of equity from its high-water mark, as a share of the mark."""
    return _lost_frac(state, state.high_water_usd)


def _lost_frac(state: RiskState, base_usd: Decimal | None) -> Decimal | None:
    equity = equity_usd(state)
    if equity is None or base_usd is None:
        return None
    # An account that began the day with nothing cannot lose a share of it, and must not trade.
    return divide_down(max(base_usd - equity, ZERO), base_usd) if base_usd > 0 else Decimal(1)


def is_stressed(state: RiskState) -> bool:
    """Whether sizes are halved: much of the day's or half of the kill limit's loss is used up."""
    limits, loss, drawdown = state.limits, day_loss_frac(state), drawdown_frac(state)
    assert limits is not None, "there is no stress without limits"
    used = loss is not None and loss > STRESS_DAY_SHARE * exact(limits.daily_risk_limit)
    deep = drawdown is not None and drawdown > STRESS_DRAWDOWN_SHARE * exact(limits.kill_switch_loss_limit)
    return used or deep


def clear_kill_switch(state: RiskState) -> None:
    """Count drawdown, the kill limit's day and the losing streak from here."""
    equity = equity_usd(state)
    state.killed = False
    state.high_water_usd = state.day.kill_start_usd = equity
    state.losses_in_a_row = 0
    state.day.streak_breached = False


def note_closed(state: RiskState, pnl_usd: Decimal) -> None:
    """Count a closed trade into the streak; one that neither won nor lost leaves it (W-S9)."""
    if pnl_usd < 0:
        state.losses_in_a_row += 1
    elif pnl_usd > 0:
        state.losses_in_a_row = 0
        state.day.streak_breached = False
