"""Lists every reason that stands against a signal before it is sized.

It fails closed: whatever is unknown, stale or unresolved is a reason (RELIABILITY R10).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from services.risk.domain.decimals import ZERO, divide_down, exact
from services.risk.domain.equity import equity_usd, mark_px
from services.risk.domain.state import PRICE_AGE_MS_MAX, Depth, Quote, RiskState, fresh_quote, is_stale
from services.risk.domain.trades import Trade
from shared.contracts.market import Instrument
from shared.contracts.order import OrderPurpose
from shared.contracts.preset import RiskLimits
from shared.contracts.risk import Denial, DenialReason
from shared.contracts.signal import PositionSide, SignalRaised

# Specification 4.2, step 3.
CORRELATED_SHARE_MAX = Decimal("0.6")
# Beyond one initial R the trade is another one than was signalled; at minus one it is at its stop.
MOVED_AWAY_R_MAX = Decimal(1)


def permission_reasons(state: RiskState, signal: SignalRaised, now_ms: int) -> Iterator[Denial]:
    """Yield what forbids any entry, whatever the market."""
    if not state.entries_allowed or state.halted or state.limits is None:
        yield Denial(reason=DenialReason.ENGINE_NOT_TRADING)
    if state.killed:
        yield Denial(reason=DenialReason.KILL_SWITCH)
    if not state.reconciled:
        yield Denial(reason=DenialReason.NOT_RECONCILED)
    if now_ms >= signal.expires_at_ms:
        yield Denial(
            reason=DenialReason.SIGNAL_EXPIRED, value=Decimal(now_ms), limit=Decimal(signal.expires_at_ms)
        )
    equity = equity_usd(state)
    if equity is None or equity <= 0:
        yield Denial(reason=DenialReason.UNKNOWN_EQUITY, value=equity)


def market_reasons(
    state: RiskState, trades: Sequence[Trade], signal: SignalRaised, now_ms: int
) -> Iterator[Denial]:
    """Yield what is wrong with what is known of the market, and of the markets already traded."""
    symbol = signal.symbol
    if not tradeable(state.instruments.get(symbol)):
        yield Denial(reason=DenialReason.UNKNOWN_INSTRUMENT)
    depth = state.depths.get(symbol)
    if is_stale(state, symbol) or depth is None or now_ms - depth.time_ms > PRICE_AGE_MS_MAX:
        yield Denial(reason=DenialReason.STALE_FEED, value=_age(depth, now_ms))
    # Equity is as old as the oldest mark of an open position.
    marked = [trade.symbol for trade in trades if trade.booked.quantity]
    for watched in dict.fromkeys((symbol, *marked)):
        if fresh_quote(state, watched, now_ms) is None:
            quote = state.quotes.get(watched)
            yield Denial(
                reason=DenialReason.STALE_PRICE,
                value=_age(quote, now_ms),
                limit=Decimal(PRICE_AGE_MS_MAX),
            )
            break


def tradeable(instrument: Instrument | None) -> bool:
    """Whether the rules of the market are known, and are those of a contract of one unit."""
    return instrument is not None and instrument.contract_size == 1


def _age(seen: Quote | Depth | None, now_ms: int) -> Decimal | None:
    return None if seen is None else Decimal(now_ms - seen.time_ms)


def price_reasons(state: RiskState, signal: SignalRaised, now_ms: int) -> Iterator[Denial]:
    """Yield what is wrong with the trade's prices, among themselves and against the market."""
    sign = 1 if signal.side is PositionSide.LONG else -1
    distance = sign * (signal.entry_px - signal.stop_px)
    if distance <= 0 or signal.stop_px <= 0 or signal.entry_px <= 0:
        yield Denial(reason=DenialReason.INVALID_STOP, value=signal.stop_px, limit=signal.entry_px)
        return
    quote = fresh_quote(state, signal.symbol, now_ms)
    price = None if quote is None else quote.entry_px(signal.side)
    if price is not None:
        moved_r = sign * (exact(price) - signal.entry_px) / distance
        if abs(moved_r) >= MOVED_AWAY_R_MAX:
            yield Denial(reason=DenialReason.PRICE_MOVED_AWAY, value=moved_r, limit=MOVED_AWAY_R_MAX)


def exposure_reasons(
    state: RiskState, limits: RiskLimits, trades: Sequence[Trade], signal: SignalRaised
) -> Iterator[Denial]:
    """Yield what the trades already approved, working or open forbid (W-S5, W-R5)."""
    symbol = signal.symbol
    entering = any(o.symbol == symbol and o.purpose is OrderPurpose.ENTRY for o in state.orders.values())
    if entering or any(trade.symbol == symbol for trade in trades):
        yield Denial(reason=DenialReason.SYMBOL_IN_USE)
    if symbol in state.unresolved.values():
        yield Denial(reason=DenialReason.UNRESOLVED_ORDER)
    most = limits.max_concurrent_positions
    if len(trades) >= most:
        yield Denial(reason=DenialReason.POSITIONS_MAX, value=Decimal(len(trades)), limit=Decimal(most))
    allowed = exact(limits.correlation_limit)
    correlation = signal.btc_correlation
    if correlation is None or abs(exact(correlation)) > allowed:
        value = None if correlation is None else exact(correlation)
        yield Denial(reason=DenialReason.CORRELATION, value=value, limit=allowed)
    if state.losses_in_a_row >= limits.max_consecutive_losses or state.day.streak_breached:
        yield Denial(
            reason=DenialReason.CONSECUTIVE_LOSSES,
            value=Decimal(state.losses_in_a_row),
            limit=Decimal(limits.max_consecutive_losses),
        )


def correlated_share(
    state: RiskState, limits: RiskLimits, trades: Sequence[Trade], notional_usd: Decimal
) -> Decimal:
    """Return the share of exposure, the trade under judgement included, correlated beyond the limit.

    Specification 4.2, step 3. Correlations move after the entry, so each market's latest counts; an
    unknown one counts as correlated. The trade under judgement has met the limit itself.
    """
    correlated, total = ZERO, notional_usd
    for trade in trades:
        exposure = trade.notional_usd(mark_px(state, trade))
        latest = state.correlations.get(trade.symbol, trade.btc_correlation)
        total += exposure
        if latest is None or abs(latest) > limits.correlation_limit:
            correlated += exposure
    return divide_down(correlated, total) if total > 0 else ZERO
