"""The order of bars: nothing twice, nothing before its predecessor, gaps known exactly."""

import random
from math import inf, nan

import pytest

from services.market.domain.bars import Bar, BarInvalid, BarSequence, Gap

STEP = 300_000
T0 = 1_700_000_100_000


def bar(row: int, close: float = 100.0) -> Bar:
    return Bar(T0 + row * STEP, close, close, close, close, 1.0)


def sequence(*, last_row: int | None = None, depth: int = 10) -> BarSequence:
    bars = BarSequence(step_ms=STEP, depth=depth)
    if last_row is not None:
        bars.resume({"A": T0 + last_row * STEP})
    return bars


def rows(bars: BarSequence) -> list[int]:
    return [(each.open_time_ms - T0) // STEP for each in bars.take().get("A", [])]


def test_a_bar_that_follows_the_last_one_goes_out_at_once() -> None:
    bars = sequence(last_row=0)
    assert bars.close("A", bar(1))
    assert bars.ready == 1
    assert rows(bars) == [1]
    assert bars.gapped() == ()


def test_a_bar_is_never_handed_out_twice() -> None:
    bars = sequence(last_row=0)
    bars.close("A", bar(1))
    assert not bars.close("A", bar(1))
    assert rows(bars) == [1]
    assert not bars.close("A", bar(1))
    bars.fill("A", [bar(0), bar(1)], T0 + STEP)
    assert rows(bars) == []


def test_a_bar_of_an_unknown_symbol_waits_for_the_back_fill() -> None:
    bars = sequence()
    assert not bars.close("A", bar(5))
    assert rows(bars) == []
    assert bars.gap("A") == Gap(T0 - 4 * STEP, T0 + 5 * STEP)
    bars.fill("A", [bar(3), bar(4)], T0 + 4 * STEP)
    assert rows(bars) == [3, 4, 5]


def test_a_gap_holds_later_bars_back_until_it_is_filled() -> None:
    bars = sequence(last_row=0)
    assert not bars.close("A", bar(3))
    assert bars.gap("A") == Gap(T0 + STEP, T0 + 3 * STEP)
    assert bars.gapped() == ("A",)
    bars.fill("A", [bar(1), bar(2)], T0 + 2 * STEP)
    assert rows(bars) == [1, 2, 3]
    assert bars.gapped() == ()


def test_a_bar_that_has_begun_makes_an_unconfirmed_one_before_it_a_gap() -> None:
    bars = sequence(last_row=0)
    bars.begin("A", T0 + STEP)
    assert bars.gap("A") is None
    bars.begin("A", T0 + 2 * STEP)
    assert bars.gap("A") == Gap(T0 + STEP, T0 + STEP)


def test_a_late_confirmation_closes_the_gap_by_itself() -> None:
    bars = sequence(last_row=0)
    bars.begin("A", T0 + 2 * STEP)
    assert bars.close("A", bar(1))
    assert bars.gap("A") is None


def test_a_bar_the_venue_does_not_have_is_passed_over() -> None:
    bars = sequence(last_row=0)
    bars.begin("A", T0 + 3 * STEP)
    bars.fill("A", [bar(2)], T0 + 2 * STEP)
    assert rows(bars) == [2]
    assert bars.close("A", bar(3))
    bars.begin("A", T0 + 5 * STEP)
    bars.fill("A", [], T0 + 4 * STEP)
    assert bars.close("A", bar(5))
    assert rows(bars) == [3, 5]


def test_bars_behind_the_promised_end_of_an_answer_do_not_count() -> None:
    bars = sequence(last_row=0)
    bars.begin("A", T0 + 2 * STEP)
    bars.fill("A", [bar(1), bar(2)], T0 + STEP)
    assert rows(bars) == [1]


def test_a_gap_is_never_longer_than_the_depth() -> None:
    bars = sequence(last_row=0, depth=3)
    bars.begin("A", T0 + 100 * STEP)
    assert bars.gap("A") == Gap(T0 + 97 * STEP, T0 + 99 * STEP)
    bars.fill("A", [bar(97), bar(98), bar(99)], T0 + 99 * STEP)
    assert rows(bars) == [97, 98, 99]


def test_bars_held_behind_a_gap_are_bounded() -> None:
    bars = sequence(depth=3)
    for row in range(50):
        bars.close("A", bar(row))
    assert len(bars._held["A"]) == 3


@pytest.mark.parametrize(
    "values",
    [
        (100.0, 99.0, 98.0, 100.0, 1.0),
        (100.0, 101.0, 100.5, 100.0, 1.0),
        (0.0, 1.0, 0.0, 1.0, 1.0),
        (1.0, 1.0, 1.0, 1.0, -1.0),
        (nan, 1.0, 1.0, 1.0, 1.0),
        (1.0, inf, 1.0, 1.0, 1.0),
        (1.0, 1.0, 1.0, 1.0, nan),
    ],
)
def test_what_cannot_be_a_bar_is_refused(values: tuple[float, float, float, float, float]) -> None:
    with pytest.raises(BarInvalid):
        Bar(T0, *values)


@pytest.mark.parametrize("seed", range(30))
def test_any_order_of_arrival_gives_every_bar_once_and_in_order(seed: int) -> None:
    dice = random.Random(seed)
    bars = sequence(last_row=-1, depth=1000)
    out: list[int] = []
    for row in range(60):
        bars.begin("A", T0 + row * STEP)
        if dice.random() < 0.6:
            bars.close("A", bar(row))
        if dice.random() < 0.2:
            bars.close("A", bar(max(0, row - dice.randrange(5))))
        gap = bars.gap("A")
        if gap is not None and dice.random() < 0.3:
            wanted = range((gap.first_ms - T0) // STEP, (gap.last_ms - T0) // STEP + 1)
            bars.fill("A", [bar(each) for each in wanted], gap.last_ms)
        if dice.random() < 0.5:
            out += rows(bars)
    bars.begin("A", T0 + 60 * STEP)
    gap = bars.gap("A")
    if gap is not None:
        bars.fill("A", [bar(each) for each in range(60)], gap.last_ms)
    out += rows(bars)
    assert out == list(range(60))
