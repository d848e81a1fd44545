"""Records a session of the real deciders into a desk's home."""

import asyncio
import math
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from research.replay import processors_of
from shared.contracts.base import Event
from shared.contracts.codec import encode_body
from shared.contracts.columns import pack
from shared.contracts.desk import ClockTicked, DeskOpened, Mode, ServiceSeen, Source
from shared.contracts.engine import CommandName, CommandRequested
from shared.contracts.market import BarsClosed, BooksObserved, Instrument, InstrumentsListed, TickersObserved
from shared.contracts.preset import load_preset
from shared.contracts.record import Draft, Record, digest
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


def deciding_session(seed: int, count: int = 40) -> list[Entry]:
    """Return a session in which the engine starts, scans a random market once a bar, and judges it."""
    rng = random.Random(seed)
    session = Deciding()
    session.say(Source.MARKET, InstrumentsListed(instruments=tuple(instrument(s) for s in SYMBOLS)))
    walk = _walk(rng, 200 + count)
    session.say(Source.MARKET, bars(walk, 0, 200))
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
    for bar in range(200, 200 + count):
        session.time_ms += BAR_MS
        session.say(Source.MARKET, bars(walk, bar, bar + 1))
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


def bars(walk: list[list[float]], first: int, end: int) -> BarsClosed:
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
