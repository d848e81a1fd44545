import msgspec
import numpy as np
import pytest

from services.scanner.domain.processor import ScannerProcessor
from services.scanner.domain.state import BAR_MS, ScannerState
from shared.contracts.desk import Source
from shared.contracts.engine import ScanStarted
from shared.contracts.ids import partition_of
from shared.contracts.market import FeedChannel, FeedStale
from shared.contracts.scan import LevelsBuilt, MarketsScored
from shared.log.port import Tail
from shared.market.bars import Bars
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint
from tests.deciding import Given
from tests.services.scanner.scenario import (
    BTC,
    END_MS,
    ETH,
    SOL,
    START_MS,
    SYMBOLS,
    book,
    check,
    closed,
    desk,
    missing,
    preset,
    scanned,
    three_markets,
    tickers,
    traded,
)

SCAN = ScanStarted(scan_id="scan-1", number=1)


def test_a_scan_judges_every_market_of_the_universe_and_finds_its_levels() -> None:
    markets, built = scanned(desk(closed(three_markets(), *SYMBOLS)))
    assert set(markets) == set(SYMBOLS)
    assert {level.symbol for level in built.levels} == set(SYMBOLS)
    for market in markets.values():
        assert market.passed == all(each.passed for each in market.filters)
        weighted = sum(part.weight * part.value for part in market.components)
        assert market.score == pytest.approx(weighted, abs=1e-8)


def test_markets_are_ordered_by_score() -> None:
    given = desk(closed(three_markets(), *SYMBOLS))
    scored = given.when(SCAN, source=Source.ORCHESTRATOR)[0]
    assert isinstance(scored, MarketsScored)
    found = [market.score for market in scored.markets]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 3


def test_the_same_scan_is_answered_once() -> None:
    given = desk(closed(three_markets(), *SYMBOLS))
    assert len(given.when(SCAN, source=Source.ORCHESTRATOR)) == 2
    assert given.when(SCAN, source=Source.ORCHESTRATOR) == []
    assert len(given.when(ScanStarted(scan_id="scan-2", number=2), source=Source.ORCHESTRATOR)) == 2


def test_nothing_but_a_scan_is_answered() -> None:
    given = desk()
    for event in (
        closed(three_markets(), *SYMBOLS),
        tickers(*SYMBOLS),
        book(ETH),
        traded(ETH, 5),
        FeedStale(channel=FeedChannel.BARS, symbols=(ETH,), silent_ms=1),
    ):
        assert given.when(event) == []


def test_a_scan_without_a_preset_or_markets_is_answered_empty() -> None:
    answer = [
        MarketsScored(scan_id="scan-1", partition=0, markets=()),
        LevelsBuilt(scan_id="scan-1", partition=0, levels=()),
    ]
    assert Given(ScannerProcessor()).when(SCAN, source=Source.ORCHESTRATOR) == answer
    assert desk(symbols=()).when(SCAN, source=Source.ORCHESTRATOR) == answer


def test_a_scan_before_the_first_bar_fails_every_market_for_want_of_candles() -> None:
    markets, built = scanned(desk())
    assert set(markets) == set(SYMBOLS)
    assert built.levels == ()
    for market in markets.values():
        assert not market.passed
        assert market.price == 100.0
        assert not check(market, "data_candles").passed


def test_failing_markets_are_recorded_as_failed_with_all_their_reasons() -> None:
    """W-D6: a market that fails is no candidate, and says why."""
    given = desk(closed(missing(three_markets(), 250, 1), *SYMBOLS))
    markets, _ = scanned(given.given(tickers(*SYMBOLS, volume=(1e9, 1.0, 1e9))))
    eth = markets[ETH]
    assert not eth.passed
    assert {each.name for each in eth.filters if not each.passed} >= {"min_24h_volume", "data_gaps"}
    volume = check(eth, "min_24h_volume")
    assert (volume.value, volume.minimum) == (1.0, 100_000.0)
    assert check(eth, "data_gaps").value == 1.0
    assert check(markets[SOL], "data_gaps").passed


def test_correlation_with_btc_is_measured_from_returns() -> None:
    """W-D1: a market that follows BTC shows it, and one that does not shows that."""
    bars = three_markets()
    following = bars.close[:, 0] ** 0.5
    close = bars.close.copy()
    close[:, 1] = following
    opened, high, low = (np.where([False, True, False], following[:, None], field) for field in bars[:3])
    markets, _ = scanned(desk(closed(Bars(opened, high, low, close, bars.volume), *SYMBOLS)))
    change = bars.close[-20:] / bars.close[-21:-1] - 1
    expected = np.corrcoef(change[:, 0], change[:, 2])[0, 1]
    assert markets[SOL].btc_correlation == pytest.approx(expected, rel=1e-9)
    assert markets[ETH].btc_correlation == pytest.approx(1.0, abs=1e-4)
    assert not check(markets[ETH], "correlation").passed


def test_without_a_btc_market_the_correlation_is_unknown_and_passes() -> None:
    symbols = (ETH, SOL, "XRP/USDT:USDT")
    markets, _ = scanned(desk(closed(three_markets(), *symbols), symbols=symbols))
    correlation = check(markets[ETH], "correlation")
    assert (correlation.value, correlation.passed) == (None, True)
    assert markets[ETH].btc_correlation is None


def test_an_unwatched_market_has_unknown_depth_and_trades_and_passes_them() -> None:
    markets, _ = scanned(desk(closed(three_markets(), *SYMBOLS)))
    for name in ("min_depth_0_5pct", "min_depth_0_3pct", "min_trades_per_minute", "data_depth", "oi_delta"):
        found = [each for each in markets[ETH].filters if each.name == name]
        assert all(each.passed and each.value is None for each in found)


def test_a_watched_market_is_judged_by_its_book_and_trades() -> None:
    given = desk(closed(three_markets(), *SYMBOLS), book(ETH, spread_bps=7.0, bid_usd=300, ask_usd=500))
    markets, _ = scanned(given.given(traded(ETH, 3, window_s=120)))
    values = {each.name: (each.value, each.passed) for each in markets[ETH].filters}
    assert values["max_spread"] == (7.0, True)
    assert values["min_depth_0_5pct"] == (800.0, False)
    assert values["min_depth_0_3pct"] == (400.0, False)
    assert values["min_trades_per_minute"] == (1.5, True)
    assert values["data_trades"] == (3.0, True)


def test_an_old_book_is_no_book() -> None:
    given = desk(closed(three_markets(), *SYMBOLS), book(ETH, bid_usd=1, ask_usd=1))
    given.time_ms = END_MS + 2 * BAR_MS + 1
    markets, _ = scanned(given)
    assert check(markets[ETH], "min_depth_0_5pct").value is None
    # The ticker still tells a spread.
    assert check(markets[ETH], "max_spread").value == pytest.approx(2.0)


def test_open_interest_changes_are_known_after_a_day_and_never_guessed() -> None:
    """W-D4: unknown until measured."""
    strict = preset(volatility_filters={"oi_delta_threshold": 0.02})
    given = desk(closed(three_markets(), *SYMBOLS), rules=strict)
    day_ms = 24 * 3_600_000
    for hour in range(25):
        given.given(tickers(*SYMBOLS, interest=1e8 + hour * 1e6), time_ms=END_MS + hour * 3_600_000)
        if hour == 23:
            unknown = check(scanned(given, "early")[0][ETH], "oi_delta")
            assert (unknown.value, unknown.passed) == (None, True)
    given.time_ms = END_MS + day_ms
    known = check(scanned(given)[0][ETH], "oi_delta")
    assert known.value == pytest.approx(0.24)
    assert known.passed
    assert len(given.state.interest) == 25


def test_the_newest_row_counts_when_most_markets_have_reached_it() -> None:
    bars = three_markets()
    next_row = bars.rows(0, 1)
    one = Bars(*(field[:, :1] for field in next_row))
    two = Bars(*(field[:, :2] for field in next_row))
    given = desk(closed(bars, *SYMBOLS), closed(one, BTC, open_time_ms=END_MS))
    few, _ = scanned(given, "few")
    assert few[SOL].price == bars.close[-1, 2]
    assert few[BTC].price == bars.close[-1, 0]
    assert check(few[SOL], "data_gaps").passed
    most, _ = scanned(given.given(closed(two, BTC, ETH, open_time_ms=END_MS)), "most")
    assert most[BTC].price == one.close[0, 0]
    assert not check(most[SOL], "data_gaps").passed


def test_bars_of_other_lengths_are_left_alone() -> None:
    given = desk(closed(three_markets(), *SYMBOLS, timeframe_s=60, open_time_ms=START_MS))
    assert given.state.window.last_open_time_ms is None


def test_partitions_together_judge_what_one_would() -> None:
    symbols = (*SYMBOLS, "XRP/USDT:USDT", "ADA/USDT:USDT", "DOT/USDT:USDT")
    bars = Bars(*(np.concatenate([field, field[::-1]], axis=1) for field in three_markets()))
    whole, levels = scanned(desk(closed(bars, *symbols), symbols=symbols))
    parts = [
        scanned(desk(closed(bars, *symbols), symbols=symbols, processor=ScannerProcessor(part, 3)))
        for part in range(3)
    ]
    for part, (markets, built) in enumerate(parts):
        assert all(partition_of(symbol, 3) == part for symbol in markets)
        assert built.partition == part
    assert {symbol: market for markets, _ in parts for symbol, market in markets.items()} == whole
    assert sorted((level for _, built in parts for level in built.levels), key=msgspec.json.encode) == sorted(
        levels.levels, key=msgspec.json.encode
    )


def test_a_snapshot_continues_with_the_same_decisions() -> None:
    given = desk(closed(three_markets(), *SYMBOLS), book(ETH), traded(ETH, 30))
    kept: Snapshot[ScannerState] = Snapshot(
        fingerprint=fingerprint(ScannerState), position=1, tail=Tail(), state=given.state
    )
    restored = decode_snapshot(encode_snapshot(kept), ScannerState)
    assert restored is not None
    assert restored.state == given.state
    other = desk()
    other.replica.state = restored.state
    assert scanned(other) == scanned(given)
