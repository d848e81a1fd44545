import numpy as np
import pytest

from shared.market.aggregate import aggregate_bars
from shared.market.bars import Bars

STEP_MS = 300_000
LONG_MS = 3 * STEP_MS


def times(first: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return LONG_MS * 1000 + (first + np.arange(rows, dtype=np.int64)) * STEP_MS


@pytest.mark.parametrize("first", [0, 1, 2])
def test_three_bars_make_one_on_the_longer_grid(bars: Bars, first: int) -> None:
    opened, merged = aggregate_bars(times(first, 160), bars, step_ms=STEP_MS, factor=3)
    start = (3 - first) % 3
    assert len(opened) == (160 - start) // 3
    for i, open_time_ms in enumerate(opened.tolist()):
        part = bars.rows(start + 3 * i, start + 3 * i + 3)
        assert open_time_ms % LONG_MS == 0
        assert open_time_ms == times(first, 160)[start + 3 * i]
        np.testing.assert_array_equal(merged.open[i], part.open[0])
        np.testing.assert_array_equal(merged.high[i], np.max(part.high, axis=0))
        np.testing.assert_array_equal(merged.low[i], np.min(part.low, axis=0))
        np.testing.assert_array_equal(merged.close[i], part.close[2])
        np.testing.assert_allclose(merged.volume[i], np.sum(part.volume, axis=0), rtol=1e-12)


def test_a_long_bar_with_a_missing_part_is_missing(holed: Bars) -> None:
    _, merged = aggregate_bars(times(0, 160), holed, step_ms=STEP_MS, factor=3)
    expected = np.isnan(holed.close[:159]).reshape(53, 3, 7).any(axis=1)
    for field in merged:
        np.testing.assert_array_equal(np.isnan(field), expected)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_an_incomplete_group_makes_no_bar(bars: Bars, rows: int) -> None:
    opened, merged = aggregate_bars(times(0, rows), bars.rows(0, rows), step_ms=STEP_MS, factor=3)
    assert len(opened) == len(merged.close) == 0
