"""Defines the life of a position, from its first fill to flat, as execution tells it."""

from decimal import Decimal
from enum import StrEnum

from shared.contracts.base import Event
from shared.contracts.signal import PositionSide, Strategy


class ExitReason(StrEnum):
    STOP_LOSS = "stop_loss"
    BREAK_EVEN = "break_even"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    TIME_STOP = "time_stop"
    MAX_HOLD_TIME = "max_hold_time"
    NO_PROGRESS = "no_progress"
    PANIC_EXIT = "panic_exit"
    KILL_SWITCH = "kill_switch"
    NAKED_POSITION = "naked_position"
    CLOSED_BY_USER = "closed_by_user"
    CLOSED_EXTERNALLY = "closed_externally"


class StopMoveReason(StrEnum):
    INITIAL = "initial"
    BREAK_EVEN = "break_even"
    TRAILING = "trailing"
    ENTRY_FILL = "entry_fill"


class PositionOpened(Event, frozen=True, kw_only=True):
    """An entry has its first fill; the position exists and a stop is on its way to the venue."""

    position_id: str
    signal_id: str
    symbol: str
    side: PositionSide
    strategy: Strategy
    quantity: Decimal
    entry_px: Decimal
    stop_px: Decimal
    # One R of this position per unit of quantity: |intended entry - initial stop|; it never changes.
    risk_per_unit: Decimal


class PositionChanged(Event, frozen=True, kw_only=True):
    """A fill has changed the position's size; realised P&L is gross, fees are apart."""

    position_id: str
    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_px: Decimal
    realized_pnl_usd: Decimal
    fees_usd: Decimal


class StopMoved(Event, frozen=True, kw_only=True):
    """Execution has decided another stop price for the position; only ever in its favour."""

    position_id: str
    symbol: str
    old_stop_px: Decimal
    new_stop_px: Decimal
    reason: StopMoveReason


class PositionClosed(Event, frozen=True, kw_only=True):
    """The position is flat; its final account.

    `pnl_usd` is net: gross minus fees minus funding. `pnl_r` is `pnl_usd` over the initial risk
    of the largest quantity held.
    """

    position_id: str
    signal_id: str
    symbol: str
    side: PositionSide
    strategy: Strategy
    quantity: Decimal
    entry_px: Decimal
    exit_px: Decimal
    gross_pnl_usd: Decimal
    fees_usd: Decimal
    funding_usd: Decimal
    pnl_usd: Decimal
    pnl_r: Decimal
    exit_reason: ExitReason
    opened_at_ms: int
    closed_at_ms: int


class FundingPaid(Event, frozen=True, kw_only=True):
    """The venue has charged (positive) or paid (negative) funding on an open position."""

    trade_id: str
    position_id: str
    symbol: str
    amount_usd: Decimal


class FlattenReason(StrEnum):
    PANIC_EXIT = "panic_exit"
    KILL_SWITCH = "kill_switch"


class FlattenStarted(Event, frozen=True, kw_only=True):
    """Execution cancels every order and closes every position, whoever else is alive."""

    command_id: str
    reason: FlattenReason


class Flattened(Event, frozen=True, kw_only=True):
    """The venue itself has been asked and holds no position and no order of ours."""

    command_id: str
    reason: FlattenReason
