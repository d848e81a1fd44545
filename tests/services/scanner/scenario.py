"""Says in one line what the market edge has seen, for tests of the scanner."""

from decimal import Decimal

import numpy as np
from msgspec.structs import replace

from services.scanner.domain.processor import ScannerProcessor
from services.scanner.domain.state import BAR_MS, BAR_S, WINDOW_BARS, ScannerState
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import Source
from shared.contracts.engine import PresetActivated, ScanStarted
from shared.contracts.market import (
    BarsClosed,
    BooksObserved,
    Instrument,
    InstrumentsListed,
    TickersObserved,
    TradesObserved,
)
from shared.contracts.preset import Preset, load_preset
from shared.contracts.scan import Check, LevelsBuilt, MarketScore, MarketsScored
from shared.market.bars import Bars
from shared.market.columns import to_bytes
from tests.deciding import Given
from tests.shared.market.conftest import random_bars

BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
SOL = "SOL/USDT:USDT"
SYMBOLS = (BTC, ETH, SOL)
START_MS = 1_700_000_100_000
END_MS = START_MS + WINDOW_BARS * BAR_MS
NAN = float("nan")


def preset(name: str = "demo", **sections: dict[str, object]) -> Preset:
    """Return a shipped preset with some fields of some sections replaced."""
    loaded = load_preset(name)
    return replace(
        loaded, **{section: replace(getattr(loaded, section), **f) for section, f in sections.items()}
    )


def listed(*symbols: str) -> InstrumentsListed:
    return InstrumentsListed(
        instruments=tuple(
            Instrument(
                symbol=symbol,
                base=symbol.split("/")[0],
                quote="USDT",
                tick_size=Decimal("0.01"),
                lot_size=Decimal("0.001"),
                quantity_min=Decimal("0.001"),
                notional_min_usd=Decimal(5),
            )
            for symbol in symbols
        )
    )


def closed(bars: Bars, *symbols: str, open_time_ms: int = START_MS, timeframe_s: int = BAR_S) -> BarsClosed:
    return BarsClosed(
        timeframe_s=timeframe_s,
        open_time_ms=open_time_ms,
        rows=len(bars.close),
        symbols=symbols,
        **{name: to_bytes(field) for name, field in bars._asdict().items()},
    )


def tickers(
    *symbols: str,
    volume: float | tuple[float, ...] = 1e9,
    change: float | tuple[float, ...] = 0.0,
    interest: float = 1e8,
    spread_bps: float = 2.0,
) -> TickersObserved:
    count = len(symbols)

    def column(value: float | tuple[float, ...]) -> bytes:
        return pack(value if isinstance(value, tuple) else [value] * count)

    return TickersObserved(
        symbols=symbols,
        last=column(100.0),
        bid=column(100.0),
        ask=column(100.0 * (1 + spread_bps / 1e4)),
        volume_24h_usd=column(volume),
        change_24h_frac=column(change),
        open_interest_usd=column(interest),
    )


def book(
    symbol: str, *, spread_bps: float = 2.0, bid_usd: float = 1e5, ask_usd: float = 1e5
) -> BooksObserved:
    return BooksObserved(
        symbols=(symbol,),
        bid=pack([100.0]),
        ask=pack([100.02]),
        spread_bps=pack([spread_bps]),
        bid_depth_0_3pct_usd=pack([bid_usd / 2]),
        ask_depth_0_3pct_usd=pack([ask_usd / 2]),
        bid_depth_0_5pct_usd=pack([bid_usd]),
        ask_depth_0_5pct_usd=pack([ask_usd]),
        imbalance=pack([0.1]),
    )


def traded(symbol: str, count: float, window_s: int = 60) -> TradesObserved:
    return TradesObserved(
        window_s=window_s, symbols=(symbol,), trades=pack([count]), buy_usd=pack([1.0]), sell_usd=pack([1.0])
    )


def desk(
    *past: Event,
    rules: Preset | None = None,
    symbols: tuple[str, ...] = SYMBOLS,
    processor: ScannerProcessor | None = None,
) -> Given[ScannerState]:
    """Return a scanner that knows the preset, the listing, tickers and then what is given."""
    given = Given(processor or ScannerProcessor())
    given.given(
        PresetActivated(digest="d", preset=rules or preset()), source=Source.ORCHESTRATOR, time_ms=END_MS
    )
    given.given(listed(*symbols))
    given.given(tickers(*symbols))
    for event in past:
        given.given(event)
    return given


def scanned(
    given: Given[ScannerState], scan_id: str = "scan-1"
) -> tuple[dict[str, MarketScore], LevelsBuilt]:
    """Start a scan and return its markets by symbol, and its levels."""
    scored, built = given.when(ScanStarted(scan_id=scan_id, number=1), source=Source.ORCHESTRATOR)
    assert isinstance(scored, MarketsScored)
    assert isinstance(built, LevelsBuilt)
    assert scored.scan_id == built.scan_id == scan_id
    return {market.symbol: market for market in scored.markets}, built


def check(market: MarketScore, name: str) -> Check:
    return next(each for each in market.filters if each.name == name)


def three_markets(seed: int = 7) -> Bars:
    """Return 300 bars of three markets that drift apart."""
    return random_bars(seed, rows=WINDOW_BARS, symbols=3)


def missing(bars: Bars, rows: slice | int, column: int) -> Bars:
    holed = Bars(*(field.copy() for field in bars))
    for field in holed:
        field[rows, column] = np.nan
    return holed
