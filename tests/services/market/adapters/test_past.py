"""What a restart learns from the log, and that it does not read all of it."""

from math import nan

import pytest

from services.market.adapters import past
from services.market.adapters.past import read_past
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import Source
from shared.contracts.market import BarsClosed, FeedChannel, FeedRestored, FeedStale, QuotesObserved
from shared.log.memory import MemoryLog
from shared.log.writer import Writer

STEP = 300_000
T0 = 1_700_000_100_000
DEPTH_MS = 300 * STEP


def grid(row: int, symbols: str, closes: list[float]) -> BarsClosed:
    column = pack(closes)
    return BarsClosed(
        timeframe_s=300,
        open_time_ms=T0 + row * STEP,
        rows=len(closes) // len(symbols),
        symbols=tuple(symbols),
        open=column,
        high=column,
        low=column,
        close=column,
        volume=column,
    )


def quotes() -> QuotesObserved:
    return QuotesObserved(symbols=("A",), bid=pack([1.0]), ask=pack([2.0]), last=pack([nan]))


async def written(*events: Event) -> MemoryLog:
    log = MemoryLog()
    writer = await Writer.open(log, Source.MARKET)
    for number, event in enumerate(events):
        await writer.append([event], time_ns=(T0 + number * 1000) * 1_000_000)
    return log


async def test_an_empty_log_has_no_past() -> None:
    found = await read_past(MemoryLog(), ["A"], depth_ms=DEPTH_MS)
    assert (found.last_open_ms, found.last_time_ns, found.complete) == ({}, 0, True)


async def test_the_last_bar_of_each_symbol_is_found() -> None:
    log = await written(grid(0, "AB", [1, 1, 2, nan, 3, nan]), grid(3, "A", [4]), grid(1, "B", [2]))
    found = await read_past(log, ["A", "B"], depth_ms=DEPTH_MS)
    assert found.last_open_ms == {"A": T0 + 3 * STEP, "B": T0 + STEP}
    assert found.last_time_ns == (T0 + 2000) * 1_000_000


async def test_what_is_stale_at_the_end_of_the_log_is_known() -> None:
    stale = FeedStale(channel=FeedChannel.BARS, symbols=("A", "B"), silent_ms=1)
    log = await written(stale, FeedRestored(channel=FeedChannel.BARS, symbols=("A",)))
    found = await read_past(log, [], depth_ms=DEPTH_MS)
    assert found.stale == {FeedChannel.BARS: {"B": None}}


async def test_no_more_is_read_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [grid(row, "A", [1.0]) for row in range(3)] + [quotes() for _ in range(200)]
    log = await written(*events, grid(3, "A", [1.0]))
    monkeypatch.setattr(past, "FIRST_LOOK_RECORDS", 10)
    near = await read_past(log, ["A"], depth_ms=DEPTH_MS)
    far = await read_past(log, ["A", "B"], depth_ms=DEPTH_MS)
    bounded = await read_past(log, ["A", "B"], depth_ms=20_000)
    assert near.last_open_ms == far.last_open_ms == bounded.last_open_ms == {"A": T0 + 3 * STEP}
    assert (near.complete, far.complete, bounded.complete) == (False, True, False)
