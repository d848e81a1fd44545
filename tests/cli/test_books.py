import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from research.closed_positions import ClosedPositions
from services.cli.home import DeskFile, DeskHome
from shared.contracts.account import AccountReconciled
from shared.contracts.desk import Mode, Source
from shared.contracts.order import OrderFilled
from shared.contracts.position import PositionClosed
from tests.cli.conftest import Run
from tests.cli.sessions import Entry, Recording, write_home
from tests.cli.trade import traded_session

FIGURES = (
    "quantity",
    "entry_px",
    "exit_px",
    "gross_pnl_usd",
    "fees_usd",
    "funding_usd",
    "pnl_usd",
    "pnl_r",
)


def recomputed(entries: list[Entry]) -> ClosedPositions:
    positions = ClosedPositions()
    for source, _, draft in entries:
        if source is Source.EXECUTION:
            positions.fold(draft.events)
    return positions


def with_closed(**changes: Decimal) -> list[Entry]:
    entries = traded_session()
    for place, (source, partition, draft) in enumerate(entries):
        events = tuple(
            msgspec.structs.replace(event, **changes) if isinstance(event, PositionClosed) else event
            for event in draft.events
        )
        entries[place] = (source, partition, msgspec.structs.replace(draft, events=events))
    return entries


def test_a_closed_position_comes_out_of_its_fills_again() -> None:
    positions = recomputed(traded_session())
    assert (positions.closed, positions.differences) == (1, [])


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_that_does_not_come_out_is_named(figure: str) -> None:
    (found,) = recomputed(with_closed(**{figure: Decimal("3.25")})).differences
    assert (found.figure, found.recorded) == (figure, Decimal("3.25"))


def test_a_position_that_closes_without_its_fills_is_named() -> None:
    positions = ClosedPositions()
    for _, _, draft in traded_session():
        positions.fold([event for event in draft.events if not isinstance(event, OrderFilled)])
    assert [found.figure for found in positions.differences] == ["open_quantity"]


def resting_demo(home: Path, entries: list[Entry]) -> Path:
    """Leave a desk whose simulated exchange has a fresh account of 100 000 USDT."""
    write_home(home, entries)
    desk = DeskHome(home, "main")
    desk.simulator.mkdir()
    desk.write_desk(DeskFile(mode=Mode.DEMO, preset="demo", symbols=3, seed=7, speed=60.0))
    return home


def test_books_of_a_resting_demo_desk_equal_its_exchanges(run: Run, tmp_path: Path) -> None:
    session = Recording()
    wallet = Decimal(100_000)
    session.say(
        Source.EXECUTION, AccountReconciled(wallet_usd=wallet, equity_usd=wallet, available_usd=wallet)
    )
    result = run("books", "--check", "--json", "--home", resting_demo(tmp_path, session.entries))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["equal"]
    assert Decimal(found["ours"]["wallet_usd"]) == Decimal(found["venues"]["wallet_usd"]) == wallet


def test_books_that_differ_are_told_with_both_figures(run: Run, tmp_path: Path) -> None:
    result = run("books", "--check", "--home", resting_demo(tmp_path, traded_session()))
    assert result.exit_code == 1
    assert "differs: order_missing_at_venue fill t-1: log 2, venue none" in result.stdout
    assert "differs: balance_differs wallet: log 1005.50, venue 100000" in result.stdout
    assert "NOT equal; 1 closed positions recomputed from their fills, 0 figures differ" in result.stdout


def test_a_desk_that_was_never_reconciled_has_no_books(run: Run, decided_home: Path, tmp_path: Path) -> None:
    result = run("books", "--check", "--home", write_home(tmp_path, Recording().entries))
    assert result.exit_code == 1
    assert "never been reconciled" in result.stderr


def test_a_demo_desk_without_its_exchange_is_named_with_the_remedy(run: Run, traded_home: Path) -> None:
    result = run("books", "--check", "--home", traded_home)
    assert result.exit_code == 2
    assert "no account of a simulated exchange" in result.stderr
