"""A momentum breakout is raised when every condition of specification 3.1 holds, and only then."""

from decimal import Decimal

import msgspec
import pytest

from shared.contracts.preset import TpLevel
from shared.contracts.scan import LevelKind
from shared.contracts.signal import PositionSide, SignalSuppressed, Strategy
from tests.services.signals.scenario import (
    BREAKING,
    BREAKING_DOWN,
    QUIET,
    SUPPORT,
    SYMBOL,
    Market,
    Ohlcv,
    books,
    failed,
    level,
    preset,
    raised,
)


def test_a_close_beyond_resistance_raises_a_long() -> None:
    market = Market()
    events = market.bar(BREAKING)
    (signal,) = raised(events)
    assert events == [signal]
    assert (signal.symbol, signal.side, signal.strategy) == (SYMBOL, PositionSide.LONG, Strategy.MOMENTUM)
    assert signal.level == level()
    assert signal.scan_id == "s1"
    assert signal.bar_close_time_ms == market.open_time_ms
    assert signal.btc_correlation == 0.25
    assert signal.expires_at_ms == market.now_ms + 15 * 60_000
    assert {check.name for check in signal.checks} >= {
        "price_breakout",
        "bars_since_break",
        "volume_surge",
        "body_ratio",
        "l2_imbalance",
        "vwap_gap",
    }
    assert all(check.passed for check in signal.checks)


def test_a_close_beyond_support_raises_a_short() -> None:
    market = Market(levels=[SUPPORT], imbalance=-0.3)
    (signal,) = raised(market.bar(BREAKING_DOWN))
    assert signal.side is PositionSide.SHORT
    assert signal.entry_px == Decimal("98.88")  # 99 x (1 - 0.0012) = 98.8812
    assert signal.stop_px > signal.entry_px
    assert [target.price < signal.entry_px for target in signal.targets] == [True, True]


def test_entry_is_epsilon_beyond_the_level_and_the_stop_the_nearer_of_low_and_atr() -> None:
    (signal,) = raised(Market().bar(BREAKING))
    assert signal.entry_px == Decimal("100.12")
    # ATR = 0.8 + (1.2 - 0.8) x 2/15; 100.12 - 1.2 ATR = 99.096 lies below the low of ten bars, 99.1.
    assert signal.stop_px == Decimal("99.10")
    (tighter,) = raised(Market().bar((99.6, 100.7, 99.6, 100.6, 300.0)))
    assert tighter.stop_px == Decimal("99.10")


def test_a_wild_market_gets_the_atr_stop() -> None:
    market = Market(rules=preset(vwap_gap_max_atr=10.0))
    market.bar((99.5, 99.9, 95.0, 99.5, 100.0))
    market.say(books(0.3))
    (signal,) = raised(market.bar(BREAKING))
    # ATR = (0.8 + 4.1 x 2/15) x 13/15 + 1.2 x 2/15; 100.12 - 1.2 ATR = 98.5275.
    assert signal.stop_px == Decimal("98.52")


def test_targets_are_multiples_of_r_rounded_towards_the_entry() -> None:
    (signal,) = raised(Market().bar(BREAKING))
    assert [(t.price, t.reward_r, t.size_frac) for t in signal.targets] == [
        (Decimal("101.65"), Decimal("1.5"), Decimal("0.4")),
        (Decimal("102.97"), Decimal("2.8"), Decimal("0.35")),  # 102.976
    ]


def test_a_ladder_replaces_the_two_targets_and_its_shares_are_of_what_is_open() -> None:
    ladder = tuple(
        TpLevel(level_name=f"TP{i}", reward_multiple=r, size_pct=share)
        for i, (r, share) in enumerate([(1.0, 0.5), (2.0, 0.25), (3.0, 0.25)])
    )
    rules = preset()
    rules = msgspec.structs.replace(
        rules, position_config=msgspec.structs.replace(rules.position_config, tp_levels=ladder)
    )
    (signal,) = raised(Market(rules=rules).bar(BREAKING))
    assert [t.size_frac for t in signal.targets] == [Decimal("0.5"), Decimal("0.5"), Decimal(1)]
    assert [t.reward_r for t in signal.targets] == [1, 2, 3]


def test_confidence_weighs_score_volume_body_and_book() -> None:
    (signal,) = raised(Market().bar(BREAKING))
    body = 1.0 / 1.2
    expected = 0.4 * (1.0 + 2) / 4 + 0.3 * (3.0 / 5) + 0.2 * min(1, body / 0.8) + 0.1 * (0.3 / 0.5)
    assert signal.confidence == pytest.approx(expected)


@pytest.mark.parametrize(
    ("row", "condition"),
    [
        ((99.6, 100.7, 99.5, 100.6, 130.0), "volume_surge"),
        ((100.4, 100.7, 99.5, 100.6, 300.0), "body_ratio"),
        ((100.6, 100.6, 100.6, 100.6, 300.0), "body_ratio"),
        ((99.6, 103.6, 99.5, 103.5, 300.0), "vwap_gap"),
    ],
)
def test_a_failed_condition_of_the_bar_is_a_near_miss(row: Ohlcv, condition: str) -> None:
    assert failed(Market().bar(row)) == [condition]


@pytest.mark.parametrize("imbalance", [0.14, 0.0, -0.9])
def test_a_book_that_does_not_lean_our_way_is_a_near_miss(imbalance: float) -> None:
    assert failed(Market(imbalance=imbalance).bar(BREAKING)) == ["l2_imbalance"]


def test_the_imbalance_of_a_short_must_be_negative() -> None:
    assert failed(Market(levels=[SUPPORT], imbalance=0.9).bar(BREAKING_DOWN)) == ["l2_imbalance"]


def test_an_unknown_book_is_a_near_miss() -> None:
    market = Market(imbalance=float("nan"))
    events = market.bar(BREAKING)
    assert failed(events) == ["l2_imbalance"]
    suppressed = events[0]
    assert isinstance(suppressed, SignalSuppressed)
    (check,) = [check for check in suppressed.checks if not check.passed]
    assert check.value is None


def test_a_book_older_than_a_bar_is_unknown() -> None:
    market = Market()
    market.bar(QUIET)
    assert failed(market.bar(BREAKING)) == ["l2_imbalance"]


def test_a_close_short_of_epsilon_is_nothing_at_all() -> None:
    assert Market().bar((99.6, 100.7, 99.5, 100.1, 300.0)) == []


def test_a_market_that_has_been_beyond_the_level_for_two_bars_is_no_breakout() -> None:
    market = Market(imbalance=0.0)
    assert failed(market.bar(BREAKING)) == ["l2_imbalance"]
    market.say(books(0.0))
    assert failed(market.bar((100.3, 100.9, 100.2, 100.8, 300.0))) == ["l2_imbalance"]
    market.say(books(0.9))
    assert market.bar((100.3, 100.9, 100.2, 100.8, 300.0)) == []


def test_the_bar_after_the_breaking_one_may_still_enter() -> None:
    market = Market(imbalance=0.0)
    market.bar(BREAKING)
    market.say(books(0.3))
    (signal,) = raised(market.bar((100.3, 100.9, 100.2, 100.8, 300.0)))
    assert {c.name: c.value for c in signal.checks}["bars_since_break"] == 1


def test_both_strongest_levels_are_tried_and_weaker_ones_are_not() -> None:
    far = level(price=110.0)
    assert raised(Market(levels=[far, level()]).bar(BREAKING))
    assert Market(levels=[far, level(price=111.0), level()]).bar(BREAKING) == []


def test_resistance_is_only_broken_upwards() -> None:
    assert Market(levels=[level(LevelKind.RESISTANCE, 99.0)], imbalance=-0.5).bar(BREAKING_DOWN) == []
