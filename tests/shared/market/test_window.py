"""The window merges back-fill and live bars, in any order, into one grid."""

import numpy as np
import pytest

from shared.log.port import Tail
from shared.market.bars import Bars
from shared.market.window import BarWindow
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint
from tests.shared.market.conftest import random_bars

STEP_MS = 300_000
START_MS = 1_700_000_100_000


def filled(bars: Bars, *, capacity: int = 30, symbols: tuple[str, ...] = ("A", "B", "C")) -> BarWindow:
    window = BarWindow(step_ms=STEP_MS, capacity=capacity)
    window.push(START_MS, STEP_MS, symbols, bars)
    return window


def same(left: Bars, right: Bars) -> None:
    np.testing.assert_array_equal(np.stack(left), np.stack(right))


def test_live_bars_and_one_back_fill_give_the_same_window(seed: int) -> None:
    bars = random_bars(seed, rows=97, symbols=3)
    live = BarWindow(step_ms=STEP_MS, capacity=30)
    for row in range(97):
        live.push(START_MS + row * STEP_MS, STEP_MS, ("A", "B", "C"), bars.rows(row, row + 1))
        assert live.last_open_time_ms == START_MS + row * STEP_MS
    same(live.bars, bars.rows(-30))
    assert live == filled(bars)


def test_bars_may_arrive_in_any_order_and_for_any_subset(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars = random_bars(seed, rows=50, symbols=3)
    cells = [(row, column) for row in range(50) for column in range(3)]
    window = BarWindow(step_ms=STEP_MS, capacity=30)
    # One full row fixes the order of the columns; the order of the rest must not matter.
    window.push(START_MS + 25 * STEP_MS, STEP_MS, ("A", "B", "C"), bars.rows(25, 26))
    for row, column in rng.permutation(cells).tolist():
        cell = Bars(*(field[row : row + 1, column : column + 1] for field in bars))
        window.push(START_MS + row * STEP_MS, STEP_MS, ("ABC"[column],), cell)
    same(window.bars, bars.rows(-30))


def test_bars_that_have_not_arrived_are_missing(seed: int) -> None:
    bars = random_bars(seed, rows=10, symbols=3)
    window = filled(bars, capacity=30)
    assert np.isnan(window.bars.close[:20]).all()
    window.push(START_MS + 12 * STEP_MS, STEP_MS, ("B",), Bars(*(field[:1, 1:2] for field in bars)))
    assert np.isnan(window.bars.close[-3:-1]).all()
    assert np.isnan(window.bars.close[-1]).tolist() == [True, False, True]
    times, one = window.one("B")
    assert times.tolist() == [START_MS + row * STEP_MS for row in [*range(10), 12]]
    np.testing.assert_array_equal(one.close[:10], bars.close[:, 1])


def test_a_missing_value_never_replaces_a_known_one(seed: int) -> None:
    bars = random_bars(seed, rows=10, symbols=3)
    window = filled(bars, capacity=10)
    window.push(START_MS, STEP_MS, ("A", "B", "C"), Bars(*(np.full((10, 3), np.nan) for _ in bars)))
    same(window.bars, bars)


def test_a_corrected_bar_replaces_the_one_before(seed: int) -> None:
    bars, corrected = random_bars(seed, 10, 3), random_bars(seed + 1, 2, 1)
    window = filled(bars, capacity=10)
    window.push(START_MS + 3 * STEP_MS, STEP_MS, ("B",), corrected)
    np.testing.assert_array_equal(window.bars.close[3:5, 1], corrected.close[:, 0])
    np.testing.assert_array_equal(window.bars.close[:, 0], bars.close[:, 0])


def test_bars_older_than_the_window_are_dropped(seed: int) -> None:
    bars = random_bars(seed, rows=30, symbols=3)
    window = filled(bars, capacity=30)
    older = random_bars(seed + 1, rows=20, symbols=3)
    window.push(START_MS - 20 * STEP_MS, STEP_MS, ("A", "B", "C"), older)
    same(window.bars, bars)
    window.push(START_MS - 10 * STEP_MS, STEP_MS, ("A", "B", "C"), older)
    same(window.bars.rows(0, 10), older.rows(10))


@pytest.mark.parametrize("gap", [1, 5, 29, 30, 31, 500])
def test_a_gap_in_time_leaves_missing_rows(seed: int, gap: int) -> None:
    bars = random_bars(seed, rows=41, symbols=3)
    window = filled(bars.rows(0, 40), capacity=30)
    window.push(START_MS + (39 + gap) * STEP_MS, STEP_MS, ("A", "B", "C"), bars.rows(40, 41))
    close = window.bars.close
    np.testing.assert_array_equal(close[-1], bars.close[40])
    assert np.isnan(close[max(0, 30 - gap) : -1]).all()
    np.testing.assert_array_equal(close[: max(0, 30 - gap)], bars.close[40 - max(0, 30 - gap) : 40])


def test_an_unknown_symbol_gets_a_column_of_its_own(seed: int) -> None:
    bars = random_bars(seed, rows=30, symbols=3)
    window = filled(bars)
    window.push(START_MS + 29 * STEP_MS, STEP_MS, ("D", "A"), Bars(*(field[29:, :2] for field in bars)))
    assert window.symbols == ("A", "B", "C", "D")
    assert window.column_of["D"] == 3
    assert window.bars.close[-1, 3] == bars.close[29, 0]
    assert window.bars.close[-1, 0] == bars.close[29, 1]
    np.testing.assert_array_equal(window.bars.close[:-1, :3], bars.close[:-1])


def test_views_are_contiguous_and_cannot_be_written(seed: int) -> None:
    window = filled(random_bars(seed, rows=40, symbols=3))
    assert all(field.flags.c_contiguous for field in window.bars)
    with pytest.raises(ValueError, match="read-only"):
        window.bars.close[0, 0] = 1.0


def through_a_snapshot(window: BarWindow) -> BarWindow:
    kept: Snapshot[BarWindow] = Snapshot(
        fingerprint=fingerprint(BarWindow), position=1, tail=Tail(), state=window
    )
    restored = decode_snapshot(encode_snapshot(kept), BarWindow)
    assert restored is not None
    return restored.state


def test_a_restored_window_continues_like_the_original(seed: int) -> None:
    bars = random_bars(seed, rows=55, symbols=3)
    window = filled(bars.rows(0, 47))
    restored = through_a_snapshot(window)
    assert restored == window
    for one in (window, restored):
        one.push(START_MS + 47 * STEP_MS, STEP_MS, ("A", "B", "C"), bars.rows(47))
    assert restored == window
    same(restored.bars, bars.rows(-30))


def test_windows_are_equal_when_they_show_the_same(seed: int) -> None:
    bars = random_bars(seed, rows=40, symbols=3)
    window = filled(bars)
    assert window == filled(bars)
    assert window != filled(bars, symbols=("A", "C", "B"))
    window.push(START_MS + 39 * STEP_MS, STEP_MS, ("B",), Bars(*(field[:1, :1] for field in bars)))
    assert window != filled(bars)


def test_an_empty_window_survives_a_snapshot() -> None:
    window = BarWindow(step_ms=STEP_MS, capacity=30)
    assert through_a_snapshot(window) == window
    assert window.bars.close.shape == (30, 0)
    with pytest.raises(ValueError, match="empty"):
        _ = window.open_time_ms


@pytest.mark.parametrize(
    ("open_time_ms", "step_ms", "symbols", "complaint"),
    [
        (START_MS, 60_000, ("A", "B", "C"), "60000 ms"),
        (START_MS + 1, STEP_MS, ("A", "B", "C"), "multiple"),
        (START_MS, STEP_MS, ("A", "B"), r"\[rows, 2\]"),
    ],
)
def test_bars_that_do_not_fit_are_refused(
    seed: int, open_time_ms: int, step_ms: int, symbols: tuple[str, ...], complaint: str
) -> None:
    window = filled(random_bars(seed, rows=40, symbols=3))
    before = filled(random_bars(seed, rows=40, symbols=3))
    with pytest.raises(ValueError, match=complaint):
        window.push(open_time_ms, step_ms, symbols, random_bars(seed, rows=2, symbols=3))
    assert window == before
