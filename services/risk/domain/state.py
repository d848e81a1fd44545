"""Defines what the risk service remembers between two records.

Money is Decimal; market statistics stay the floats that were observed.
"""

from decimal import Decimal

import msgspec

from services.risk.domain.trades import Trade
from shared.contracts.market import FeedChannel, Instrument
from shared.contracts.order import OrderPurpose
from shared.contracts.preset import RiskLimits
from shared.contracts.signal import PositionSide, SignalRaised

# A price or a book older than one bar is unknown (desk time).
PRICE_AGE_MS_MAX = 300_000


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The latest prices of a market; None where the venue gave none."""

    bid: float | None
    ask: float | None
    last: float | None
    time_ms: int

    @property
    def mark(self) -> float | None:
        """The last price, else the middle of the spread."""
        if self.last is not None or self.bid is None or self.ask is None:
            return self.last
        return (self.bid + self.ask) / 2

    def entry_px(self, side: PositionSide) -> float | None:
        """Where a trade on this side would be opened at once."""
        opposite = self.ask if side is PositionSide.LONG else self.bid
        return self.mark if opposite is None else opposite


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """USD notional within 0.3 % of the best price, per side of the book."""

    bid_usd: float
    ask_usd: float
    time_ms: int


class LiveOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of ours that is not final."""

    symbol: str
    signal_id: str
    purpose: OrderPurpose
    quantity: Decimal


class Day(msgspec.Struct, kw_only=True):
    """One UTC day of desk time: where equity started, and what has been breached in it."""

    number: int = -1
    start_usd: Decimal | None = None
    # As `start_usd`, until a person clears the kill switch: then losses count from there.
    kill_start_usd: Decimal | None = None
    loss_breached: bool = False
    streak_breached: bool = False


class RiskState(msgspec.Struct, kw_only=True):
    """The state of one account; dicts are keyed by symbol unless they say otherwise."""

    limits: RiskLimits | None = None
    entries_allowed: bool = False
    # A person has asked to get out; until the engine is started again.
    halted: bool = False
    killed: bool = False
    reconciled: bool = False
    now_ms: int = 0
    instruments: dict[str, Instrument] = {}
    quotes: dict[str, Quote] = {}
    depths: dict[str, Depth] = {}
    stale: dict[FeedChannel, dict[str, bool]] = {}
    correlations: dict[str, float] = {}
    # Wallet balance: cash with realised profit and loss, without open positions. None: never observed.
    wallet_usd: Decimal | None = None
    high_water_usd: Decimal | None = None
    day: Day = msgspec.field(default_factory=Day)
    losses_in_a_row: int = 0
    # By signal_id.
    trades: dict[str, Trade] = {}
    # By client_order_id.
    orders: dict[str, LiveOrder] = {}
    # Symbols of orders whose fate is unknown, by client_order_id.
    unresolved: dict[str, str] = {}
    # Signals that have their answer, oldest first.
    answered: dict[str, bool] = {}
    # The signals of the latest record that holds any, in order, for whoever comes after the first.
    asked: list[SignalRaised] = []
    asked_seq: int = 0
    # Limits found crossed in the latest record, with the ordinal of the event that crossed them.
    crossed: dict[str, int] = {}
    crossed_seq: int = 0


def is_stale(state: RiskState, symbol: str) -> bool:
    """Whether any channel of the symbol has fallen silent."""
    return any(symbol in symbols for symbols in state.stale.values())


def fresh_quote(state: RiskState, symbol: str, now_ms: int) -> Quote | None:
    """Return the symbol's quote unless it is missing, without a price, or older than a bar."""
    quote = state.quotes.get(symbol)
    if quote is None or quote.mark is None or now_ms - quote.time_ms > PRICE_AGE_MS_MAX:
        return None
    return quote
