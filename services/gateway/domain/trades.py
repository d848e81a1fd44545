"""Folds closed positions into trades, and trades into figures of performance.

Only what execution has accounted for counts: every figure recomputes from `PositionClosed` alone.
"""

from decimal import Decimal
from math import sqrt

import msgspec

from services.gateway.domain.rows import Row
from shared.contracts.position import ExitReason, PositionClosed
from shared.contracts.signal import PositionSide, Strategy

DAY_MS = 86_400_000


class Trade(Row, kw_only=True):
    """One closed position; P&L is net of fees and funding."""

    id: str
    signal_id: str
    symbol: str
    side: PositionSide
    strategy: Strategy
    qty: Decimal
    entry: Decimal
    exit: Decimal
    gross_pnl_usd: Decimal
    fees_usd: Decimal
    funding_usd: Decimal
    pnl_usd: Decimal
    pnl_r: Decimal
    exit_reason: ExitReason
    opened_at: int
    closed_at: int


class Performance(Row, kw_only=True):
    """`GET /api/performance/metrics`, specification 7.6; null where there is no such figure yet.

    `win_rate` is in percent; Sharpe is mean over population deviation of R per trade; the drawdown is
    that of the cumulated R from its highest point; streaks are the longest.
    """

    total_trades: int
    win_rate: float | None
    avg_r: float | None
    sharpe_ratio: float | None
    max_drawdown_r: float | None
    profit_factor: float | None
    consecutive_wins: int
    consecutive_losses: int
    pnl_usd: Decimal
    fees_usd: Decimal
    total_r: Decimal


class TradesView(msgspec.Struct, kw_only=True):
    """All trades, oldest first."""

    trades: list[Trade] = []

    def fold(self, event: PositionClosed) -> None:
        """Take in one closed position."""
        self.trades.append(
            Trade(
                id=event.position_id,
                signal_id=event.signal_id,
                symbol=event.symbol,
                side=event.side,
                strategy=event.strategy,
                qty=event.quantity,
                entry=event.entry_px,
                exit=event.exit_px,
                gross_pnl_usd=event.gross_pnl_usd,
                fees_usd=event.fees_usd,
                funding_usd=event.funding_usd,
                pnl_usd=event.pnl_usd,
                pnl_r=event.pnl_r,
                exit_reason=event.exit_reason,
                opened_at=event.opened_at_ms,
                closed_at=event.closed_at_ms,
            )
        )

    def daily_r(self, now_ms: int) -> Decimal:
        """Return the sum of R of the trades closed on the same UTC day of desk time."""
        day = now_ms // DAY_MS
        return sum((trade.pnl_r for trade in self.trades if trade.closed_at // DAY_MS == day), Decimal(0))

    def losses_in_a_row(self) -> int:
        """Return how many of the latest trades lost, back to the last that did not."""
        count = 0
        for trade in reversed(self.trades):
            if trade.pnl_r >= 0:
                break
            count += 1
        return count

    def performance(self) -> Performance:
        """Return the figures over all trades."""
        r = [float(trade.pnl_r) for trade in self.trades]
        count = len(r)
        return Performance(
            total_trades=count,
            win_rate=100 * sum(value > 0 for value in r) / count if count else None,
            avg_r=sum(r) / count if count else None,
            sharpe_ratio=_sharpe(r),
            max_drawdown_r=_drawdown(r) if count else None,
            profit_factor=_profit_factor(self.trades),
            consecutive_wins=_longest([value > 0 for value in r]),
            consecutive_losses=_longest([value < 0 for value in r]),
            pnl_usd=sum((trade.pnl_usd for trade in self.trades), Decimal(0)),
            fees_usd=sum((trade.fees_usd for trade in self.trades), Decimal(0)),
            total_r=sum((trade.pnl_r for trade in self.trades), Decimal(0)),
        )


def _sharpe(r: list[float]) -> float | None:
    if not r:
        return None
    mean = sum(r) / len(r)
    deviation = sqrt(sum((value - mean) ** 2 for value in r) / len(r))
    return mean / deviation if deviation else None


def _drawdown(r: list[float]) -> float:
    total = peak = deepest = 0.0
    for value in r:
        total += value
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest


def _profit_factor(trades: list[Trade]) -> float | None:
    won = sum((trade.pnl_usd for trade in trades if trade.pnl_usd > 0), Decimal(0))
    lost = -sum((trade.pnl_usd for trade in trades if trade.pnl_usd < 0), Decimal(0))
    return float(won / lost) if lost else None


def _longest(claims: list[bool]) -> int:
    longest = current = 0
    for claim in claims:
        current = current + 1 if claim else 0
        longest = max(longest, current)
    return longest
