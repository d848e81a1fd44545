"""Records sessions into a desk's home: one of real deciders, and one trade told event by event."""

import asyncio
import math
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from research.replay import processors_of
from shared.contracts.account import AccountReconciled
from shared.contracts.base import Event
from shared.contracts.codec import encode_body
from shared.contracts.columns import pack
from shared.contracts.desk import ClockTicked, DeskOpened, Mode, ServiceSeen, Source
from shared.contracts.engine import CommandName, CommandRequested, RankedMarket, ScanCompleted
from shared.contracts.market import BarsClosed, BooksObserved, Instrument, InstrumentsListed, TickersObserved
from shared.contracts.order import (
    Liquidity,
    OrderAccepted,
    OrderFilled,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import (
    ExitReason,
    PositionClosed,
    PositionOpened,
    StopMoved,
    StopMoveReason,
)
from shared.contracts.preset import load_preset
from shared.contracts.record import Draft, Record, digest
from shared.contracts.risk import Denial, DenialReason, SignalApproved, SignalDenied, SizeCap
from shared.contracts.scan import (
    Check,
    Level,
    LevelKind,
    LevelsBuilt,
    MarketScore,
    MarketsScored,
    ScoreComponent,
)
from shared.contracts.signal import PositionSide, SignalRaised, SignalSuppressed, Strategy, Target
from shared.contracts.venue import AccountObserved, VenueConnected
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog
from shared.log.port import Tail
from shared.log.server import PrivateServer
from shared.runtime.replica import Replica

DESK_ID = "00000000-0000-5000-8000-00000000000a"
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
BTC, ETH, SOL = SYMBOLS
START_MS = 1_767_571_200_000
BAR_MS = 300_000
NS_PER_MS = 1_000_000
D = Decimal

Entry = tuple[Source, int, Draft]


class Recording:
    """A session in memory, in the order of its log."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.time_ms = START_MS
        opened = DeskOpened(desk="main", desk_id=DESK_ID, mode=Mode.DEMO, partitions=1)
        self.say(Source.DESK, opened)

    def say(self, source: Source, *events: Event, cause: int = 0, correlation: str = "") -> int:
        """Write a record and return its seq."""
        draft = Draft(
            time_ns=self.time_ms * NS_PER_MS, cause=cause, correlation=correlation, events=tuple(events)
        )
        self.entries.append((source, 0, draft))
        return len(self.entries)


async def _store(entries: Sequence[Entry], store: Path) -> None:
    server = PrivateServer(store)
    await server.start()
    log = JetStreamLog(await connect(server.url, name="test"), "main")
    await log.ensure()
    tails: dict[tuple[Source, int], Tail] = {}
    for source, partition, draft in entries:
        after = tails.get((source, partition), Tail())
        tails[source, partition] = await log.append(draft, source=source, partition=partition, after=after)
    await log.close()
    await server.stop()


def write_home(home: Path, entries: Sequence[Entry], desk: str = "main") -> Path:
    """Store a session as the log of a desk that rests, and return the home."""
    asyncio.run(_store(entries, home / desk / "nats"))
    return home


class Deciding(Recording):
    """A recording whose inputs are answered by the real deciders, each leading on its own."""

    def __init__(self) -> None:
        self.replicas: list[Replica[Any]] = []
        self._digests: dict[tuple[Source, int], str] = {}
        super().__init__()
        self.replicas = [Replica(processor, UUID(DESK_ID)) for processor in processors_of(1)]

    def say(self, source: Source, *events: Event, cause: int = 0, correlation: str = "") -> int:
        seq = super().say(source, *events, cause=cause, correlation=correlation)
        self._read(source, self.entries[-1][2])
        if cause == 0:
            self._decide_all()
        return seq

    def _read(self, source: Source, draft: Draft) -> Record:
        key = (source, 0)
        prev = self._digests.get(key, "")
        own = digest(encode_body(draft, source=source, partition=0, prev=prev))
        record = Record(
            seq=len(self.entries),
            source=source,
            partition=0,
            time_ns=draft.time_ns,
            cause=draft.cause,
            correlation=draft.correlation,
            prev=prev,
            events=draft.events,
            digest=own,
        )
        self._digests[key] = own
        for replica in self.replicas:
            # Its own record it has folded when it decided.
            if not replica.owns(record):
                replica.read(record)
        return record

    def _decide_all(self) -> None:
        while any(replica.pending for replica in self.replicas):
            for replica in self.replicas:
                if replica.pending:
                    self._decide(replica)

    def _decide(self, replica: Replica[Any]) -> None:
        decision = replica.decide_next()
        if decision.draft is None:
            replica.commit(decision, None)
            return
        source = replica.processor.source
        self.entries.append((source, 0, decision.draft))
        seq = len(self.entries)
        record = self._read(source, decision.draft)
        replica.commit(decision, Tail(seq, record.digest))


def deciding_session(seed: int, bars: int = 40) -> list[Entry]:
    """Return a session in which the engine starts, scans a random market once a bar, and judges it."""
    rng = random.Random(seed)
    session = Deciding()
    session.say(Source.MARKET, InstrumentsListed(instruments=tuple(instrument(s) for s in SYMBOLS)))
    walk = _walk(rng, 200 + bars)
    session.say(Source.MARKET, _bars(walk, 0, 200))
    session.time_ms += 200 * BAR_MS
    session.say(Source.MARKET, _tickers(walk[199]))
    session.say(Source.VENUE, VenueConnected())
    session.say(Source.VENUE, _account(observed_after_seq=len(session.entries)))
    for service in ("market", "scanner", "signals", "risk", "execution"):
        session.say(Source.CLOCK, ServiceSeen(service=service, partition=0, alive=True, instance="test-1"))
    start = CommandRequested(
        command_id="c-1", command=CommandName.START, requested_by="test", preset=load_preset("demo")
    )
    session.say(Source.COMMANDS, start)
    for bar in range(200, 200 + bars):
        session.time_ms += BAR_MS
        session.say(Source.MARKET, _bars(walk, bar, bar + 1))
        session.say(Source.MARKET, _books(walk[bar]), _tickers(walk[bar]))
        session.say(Source.CLOCK, ClockTicked(number=bar))
    return session.entries


def _account(observed_after_seq: int) -> AccountObserved:
    return AccountObserved(
        wallet_usd=D(1000),
        equity_usd=D(1000),
        available_usd=D(1000),
        positions=(),
        orders=(),
        observed_after_seq=observed_after_seq,
    )


def instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.partition("/")[0],
        quote="USDT",
        tick_size=D("0.01"),
        lot_size=D("0.001"),
        quantity_min=D("0.001"),
        notional_min_usd=D(5),
    )


def _walk(rng: random.Random, rows: int) -> list[list[float]]:
    prices = [100.0, 50.0, 20.0]
    walk = []
    for _ in range(rows):
        prices = [round(price * math.exp(rng.gauss(0, 0.004)), 2) for price in prices]
        walk.append(prices)
    return walk


def _bars(walk: list[list[float]], first: int, end: int) -> BarsClosed:
    opens = [price for row in range(first, end) for price in walk[max(row - 1, 0)]]
    closes = [price for row in range(first, end) for price in walk[row]]
    pairs = list(zip(opens, closes, strict=True))
    return BarsClosed(
        timeframe_s=300,
        open_time_ms=START_MS + first * BAR_MS,
        rows=end - first,
        symbols=SYMBOLS,
        open=pack(opens),
        high=pack(max(pair) * 1.001 for pair in pairs),
        low=pack(min(pair) * 0.999 for pair in pairs),
        close=pack(closes),
        volume=pack(50_000.0 for _ in pairs),
    )


def _tickers(prices: list[float]) -> TickersObserved:
    column = pack(prices)
    return TickersObserved(
        symbols=SYMBOLS,
        last=column,
        bid=column,
        ask=column,
        volume_24h_usd=pack([5e8] * 3),
        change_24h_frac=pack([0.01] * 3),
        open_interest_usd=pack([1e8] * 3),
    )


def _books(prices: list[float]) -> BooksObserved:
    column, depth = pack(prices), pack([1e6] * 3)
    return BooksObserved(
        symbols=SYMBOLS,
        bid=column,
        ask=column,
        spread_bps=pack([1.0] * 3),
        bid_depth_0_3pct_usd=depth,
        ask_depth_0_3pct_usd=depth,
        bid_depth_0_5pct_usd=depth,
        ask_depth_0_5pct_usd=depth,
        imbalance=pack([0.1, 0.2, -0.1]),
    )


SIGNAL_ID = "5161aaaa-0000-5000-8000-000000000001"
DENIED_ID = "5161bbbb-0000-5000-8000-000000000002"
POSITION_ID = "b05aaaaa-0000-5000-8000-000000000003"
ENTRY_ID = "e417aaaa-0000-5000-8000-000000000004"
STOP_ID = "5709aaaa-0000-5000-8000-000000000005"


def traded_session() -> list[Entry]:
    """Return a session with a trade in BTC, a denial in BTC, a near miss in ETH and a failed filter in SOL."""
    session = Recording()
    session.say(Source.MARKET, InstrumentsListed(instruments=tuple(instrument(s) for s in SYMBOLS)))
    scan = session.say(Source.ORCHESTRATOR, _completed_scan("scan-0", ()))
    scored = MarketsScored(
        scan_id="scan-1",
        partition=0,
        markets=(_score(BTC, 2.5), _score(ETH, 1.25), _score(SOL, 0.5, passed=False)),
    )
    levels = LevelsBuilt(scan_id="scan-1", partition=0, levels=(level(BTC, 99.5), level(ETH, 51.0)))
    scan = session.say(Source.SCANNER, scored, levels, cause=scan)
    ranked = tuple(
        RankedMarket(symbol=symbol, rank=rank, score=3.0 - rank, passed=rank < 3)
        for rank, symbol in enumerate(SYMBOLS, start=1)
    )
    session.say(Source.ORCHESTRATOR, _completed_scan("scan-1", ranked), cause=scan)
    session.time_ms += BAR_MS
    bar = session.say(Source.MARKET, _bars([[99.0, 50.0, 20.0], [100.5, 50.5, 20.0]], 1, 2))
    raised = session.say(Source.SIGNALS, _signal(SIGNAL_ID), _near_miss(), cause=bar, correlation=SIGNAL_ID)
    approved = session.say(Source.RISK, _approval(), cause=raised, correlation=SIGNAL_ID)
    _trade(session, approved)
    bar = session.say(Source.MARKET, _bars([[99.0, 50.0, 20.0], [100.5, 50.5, 20.0]], 1, 2))
    raised = session.say(Source.SIGNALS, _signal(DENIED_ID), cause=bar, correlation=DENIED_ID)
    reasons = (Denial(reason=DenialReason.POSITIONS_MAX, value=D(3), limit=D(3)),)
    denied = SignalDenied(signal_id=DENIED_ID, symbol=BTC, reasons=reasons)
    session.say(Source.RISK, denied, cause=raised, correlation=DENIED_ID)
    return session.entries


def _trade(session: Recording, approved: int) -> None:
    reconciled = AccountReconciled(wallet_usd=D(1000), equity_usd=D(1000), available_usd=D(1000))
    session.say(Source.EXECUTION, reconciled)
    entry = session.say(Source.EXECUTION, _order(ENTRY_ID, OrderPurpose.ENTRY), cause=approved)
    accepted = OrderAccepted(client_order_id=ENTRY_ID, venue_order_id="v-1")
    session.say(Source.EXECUTION, accepted, cause=entry)
    opened = PositionOpened(
        position_id=POSITION_ID,
        signal_id=SIGNAL_ID,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=D(2),
        entry_px=D(101),
        stop_px=D(99),
        risk_per_unit=D(2),
    )
    stop = _order(STOP_ID, OrderPurpose.STOP)
    fill = session.say(Source.EXECUTION, _fill("t-1", ENTRY_ID, D(101)), opened, stop, cause=entry)
    moved = StopMoved(
        position_id=POSITION_ID,
        symbol=BTC,
        old_stop_px=D(99),
        new_stop_px=D(101),
        reason=StopMoveReason.BREAK_EVEN,
    )
    session.say(Source.EXECUTION, moved, cause=fill)
    session.time_ms += BAR_MS
    session.say(Source.EXECUTION, _fill("t-2", STOP_ID, D(104)), closed_position(), cause=fill)


def closed_position(pnl_usd: str = "5.5") -> PositionClosed:
    return PositionClosed(
        position_id=POSITION_ID,
        signal_id=SIGNAL_ID,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=D(2),
        entry_px=D(101),
        exit_px=D(104),
        gross_pnl_usd=D(6),
        fees_usd=D("0.5"),
        funding_usd=D(0),
        pnl_usd=D(pnl_usd),
        pnl_r=D("1.375"),
        exit_reason=ExitReason.TRAILING_STOP,
        opened_at_ms=START_MS,
        closed_at_ms=START_MS + BAR_MS,
    )


def _completed_scan(scan_id: str, ranked: tuple[RankedMarket, ...]) -> ScanCompleted:
    return ScanCompleted(
        scan_id=scan_id, number=1, scored=len(ranked), passed=2, with_levels=2, ranked=ranked
    )


def _score(symbol: str, score: float, *, passed: bool = True) -> MarketScore:
    spread = Check(name="max_spread", passed=passed, value=2.0 if passed else 12.5, maximum=5.0)
    return MarketScore(
        symbol=symbol,
        score=score,
        passed=passed,
        price=100.0,
        btc_correlation=0.5,
        filters=(Check(name="min_24h_volume", passed=True, value=5e8, minimum=1e6), spread),
        components=(ScoreComponent(name="vol_surge", value=score, weight=1.0),),
    )


def level(symbol: str, price: float) -> Level:
    return Level(
        symbol=symbol,
        kind=LevelKind.RESISTANCE,
        price=price,
        touches=4,
        strength=0.8,
        first_touch_ms=START_MS,
        last_touch_ms=START_MS,
    )


def _signal(signal_id: str) -> SignalRaised:
    return SignalRaised(
        signal_id=signal_id,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        level=level(BTC, 99.5),
        scan_id="scan-1",
        bar_close_time_ms=START_MS + BAR_MS,
        entry_px=D(101),
        stop_px=D(99),
        targets=(Target(price=D(104), reward_r=D("1.5"), size_frac=D("0.5")),),
        confidence=0.75,
        score=2.5,
        btc_correlation=0.5,
        checks=(Check(name="volume_surge", passed=True, value=2.5, minimum=1.5),),
        expires_at_ms=START_MS + 2 * BAR_MS,
    )


def _near_miss() -> SignalSuppressed:
    return SignalSuppressed(
        symbol=ETH,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        level=level(ETH, 51.0),
        scan_id="scan-1",
        checks=(
            Check(name="volume_surge", passed=False, value=0.9, minimum=1.5),
            Check(name="body_ratio", passed=True, value=0.8, minimum=0.5),
        ),
    )


def _approval() -> SignalApproved:
    return SignalApproved(
        signal_id=SIGNAL_ID,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=D(2),
        entry_px=D(101),
        stop_px=D(99),
        targets=(),
        equity_usd=D(1000),
        risk_usd=D(4),
        notional_usd=D(202),
        caps=(SizeCap.RISK, SizeCap.DEPTH),
        level_px=D("99.5"),
        expires_at_ms=START_MS + 2 * BAR_MS,
    )


def _order(client_order_id: str, purpose: OrderPurpose) -> OrderSubmitted:
    is_entry = purpose is OrderPurpose.ENTRY
    return OrderSubmitted(
        client_order_id=client_order_id,
        symbol=BTC,
        side=OrderSide.BUY if is_entry else OrderSide.SELL,
        order_type=OrderType.MARKET if is_entry else OrderType.STOP_MARKET,
        quantity=D(2),
        trigger_price=None if is_entry else D(99),
        reduce_only=not is_entry,
        purpose=purpose,
        position_id=POSITION_ID,
        signal_id=SIGNAL_ID,
    )


def _fill(trade_id: str, client_order_id: str, price: Decimal) -> OrderFilled:
    is_entry = client_order_id == ENTRY_ID
    return OrderFilled(
        client_order_id=client_order_id,
        venue_order_id="v-1",
        trade_id=trade_id,
        symbol=BTC,
        side=OrderSide.BUY if is_entry else OrderSide.SELL,
        last_qty=D(2),
        last_px=price,
        cum_qty=D(2),
        leaves_qty=D(0),
        avg_px=price,
        fee_usd=D("0.25"),
        liquidity=Liquidity.TAKER,
        status=OrderStatus.FILLED,
        purpose=OrderPurpose.ENTRY if is_entry else OrderPurpose.STOP,
        position_id=POSITION_ID,
    )
