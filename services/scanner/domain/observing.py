"""Lines up what is known of each market at the time of a scan: one number per symbol, NaN where unknown.

A book or a count of trades older than a few bars is unknown: the market is watched no longer. No number is
guessed from another one (W-D4).
"""

import numpy as np

from services.scanner.domain.folding import DAY_MS
from services.scanner.domain.observed import Observed
from services.scanner.domain.state import BAR_MS, ScannerState
from services.scanner.domain.universe import Turnover
from shared.contracts.columns import unpack
from shared.contracts.market import TickersObserved
from shared.market.columns import Floats

OBSERVATION_AGE_MS_MAX = 2 * BAR_MS
_NAN = float("nan")


def observe(state: ScannerState, symbols: tuple[str, ...], time_ms: int) -> Observed:
    """Return what is known of the symbols at desk time `time_ms`."""
    last, spread, volume, change, interest = _tickers(state.tickers, symbols)
    books = np.array([_book(state, symbol, time_ms) for symbol in symbols]).reshape(-1, 4)
    trades = np.array([_trades(state, symbol, time_ms) for symbol in symbols]).reshape(-1, 2)
    return Observed(
        last_px=last,
        volume_24h_usd=volume,
        change_24h_frac=change,
        open_interest_usd=interest,
        open_interest_change_frac=interest / _interest_before(state, symbols, time_ms) - 1.0,
        spread_bps=np.where(np.isnan(books[:, 0]), spread, books[:, 0]),
        depth_0_3pct_usd=books[:, 1],
        depth_0_5pct_usd=books[:, 2],
        thinner_side_usd=books[:, 3],
        trades=trades[:, 0],
        trades_per_minute=trades[:, 1],
    )


def turnovers(tickers: TickersObserved | None) -> dict[str, Turnover]:
    """Return what the choice of markets looks at, of the whole venue."""
    if tickers is None:
        return {}
    rows = zip(tickers.symbols, unpack(tickers.volume_24h_usd), unpack(tickers.change_24h_frac), strict=True)
    return {
        symbol: Turnover(volume_24h_usd=volume, change_24h_frac=change) for symbol, volume, change in rows
    }


def _tickers(tickers: TickersObserved | None, symbols: tuple[str, ...]) -> tuple[Floats, ...]:
    """Return last price, spread in bps of the bid (specification 2.3), turnover, change, open interest."""
    if tickers is None:
        return tuple(np.full(len(symbols), np.nan) for _ in range(5))
    place = {symbol: i for i, symbol in enumerate(tickers.symbols)}
    # One more row than symbols: of those that have no ticker.
    at = [place.get(symbol, len(place)) for symbol in symbols]

    def column(packed: bytes) -> Floats:
        return np.append(np.frombuffer(packed, dtype="<f8"), np.nan)[at]

    bid, ask = column(tickers.bid), column(tickers.ask)
    spread = np.divide(ask - bid, bid, out=np.full_like(bid, np.nan), where=bid > 0) * 1e4
    # Crossed prices come from two moments; they are no spread.
    np.copyto(spread, np.nan, where=spread < 0)
    return (
        column(tickers.last),
        spread,
        column(tickers.volume_24h_usd),
        column(tickers.change_24h_frac),
        column(tickers.open_interest_usd),
    )


def _book(state: ScannerState, symbol: str, time_ms: int) -> tuple[float, float, float, float]:
    """Return spread, depth within 0.3 % and 0.5 %, and the thinner side of the latter."""
    book = state.books.get(symbol)
    if book is None or time_ms - book.time_ms > OBSERVATION_AGE_MS_MAX:
        return (_NAN, _NAN, _NAN, _NAN)
    return (
        book.spread_bps,
        book.bid_0_3pct_usd + book.ask_0_3pct_usd,
        book.bid_0_5pct_usd + book.ask_0_5pct_usd,
        min(book.bid_0_5pct_usd, book.ask_0_5pct_usd),
    )


def _trades(state: ScannerState, symbol: str, time_ms: int) -> tuple[float, float]:
    """Return the trades of the last window, and per minute."""
    trades = state.trades.get(symbol)
    if trades is None or time_ms - trades.time_ms > OBSERVATION_AGE_MS_MAX:
        return (_NAN, _NAN)
    return (trades.count, trades.count * 60.0 / trades.window_s)


def _interest_before(state: ScannerState, symbols: tuple[str, ...], time_ms: int) -> Floats:
    """Return open interest a day ago, NaN while the record is shorter."""
    day_old = [sample for sample in state.interest if time_ms - sample.time_ms >= DAY_MS]
    usd = day_old[-1].usd if day_old else {}
    return np.array([usd.get(symbol, _NAN) for symbol in symbols])
