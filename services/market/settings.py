"""Says what the market service can be told: how many markets, how far back, how often."""

from shared.runtime.settings import Section, Settings, VenueSection


class MarketSection(Section, frozen=True, kw_only=True):
    """What of the venue is observed. Intervals and silences are wall time, the bars' length is not."""

    # 0: every listed market.
    symbols_max: int = 0
    # Quote currencies, separated by commas.
    quotes: str = "USDT"
    timeframe_s: int = 300
    backfill_bars: int = 300
    backfill_concurrency: int = 10
    watch_top: int = 20
    watch_scans_kept: int = 3
    # The venue streams 1, 50, 200 or 1000 levels.
    book_levels: int = 50
    trade_window_s: int = 60
    quotes_interval_s: float = 0.25
    books_interval_s: float = 1.0
    # Desk time; never more often than once per second of the wall.
    tickers_interval_s: float = 60.0
    # After this long without any message the connection is taken for dead and opened again.
    socket_silence_s: float = 12.0
    # The venue pushes an unchanged bar once a minute at the least.
    bars_silence_s: float = 75.0
    books_silence_s: float = 30.0
    trades_silence_s: float = 30.0
    tickers_silence_s: float = 180.0


class MarketSettings(Settings, frozen=True, kw_only=True):
    """The settings of the market service."""

    venue: VenueSection = VenueSection()
    market: MarketSection = MarketSection()
