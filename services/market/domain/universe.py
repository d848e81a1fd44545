"""Chooses the markets that the desk looks at, and describes their day."""

from collections.abc import Collection, Mapping, Sequence
from math import nan

import msgspec

from shared.contracts.columns import pack
from shared.contracts.market import Instrument, TickersObserved


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's statistics of one market; NaN where the venue does not say."""

    last: float = nan
    bid: float = nan
    ask: float = nan
    volume_24h_usd: float = nan
    change_24h_frac: float = nan
    open_interest_usd: float = nan


UNKNOWN_TICKER = Ticker()


def choose(
    instruments: Sequence[Instrument],
    tickers: Mapping[str, Ticker],
    *,
    quotes: Collection[str],
    symbols_max: int,
) -> tuple[Instrument, ...]:
    """Return the markets quoted in `quotes`, most traded first, at most `symbols_max` (0: all).

    BTC leads whatever it trades, because every market is correlated with it. Specification 2.2, whose
    fixed list of majors is replaced by the day's turnover.
    """

    def order(instrument: Instrument) -> tuple[bool, float, str]:
        turnover = tickers.get(instrument.symbol, UNKNOWN_TICKER).volume_24h_usd
        known = turnover if turnover > 0 else 0.0
        return (instrument.base != "BTC", -known, instrument.symbol)

    wanted = sorted((each for each in instruments if each.quote in quotes), key=order)
    return tuple(wanted[:symbols_max] if symbols_max else wanted)


def tickers_observed(symbols: Sequence[str], tickers: Mapping[str, Ticker]) -> TickersObserved:
    """Return the event with one value per symbol and column; NaN for a symbol the venue left out."""
    rows = [tickers.get(symbol, UNKNOWN_TICKER) for symbol in symbols]
    columns = {field: pack(getattr(row, field) for row in rows) for field in Ticker.__struct_fields__}
    return TickersObserved(symbols=tuple(symbols), **columns)
