"""Holds the books folded from a desk's log against its venue's, to the last decimal."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from research.closed_positions import ClosedPositions, Recomputed
from services.cli.options import (
    EXIT_CHECKED_AND_WRONG,
    DeskOption,
    HomeOption,
    JsonOption,
    NatsOption,
    refuse,
)
from services.cli.reach import Reached, ask, reach
from services.execution.domain.books import Books, VenueBooks, compare
from shared.contracts.account import AccountReconciled, Discrepancy
from shared.contracts.desk import Source
from shared.contracts.processor import NS_PER_MS

# A running desk trades while it is checked: what is on its way arrives within seconds.
ATTEMPTS_RUNNING = 10
RETRY_WAIT_S = 1.0


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """One side of the books in brief."""

    orders: int
    fills: int
    positions: dict[str, Decimal]
    wallet_usd: Decimal | None


class BooksCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What comparing both sides has found."""

    desk: str
    mode: str
    # Whether nothing at all is wrong: books, closed positions and client order ids.
    equal: bool
    attempts: int
    ours: Totals
    venues: Totals
    differences: tuple[Discrepancy, ...]
    positions_closed: int
    position_differences: tuple[Recomputed, ...]
    # Client order ids that a simulated exchange has accepted more than once.
    duplicated_order_ids: tuple[str, ...]
    resting: bool


class LogBooks:
    """The log's side, read on as the log grows."""

    def __init__(self, reached: Reached) -> None:
        """Begin before the first record."""
        self.books = Books()
        self.closed = ClosedPositions()
        self.since_ms: int | None = None
        self._reached = reached
        self._position = 0

    async def read(self) -> None:
        """Fold what execution has written since the last call."""
        log = self._reached.log
        async for delivery in log.read(frozenset({Source.EXECUTION}), after_seq=self._position, live=False):
            record = delivery.record
            if record is None:
                continue
            self._position = record.seq
            self.books.fold(record.events)
            self.closed.fold(record.events)
            if self.since_ms is None and any(isinstance(event, AccountReconciled) for event in record.events):
                self.since_ms = record.time_ns // NS_PER_MS


def books(
    *,
    check: Annotated[bool, typer.Option("--check", help="Compare with the venue.")] = False,
    home: HomeOption = None,
    desk: DeskOption = "main",
    nats: NatsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the log's orders, fills, positions and balance with the venue's; exit 1 if unequal."""
    if not check:
        refuse("books needs to be told what for: add --check")
    found = ask(_check(home, desk, nats))
    if found is None:
        refuse(
            f"desk {desk!r} has never been reconciled with its venue: there are no books to compare",
            code=EXIT_CHECKED_AND_WRONG,
        )
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        _print(found)
    if not found.equal:
        raise typer.Exit(EXIT_CHECKED_AND_WRONG)


async def _check(home: Path | None, desk: str, nats: str | None) -> BooksCheck | None:
    # ccxt takes a second to load, which no other command should pay for.
    from services.cli.venue_books import ask_venue  # noqa: PLC0415

    async with reach(home, desk, nats) as reached:
        opened = await reached.opened()
        ours = LogBooks(reached)
        await ours.read()
        if ours.since_ms is None:
            return None
        resting = reached.run is None and nats is None
        async with ask_venue(reached, opened.mode) as venue:
            attempts = 1
            theirs = await venue.books(ours.since_ms)
            while compare(ours.books, theirs) and attempts < (1 if resting else ATTEMPTS_RUNNING):
                await asyncio.sleep(RETRY_WAIT_S)
                await ours.read()
                theirs = await venue.books(ours.since_ms)
                attempts += 1
            duplicates = await venue.duplicates()
        return _found(
            ours,
            theirs,
            duplicates,
            desk=desk,
            mode=opened.mode,
            attempts=attempts,
            resting=resting,
        )


def _found(  # noqa: PLR0913  everything that was looked at
    ours: LogBooks,
    theirs: VenueBooks,
    duplicates: tuple[str, ...],
    *,
    desk: str,
    mode: str,
    attempts: int,
    resting: bool,
) -> BooksCheck:
    differences = compare(ours.books, theirs)
    wrong = differences or ours.closed.differences or duplicates
    return BooksCheck(
        desk=desk,
        mode=mode,
        equal=not wrong,
        attempts=attempts,
        ours=_totals(ours.books),
        venues=_totals(theirs),
        differences=differences,
        positions_closed=ours.closed.closed,
        position_differences=tuple(ours.closed.differences),
        duplicated_order_ids=duplicates,
        resting=resting,
    )


def _totals(side: Books | VenueBooks) -> Totals:
    return Totals(
        orders=len(side.orders),
        fills=len(side.fills),
        positions=dict(side.positions),
        wallet_usd=side.wallet_usd,
    )


def _print(found: BooksCheck) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    table = Table("", "orders", "fills", "positions", "wallet USD", box=None)
    for name, side in (("log", found.ours), ("venue", found.venues)):
        positions = ", ".join(f"{symbol} {quantity}" for symbol, quantity in side.positions.items())
        table.add_row(name, str(side.orders), str(side.fills), positions or "flat", str(side.wallet_usd))
    console.print(table)
    for difference in found.differences:
        ours, venues = _figure(difference.ours), _figure(difference.venues)
        console.print(f"differs: {difference.kind} {difference.subject}: log {ours}, venue {venues}")
    for wrong in found.position_differences:
        console.print(
            f"differs: position {wrong.position_id} ({wrong.symbol}) {wrong.figure}: "
            f"recorded {wrong.recorded}, from its fills {wrong.from_fills}"
        )
    for name in found.duplicated_order_ids:
        console.print(f"doubled: the exchange has accepted order {name} more than once")
    if found.differences and found.resting:
        console.print(
            "the desk rests: what its venue did after the end is not in the log before the next start"
        )
    console.print(
        f"{'equal' if found.equal else 'NOT equal'}; {found.positions_closed} closed positions recomputed "
        f"from their fills, {len(found.position_differences)} figures differ"
    )


def _figure(value: Decimal | None) -> str:
    return "none" if value is None else str(value)
