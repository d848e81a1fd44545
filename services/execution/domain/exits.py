"""Takes profit, pulls the stop after the price, and ends what leads nowhere (specification 6.1).

Targets rest at the venue as reduce-only limits. Their fractions are of the quantity still open when
the one before has closed, and what is too small for the venue is left to the runner. Every distance
is in initial R (W-S7).
"""

from decimal import Decimal

import numpy as np

from services.execution.domain.grid import ceil_to_tick, floor_to_lot, floor_to_tick
from services.execution.domain.ids import target_order_id
from services.execution.domain.positions import PositionState, TargetState
from services.execution.domain.protection import exit_at_market, exiting, move_stop
from services.execution.domain.turn import Turn, price_of
from shared.contracts.market import BarsClosed
from shared.contracts.order import OrderPurpose, OrderSubmitted, OrderType
from shared.contracts.position import ExitReason, StopMoveReason
from shared.contracts.preset import PositionConfig
from shared.market.volatility import chandelier

# Specification 6.1: the break-even stop lies a tenth of a per cent beyond the entry.
BREAK_EVEN_FRAC = Decimal("0.001")
NO_PROGRESS_MS = 8 * 3_600_000
NO_PROGRESS_R = Decimal("0.3")
TARGET_ATTEMPTS_MAX = 3
_BEFORE_BREAK_EVEN = frozenset({StopMoveReason.INITIAL, StopMoveReason.ENTRY_FILL})
BPS = Decimal(10_000)
MINUTE_MS = 60_000


def place_targets(turn: Turn, symbol: str) -> None:
    """Send the targets that the position wants and has not; called once its entry has ended."""
    position = turn.state.positions[symbol]
    instrument = turn.instrument(symbol)
    if instrument is None or position.exit_attempts > 0 or position.quantity == 0:
        return
    left = position.entry_qty
    for index, held in enumerate(position.targets):
        quantity = floor_to_lot(left * held.target.size_frac, instrument)
        left -= quantity
        if quantity > 0 and _wanted(turn, held):
            # Towards the entry: reached no later than the price that was approved.
            price = (floor_to_tick if position.sign > 0 else ceil_to_tick)(held.target.price, instrument)
            turn.emit(_target_order(turn, position, index, quantity=quantity, price=price))


def _wanted(turn: Turn, held: TargetState) -> bool:
    if held.reached or held.attempts >= TARGET_ATTEMPTS_MAX:
        return False
    if held.attempts == 0:
        return True
    order = turn.state.order(held.client_order_id)
    # One that the venue has refused is sent again; one that somebody has cancelled is not.
    return order is not None and order.is_final and order.venue_order_id == ""


def _target_order(
    turn: Turn, position: PositionState, index: int, *, quantity: Decimal, price: Decimal
) -> OrderSubmitted:
    held = position.targets[index]
    return OrderSubmitted(
        client_order_id=target_order_id(turn.ctx.desk_id, position.position_id, index, held.attempts),
        symbol=position.symbol,
        side=position.closing_side,
        order_type=OrderType.LIMIT,
        quantity=min(quantity, position.quantity),
        price=price,
        reduce_only=True,
        purpose=OrderPurpose.TARGET,
        position_id=position.position_id,
        signal_id=position.signal_id,
    )


def break_even(turn: Turn, symbol: str) -> None:
    """Move the stop just beyond the entry, once, when the first target has been reached.

    A target too small to be an order counts as reached when the price has been there.
    """
    position = turn.state.positions[symbol]
    config = _config(turn)
    if not config.breakeven_enabled or position.stop_reason not in _BEFORE_BREAK_EVEN:
        return
    if not (first_target_reached(position) or _passed_unsent_target(turn, position)):
        return
    frac = BREAK_EVEN_FRAC
    if config.fsm_config.enabled:
        frac = Decimal(repr(config.breakeven_buffer_bps)) / BPS
    stop_px = position.entry_px * (1 + position.sign * frac)
    move_stop(turn, symbol, stop_px, StopMoveReason.BREAK_EVEN)


def first_target_reached(position: PositionState) -> bool:
    return bool(position.targets) and position.targets[0].reached


def _passed_unsent_target(turn: Turn, position: PositionState) -> bool:
    last_px = turn.last_px(position.symbol)
    if not position.targets or position.targets[0].attempts > 0 or last_px is None:
        return False
    return position.sign * (last_px - position.targets[0].target.price) >= 0


def on_bars(turn: Turn, event: BarsClosed) -> None:
    """Trail the stops of the positions whose bars have closed."""
    for symbol in event.symbols:
        position = turn.state.positions.get(symbol)
        if position is None or position.quantity == 0 or exiting(turn, position):
            continue
        if not turn.state.orders_of(symbol, OrderPurpose.ENTRY):
            break_even(turn, symbol)
        trail(turn, symbol)


def trail(turn: Turn, symbol: str) -> None:
    """Ratchet the stop to the chandelier: k ATR behind the extreme of the last bars (LeBeau; specification 6.1).

    Only after break-even. A close beyond the chandelier closes the position at once.
    """
    position = turn.state.positions[symbol]
    config = _config(turn)
    if not config.trailing_enabled or position.stop_reason not in (
        StopMoveReason.BREAK_EVEN,
        StopMoveReason.TRAILING,
    ):
        return
    level = _chandelier(turn, position, config)
    close = turn.last_px(symbol)
    if level is None or close is None or not position.improves(level):
        return
    if position.sign * (close - level) <= 0:
        exit_at_market(turn, symbol, ExitReason.TRAILING_STOP)
    else:
        move_stop(turn, symbol, level, StopMoveReason.TRAILING)


def _chandelier(turn: Turn, position: PositionState, config: PositionConfig) -> Decimal | None:
    history = turn.state.history.get(position.symbol)
    n = config.chandelier_lookback_bars
    if history is None or len(history.close) < n:
        return None
    high, low, close = (
        np.array(column, dtype=np.float64)[:, None] for column in (history.high, history.low, history.close)
    )
    stops = chandelier(high, low, close, n, config.chandelier_atr_mult)
    level = stops.long if position.sign > 0 else stops.short
    return price_of(float(level[-1, 0]))


def due_exit(turn: Turn, position: PositionState) -> ExitReason | None:
    """Return why the position's time is over, None when it is not (specification 6.1).

    The no-progress rule needs a price; without a fresh one it waits.
    """
    config = _config(turn)
    age_ms = turn.now_ms - position.opened_at_ms
    if config.time_stop_minutes is not None and age_ms > config.time_stop_minutes * MINUTE_MS:
        return ExitReason.TIME_STOP
    if age_ms > config.max_hold_time_hours * 60 * MINUTE_MS:
        return ExitReason.MAX_HOLD_TIME
    if age_ms > NO_PROGRESS_MS and not first_target_reached(position):
        last_px = turn.last_px(position.symbol)
        if last_px is not None and position.profit_r(last_px) < NO_PROGRESS_R:
            return ExitReason.NO_PROGRESS
    return None


def _config(turn: Turn) -> PositionConfig:
    preset = turn.state.preset
    return preset.position_config if preset is not None else PositionConfig()
