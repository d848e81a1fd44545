"""Defines what the market edge observes of a venue: instruments, bars, tickers, quotes, books, trades.

Columns are packed float64 (`shared.contracts.columns`), in the order of `symbols`.
Symbols are ccxt's unified names, e.g. `BTC/USDT:USDT`.
"""

from decimal import Decimal
from enum import StrEnum

from shared.contracts.base import Event, Value
from shared.contracts.columns import require_length


class Instrument(Value, frozen=True, kw_only=True):
    """The venue's rules for orders in one market."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    quantity_min: Decimal
    quantity_max: Decimal | None = None
    notional_min_usd: Decimal
    contract_size: Decimal = Decimal(1)
    leverage_max: Decimal | None = None


class InstrumentsListed(Event, frozen=True, kw_only=True):
    """The venue lists these markets for trading; replaces the list before."""

    instruments: tuple[Instrument, ...]


class BarsClosed(Event, frozen=True, kw_only=True):
    """Bars have closed: a grid of `rows` consecutive bars of several symbols, time-major.

    Row i opens at `open_time_ms + i * timeframe_s * 1000`. Back-fill and live bars are the same
    event. NaN: the venue has no such bar. Volume is in base units.
    """

    timeframe_s: int
    open_time_ms: int
    rows: int
    symbols: tuple[str, ...]
    open: bytes
    high: bytes
    low: bytes
    close: bytes
    volume: bytes

    def __post_init__(self) -> None:
        columns = {
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "volume": self.volume,
        }
        require_length("BarsClosed", columns, self.rows * len(self.symbols))

    @property
    def close_time_ms(self) -> int:
        """When the last row closed."""
        return self.open_time_ms + self.rows * self.timeframe_s * 1000


class TickersObserved(Event, frozen=True, kw_only=True):
    """The venue's 24 h statistics of the whole universe; one value per symbol."""

    symbols: tuple[str, ...]
    last: bytes
    bid: bytes
    ask: bytes
    volume_24h_usd: bytes
    change_24h_frac: bytes
    open_interest_usd: bytes

    def __post_init__(self) -> None:
        columns = {
            "last": self.last,
            "bid": self.bid,
            "ask": self.ask,
            "volume_24h_usd": self.volume_24h_usd,
            "change_24h_frac": self.change_24h_frac,
            "open_interest_usd": self.open_interest_usd,
        }
        require_length("TickersObserved", columns, len(self.symbols))


class QuotesObserved(Event, frozen=True, kw_only=True):
    """Best bid and ask and the last price of watched symbols, conflated by the edge."""

    symbols: tuple[str, ...]
    bid: bytes
    ask: bytes
    last: bytes

    def __post_init__(self) -> None:
        require_length(
            "QuotesObserved", {"bid": self.bid, "ask": self.ask, "last": self.last}, len(self.symbols)
        )


class BooksObserved(Event, frozen=True, kw_only=True):
    """What decisions need of the order books of watched symbols, condensed by the edge.

    Depths are USD notional within a distance of the best price on that side (specification 2.3);
    imbalance is (bids - asks) / (bids + asks) over the ten best levels, in [-1, 1].
    """

    symbols: tuple[str, ...]
    bid: bytes
    ask: bytes
    spread_bps: bytes
    bid_depth_0_3pct_usd: bytes
    ask_depth_0_3pct_usd: bytes
    bid_depth_0_5pct_usd: bytes
    ask_depth_0_5pct_usd: bytes
    imbalance: bytes

    def __post_init__(self) -> None:
        columns = {
            "bid": self.bid,
            "ask": self.ask,
            "spread_bps": self.spread_bps,
            "bid_depth_0_3pct_usd": self.bid_depth_0_3pct_usd,
            "ask_depth_0_3pct_usd": self.ask_depth_0_3pct_usd,
            "bid_depth_0_5pct_usd": self.bid_depth_0_5pct_usd,
            "ask_depth_0_5pct_usd": self.ask_depth_0_5pct_usd,
            "imbalance": self.imbalance,
        }
        require_length("BooksObserved", columns, len(self.symbols))


class TradesObserved(Event, frozen=True, kw_only=True):
    """The public trades of watched symbols over the window before the record's time."""

    window_s: int
    symbols: tuple[str, ...]
    trades: bytes
    buy_usd: bytes
    sell_usd: bytes

    def __post_init__(self) -> None:
        columns = {"trades": self.trades, "buy_usd": self.buy_usd, "sell_usd": self.sell_usd}
        require_length("TradesObserved", columns, len(self.symbols))


class FeedChannel(StrEnum):
    """A kind of market data that can fall silent by itself."""

    BARS = "bars"
    BOOKS = "books"
    TRADES = "trades"
    TICKERS = "tickers"


class FeedStale(Event, frozen=True, kw_only=True):
    """A channel has been silent for longer than it may; entries on its symbols stop."""

    channel: FeedChannel
    symbols: tuple[str, ...]
    silent_ms: int


class FeedRestored(Event, frozen=True, kw_only=True):
    """A stale channel speaks again, and what was missed has been back-filled."""

    channel: FeedChannel
    symbols: tuple[str, ...]
