"""Defines what the risk service decides: how much, or why not."""

from decimal import Decimal
from enum import StrEnum

from shared.contracts.base import Event, Value
from shared.contracts.signal import PositionSide, Strategy, Target


class DenialReason(StrEnum):
    """Why a signal or an approved entry is refused; every one that applies is listed."""

    ENGINE_NOT_TRADING = "engine_not_trading"
    KILL_SWITCH = "kill_switch"
    NOT_RECONCILED = "not_reconciled"
    UNKNOWN_EQUITY = "unknown_equity"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    STALE_PRICE = "stale_price"
    STALE_FEED = "stale_feed"
    PRICE_MOVED_AWAY = "price_moved_away"
    SYMBOL_IN_USE = "symbol_in_use"
    UNRESOLVED_ORDER = "unresolved_order"
    POSITIONS_MAX = "positions_max"
    DAILY_RISK_LIMIT = "daily_risk_limit"
    CONSECUTIVE_LOSSES = "consecutive_losses"
    CORRELATION = "correlation"
    CORRELATED_EXPOSURE = "correlated_exposure"
    INVALID_STOP = "invalid_stop"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    QUANTITY_TOO_SMALL = "quantity_too_small"
    SIGNAL_EXPIRED = "signal_expired"
    # Found at the last hop, by execution.
    FLATTENING = "flattening"
    ORDER_RATE = "order_rate"
    INVALID_QUANTITY = "invalid_quantity"


class Denial(Value, frozen=True, kw_only=True):
    """One reason with the number seen and the number allowed, where there are such numbers."""

    reason: DenialReason
    value: Decimal | None = None
    limit: Decimal | None = None


class SizeCap(StrEnum):
    """What bounded the quantity."""

    RISK = "risk"
    POSITION_SIZE_MAX = "position_size_max"
    DEPTH = "depth"
    MARGIN = "margin"
    QUANTITY_MAX = "quantity_max"
    REDUCED = "reduced"


class SignalApproved(Event, frozen=True, kw_only=True):
    """Risk allows this trade at this size; execution may enter it until `expires_at_ms`."""

    signal_id: str
    symbol: str
    side: PositionSide
    strategy: Strategy
    quantity: Decimal
    entry_px: Decimal
    stop_px: Decimal
    targets: tuple[Target, ...]
    equity_usd: Decimal
    # What a stop-out may cost: |entry - stop| * quantity.
    risk_usd: Decimal
    notional_usd: Decimal
    # Everything that bounded the quantity, in the order applied.
    caps: tuple[SizeCap, ...]
    # The level that was broken, for the exit on a failed breakout.
    level_px: Decimal
    expires_at_ms: int


class SignalDenied(Event, frozen=True, kw_only=True):
    """Risk refuses this trade, for all of these reasons."""

    signal_id: str
    symbol: str
    reasons: tuple[Denial, ...]


class EntryRefused(Event, frozen=True, kw_only=True):
    """Execution refuses an approved entry at the last hop, for all of these reasons; said by execution."""

    signal_id: str
    symbol: str
    reasons: tuple[Denial, ...]


class LimitBreached(Event, frozen=True, kw_only=True):
    """A limit of the account has been reached; recorded once per crossing."""

    limit: DenialReason
    value: Decimal
    threshold: Decimal


class KillSwitchTripped(Event, frozen=True, kw_only=True):
    """Losses have reached the kill limit: no entries until a person clears it."""

    limit: DenialReason
    value: Decimal
    threshold: Decimal


class KillSwitchCleared(Event, frozen=True, kw_only=True):
    """A person has cleared the kill switch; drawdown and streak count from here."""

    command_id: str
