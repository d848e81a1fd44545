"""Holds one trade from its approval to flat: what it binds of the account, at each stage.

Approved, working and open are one thing to the limits, so nothing can be counted twice or fall in
between (W-S5).
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from services.risk.domain.decimals import ZERO
from shared.contracts.risk import SignalApproved
from shared.contracts.signal import PositionSide
from shared.venue.position import Position


class Trade(msgspec.Struct, kw_only=True):
    """A signal that was approved, or a position that was found."""

    signal_id: str
    symbol: str
    side: PositionSide
    approved_qty: Decimal
    # Price and stop of the approval; the stop follows `StopMoved`.
    entry_px: Decimal
    stop_px: Decimal
    btc_correlation: float | None = None
    expires_at_ms: int = 0
    position_id: str = ""
    booked: Position
    # Entry orders at the venue, by client_order_id: what they may still fill.
    working: dict[str, Decimal] = {}
    submitted: bool = False
    # Entries came to nothing; a later entry order of the same signal revives the trade.
    ended: bool = False

    @property
    def sign(self) -> int:
        return 1 if self.side is PositionSide.LONG else -1

    @property
    def quantity(self) -> Decimal:
        """Open quantity, never negative."""
        return abs(self.booked.quantity)

    @property
    def pending_qty(self) -> Decimal:
        """What entries may still add: all that was approved, until the orders are known."""
        return sum(self.working.values(), ZERO) if self.submitted else self.approved_qty

    @property
    def pending_risk_usd(self) -> Decimal:
        return self.pending_qty * abs(self.entry_px - self.stop_px)

    def at_stop_usd(self) -> Decimal:
        """Return the unrealised result if the open quantity were closed at the stop."""
        return self.booked.unrealised_pnl(self.stop_px)

    def notional_usd(self, mark_px: Decimal) -> Decimal:
        """Return the exposure: what is open at the mark, what is pending at its price."""
        return self.quantity * mark_px + self.pending_qty * self.entry_px


def approved_trade(event: SignalApproved, btc_correlation: float | None) -> Trade:
    return Trade(
        signal_id=event.signal_id,
        symbol=event.symbol,
        side=event.side,
        approved_qty=event.quantity,
        entry_px=event.entry_px,
        stop_px=event.stop_px,
        btc_correlation=btc_correlation,
        expires_at_ms=event.expires_at_ms,
        booked=Position(symbol=event.symbol),
    )


def live(trades: Iterable[Trade]) -> list[Trade]:
    """Return the trades that count against the limits."""
    return [trade for trade in trades if not trade.ended]
