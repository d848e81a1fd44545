"""Name what is known of each market besides its bars: tickers, books, trades, open interest."""

from typing import NamedTuple

from shared.market.columns import Floats


class Observed(NamedTuple):
    """One number per symbol, `[symbols]`; NaN where nothing (recent) has been observed."""

    last_px: Floats
    volume_24h_usd: Floats
    change_24h_frac: Floats
    open_interest_usd: Floats
    # Change of open interest over 24 hours, as a fraction.
    open_interest_change_frac: Floats
    spread_bps: Floats
    # Bids plus asks within 0.3 % and 0.5 % of the best price, and the thinner side of the latter.
    depth_0_3pct_usd: Floats
    depth_0_5pct_usd: Floats
    thinner_side_usd: Floats
    # Trades in the observed window, and per minute.
    trades: Floats
    trades_per_minute: Floats
