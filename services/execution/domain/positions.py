"""Keeps the book of one position: exact cash flows, and the R that never changes.

Realised profit, fees and funding are the venue's own arithmetic (`shared.venue.position`), so that
our books can equal the venue's to the last decimal. R is always the distance to the initial stop:
measured from a moved stop, targets would come ever nearer (specification 15, W-S7).
"""

from decimal import Decimal

import msgspec

from shared.contracts.order import OrderFilled, OrderPurpose, OrderSide
from shared.contracts.position import (
    ExitReason,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    StopMoveReason,
)
from shared.contracts.risk import SignalApproved
from shared.contracts.signal import PositionSide, Strategy, Target
from shared.venue.position import Fill, apply_fill
from shared.venue.position import Position as Booked
from shared.venue.values import Side

ZERO = Decimal(0)


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """One target: what it aims at, how often it was sent, and whether it is over."""

    target: Target
    attempts: int = 0
    client_order_id: str = ""
    reached: bool = False


class PositionState(msgspec.Struct, frozen=True, kw_only=True):
    """One position; `booked.quantity` is signed, negative when short."""

    position_id: str
    signal_id: str
    symbol: str
    side: PositionSide
    strategy: Strategy
    booked: Booked
    intended_qty: Decimal
    quantity_max: Decimal = ZERO
    entry_qty: Decimal = ZERO
    entry_value: Decimal = ZERO
    exit_qty: Decimal = ZERO
    exit_value: Decimal = ZERO
    opened_at_ms: int
    risk_per_unit: Decimal
    # Where the stop is wanted; where it stands is in its order.
    stop_px: Decimal
    stop_reason: StopMoveReason = StopMoveReason.INITIAL
    stop_order_id: str = ""
    stop_attempts: int = 0
    stop_refusals: int = 0
    amends: int = 0
    amend_refusals: int = 0
    targets: tuple[TargetState, ...] = ()
    exit_order_id: str = ""
    exit_attempts: int = 0
    exit_sent_at_ms: int = 0
    exit_reason: ExitReason | None = None
    # What closed the last part.
    last_exit: ExitReason | None = None

    @property
    def quantity(self) -> Decimal:
        """Return the open quantity, never negative."""
        return abs(self.booked.quantity)

    @property
    def entry_px(self) -> Decimal:
        return self.entry_value / self.entry_qty

    @property
    def sign(self) -> int:
        return 1 if self.side is PositionSide.LONG else -1

    @property
    def closing_side(self) -> OrderSide:
        return OrderSide.SELL if self.side is PositionSide.LONG else OrderSide.BUY

    def profit_r(self, price: Decimal) -> Decimal:
        """Return the open profit per unit at a price, in initial R (specification 6, W-S7)."""
        return self.sign * (price - self.entry_px) / self.risk_per_unit

    def improves(self, stop_px: Decimal) -> bool:
        """Tell whether a stop price is better for the position than the one in force."""
        return self.sign * (stop_px - self.stop_px) > 0


def planned(approval: SignalApproved, *, position_id: str, time_ms: int) -> PositionState:
    """Return the position that an approval becomes with its first fill, still without quantity."""
    return PositionState(
        position_id=position_id,
        signal_id=approval.signal_id,
        symbol=approval.symbol,
        side=approval.side,
        strategy=approval.strategy,
        booked=Booked(symbol=approval.symbol),
        intended_qty=approval.quantity,
        opened_at_ms=time_ms,
        risk_per_unit=abs(approval.entry_px - approval.stop_px),
        stop_px=approval.stop_px,
        targets=tuple(TargetState(target=target) for target in approval.targets),
    )


def with_fill(position: PositionState, fill: OrderFilled, time_ms: int) -> PositionState:
    """Return the position after one of its fills."""
    side = Side.BUY if fill.side is OrderSide.BUY else Side.SELL
    booked, _ = apply_fill(
        position.booked,
        Fill(side=side, quantity=fill.last_qty, price=fill.last_px, fee=fill.fee_usd, time_ms=time_ms),
    )
    value = fill.last_px * fill.last_qty
    quantity_max = max(position.quantity_max, abs(booked.quantity))
    if fill.side is position.closing_side:
        return msgspec.structs.replace(
            position,
            booked=booked,
            exit_qty=position.exit_qty + fill.last_qty,
            exit_value=position.exit_value + value,
            last_exit=_closed_by(position, fill),
        )
    return msgspec.structs.replace(
        position,
        booked=booked,
        quantity_max=quantity_max,
        entry_qty=position.entry_qty + fill.last_qty,
        entry_value=position.entry_value + value,
    )


def with_funding(position: PositionState, amount_usd: Decimal) -> PositionState:
    """Return the position after paying (positive) or receiving (negative) funding."""
    booked = msgspec.structs.replace(position.booked, funding=position.booked.funding + amount_usd)
    return msgspec.structs.replace(position, booked=booked)


def opened_event(position: PositionState) -> PositionOpened:
    return PositionOpened(
        position_id=position.position_id,
        signal_id=position.signal_id,
        symbol=position.symbol,
        side=position.side,
        strategy=position.strategy,
        quantity=position.quantity,
        entry_px=position.entry_px,
        stop_px=position.stop_px,
        risk_per_unit=position.risk_per_unit,
    )


def changed_event(position: PositionState) -> PositionChanged:
    return PositionChanged(
        position_id=position.position_id,
        symbol=position.symbol,
        side=position.side,
        quantity=position.quantity,
        entry_px=position.entry_px,
        realized_pnl_usd=position.booked.realised_pnl,
        fees_usd=position.booked.fees,
    )


def closed_event(position: PositionState, time_ms: int) -> PositionClosed:
    """Return the final account of a flat position; `pnl_r` is net, over the initial risk of its largest size."""
    assert position.booked.quantity == 0, "only a flat position is closed"
    booked = position.booked
    pnl_usd = booked.realised_pnl - booked.fees - booked.funding
    return PositionClosed(
        position_id=position.position_id,
        signal_id=position.signal_id,
        symbol=position.symbol,
        side=position.side,
        strategy=position.strategy,
        quantity=position.quantity_max,
        entry_px=position.entry_px,
        exit_px=position.exit_value / position.exit_qty,
        gross_pnl_usd=booked.realised_pnl,
        fees_usd=booked.fees,
        funding_usd=booked.funding,
        pnl_usd=pnl_usd,
        pnl_r=pnl_usd / (position.risk_per_unit * position.quantity_max),
        exit_reason=position.last_exit or ExitReason.CLOSED_EXTERNALLY,
        opened_at_ms=position.opened_at_ms,
        closed_at_ms=time_ms,
    )


_STOP_REASONS = {
    StopMoveReason.INITIAL: ExitReason.STOP_LOSS,
    StopMoveReason.ENTRY_FILL: ExitReason.STOP_LOSS,
    StopMoveReason.BREAK_EVEN: ExitReason.BREAK_EVEN,
    StopMoveReason.TRAILING: ExitReason.TRAILING_STOP,
}


def stop_exit_reason(position: PositionState) -> ExitReason:
    """Return what it is called when the stop in force closes the position."""
    return _STOP_REASONS[position.stop_reason]


def _closed_by(position: PositionState, fill: OrderFilled) -> ExitReason:
    if fill.purpose is OrderPurpose.STOP:
        return stop_exit_reason(position)
    if fill.purpose is OrderPurpose.TARGET:
        return ExitReason.TAKE_PROFIT
    if fill.client_order_id == position.exit_order_id and position.exit_reason is not None:
        return position.exit_reason
    return ExitReason.CLOSED_EXTERNALLY
