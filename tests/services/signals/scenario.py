"""Builds the market the signal tests play in: a quiet range under a resistance at 100, over a support at 99.

Every test starts from a breakout that meets all conditions and changes one thing.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import numpy as np

from services.signals.domain.processor import SignalsProcessor
from services.signals.domain.state import SignalsState
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import Source
from shared.contracts.engine import (
    EngineState,
    EngineStateChanged,
    PresetActivated,
    RankedMarket,
    ScanCompleted,
)
from shared.contracts.market import BarsClosed, BooksObserved, Instrument, InstrumentsListed, TradesObserved
from shared.contracts.preset import Preset, load_preset, preset_digest
from shared.contracts.processor import NS_PER_MS, Context
from shared.contracts.scan import Level, LevelKind, LevelsBuilt, MarketScore, MarketsScored
from shared.contracts.signal import SignalRaised, SignalSuppressed
from shared.market.columns import Floats
from tests.deciding import DESK_ID, Given

SYMBOL = "SOL/USDT:USDT"
BAR_MS = 300_000
# A multiple of five minutes.
BASE_MS = 1_700_000_100_000
HISTORY = 150

Ohlcv = tuple[float, float, float, float, float]
QUIET: Ohlcv = (99.5, 99.9, 99.1, 99.5, 100.0)
BREAKING: Ohlcv = (99.6, 100.7, 99.5, 100.6, 300.0)
BREAKING_DOWN: Ohlcv = (99.4, 99.5, 98.3, 98.4, 300.0)


def bars(rows: Sequence[Ohlcv], open_time_ms: int, symbols: Sequence[str] = (SYMBOL,)) -> BarsClosed:
    """Return the same rows for every symbol."""
    columns = [pack(x for row in rows for x in [row[i]] * len(symbols)) for i in range(5)]
    return BarsClosed(
        timeframe_s=300,
        open_time_ms=open_time_ms,
        rows=len(rows),
        symbols=tuple(symbols),
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=columns[4],
    )


def books(imbalance: float, symbols: Sequence[str] = (SYMBOL,)) -> BooksObserved:
    some = pack([1.0] * len(symbols))
    return BooksObserved(
        symbols=tuple(symbols),
        bid=some,
        ask=some,
        spread_bps=some,
        bid_depth_0_3pct_usd=some,
        ask_depth_0_3pct_usd=some,
        bid_depth_0_5pct_usd=some,
        ask_depth_0_5pct_usd=some,
        imbalance=pack([imbalance] * len(symbols)),
    )


def trades(count: float) -> TradesObserved:
    return TradesObserved(
        window_s=60, symbols=(SYMBOL,), trades=pack([count]), buy_usd=pack([1.0]), sell_usd=pack([1.0])
    )


def instrument(symbol: str, tick_size: str = "0.01") -> Instrument:
    return Instrument(
        symbol=symbol,
        base="SOL",
        quote="USDT",
        tick_size=Decimal(tick_size),
        lot_size=Decimal("0.1"),
        quantity_min=Decimal("0.1"),
        notional_min_usd=Decimal(5),
    )


def level(kind: LevelKind = LevelKind.RESISTANCE, price: float = 100.0, symbol: str = SYMBOL) -> Level:
    return Level(
        symbol=symbol, kind=kind, price=price, touches=4, strength=0.8, first_touch_ms=0, last_touch_ms=1
    )


SUPPORT = level(LevelKind.SUPPORT, 99.0)


def preset(**signal_config: float) -> Preset:
    base = load_preset("breakout_v1")
    config = msgspec.structs.replace(base.signal_config, **signal_config)
    return msgspec.structs.replace(base, signal_config=config)


def scan(
    levels: Sequence[Level], *, symbols: Sequence[str] = (SYMBOL,), passed: bool = True, scan_id: str = "s1"
) -> list[tuple[Event, ...]]:
    """Return the scanner's record and the orchestrator's completion of it."""
    scored = MarketsScored(
        scan_id=scan_id,
        partition=0,
        markets=tuple(
            MarketScore(
                symbol=symbol,
                score=1.0,
                passed=passed,
                price=99.5,
                btc_correlation=0.25,
                filters=(),
                components=(),
            )
            for symbol in symbols
        ),
    )
    completed = ScanCompleted(
        scan_id=scan_id,
        number=1,
        scored=len(symbols),
        passed=len(symbols),
        with_levels=len(symbols),
        ranked=tuple(
            RankedMarket(symbol=symbol, rank=i + 1, score=1.0, passed=passed)
            for i, symbol in enumerate(symbols)
        ),
    )
    return [(scored, LevelsBuilt(scan_id=scan_id, partition=0, levels=tuple(levels))), (completed,)]


def engine(state: EngineState, *, entries_allowed: bool = True) -> EngineStateChanged:
    return EngineStateChanged(
        from_state=EngineState.INITIALIZING,
        to_state=state,
        trigger="test",
        entries_allowed=entries_allowed,
    )


class Market:
    """A signal processor that has seen a quiet history and a scan; `bar` closes the next bar."""

    def __init__(
        self,
        rules: Preset | None = None,
        levels: Sequence[Level] = (level(),),
        symbols: Sequence[str] = (SYMBOL,),
        *,
        passed: bool = True,
        imbalance: float = 0.3,
        processor: SignalsProcessor | None = None,
    ) -> None:
        self.symbols = symbols
        self.given: Given[SignalsState] = Given(processor or SignalsProcessor())
        self.open_time_ms = BASE_MS
        rules = rules or preset()
        self.say(PresetActivated(digest=preset_digest(rules), preset=rules), source=Source.ORCHESTRATOR)
        self.say(engine(EngineState.SCANNING), source=Source.ORCHESTRATOR)
        self.say(InstrumentsListed(instruments=tuple(instrument(symbol) for symbol in symbols)))
        self.say(bars([QUIET] * HISTORY, BASE_MS - HISTORY * BAR_MS, symbols), time_ms=BASE_MS)
        self.scan(levels, passed=passed)
        self.say(books(imbalance, symbols), time_ms=BASE_MS + BAR_MS - 10_000)

    @property
    def now_ms(self) -> int:
        return self.given.time_ms

    def say(self, *events: Event, source: Source = Source.MARKET, time_ms: int | None = None) -> list[Event]:
        return self.given.when(*events, source=source, time_ms=time_ms)

    def scan(self, levels: Sequence[Level], *, passed: bool = True, scan_id: str = "s1") -> None:
        scored, completed = scan(levels, symbols=self.symbols, passed=passed, scan_id=scan_id)
        self.say(*scored, source=Source.SCANNER)
        self.say(*completed, source=Source.ORCHESTRATOR)

    def bar(self, row: Ohlcv, symbols: Sequence[str] | None = None, *, late_ms: int = 1_000) -> list[Event]:
        event = bars([row], self.open_time_ms, symbols or self.symbols)
        self.open_time_ms += BAR_MS
        return self.say(event, time_ms=self.open_time_ms + late_ms)

    def pass_bars(self, row: Ohlcv, count: int) -> None:
        for _ in range(count):
            self.bar(row)


def raised(events: Sequence[Event]) -> list[SignalRaised]:
    return [event for event in events if isinstance(event, SignalRaised)]


def failed(events: Sequence[Event]) -> list[str]:
    """Return the names of the conditions that the only near miss failed."""
    assert [type(event) for event in events] == [SignalSuppressed], events
    suppressed = events[0]
    assert isinstance(suppressed, SignalSuppressed)
    return [check.name for check in suppressed.checks if not check.passed]


def context(market: Market) -> Context:
    return Context(
        desk_id=DESK_ID,
        seq=market.given.seq,
        source=Source.MARKET,
        time_ns=market.now_ms * NS_PER_MS,
        ordinal=0,
        correlation="",
    )


def random_walk(seed: int, rows: int, symbols: int) -> list[Floats]:
    """Return open, high, low, close and volume, each `[rows, symbols]`."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.003, (rows, symbols)), axis=0))
    opened = close * np.exp(rng.normal(0.0, 0.002, close.shape))
    high = np.maximum(opened, close) * (1 + np.abs(rng.normal(0, 0.001, close.shape)))
    low = np.minimum(opened, close) * (1 - np.abs(rng.normal(0, 0.001, close.shape)))
    return [opened, high, low, close, rng.lognormal(3.0, 1.0, close.shape)]
