"""A retest is raised when price comes back to a level broken 1 to 24 hours ago (specification 3.2)."""

from decimal import Decimal

import msgspec
import pytest

from shared.contracts.base import Event
from shared.contracts.preset import Preset, StrategyPriority
from shared.contracts.signal import PositionSide, Strategy
from tests.services.signals.scenario import (
    BREAKING,
    BREAKING_DOWN,
    SUPPORT,
    Market,
    Ohlcv,
    books,
    failed,
    level,
    preset,
    raised,
    trades,
)

ABOVE: Ohlcv = (101.5, 101.9, 101.1, 101.5, 100.0)
BACK: Ohlcv = (100.9, 101.0, 99.9, 100.2, 100.0)
BELOW: Ohlcv = (97.5, 97.9, 97.1, 97.5, 100.0)
BACK_UP: Ohlcv = (98.1, 99.1, 98.0, 98.9, 100.0)


def rules(**signal_config: float) -> Preset:
    return msgspec.structs.replace(preset(**signal_config), strategy_priority=StrategyPriority.RETEST)


def broken(bars_above: int = 24, **signal_config: float) -> Market:
    """A market that broke its resistance without being traded, and stayed above."""
    market = Market(rules=rules(**signal_config), imbalance=0.0)
    market.bar(BREAKING)
    market.pass_bars(ABOVE, bars_above)
    return market


def come_back(market: Market, row: Ohlcv = BACK, imbalance: float = 0.3) -> list[Event]:
    market.say(books(imbalance))
    return market.bar(row)


def test_coming_back_to_a_broken_resistance_raises_a_long() -> None:
    (signal,) = raised(come_back(broken()))
    assert (signal.side, signal.strategy) == (PositionSide.LONG, Strategy.RETEST)
    assert signal.entry_px == Decimal("100.20")
    assert signal.stop_px < 100
    assert {c.name: c.value for c in signal.checks}["previous_breakout"] == pytest.approx(25 / 12)


def test_coming_back_to_a_broken_support_raises_a_short() -> None:
    market = Market(rules=rules(), levels=[SUPPORT], imbalance=0.0)
    market.bar(BREAKING_DOWN)
    market.pass_bars(BELOW, 24)
    (signal,) = raised(come_back(market, BACK_UP, imbalance=-0.3))
    assert (signal.side, signal.strategy) == (PositionSide.SHORT, Strategy.RETEST)
    assert signal.entry_px == Decimal("98.80")  # 99 x (1 - 0.002) = 98.802
    assert signal.stop_px > 99


def test_the_stop_is_one_atr_behind_the_level() -> None:
    market = broken()
    come_back(market)
    window = market.given.state.window
    high, low, close = window.bars.high[:, 0], window.bars.low[:, 0], window.bars.close[:, 0]
    atr = high[0] - low[0]
    for i in range(1, len(close)):
        true_range = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
        atr += (true_range - atr) * 2 / 15
    (signal,) = market.given.state.raised["SOL/USDT:USDT"]
    raised_at = market.given.state.active
    assert signal.strategy is Strategy.RETEST
    assert raised_at
    (again,) = raised(come_back(broken()))
    assert 0 <= (100.0 - atr) - float(again.stop_px) < 0.01


def test_a_level_that_was_never_broken_is_not_retested() -> None:
    assert Market(rules=rules()).bar((99.6, 99.9, 99.4, 99.8, 100.0)) == []


@pytest.mark.parametrize(("bars_above", "allowed"), [(10, False), (11, True), (287, True), (288, False)])
def test_the_breakout_must_be_one_to_24_hours_old(bars_above: int, allowed: bool) -> None:
    # The bar that comes back closes bars_above + 1 bars after the breaking one.
    assert bool(raised(come_back(broken(bars_above)))) is allowed


def test_a_breakout_of_a_level_within_one_per_cent_counts() -> None:
    market = broken()
    market.scan([level(price=100.9)], scan_id="s2")
    assert raised(come_back(market, (101.5, 101.6, 100.8, 101.1, 100.0)))
    market = broken()
    market.scan([level(price=101.2)], scan_id="s2")
    assert come_back(market, (101.5, 101.6, 101.1, 101.3, 100.0)) == []


def test_price_farther_than_half_a_per_cent_is_no_retest() -> None:
    assert come_back(broken(), (100.9, 101.0, 100.3, 100.51, 100.0)) == []


def test_a_pierce_deeper_than_the_tolerance_is_a_near_miss() -> None:
    assert failed(come_back(broken(), (100.9, 101.0, 99.0, 100.2, 100.0))) == ["pierce_tolerance"]


def test_a_quiet_market_is_a_near_miss() -> None:
    market = broken(bars_above=20)
    market.pass_bars((101.5, 101.9, 101.1, 101.5, 40.0), 4)
    assert failed(come_back(market, (100.9, 101.0, 99.9, 100.2, 40.0))) == ["trading_activity"]


def test_a_book_against_the_trade_is_a_near_miss() -> None:
    assert failed(come_back(broken(), imbalance=-0.3)) == ["l2_imbalance"]


def test_a_market_seen_not_to_trade_is_a_near_miss() -> None:
    market = broken()
    market.say(trades(0.0))
    assert failed(come_back(market)) == ["trades"]
    market = broken()
    market.say(trades(1.0))
    assert raised(come_back(market))


def test_each_breakout_is_retested_once() -> None:
    market = broken()
    assert raised(come_back(market))
    market.given.state.active.clear()
    market.pass_bars(ABOVE, 6)
    assert come_back(market) == []


def test_breakouts_are_forgotten_after_seven_days() -> None:
    market = broken()
    market.pass_bars(ABOVE, 7 * 288)
    market.bar(BACK)
    market.bar((99.5, 99.9, 99.1, 99.5, 100.0))
    market.bar(BREAKING)
    assert [b.time_ms for b in market.given.state.breakouts["SOL/USDT:USDT"]] == [market.open_time_ms]


def test_the_preset_says_which_strategy_comes_first() -> None:
    market = broken()
    market.bar((100.9, 101.0, 99.9, 100.0, 100.0))
    # One bar that breaks the level again and closes near it satisfies both strategies.
    both: Ohlcv = (99.9, 100.45, 99.9, 100.4, 300.0)
    (signal,) = raised(come_back(market, both))
    assert signal.strategy is Strategy.RETEST
    market = Market(rules=preset(), imbalance=0.0)
    market.bar(BREAKING)
    market.pass_bars(ABOVE, 24)
    market.bar((100.9, 101.0, 99.9, 100.0, 100.0))
    (signal,) = raised(come_back(market, both))
    assert signal.strategy is Strategy.MOMENTUM


def test_confidence_of_a_retest() -> None:
    (signal,) = raised(come_back(broken()))
    age_h = 25 / 12
    expected = 0.3 * 3 / 4 + 0.3 * 0.8 + 0.2 * (1 - age_h / 24) + 0.1 * (4 / 5) + 0.1
    assert signal.confidence == pytest.approx(expected)
