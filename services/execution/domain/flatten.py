"""Gets the account flat on a person's order, whoever else is alive, and believes only the venue.

It is state in the log, so it survives restarts: every tick and every observed account press on
until the venue itself shows no position and no order of ours (RELIABILITY R7).
"""

from services.execution.domain.ids import sweep_order_id
from services.execution.domain.managing import manage
from services.execution.domain.turn import Turn
from shared.contracts.engine import CommandName, CommandRequested
from shared.contracts.order import (
    CancelSubmitted,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import Flattened, FlattenReason, FlattenStarted
from shared.contracts.signal import PositionSide
from shared.contracts.venue import AccountObserved, VenuePosition

_REASONS = {
    CommandName.PANIC_EXIT: FlattenReason.PANIC_EXIT,
    CommandName.KILL_SWITCH: FlattenReason.KILL_SWITCH,
}


def on_command(turn: Turn, event: CommandRequested) -> None:
    """Start to flatten when a person says so; other commands are the orchestrator's."""
    reason = _REASONS.get(event.command)
    if reason is None or turn.state.flattening is not None:
        return
    turn.emit(FlattenStarted(command_id=event.command_id, reason=reason))
    press_on(turn)


def press_on(turn: Turn) -> None:
    """Cancel what may add exposure and close every position that is not being closed."""
    flattening = turn.state.flattening
    if flattening is None:
        return
    for order in list(turn.state.orders.values()):
        if order.purpose is OrderPurpose.ENTRY and order.status is not OrderStatus.PENDING_CANCEL:
            turn.emit(
                CancelSubmitted(
                    client_order_id=order.client_order_id,
                    symbol=order.symbol,
                    reason=flattening.reason.value,
                )
            )
    for symbol in list(turn.state.positions):
        manage(turn, symbol)


def verify(turn: Turn, account: AccountObserved) -> None:
    """End the flattening when the venue shows nothing; close what it shows and our books do not."""
    flattening = turn.state.flattening
    if flattening is None:
        return
    press_on(turn)
    state = turn.state
    for held in account.positions:
        if held.symbol not in state.positions and not state.orders_of(held.symbol):
            _sweep(turn, flattening, held)
    ours_left = any(
        state.order(order.client_order_id) is not None for order in account.orders if order.client_order_id
    )
    if not account.positions and not ours_left and not state.positions and not state.orders:
        turn.emit(Flattened(command_id=flattening.command_id, reason=flattening.reason))


def _sweep(turn: Turn, flattening: FlattenStarted, held: VenuePosition) -> None:
    turn.emit(
        OrderSubmitted(
            client_order_id=sweep_order_id(
                turn.ctx.desk_id, flattening.command_id, held.symbol, turn.state.sweeps
            ),
            symbol=held.symbol,
            side=OrderSide.SELL if held.side is PositionSide.LONG else OrderSide.BUY,
            order_type=OrderType.MARKET,
            quantity=held.quantity,
            reduce_only=True,
            purpose=OrderPurpose.EXIT,
            position_id="",
            signal_id="",
        )
    )
