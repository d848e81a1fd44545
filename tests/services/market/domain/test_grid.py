"""Grids of bars: what goes in comes out, within the size of a record."""

import random
from math import isnan

import pytest

from services.market.domain.bars import Bar
from services.market.domain.grid import CELLS_MAX, grids
from shared.contracts.codec import encode_event
from shared.contracts.columns import unpack
from shared.contracts.market import BarsClosed

STEP = 300_000
T0 = 1_700_000_100_000


def bars(rows: range | list[int], price: float = 100.0) -> list[Bar]:
    return [Bar(T0 + row * STEP, price, price + 2, price - 2, price + 1, float(row)) for row in rows]


def cells(found: list[BarsClosed]) -> dict[tuple[str, int], tuple[float, ...]]:
    out = {}
    for grid in found:
        columns = [unpack(each) for each in (grid.open, grid.high, grid.low, grid.close, grid.volume)]
        for row in range(grid.rows):
            for column, symbol in enumerate(grid.symbols):
                values = tuple(each[row * len(grid.symbols) + column] for each in columns)
                if not isnan(values[0]):
                    key = (symbol, grid.open_time_ms + row * STEP)
                    assert key not in out, "a bar is in one grid only"
                    out[key] = values
    return out


def test_bars_of_one_instant_are_one_grid() -> None:
    found = grids({"A": bars([3]), "B": bars([3], 7.0)}, step_ms=STEP)
    assert len(found) == 1
    assert found[0].symbols == ("A", "B")
    assert (found[0].timeframe_s, found[0].rows, found[0].open_time_ms) == (300, 1, T0 + 3 * STEP)
    assert unpack(found[0].close) == (101.0, 8.0)


def test_a_hole_is_nan_and_not_a_guess() -> None:
    found = grids({"A": bars([0, 2]), "B": bars([0, 1, 2])}, step_ms=STEP)
    assert len(found) == 1
    assert isnan(unpack(found[0].close)[2])
    assert len(cells(found)) == 5


def test_a_symbol_with_a_long_past_does_not_widen_the_others() -> None:
    found = grids({"A": bars(range(300)), "B": bars([299])}, step_ms=STEP)
    assert [(grid.symbols, grid.rows) for grid in found] == [(("A",), 300), (("B",), 1)]


def test_a_record_stays_below_400_kb_and_time_runs_forward() -> None:
    history = {f"S{number}/USDT:USDT": bars(range(300), 12_345.678) for number in range(100)}
    found = grids(history, step_ms=STEP)
    assert all(len(encode_event(grid)) < 410_000 for grid in found)
    assert [grid.open_time_ms for grid in found] == sorted(grid.open_time_ms for grid in found)
    assert len(cells(found)) == 300 * 100


def test_more_symbols_than_cells_are_cut_by_symbol() -> None:
    found = grids({f"S{number}": bars([0, 1]) for number in range(7)}, step_ms=STEP, cells_max=3)
    assert all(grid.rows * len(grid.symbols) <= 3 for grid in found)
    assert len(cells(found)) == 14
    assert CELLS_MAX == 7_500


@pytest.mark.parametrize("seed", range(5))
def test_whatever_goes_in_comes_out(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(10):
        given = {
            f"S{number}": bars(sorted(dice.sample(range(12), dice.randrange(1, 12)))) for number in range(6)
        }
        found = cells(grids(given, step_ms=STEP, cells_max=dice.randrange(1, 20)))
        assert found == {
            (symbol, bar.open_time_ms): (bar.open, bar.high, bar.low, bar.close, bar.volume)
            for symbol, sequence in given.items()
            for bar in sequence
        }
