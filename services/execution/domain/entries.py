"""Turns an approval into entry orders, after a second check at the last hop before the venue.

Momentum goes to market: a break that has to wait behind the best price is filled only when it
fails. A retest comes back to its level by itself, so it waits there with a limit, for a time; what
is left then is sent to market if the price is still what risk approved. An approval that fails the
second check is not entered later (specification 5; RELIABILITY R10).
"""

from decimal import Decimal

from services.execution.domain.grid import ceil_to_tick, floor_to_lot, floor_to_tick
from services.execution.domain.ids import entry_order_id, position_id_of
from services.execution.domain.orders import OrderState
from services.execution.domain.second_check import entries_open, refusals, stop_ahead
from services.execution.domain.state import Quote
from services.execution.domain.turn import Turn, price_of
from shared.contracts.market import Instrument
from shared.contracts.order import (
    CancelSubmitted,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
    TimeInForce,
)
from shared.contracts.preset import ExecutionConfig
from shared.contracts.risk import EntryRefused, SignalApproved
from shared.contracts.signal import PositionSide, Strategy

# How far beyond the approved entry what is left may be bought at market, in R: a stop-out from
# there still costs about one R.
DRIFT_MAX_R = Decimal("0.1")
BPS = Decimal(10_000)


def enter(turn: Turn, approval: SignalApproved) -> None:
    """Send the entry of an approval that passes the second check; refuse any other, for good."""
    if _answered_before(turn, approval):
        return
    reasons = tuple(refusals(turn, approval))
    if reasons:
        turn.emit(EntryRefused(signal_id=approval.signal_id, symbol=approval.symbol, reasons=reasons))
        return
    instrument = turn.instrument(approval.symbol)
    assert instrument is not None, "an unknown instrument has been refused"
    config = _config(turn)
    quote = turn.quote(approval.symbol)
    if _waits(approval, config, quote):
        limit = _limit_order(turn, approval, instrument, config)
        turn.emit(limit)
    else:
        turn.emit(_market_order(turn, approval, approval.quantity, attempt=0))


def settle_entry(turn: Turn, order: OrderState) -> None:
    """Send what a limit entry has left to market, once, if the price is still within the approval."""
    approval = turn.state.approvals.get(order.intent.signal_id)
    if approval is None or order.intent.order_type is not OrderType.LIMIT:
        return
    instrument = turn.instrument(order.symbol)
    rest = approval.quantity - order.cum_qty
    if instrument is None or floor_to_lot(rest, instrument) != rest or rest <= 0:
        return
    position = turn.state.positions.get(order.symbol)
    spoiled = position is not None and (position.exit_qty > 0 or position.exit_attempts > 0)
    if spoiled or not entries_open(turn) or turn.now_ms > approval.expires_at_ms:
        return
    if _within_approval(turn, approval):
        turn.emit(_market_order(turn, approval, rest, attempt=1))


def expire_entries(turn: Turn) -> None:
    """Cancel the limit entries that have waited long enough, or whose engine has stopped entering."""
    config = _config(turn)
    patience_ms = int(config.limit_timeout_seconds * 1000) or config.deadman_timeout_ms
    for order in list(turn.state.orders.values()):
        if order.purpose is not OrderPurpose.ENTRY or order.intent.order_type is not OrderType.LIMIT:
            continue
        if order.status is OrderStatus.PENDING_CANCEL:
            continue
        if turn.now_ms - order.submitted_at_ms >= patience_ms:
            turn.emit(_cancel(order, "entry_timeout"))
        elif not entries_open(turn):
            turn.emit(_cancel(order, "entries_closed"))


def _cancel(order: OrderState, reason: str) -> CancelSubmitted:
    return CancelSubmitted(client_order_id=order.client_order_id, symbol=order.symbol, reason=reason)


def _config(turn: Turn) -> ExecutionConfig:
    preset = turn.state.preset
    return preset.execution_config if preset is not None else ExecutionConfig()


def _waits(approval: SignalApproved, config: ExecutionConfig, quote: Quote | None) -> bool:
    if approval.strategy is not Strategy.RETEST or not config.use_limit_orders or quote is None:
        return False
    bid, ask = price_of(quote.bid), price_of(quote.ask)
    if bid is None or ask is None:
        return False
    # Specification 5, step 5: in a wide spread there is nothing to join.
    return (ask - bid) / ((ask + bid) / 2) * BPS <= Decimal(repr(config.spread_widen_bps))


def _limit_order(
    turn: Turn, approval: SignalApproved, instrument: Instrument, config: ExecutionConfig
) -> OrderSubmitted:
    quote = turn.quote(approval.symbol)
    assert quote is not None, "only a known spread is joined"
    bid, ask = price_of(quote.bid), price_of(quote.ask)
    assert bid is not None
    assert ask is not None
    offset = Decimal(repr(config.limit_offset_bps)) / BPS
    buys = approval.side is PositionSide.LONG
    if config.fill_or_kill:
        # All at once means taking: from the other side, no further than the offset.
        price = (
            floor_to_tick(ask * (1 + offset), instrument)
            if buys
            else ceil_to_tick(bid * (1 - offset), instrument)
        )
    else:
        price = (
            floor_to_tick(bid * (1 - offset), instrument)
            if buys
            else ceil_to_tick(ask * (1 + offset), instrument)
        )
    return OrderSubmitted(
        client_order_id=entry_order_id(turn.ctx.desk_id, approval.signal_id, 0),
        symbol=approval.symbol,
        side=_entry_side(approval),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.FOK if config.fill_or_kill else TimeInForce.GTC,
        quantity=approval.quantity,
        price=price,
        reduce_only=False,
        post_only=config.post_only and not config.fill_or_kill,
        purpose=OrderPurpose.ENTRY,
        position_id=position_id_of(turn.ctx.desk_id, approval.signal_id),
        signal_id=approval.signal_id,
    )


def _market_order(turn: Turn, approval: SignalApproved, quantity: Decimal, *, attempt: int) -> OrderSubmitted:
    assert quantity <= approval.quantity, "never more than risk has approved"
    return OrderSubmitted(
        client_order_id=entry_order_id(turn.ctx.desk_id, approval.signal_id, attempt),
        symbol=approval.symbol,
        side=_entry_side(approval),
        order_type=OrderType.MARKET,
        quantity=quantity,
        reduce_only=False,
        purpose=OrderPurpose.ENTRY,
        position_id=position_id_of(turn.ctx.desk_id, approval.signal_id),
        signal_id=approval.signal_id,
    )


def _entry_side(approval: SignalApproved) -> OrderSide:
    return OrderSide.BUY if approval.side is PositionSide.LONG else OrderSide.SELL


def _answered_before(turn: Turn, approval: SignalApproved) -> bool:
    if approval.signal_id in turn.state.refused:
        return True
    return turn.state.order(entry_order_id(turn.ctx.desk_id, approval.signal_id, 0)) is not None


def _within_approval(turn: Turn, approval: SignalApproved) -> bool:
    last_px = turn.last_px(approval.symbol)
    if last_px is None or not stop_ahead(turn, approval):
        return False
    sign = 1 if approval.side is PositionSide.LONG else -1
    risk_per_unit = abs(approval.entry_px - approval.stop_px)
    return sign * (last_px - approval.entry_px) <= DRIFT_MAX_R * risk_per_unit
