"""The generated market: the same for the same seed, and made to break out as scans expect."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from services.simulator.domain.bars import Bars
from services.simulator.domain.listing import generated_markets
from services.simulator.domain.market import SymbolMarket
from services.simulator.domain.quotes import book_at
from services.simulator.domain.shocks import Shock
from services.simulator.settings import GENERATED_START_MS
from tests.services.simulator.process import ROOT

MINUTE, FIVE, HOUR, DAY = 60_000, 300_000, 3_600_000, 86_400_000
NOW = GENERATED_START_MS + 7 * HOUR + 12_345
SEED = 7

PRINT_DIGEST = f"""
from hashlib import sha256
from services.simulator.domain.listing import generated_markets
total = sha256()
for market in generated_markets({SEED}, 4).values():
    for column in market.candles(60000, {NOW} - 86400000, {NOW}, {NOW}):
        total.update(column.tobytes())
    total.update(repr((market.depth({NOW}), market.trades({NOW} - 90000, {NOW}))).encode())
print(total.hexdigest())
"""


@pytest.fixture(scope="module")
def markets() -> dict[str, SymbolMarket]:
    return generated_markets(SEED, 40)


def candles(market: SymbolMarket, days: int = 2) -> Bars:
    return market.candles(FIVE, NOW - days * DAY, NOW // FIVE * FIVE, NOW)


def average_true_range(bars: Bars) -> np.ndarray:
    close = bars.close.astype(float)
    before = np.concatenate((close[:1], close[:-1]))
    ranges = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    return np.convolve(ranges, np.ones(14) / 14)[: ranges.size]


def breaks(bars: Bars) -> list[tuple[int, int]]:
    """The rows and directions of closes beyond a 20-bar extreme, with body and volume."""
    found = []
    atr = average_true_range(bars)
    for row in range(30, bars.ts.size):
        body = abs(int(bars.close[row]) - int(bars.open[row])) / max(int(bars.high[row] - bars.low[row]), 1)
        surge = bars.volume[row] / np.median(bars.volume[row - 19 : row])
        if body < 0.5 or surge < 2:
            continue
        for sign, edge in ((1, bars.high), (-1, -bars.low)):
            level = edge[row - 20 : row].max()
            touches = int((edge[row - 20 : row] > level - 0.5 * atr[row]).sum())
            if sign * bars.close[row] > level and touches >= 3:
                found.append((row, sign))
    return found


def test_every_process_sees_the_same_market_whatever_its_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            cwd=ROOT,
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1234")
    }
    assert len(digests) == 1


def test_an_answer_does_not_depend_on_the_questions_before_it() -> None:
    fresh, asked = (generated_markets(SEED, 3)["ETHUSDT"] for _ in range(2))
    for hours in (90, 3, 50, 1):
        asked.day_stats(NOW - hours * HOUR)
        asked.trades(NOW - hours * HOUR, NOW - hours * HOUR + 60_000)
    for column, again in zip(candles(fresh), candles(asked), strict=True):
        assert np.array_equal(column, again)
    assert fresh.day_stats(NOW) == asked.day_stats(NOW)
    assert book_at(fresh, NOW) == book_at(asked, NOW)


def test_another_seed_is_another_market() -> None:
    first, second = (generated_markets(seed, 2)["ETHUSDT"] for seed in (1, 2))
    assert not np.array_equal(candles(first).close, candles(second).close)


def test_candles_are_continuous_and_well_formed(markets: dict[str, SymbolMarket]) -> None:
    for market in markets.values():
        bars = market.candles(MINUTE, NOW - 3 * DAY, NOW // MINUTE * MINUTE, NOW)
        assert set(np.diff(bars.ts)) == {MINUTE}
        assert np.array_equal(bars.open[1:], bars.close[:-1])
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (bars.low > 0).all()


def test_the_path_inside_a_candle_reproduces_it_exactly(markets: dict[str, SymbolMarket]) -> None:
    market = markets["ETHUSDT"]
    start = NOW // MINUTE * MINUTE - MINUTE
    (opened, high, low, closed) = (int(c[0]) for c in market.candles(MINUTE, start, start + 1, NOW)[1:5])
    path = [market.last_ticks(at) for at in range(start, start + MINUTE + 1, 5_000)]
    assert (path[0], max(path), min(path), path[-1]) == (opened, high, low, closed)
    tape = market.trades(start - 1, start + MINUTE - 1)
    assert (int(tape.prices.max()), int(tape.prices.min())) == (high, low)
    assert int(tape.prices[-1]) == closed


def test_prints_add_up_to_the_candle_s_volume(markets: dict[str, SymbolMarket]) -> None:
    market = markets["BTCUSDT"]
    start = NOW // HOUR * HOUR - HOUR
    printed = float(market.trades(start - 1, start + HOUR - 1).lots.sum()) * market.lot
    volume = float(market.candles(HOUR, start, start + 1, NOW).volume[0])
    assert printed == pytest.approx(volume, rel=0.01)


def test_adjacent_questions_about_trades_neither_overlap_nor_miss(markets: dict[str, SymbolMarket]) -> None:
    market = markets["ETHUSDT"]
    cuts = [NOW - 200_000, NOW - 131_000, NOW - 130_999, NOW - 60_000, NOW]
    whole = market.trades(cuts[0], cuts[-1]).times
    parts = [market.trades(before, after).times for before, after in pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_books_are_deep_tight_and_ordered(markets: dict[str, SymbolMarket]) -> None:
    for market in markets.values():
        depth, price = market.depth(NOW), market.last_ticks(NOW)
        assert (np.diff(depth.bid_ticks) < 0).all()
        assert (np.diff(depth.ask_ticks) > 0).all()
        assert depth.bid_ticks.size >= 50
        assert (depth.ask_ticks[0] - depth.bid_ticks[0]) / price < 0.0030
        near = depth.ask_ticks <= price * 1.003
        usd = float((depth.ask_ticks * depth.ask_lots)[near].sum()) * market.tick * market.lot
        assert usd > 5_000
        first = (depth.bid_ticks, depth.bid_lots, depth.ask_ticks, depth.ask_lots)
        assert tuple(int(column[0]) for column in first) == tuple(market.touch(NOW))


def test_markets_pass_the_usual_liquidity_filters(markets: dict[str, SymbolMarket]) -> None:
    quarter = [m.candles(900_000, NOW - DAY, NOW // 900_000 * 900_000, NOW) for m in markets.values()]
    ratios = [float(np.median(average_true_range(bars)[14:] / bars.close[14:])) for bars in quarter]
    assert np.mean([0.005 <= ratio <= 0.12 for ratio in ratios]) > 0.9
    stats = [market.day_stats(NOW) for market in markets.values()]
    assert np.mean([row.turnover_usd >= 20e6 for row in stats]) > 0.9
    prices = [m.last_ticks(NOW) * m.tick for m in markets.values()]
    assert max(prices) / min(prices) > 1e4
    interest = [m.open_interest(NOW) * m.last_ticks(NOW) * m.tick for m in markets.values()]
    assert min(interest) > 2e6
    counts = [m.trades(NOW - 5 * MINUTE, NOW).times.size / 5 for m in markets.values()]
    assert min(counts) >= 3


def test_every_market_breaks_out_of_touched_levels_every_few_hours(markets: dict[str, SymbolMarket]) -> None:
    per_hour = [len(breaks(candles(market))) / 48 for market in markets.values()]
    assert min(per_hour) > 0.1
    assert np.mean(per_hour) > 0.25


def test_at_any_time_some_market_is_breaking(markets: dict[str, SymbolMarket]) -> None:
    rows = [row for market in markets.values() for row, _ in breaks(candles(market))]
    hits = np.bincount(rows, minlength=576)[48:]
    longest_quiet = max(map(len, "".join("x" if hit else "." for hit in hits).split("x")))
    # In bars of five minutes, with forty markets.
    assert longest_quiet <= 12


def test_about_half_of_the_breaks_follow_through(markets: dict[str, SymbolMarket]) -> None:
    outcomes = []
    for market in markets.values():
        bars = candles(market)
        atr = average_true_range(bars)
        for row, sign in breaks(bars):
            moves = sign * (bars.close[row + 1 : row + 13] - bars.close[row]) / atr[row]
            if moves.size == 12:
                outcomes.append(moves.max() > 1.5)
    assert 0.35 < np.mean(outcomes) < 0.75


def test_volume_builds_up_before_a_break(markets: dict[str, SymbolMarket]) -> None:
    surges = []
    for market in markets.values():
        volume = candles(market).volume
        surges += [
            np.median(volume[row - 11 : row + 1]) / np.median(volume[row - 23 : row - 11])
            for row, _ in breaks(candles(market))
        ]
    assert np.mean(np.array(surges) >= 1.15) > 0.7


def test_most_markets_follow_btc_only_weakly(markets: dict[str, SymbolMarket]) -> None:
    returns = {name: np.diff(np.log(candles(m).close)) for name, m in markets.items()}
    btc = returns.pop("BTCUSDT")
    kinship = [abs(float(np.corrcoef(btc, other)[0, 1])) for other in returns.values()]
    assert np.median(kinship) < 0.3
    assert max(kinship) > 0.25


def test_a_shock_moves_the_price_from_its_time_on_and_not_before() -> None:
    plain, shocked = (generated_markets(SEED, 2)["ETHUSDT"] for _ in range(2))
    at = NOW - 10 * MINUTE - 20_000
    shocked.shock(Shock(at, 0.9))
    assert shocked.last_ticks(at - 1) == plain.last_ticks(at - 1)
    assert shocked.last_ticks(NOW) == pytest.approx(plain.last_ticks(NOW) * 0.9, rel=1e-4)
    bars, before = (m.candles(MINUTE, NOW - 30 * MINUTE, NOW, NOW) for m in (shocked, plain))
    row = int(np.searchsorted(bars.ts, at)) - 1
    assert np.array_equal(bars.close[:row], before.close[:row])
    assert bars.open[row] == before.open[row]
    assert bars.low[row] < before.low[row] * 0.95
    assert np.array_equal(bars.open[row + 1 :], bars.close[row:-1])
