"""Values the account: wallet plus open positions at their marks, never free balance (W-S6)."""

from collections.abc import Sequence
from decimal import Decimal

from services.risk.domain.decimals import ZERO, exact
from services.risk.domain.state import RiskState
from services.risk.domain.trades import Trade, live


def mark_px(state: RiskState, trade: Trade) -> Decimal:
    """Return the last known price of the trade's market, else what it was entered at."""
    quote = state.quotes.get(trade.symbol)
    mark = None if quote is None else quote.mark
    if mark is not None:
        return exact(mark)
    return trade.booked.avg_px if trade.booked.quantity else trade.entry_px


def equity_usd(state: RiskState) -> Decimal | None:
    """Return what the account is worth at the last known marks; None before the first reconciliation."""
    if state.wallet_usd is None:
        return None
    open_pnl = (
        trade.booked.unrealised_pnl(mark_px(state, trade))
        for trade in state.trades.values()
        if trade.booked.quantity
    )
    return state.wallet_usd + sum(open_pnl, ZERO)


def worst_case_usd(state: RiskState, trades: Sequence[Trade]) -> Decimal | None:
    """Return the equity left if every open and pending entry of `trades` stopped out."""
    if state.wallet_usd is None:
        return None
    return state.wallet_usd + sum((trade.at_stop_usd() - trade.pending_risk_usd for trade in trades), ZERO)


def used_usd(state: RiskState, trades: Sequence[Trade]) -> Decimal:
    """Return the notional that `trades` bind (specification 4.3)."""
    return sum((trade.notional_usd(mark_px(state, trade)) for trade in trades), ZERO)


def open_trades(state: RiskState) -> list[Trade]:
    return live(state.trades.values())
