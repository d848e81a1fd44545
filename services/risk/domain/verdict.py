"""Judges one signal: approved at a size, or denied for every reason that applies.

Specification 4.2. The verdict is a function of the state, the trades that count and the signal, so
signals that arrive in one record are judged as if they had arrived one after the other.
"""

from collections.abc import Sequence
from decimal import Decimal

from services.risk.domain.decimals import ZERO, divide_down, exact, to_tick
from services.risk.domain.equity import equity_usd, used_usd, worst_case_usd
from services.risk.domain.gate import (
    CORRELATED_SHARE_MAX,
    correlated_share,
    exposure_reasons,
    market_reasons,
    permission_reasons,
    price_reasons,
)
from services.risk.domain.limits import is_stressed
from services.risk.domain.sizing import Ask, Size, quantity_min, size
from services.risk.domain.state import RiskState, fresh_quote
from services.risk.domain.trades import Trade
from shared.contracts.risk import Denial, DenialReason, SignalApproved, SignalDenied, SizeCap
from shared.contracts.signal import PositionSide, SignalRaised, Target


def judge(
    state: RiskState, trades: Sequence[Trade], signal: SignalRaised, now_ms: int
) -> SignalApproved | SignalDenied:
    """Return the verdict on a signal, given the trades that count against the limits."""
    reasons = [
        *permission_reasons(state, signal, now_ms),
        *market_reasons(state, trades, signal, now_ms),
        *price_reasons(state, signal, now_ms),
    ]
    if state.limits is not None:
        reasons += exposure_reasons(state, state.limits, trades, signal)
        if not _unsizeable(reasons):
            ask = _ask(state, trades, signal, now_ms)
            sized = size(ask, state.limits, state.instruments[signal.symbol])
            reasons += _size_reasons(state, trades, signal.symbol, ask, sized)
            if not reasons:
                return _approved(state, signal, ask, sized)
    assert reasons, "a signal that is not approved is denied for a reason"
    return SignalDenied(signal_id=signal.signal_id, symbol=signal.symbol, reasons=tuple(reasons))


def _unsizeable(reasons: Sequence[Denial]) -> bool:
    """Whether a number that sizing needs is missing; the other reasons do not hinder the arithmetic."""
    missing = {
        DenialReason.UNKNOWN_EQUITY,
        DenialReason.UNKNOWN_INSTRUMENT,
        DenialReason.STALE_FEED,
        DenialReason.STALE_PRICE,
        DenialReason.INVALID_STOP,
    }
    return any(denial.reason in missing for denial in reasons)


def _ask(state: RiskState, trades: Sequence[Trade], signal: SignalRaised, now_ms: int) -> Ask:
    equity, depth = equity_usd(state), state.depths[signal.symbol]
    assert equity is not None, "unknown equity has been refused"
    return Ask(
        equity_usd=equity,
        entry_px=_expected_entry(state, signal, now_ms),
        stop_px=signal.stop_px,
        depth_usd=exact(depth.ask_usd if signal.side is PositionSide.LONG else depth.bid_usd),
        margin_usd=equity - used_usd(state, trades),
        reduced=is_stressed(state),
    )


def _expected_entry(state: RiskState, signal: SignalRaised, now_ms: int) -> Decimal:
    """Return where the trade will be entered: the signal's price, or the market's where that is worse.

    A breakout that has run on is bought where it is; sized at the signal's price, its stop-out would
    cost more than one R.
    """
    quote = fresh_quote(state, signal.symbol, now_ms)
    price = None if quote is None else quote.entry_px(signal.side)
    assert price is not None, "an unknown price has been refused"
    here = to_tick(exact(price), state.instruments[signal.symbol].tick_size, signal.side, up=True)
    return max(signal.entry_px, here) if signal.side is PositionSide.LONG else min(signal.entry_px, here)


def _size_reasons(
    state: RiskState, trades: Sequence[Trade], symbol: str, ask: Ask, sized: Size
) -> list[Denial]:
    """Return what stands against this trade at this size."""
    limits = state.limits
    assert limits is not None, "missing limits have been refused"
    reasons = []
    least = quantity_min(state.instruments[symbol], ask.entry_px)
    if sized.quantity < least:
        by_margin = SizeCap.MARGIN in sized.caps
        reasons.append(
            Denial(reason=DenialReason.INSUFFICIENT_MARGIN, value=ask.margin_usd, limit=least * ask.entry_px)
            if by_margin
            else Denial(reason=DenialReason.QUANTITY_TOO_SMALL, value=sized.quantity, limit=least)
        )
    share = correlated_share(state, limits, trades, sized.notional_usd)
    if share > CORRELATED_SHARE_MAX:
        reasons.append(
            Denial(reason=DenialReason.CORRELATED_EXPOSURE, value=share, limit=CORRELATED_SHARE_MAX)
        )
    loss, allowed = _day_loss_at_worst(state, trades, sized), exact(limits.daily_risk_limit)
    if loss is None or loss > allowed or state.day.loss_breached:
        reasons.append(Denial(reason=DenialReason.DAILY_RISK_LIMIT, value=loss, limit=allowed))
    return reasons


def _day_loss_at_worst(state: RiskState, trades: Sequence[Trade], sized: Size) -> Decimal | None:
    """Return the day's loss if every trade, this one included, stopped out; a share of the day's start."""
    start, worst = state.day.start_usd, worst_case_usd(state, trades)
    if start is None or worst is None or start <= 0:
        return None
    return divide_down(max(start - worst + sized.risk_usd, ZERO), start)


def _approved(state: RiskState, signal: SignalRaised, ask: Ask, sized: Size) -> SignalApproved:
    return SignalApproved(
        signal_id=signal.signal_id,
        symbol=signal.symbol,
        side=signal.side,
        strategy=signal.strategy,
        quantity=sized.quantity,
        entry_px=ask.entry_px,
        stop_px=ask.stop_px,
        targets=_targets(state, signal, ask),
        equity_usd=ask.equity_usd,
        risk_usd=sized.risk_usd,
        notional_usd=sized.notional_usd,
        caps=sized.caps,
        level_px=exact(signal.level.price),
        expires_at_ms=signal.expires_at_ms,
    )


def _targets(state: RiskState, signal: SignalRaised, ask: Ask) -> tuple[Target, ...]:
    """Return the targets at the same multiples of R, from where the trade will be entered."""
    if ask.entry_px == signal.entry_px:
        return signal.targets
    tick_size = state.instruments[signal.symbol].tick_size
    sign = 1 if signal.side is PositionSide.LONG else -1
    distance = abs(ask.entry_px - ask.stop_px)
    moved = (
        Target(
            price=to_tick(ask.entry_px + sign * target.reward_r * distance, tick_size, signal.side, up=False),
            reward_r=target.reward_r,
            size_frac=target.size_frac,
        )
        for target in signal.targets
    )
    return tuple(target for target in moved if target.price > 0)
