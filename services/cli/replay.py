"""Runs a recorded session again and says whether every decision comes out as it was recorded."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from research.replay import Replay
from research.replay import replay as replay_session
from services.cli.options import (
    EXIT_CHECKED_AND_WRONG,
    DeskOption,
    HomeOption,
    JsonOption,
    NatsOption,
    refuse,
)
from services.cli.reach import ask, reach
from services.cli.record_text import desk_time
from shared.runtime.difference import Difference
from shared.runtime.verify import Verification

PROGRESS_EVERY = 200
# Characters of a decision's events.
EVENTS_SHOWN = 600


def replay(
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Derive every decision anew and compare.")] = False,
    home: HomeOption = None,
    desk: DeskOption = "main",
    nats: NatsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a recorded session; with --verify, exit 1 when a decision does not come out again."""
    if not verify:
        refuse("replay needs to be told what for: add --verify")
    found = ask(_replay(home, desk, nats, quiet=as_json))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        _print(found)
    if not found.holds:
        raise typer.Exit(EXIT_CHECKED_AND_WRONG)


async def _replay(home: Path | None, desk: str, nats: str | None, *, quiet: bool) -> Replay:
    async with reach(home, desk, nats) as reached:
        opened = await reached.opened()
        with _progress(reached.bounds.last_seq, shown=sys.stderr.isatty() and not quiet) as on_record:
            return await replay_session(reached.log, opened, on_record=on_record)


@contextmanager
def _progress(last_seq: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        task = progress.add_task("replaying", total=last_seq)

        def on_record(seq: int) -> None:
            if seq % PROGRESS_EVERY == 0:
                progress.update(task, completed=seq)

        yield on_record


def _print(found: Replay) -> None:
    console = Console(soft_wrap=True, highlight=False)
    table = Table("decider", "inputs", "decisions", "events", "undecided", "differences", box=None)
    for each in found.verifications:
        counts = (each.inputs, each.decisions, each.events, each.undecided, each.differences_found)
        table.add_row(_name(each), *(str(count) for count in counts))
    console.print(table)
    for each in found.verifications:
        if each.impossible:
            console.print(f"{_name(each)} cannot be verified: {each.impossible}")
        elif each.differences:
            _print_difference(console, each)
    verdict = "every decision derived again" if found.holds else "the session does not come out again"
    console.print(
        f"{verdict}: {found.decisions} decisions, {found.differences} differences, "
        f"{found.records} records in {found.duration_s:.1f} s"
    )


def _print_difference(console: Console, found: Verification) -> None:
    first: Difference = found.differences[0]
    recorded = f"decision {first.seq} on record {first.cause}" if first.seq else f"on record {first.cause}"
    console.print(
        f"\n{_name(found)}, first difference ({first.kind}), {recorded}, {desk_time(first.time_ns)}:"
    )
    console.print(f"  {first.first}", markup=False)
    console.print("  recorded: " + _shortened(first.recorded), markup=False)
    console.print("  derived:  " + _shortened(first.derived), markup=False)


def _shortened(events: tuple[str, ...]) -> str:
    """Return events as one line that a screen holds; --json has all of it."""
    text = " ".join(events) or "nothing"
    return text if len(text) <= EVENTS_SHOWN else f"{text[:EVENTS_SHOWN]}… (all of it with --json)"


def _name(found: Verification) -> str:
    return f"{found.source}.{found.partition}"
