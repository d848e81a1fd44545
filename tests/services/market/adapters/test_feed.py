"""What messages change, and that no message can break the feed."""

import random
from decimal import Decimal
from typing import Any

import pytest

from services.market.adapters.feed import Feed
from services.market.domain.bars import BarSequence
from services.market.domain.staleness import Silence
from services.market.domain.trades import TradeWindow
from shared.contracts.market import FeedChannel, Instrument

STEP = 300_000
T0 = 1_700_000_100_000


def make_feed() -> Feed:
    sequence = BarSequence(step_ms=STEP, depth=10)
    sequence.resume({"A": T0})
    feed = Feed(sequence, Silence(dict.fromkeys(FeedChannel, 1000)), TradeWindow())
    instrument = Instrument(
        symbol="A",
        base="A",
        quote="USDT",
        tick_size=Decimal(1),
        lot_size=Decimal(1),
        quantity_min=Decimal(1),
        notional_min_usd=Decimal(5),
    )
    feed.listen_to([instrument], {"AUSDT": "A", "BUSDT": "B"})
    feed.trades.listen("A")
    return feed


def kline(row: int, *, confirm: bool) -> dict[str, Any]:
    data = {"start": T0 + row * STEP, "confirm": confirm, "volume": "1"}
    data |= dict.fromkeys(("open", "high", "low", "close"), "100")
    return {"ts": T0 + (row + 1) * STEP, "data": [data]}


async def test_a_close_makes_a_bar_ready_and_tells_the_time() -> None:
    feed = make_feed()
    times: list[int] = []
    ready: list[int] = []
    feed.on_time, feed.on_ready = times.append, lambda: ready.append(feed.sequence.ready)
    feed.hear("kline", "AUSDT", kline(1, confirm=False))
    assert ready == []
    feed.hear("kline", "AUSDT", kline(1, confirm=True))
    assert ready == [1]
    assert times == [T0 + 2 * STEP] * 2
    assert not feed.gapped.is_set()


async def test_a_close_that_was_missed_is_noticed_with_the_next_bar() -> None:
    feed = make_feed()
    feed.hear("kline", "AUSDT", kline(2, confirm=False))
    assert feed.gapped.is_set()
    assert feed.sequence.gapped() == ("A",)


async def test_markets_not_listened_to_change_nothing() -> None:
    feed = make_feed()
    for market_id in ("BUSDT", "CUSDT", ""):
        feed.hear("kline", market_id, kline(1, confirm=True))
    assert feed.sequence.ready == 0
    assert feed.heard_at_s > 0


async def test_trades_count_from_the_first_book_on() -> None:
    feed = make_feed()
    feed.hear("orderbook", "AUSDT", {"ts": T0})
    row = {"T": T0 + 1000, "S": "Buy", "v": "2", "p": "50", "i": "1"}
    feed.hear("publicTrade", "AUSDT", {"ts": T0, "data": [row]})
    assert feed.last_px == {"A": 50.0}
    assert list(feed.moved) == ["A"]
    count = feed.trades.count("A", T0 + 60_000)
    assert count is not None
    assert (count.trades, count.buy_usd) == (1, 100.0)
    feed.forget(["A"])
    assert feed.last_px == {}
    assert feed.trades.count("A", T0 + 60_000) is None


@pytest.mark.parametrize("seed", range(20))
async def test_no_message_breaks_the_feed(seed: int) -> None:
    dice = random.Random(seed)
    feed = make_feed()
    junk: list[Any] = [None, 0, -1, "", "x", "NaN", [], {}, [[]], [{}], [None], True, 1e400, "9" * 5000]
    for _ in range(200):
        row = {key: dice.choice(junk) for key in ("start", "confirm", "open", "T", "i", "p", "v", "S")}
        data = dice.choice([*junk, [row], row])
        message = dice.choice([*junk, {"ts": dice.choice(junk), "data": data}])
        feed.hear(dice.choice(["kline", "orderbook", "publicTrade", ""]), "AUSDT", message)
    assert feed.sequence.ready == 0
    feed.hear("kline", "AUSDT", kline(1, confirm=True))
    assert feed.sequence.ready == 1
