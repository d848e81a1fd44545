"""Shows a desk's log and checks that its files still hold what was written."""

import time
from collections import deque
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from services.cli.options import (
    EXIT_CHECKED_AND_WRONG,
    DeskOption,
    HomeOption,
    JsonOption,
    NatsOption,
)
from services.cli.reach import Reached, Unreachable, ask, reach
from services.cli.record_text import record_document, record_line, record_text
from shared.contracts.desk import Source
from shared.contracts.record import Record
from shared.log.chain import ChainReport, ChainVerifier
from shared.log.checkpoint import keep_checkpoint, read_checkpoint

app = typer.Typer(help="Show and check the log of a desk.", no_args_is_help=True)

# So many records per record wanted are looked through first, when only some sources are.
WINDOW_PER_RECORD = 16

SourcesOption = Annotated[
    list[Source] | None, typer.Option("--source", help="Only records of these writers (repeatable).")
]


@app.command()
def tail(  # noqa: PLR0913  each is a word of the command line
    *,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many records.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until interrupted.")] = False,
    source: SourcesOption = None,
    home: HomeOption = None,
    desk: DeskOption = "main",
    nats: NatsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the last records, one per line; with --follow and --json one document per line."""
    sources = frozenset(source or Source)
    try:
        ask(_tail(sources, lines, follow=follow, as_json=as_json, where=(home, desk, nats)))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def show(
    seq: Annotated[int, typer.Argument(min=1, help="Number of the record.")],
    *,
    home: HomeOption = None,
    desk: DeskOption = "main",
    nats: NatsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print one record with everything in it."""
    record = ask(_one(seq, (home, desk, nats)))
    typer.echo(_json(record_document(record)) if as_json else record_text(record))


@app.command()
def verify(
    *,
    home: HomeOption = None,
    desk: DeskOption = "main",
    nats: NatsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every record against its writer's chain; exit 1 when one is changed or missing."""
    report = ask(_verify((home, desk, nats)))
    if as_json:
        typer.echo(_json(report))
    else:
        typer.echo(_verdict(report))
    if report.broken is not None:
        raise typer.Exit(EXIT_CHECKED_AND_WRONG)


Where = tuple[Path | None, str, str | None]


async def _tail(sources: frozenset[Source], lines: int, *, follow: bool, as_json: bool, where: Where) -> None:
    async with reach(*where) as reached:
        records = await last_records(reached, sources, lines)
        if as_json and not follow:
            typer.echo(_json([record_document(record) for record in records]))
            return
        for record in records:
            typer.echo(_line(record, as_json=as_json))
        if not follow:
            return
        after_seq = records[-1].seq if records else reached.bounds.last_seq
        async for delivery in reached.log.read(sources, after_seq=after_seq):
            if delivery.record is not None:
                typer.echo(_line(delivery.record, as_json=as_json))


async def last_records(reached: Reached, sources: frozenset[Source], count: int) -> list[Record]:
    """Return the last `count` records of these sources, looking back as far as it takes."""
    window = count * WINDOW_PER_RECORD
    while True:
        after_seq = max(reached.bounds.last_seq - window, 0)
        found: deque[Record] = deque(maxlen=count)
        async for delivery in reached.log.read(sources, after_seq=after_seq, live=False):
            if delivery.record is not None:
                found.append(delivery.record)
        if len(found) == count or after_seq == 0:
            return list(found)
        window *= WINDOW_PER_RECORD


async def _one(seq: int, where: Where) -> Record:
    async with reach(*where) as reached:
        async for delivery in reached.log.read(frozenset(Source), after_seq=seq - 1, live=False):
            if delivery.record is not None and delivery.record.seq == seq:
                return delivery.record
            break
        bounds = reached.bounds
        raise Unreachable(
            f"record {seq} is not in the log, which has {bounds.first_seq} to {bounds.last_seq}; "
            "market data expires"
        )


async def _verify(where: Where) -> ChainReport:
    async with reach(*where) as reached:
        path = reached.home.path / "checkpoint.json"
        desk = reached.home.desk
        verifier = ChainVerifier(desk, now_ns=time.time_ns(), checkpoint=read_checkpoint(path))
        async for message in reached.stored.messages(reached.bounds):
            verifier.add(message)
        report = verifier.finish(reached.bounds.last_seq)
        if report.broken is None and reached.home.path.is_dir():
            await keep_checkpoint(reached.log, desk, (await reached.opened()).partitions, path)
        return report


def _verdict(report: ChainReport) -> str:
    if report.broken is not None:
        place = f" ({report.broken.subject})" if report.broken.subject else ""
        return f"broken at record {report.broken.seq}{place}: {report.broken.reason}"
    witness = (
        f"a checkpoint vouches for record {report.checkpoint_seq}"
        if report.checkpoint_seq
        else "no checkpoint yet to vouch for the tail; it is kept from here on"
    )
    chains = ", ".join(f"{subject} {count}" for subject, count in report.subjects.items())
    return (
        f"ok: {report.records} records from {report.first_seq} to {report.last_seq}, "
        f"{report.expired} expired; {witness}\n{chains}"
    )


def _line(record: Record, *, as_json: bool) -> str:
    return msgspec.json.encode(record_document(record)).decode() if as_json else record_line(record)


def _json(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
