"""The market edge against the real simulator: what is recorded, in which order, through which troubles."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from services.market.settings import MarketSection
from shared.contracts.columns import unpack
from shared.contracts.desk import Source
from shared.contracts.engine import RankedMarket, ScanCompleted
from shared.contracts.market import (
    BarsClosed,
    BooksObserved,
    FeedChannel,
    FeedRestored,
    FeedStale,
    InstrumentsListed,
    QuotesObserved,
    TickersObserved,
    TradesObserved,
)
from shared.contracts.processor import NS_PER_MS
from shared.contracts.record import Record
from shared.log.memory import MemoryLog
from shared.log.port import FenceConflict
from shared.log.writer import SharedWriter
from tests.services.market.venue import (
    STEP_MS,
    Proxy,
    assert_unbroken,
    closes,
    market_records,
    running_edge,
    seen,
    simulator,
    tell,
    wait_for,
)

SYMBOLS = 5
KLINES = "/v5/market/kline"


def listed(log: MemoryLog) -> list[str]:
    event = seen(log.records, InstrumentsListed)[-1]
    assert isinstance(event, InstrumentsListed)
    return [each.symbol for each in event.instruments]


def live_bars(records: Sequence[Record]) -> int:
    """Count the bars of the first listed symbol that are recorded after the first tickers."""
    kinds = [type(record.events[0]) for record in records]
    if TickersObserved not in kinds:
        return 0
    after = closes(records[kinds.index(TickersObserved) :])
    return min((len(bars) for bars in after.values()), default=0) if len(after) == SYMBOLS else 0


def scan(symbols: Sequence[str]) -> ScanCompleted:
    ranked = tuple(
        RankedMarket(symbol=symbol, rank=rank, score=1.0, passed=True)
        for rank, symbol in enumerate(symbols, start=1)
    )
    return ScanCompleted(
        scan_id="s", number=1, scored=SYMBOLS, passed=len(ranked), with_levels=0, ranked=ranked
    )


async def test_instruments_then_every_bar_then_tickers(tmp_path: Path) -> None:
    log = MemoryLog()
    section = MarketSection(backfill_bars=300)
    async with simulator(tmp_path, speed=60) as venue, running_edge(log, venue.url, speed=60, market=section):
        await wait_for(log, lambda records: bool(seen(records, TickersObserved)), what="tickers")
    kinds = [type(record.events[0]) for record in log.records]
    first_tickers = kinds.index(TickersObserved)
    assert kinds[0] is InstrumentsListed
    assert kinds[1:first_tickers]
    assert set(kinds[1:first_tickers]) == {BarsClosed}
    backfilled = closes(log.records[:first_tickers])
    assert_unbroken(backfilled)
    assert set(backfilled) == set(listed(log))
    assert all(len(bars) >= 300 for bars in backfilled.values())
    assert len({bars[-1][0] for bars in backfilled.values()}) == 1


async def test_instruments_carry_the_venues_rules_exactly(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue, running_edge(log, venue.url):
        await wait_for(log, lambda records: bool(seen(records, TickersObserved)), what="tickers")
    event, tickers = seen(log.records, InstrumentsListed)[0], seen(log.records, TickersObserved)[0]
    assert isinstance(event, InstrumentsListed)
    assert isinstance(tickers, TickersObserved)
    assert len(event.instruments) == SYMBOLS
    assert event.instruments[0].symbol == "BTC/USDT:USDT"
    for each in event.instruments:
        assert each.tick_size > 0
        assert each.lot_size > 0
        assert each.quantity_min > 0
        assert each.notional_min_usd >= Decimal(5)
    assert tickers.symbols == tuple(each.symbol for each in event.instruments)
    for column in (tickers.last, tickers.bid, tickers.ask, tickers.volume_24h_usd, tickers.open_interest_usd):
        assert all(value > 0 for value in unpack(column))


async def test_a_live_bar_is_recorded_at_its_close_once_for_all_symbols(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path, speed=300) as venue, running_edge(log, venue.url, speed=300):
        await wait_for(log, lambda records: live_bars(records) >= 4, what="four live bars")
    assert_unbroken(closes(log.records))
    late_ms = [
        record.time_ns // NS_PER_MS - grid.close_time_ms
        for record in log.records
        for grid in record.events
        if isinstance(grid, BarsClosed) and grid.rows == 1
    ]
    assert min(late_ms) >= 0
    # 75 s of desk time are 250 ms of wall time here: the machine may be busy with other tests.
    assert sorted(late_ms)[len(late_ms) // 2] < 75_000


async def test_records_never_go_back_in_time(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue, running_edge(log, venue.url):
        await wait_for(log, lambda records: live_bars(records) >= 2, what="live bars")
        await tell(log, Source.ORCHESTRATOR, scan(listed(log)))
        await wait_for(log, lambda records: bool(seen(records, QuotesObserved)), what="quotes")
    times = [record.time_ns for record in market_records(log)]
    assert all(before <= after for before, after in pairwise(times))


async def test_books_and_trades_are_observed_of_those_the_scan_names(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue, running_edge(log, venue.url):
        await wait_for(log, lambda records: live_bars(records) >= 1, what="a live bar")
        assert not seen(log.records, BooksObserved)
        watched = listed(log)[1:3]
        await tell(log, Source.ORCHESTRATOR, scan(watched))
        await wait_for(log, lambda records: bool(seen(records, TradesObserved)), what="trades")
    books, trades = seen(log.records, BooksObserved)[-1], seen(log.records, TradesObserved)[-1]
    assert isinstance(books, BooksObserved)
    assert isinstance(trades, TradesObserved)
    for kind in (QuotesObserved, BooksObserved, TradesObserved):
        for event in seen(log.records, kind):
            assert set(event.symbols) <= set(watched)  # type: ignore[attr-defined]
    assert all(bid < ask for bid, ask in zip(unpack(books.bid), unpack(books.ask), strict=True))
    near, far = unpack(books.bid_depth_0_3pct_usd), unpack(books.bid_depth_0_5pct_usd)
    assert all(0 < inner <= outer for inner, outer in zip(near, far, strict=True))
    assert all(-1 <= value <= 1 for value in unpack(books.imbalance))
    assert all(count >= 0 for count in unpack(trades.trades))


async def test_a_symbol_that_the_scans_leave_out_is_given_up(tmp_path: Path) -> None:
    log = MemoryLog()
    section = MarketSection(backfill_bars=30, watch_scans_kept=1)
    async with simulator(tmp_path) as venue, running_edge(log, venue.url, market=section):
        await wait_for(log, lambda records: live_bars(records) >= 1, what="a live bar")
        first, second = listed(log)[:2]
        for symbol in (first, second, first):
            await tell(log, Source.ORCHESTRATOR, scan([symbol]))
            count = len(log.records)
            await wait_for(
                log,
                lambda records, count=count, symbol=symbol: any(  # type: ignore[misc]
                    event.symbols == (symbol,)  # type: ignore[attr-defined]
                    for event in seen([each for each in records if each.seq > count], BooksObserved)
                ),
                what=f"books of {symbol} alone",
            )


async def test_no_bar_is_lost_or_doubled_when_the_venue_is_killed(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue, running_edge(log, venue.url) as edge:
        for _ in range(2):
            have = live_bars(log.records)
            await wait_for(log, lambda records, have=have: live_bars(records) >= have + 2, what="live bars")  # type: ignore[misc]
            await venue.kill()
            await venue.start()
        have = live_bars(log.records)
        await wait_for(log, lambda records: live_bars(records) >= have + 4, what="live bars again")
        assert not edge.done()
    assert_unbroken(closes(log.records))


async def test_what_a_half_open_connection_hid_is_recorded_before_the_all_clear(tmp_path: Path) -> None:
    log = MemoryLog()
    section = MarketSection(backfill_bars=60, socket_silence_s=1.5, bars_silence_s=1.2)
    async with simulator(tmp_path) as venue:
        proxy = Proxy(venue.port)
        url = await proxy.start()
        try:
            async with running_edge(log, url, market=section):
                await wait_for(log, lambda records: live_bars(records) >= 2, what="live bars")
                # The stream speaks again long before REST has answered.
                await venue.arm("502_before_accept", KLINES, count=SYMBOLS)
                await venue.arm("slow", KLINES, count=SYMBOLS, delay_ms=1000)
                proxy.swallow_all_open()
                await wait_for(log, lambda records: bool(seen(records, FeedStale)), what="stale")
                await wait_for(log, lambda records: bool(seen(records, FeedRestored)), what="restored")
                have = live_bars(log.records)
                await wait_for(log, lambda records: live_bars(records) >= have + 2, what="live bars again")
        finally:
            await proxy.stop()
    assert_unbroken(closes(log.records))
    records = market_records(log)
    stale, restored = seen(records, FeedStale)[0], seen(records, FeedRestored)[0]
    assert isinstance(stale, FeedStale)
    assert isinstance(restored, FeedRestored)
    assert stale.channel is restored.channel is FeedChannel.BARS
    assert stale.silent_ms >= 1200
    at = next(index for index, each in enumerate(records) if restored in each.events)
    before = closes(records[:at])
    for symbol in restored.symbols:
        # The silence hid more than two bars.
        last_close_ms = before[symbol][-1][0] + STEP_MS
        assert records[at].time_ns // NS_PER_MS - last_close_ms < 2.4 * STEP_MS


async def test_a_frozen_venue_is_recorded_as_stale_and_restored(tmp_path: Path) -> None:
    log = MemoryLog()
    section = MarketSection(backfill_bars=30, bars_silence_s=1.2)
    async with simulator(tmp_path) as venue, running_edge(log, venue.url, market=section):
        await wait_for(log, lambda records: live_bars(records) >= 2, what="live bars")
        venue.freeze()
        try:
            await wait_for(log, lambda records: bool(seen(records, FeedStale)), what="stale")
        finally:
            venue.thaw()
        await wait_for(log, lambda records: bool(seen(records, FeedRestored)), what="restored")
        have = live_bars(log.records)
        await wait_for(log, lambda records: live_bars(records) >= have + 1, what="live bars again")
    assert_unbroken(closes(log.records))


@pytest.mark.parametrize("fault", ["cut_before_accept", "bad_json_after_accept"])
async def test_a_back_fill_is_asked_for_until_it_is_answered(tmp_path: Path, fault: str) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue:
        await venue.arm(fault, KLINES, count=2)
        await venue.arm(fault, "/v5/market/tickers", count=1)
        await venue.arm(fault, "/v5/market/instruments-info", count=1)
        async with running_edge(log, venue.url):
            await wait_for(log, lambda records: live_bars(records) >= 1, what="a live bar")
    kinds = [type(record.events[0]) for record in log.records]
    assert kinds.count(InstrumentsListed) == 1
    backfilled = closes(log.records[: kinds.index(TickersObserved)])
    assert all(len(bars) >= 30 for bars in backfilled.values())
    assert_unbroken(closes(log.records))


async def test_a_second_start_fetches_only_what_is_missing(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue:
        async with running_edge(log, venue.url):
            await wait_for(log, lambda records: live_bars(records) >= 2, what="live bars")
        first_run = len(log.records)
        async with running_edge(log, venue.url):
            await wait_for(
                log,
                lambda records: live_bars([each for each in records if each.seq > first_run]) >= 2,
                what="live bars of the second run",
            )
    assert_unbroken(closes(log.records))
    second = log.records[first_run:]
    kinds = [type(record.events[0]) for record in second]
    assert kinds[0] is InstrumentsListed
    refetched = closes(second[: kinds.index(TickersObserved)])
    assert all(len(bars) < 15 for bars in refetched.values())
    assert second[0].time_ns >= log.records[first_run - 1].time_ns


async def test_what_was_stale_before_a_crash_is_restored_after_it(tmp_path: Path) -> None:
    log = MemoryLog()
    stale = FeedStale(channel=FeedChannel.BARS, symbols=("BTC/USDT:USDT",), silent_ms=99_000)
    await tell(log, Source.MARKET, stale)
    async with simulator(tmp_path) as venue, running_edge(log, venue.url):
        await wait_for(log, lambda records: bool(seen(records, FeedRestored)), what="restored")
    assert seen(log.records, FeedRestored) == [
        FeedRestored(channel=FeedChannel.BARS, symbols=("BTC/USDT:USDT",))
    ]


async def test_another_writer_on_the_subject_ends_the_edge(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue, running_edge(log, venue.url) as edge:
        await wait_for(log, lambda records: live_bars(records) >= 1, what="a live bar")
        usurper = SharedWriter(log, Source.MARKET)
        await usurper.append([seen(log.records, InstrumentsListed)[0]], time_ns=log.records[-1].time_ns)
        with pytest.raises(FenceConflict):
            await asyncio.wait_for(edge, 10)


async def test_an_edge_that_starts_before_its_venue_waits_for_it(tmp_path: Path) -> None:
    log = MemoryLog()
    async with simulator(tmp_path) as venue:
        await venue.kill()
        async with running_edge(log, venue.url) as edge:
            await asyncio.sleep(0.5)
            assert not edge.done()
            assert not log.records
            await venue.start()
            await wait_for(log, lambda records: live_bars(records) >= 1, what="a live bar")
