"""When the signal service judges, what it leaves alone, and what it remembers."""

import time

import msgspec
import numpy as np
import pytest

from services.signals.domain.processor import SignalsProcessor
from services.signals.domain.setups import ACTIVE_MAX
from services.signals.domain.state import SignalsState
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.engine import TRADING_ACTIVE, EngineState
from shared.contracts.ids import partition_of
from shared.contracts.market import BarsClosed, FeedChannel, FeedRestored, FeedStale, InstrumentsListed
from shared.contracts.risk import SignalDenied
from shared.contracts.signal import SignalExpired, SignalRaised, SignalSuppressed
from shared.log.port import Tail
from shared.market.columns import to_bytes
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint
from tests.services.signals.scenario import (
    BAR_MS,
    BASE_MS,
    BREAKING,
    HISTORY,
    QUIET,
    SYMBOL,
    Market,
    bars,
    books,
    context,
    engine,
    failed,
    instrument,
    level,
    preset,
    raised,
    random_walk,
    scan,
)

ANOTHER_BREAK = (99.6, 100.8, 99.5, 100.7, 300.0)


def deny(market: Market, signal: SignalRaised) -> None:
    denied = SignalDenied(signal_id=signal.signal_id, symbol=signal.symbol, reasons=())
    market.say(denied, source=Source.RISK)


@pytest.mark.parametrize("state", list(EngineState))
def test_signals_are_raised_in_trading_states_only(state: EngineState) -> None:
    market = Market()
    market.say(engine(state), source=Source.ORCHESTRATOR)
    assert bool(market.bar(BREAKING)) is (state in TRADING_ACTIVE)


def test_no_signal_while_entries_are_closed() -> None:
    market = Market()
    market.say(engine(EngineState.MANAGING, entries_allowed=False), source=Source.ORCHESTRATOR)
    assert market.bar(BREAKING) == []


def test_a_market_that_did_not_pass_the_scan_is_not_judged() -> None:
    assert Market(passed=False).bar(BREAKING) == []


def test_a_market_without_levels_is_not_judged() -> None:
    assert Market(levels=[]).bar(BREAKING) == []


def test_only_as_many_candidates_as_the_preset_allows_are_judged() -> None:
    symbols = ["A/USDT:USDT", "B/USDT:USDT", "C/USDT:USDT"]
    rules = preset()
    rules = msgspec.structs.replace(
        rules, scanner_config=msgspec.structs.replace(rules.scanner_config, max_candidates=2)
    )
    market = Market(rules, [level(symbol=symbol) for symbol in symbols], symbols)
    assert [s.symbol for s in raised(market.bar(BREAKING))] == symbols[:2]


def test_a_scan_counts_from_its_completion_on() -> None:
    market = Market(levels=[level(price=120.0)])
    scored, completed = scan([level()], scan_id="s2")
    market.say(*scored, source=Source.SCANNER)
    assert market.given.state.scan.scan_id == "s1"
    market.say(*completed, source=Source.ORCHESTRATOR)
    (signal,) = raised(market.bar(BREAKING))
    assert signal.scan_id == "s2"


def test_back_fill_raises_nothing() -> None:
    market = Market()
    event = bars([QUIET, BREAKING], market.open_time_ms - BAR_MS)
    assert market.say(event, time_ms=market.open_time_ms + 2 * BAR_MS) == []


def test_a_bar_told_twice_is_judged_once() -> None:
    market = Market(imbalance=0.0)
    assert failed(market.bar(BREAKING)) == ["l2_imbalance"]
    market.open_time_ms -= BAR_MS
    assert market.bar(BREAKING) == []


def test_two_bars_events_in_one_record_judge_a_symbol_once() -> None:
    market = Market()
    first = bars([BREAKING], market.open_time_ms)
    second = bars([ANOTHER_BREAK], market.open_time_ms + BAR_MS)
    events = market.say(first, second, time_ms=market.open_time_ms + 2 * BAR_MS)
    assert len(raised(events)) <= 1


def test_bars_of_another_length_are_left_alone() -> None:
    market = Market()
    event = msgspec.structs.replace(bars([BREAKING], market.open_time_ms), timeframe_s=60)
    assert market.say(event, time_ms=market.open_time_ms + 60_000) == []


def test_a_missing_bar_is_not_judged() -> None:
    nan = float("nan")
    assert Market().bar((nan, nan, nan, nan, nan)) == []


def test_a_hole_in_the_last_twenty_bars_makes_volume_unknown() -> None:
    symbols = [SYMBOL, "X/USDT:USDT"]
    market = Market(levels=[level(symbol=symbol) for symbol in symbols], symbols=symbols)
    market.open_time_ms += BAR_MS
    market.pass_bars(QUIET, 10)
    market.say(books(0.3, symbols))
    for near_miss in market.bar(BREAKING):
        assert failed([near_miss]) == ["volume_surge"]


def test_a_short_history_is_a_near_miss() -> None:
    market = Market()
    market.given.state.window = SignalsProcessor().initial().window
    market.say(bars([QUIET] * 10, BASE_MS - 10 * BAR_MS), time_ms=BASE_MS + BAR_MS - 5_000)
    assert "candles" in failed(market.bar(BREAKING))


def test_a_silent_feed_is_a_near_miss_until_it_is_restored() -> None:
    market = Market()
    market.say(FeedStale(channel=FeedChannel.TRADES, symbols=(SYMBOL,), silent_ms=1))
    market.say(InstrumentsListed(instruments=(instrument(SYMBOL),)))
    assert failed(market.bar(BREAKING)) == ["feed_live"]
    market = Market()
    market.say(FeedStale(channel=FeedChannel.TRADES, symbols=(SYMBOL,), silent_ms=1))
    market.say(FeedRestored(channel=FeedChannel.TRADES, symbols=(SYMBOL,)))
    assert raised(market.bar(BREAKING))


def test_an_unknown_instrument_is_a_near_miss() -> None:
    market = Market()
    market.say(InstrumentsListed(instruments=()))
    assert "instrument_known" in failed(market.bar(BREAKING))


def test_one_signal_is_open_per_symbol() -> None:
    market = Market()
    assert raised(market.bar(BREAKING))
    market.say(books(0.3))
    market.bar(QUIET)
    market.say(books(0.3))
    assert market.bar(ANOTHER_BREAK) == []


def test_a_raised_level_is_not_raised_again_on_the_next_bar() -> None:
    market = Market()
    (signal,) = raised(market.bar(BREAKING))
    deny(market, signal)
    market.say(books(0.3))
    assert market.bar((100.3, 100.9, 100.2, 100.8, 300.0)) == []


def test_a_fresh_break_after_a_return_is_a_duplicate_for_15_minutes() -> None:
    market = Market()
    (signal,) = raised(market.bar(BREAKING))
    deny(market, signal)
    market.bar(QUIET)
    market.say(books(0.3))
    assert failed(market.bar(ANOTHER_BREAK)) == ["distance_to_signal_frac"]
    market.pass_bars(QUIET, 4)
    market.say(books(0.3))
    assert raised(market.bar(ANOTHER_BREAK))


def test_an_unanswered_signal_expires_after_15_minutes() -> None:
    market = Market()
    (signal,) = raised(market.bar(BREAKING))
    due = signal.expires_at_ms
    assert market.say(ClockTicked(number=1), source=Source.CLOCK, time_ms=due - 1) == []
    expired = market.say(ClockTicked(number=2), source=Source.CLOCK, time_ms=due)
    assert expired == [SignalExpired(signal_id=signal.signal_id, symbol=SYMBOL)]
    assert market.say(ClockTicked(number=3), source=Source.CLOCK, time_ms=due + 1_000) == []


def test_an_answered_signal_does_not_expire() -> None:
    market = Market()
    (signal,) = raised(market.bar(BREAKING))
    deny(market, signal)
    assert market.say(ClockTicked(number=1), source=Source.CLOCK, time_ms=signal.expires_at_ms) == []


def test_at_most_fifty_signals_are_active_and_the_most_confident_come_first() -> None:
    symbols = [f"S{i}/USDT:USDT" for i in range(60)]
    rules = preset()
    rules = msgspec.structs.replace(
        rules, scanner_config=msgspec.structs.replace(rules.scanner_config, max_candidates=60)
    )
    market = Market(rules, [level(symbol=symbol) for symbol in symbols], symbols)
    market.say(books(0.5, symbols[-1:]))
    events = market.bar(BREAKING)
    assert len(raised(events)) == ACTIVE_MAX
    assert raised(events)[0].symbol == symbols[-1]
    suppressed = [event for event in events if isinstance(event, SignalSuppressed)]
    assert len(suppressed) == 10
    assert {check.name for s in suppressed for check in s.checks if not check.passed} == {"active_signals"}


def test_a_partition_decides_about_its_own_symbols_only() -> None:
    symbols = [f"S{i}/USDT:USDT" for i in range(12)]
    levels = [level(symbol=symbol) for symbol in symbols]
    answered = []
    for partition in range(3):
        market = Market(levels=levels, symbols=symbols, processor=SignalsProcessor(partition, 3))
        own = [signal.symbol for signal in raised(market.bar(BREAKING))]
        assert own == [symbol for symbol in symbols if partition_of(symbol, 3) == partition]
        answered += own
    assert sorted(answered) == sorted(symbols)


def test_breaks_are_remembered_whether_or_not_the_market_passed() -> None:
    market = Market(passed=False)
    market.bar(BREAKING)
    market.bar(ANOTHER_BREAK)
    (breakout,) = market.given.state.breakouts[SYMBOL]
    assert (breakout.level_px, breakout.time_ms) == (100.0, BASE_MS + BAR_MS)


def flat(state: SignalsState) -> bytes:
    return encode_snapshot(Snapshot(fingerprint="", position=0, tail=Tail(), state=state))


def test_a_snapshot_continues_with_the_same_decisions() -> None:
    market, other = Market(), Market()
    kind = fingerprint(SignalsState)
    raw = encode_snapshot(Snapshot(fingerprint=kind, position=0, tail=Tail(), state=market.given.state))
    restored = decode_snapshot(raw, SignalsState)
    assert restored is not None
    other.given.replica.state = restored.state
    assert other.bar(BREAKING) == market.bar(BREAKING) != []


def test_deciding_changes_no_state() -> None:
    market = Market()
    market.bar(QUIET)
    state = market.given.state

    before = flat(state)
    processor = market.given.replica.processor
    event = bars([QUIET], market.open_time_ms - BAR_MS)
    processor.decide(state, event, context(market))
    assert flat(state) == before


def test_a_bar_of_a_hundred_symbols_is_judged_in_milliseconds() -> None:
    symbols = [f"S{i}/USDT:USDT" for i in range(100)]
    walk = random_walk(7, HISTORY + 100, 100)
    levels = [level(symbol=s, price=float(walk[3][HISTORY, i])) for i, s in enumerate(symbols)]
    market = Market(levels=levels, symbols=symbols)
    market.given.state.window = SignalsProcessor().initial().window

    def event(start: int, stop: int) -> BarsClosed:
        columns = [to_bytes(np.ascontiguousarray(field[start:stop])) for field in walk]
        return BarsClosed(
            timeframe_s=300,
            open_time_ms=BASE_MS + start * BAR_MS,
            rows=stop - start,
            symbols=tuple(symbols),
            open=columns[0],
            high=columns[1],
            low=columns[2],
            close=columns[3],
            volume=columns[4],
        )

    market.say(event(0, HISTORY))
    processor, took, decided = market.given.replica.processor, [], 0
    for row in range(HISTORY, HISTORY + 100):
        observed, bar = books(0.3, symbols), event(row, row + 1)
        market.given.time_ms = bar.close_time_ms
        market.given.seq += 1
        ctx = context(market)
        processor.evolve(market.given.state, observed, ctx)
        started = time.perf_counter()
        processor.evolve(market.given.state, bar, ctx)
        events = processor.decide(market.given.state, bar, ctx)
        took.append(time.perf_counter() - started)
        decided += len(events)
    assert decided
    best_ms, typical_ms, slow_ms = np.percentile(took, [10, 50, 95]) * 1_000
    print(f"evolve + decide of a bar: p50 {typical_ms:.2f} ms, p95 {slow_ms:.2f} ms, {decided} events")
    # Of the better bars, so that others on the machine do not decide.
    assert best_ms < 3
