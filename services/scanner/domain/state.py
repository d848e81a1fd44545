"""Defines what a scanner partition remembers between two records; all of it can be encoded."""

import msgspec

from shared.contracts.market import TickersObserved
from shared.contracts.preset import Preset
from shared.market.window import BarWindow

BAR_S = 300
BAR_MS = BAR_S * 1_000
WINDOW_BARS = 300


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """What was last seen of an order book; NaN where the venue does not tell."""

    time_ms: int
    spread_bps: float
    bid_0_3pct_usd: float
    ask_0_3pct_usd: float
    bid_0_5pct_usd: float
    ask_0_5pct_usd: float


class Trades(msgspec.Struct, frozen=True, kw_only=True):
    """How many public trades the last observed window held."""

    time_ms: int
    window_s: int
    count: float


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """Open interest in USD by symbol, as it was at one time."""

    time_ms: int
    usd: dict[str, float]


class ScannerState(msgspec.Struct, kw_only=True):
    """The state of one partition. Bars, books and trades are kept of its own symbols, and bars of BTC."""

    window: BarWindow
    preset: Preset | None = None
    # Base currency of every listed market, of all partitions.
    bases: dict[str, str] = {}
    # Of the whole venue: the largest markets are chosen among all.
    tickers: TickersObserved | None = None
    books: dict[str, Book] = {}
    trades: dict[str, Trades] = {}
    # One sample per hour, oldest first.
    interest: list[Interest] = []
    # The last scan answered; a scan is answered once.
    scan_id: str = ""
