"""Explains a trade, or why there was none: the chain from the bar to the exit, with its numbers."""

from collections.abc import AsyncIterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from research.explain import READS, Explainer, bar_of
from research.explanation import Explanation, Opportunity
from research.subject import Subject, SubjectUnknown, find_subject
from services.cli.explain_text import explanation_lines
from services.cli.options import DeskOption, HomeOption, JsonOption, NatsOption, refuse
from services.cli.reach import Reached, ask, reach
from shared.contracts.desk import Source
from shared.contracts.market import InstrumentsListed
from shared.contracts.record import Record
from shared.contracts.scan import MarketsScored

NAMING = frozenset({Source.SIGNALS, Source.EXECUTION})


def explain(
    subject: Annotated[
        str, typer.Argument(metavar="POSITION|SIGNAL|SYMBOL", help="An id, its beginning, or a symbol.")
    ],
    *,
    home: HomeOption = None,
    desk: DeskOption = "main",
    nats: NatsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the causation chain of a trade, or what kept a symbol from being traded."""
    try:
        found = ask(_explain(subject, home, desk, nats))
    except SubjectUnknown as error:
        refuse(str(error))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for line in explanation_lines(found):
        console.print(line.text, style=line.style)


async def _explain(query: str, home: Path | None, desk: str, nats: str | None) -> Explanation:
    async with reach(home, desk, nats) as reached:
        subject = find_subject(query, [record async for record in _records(reached, NAMING)])
        explainer = Explainer(subject)
        seen: set[str] = set()
        async for record in _records(reached, READS):
            explainer.read(record)
            seen |= _scored(record)
        found = explainer.finish()
        if not found.scans and not found.opportunities:
            raise SubjectUnknown(await _unseen(subject, seen, reached))
        opportunities = [await _with_bar(each, subject.symbol, reached) for each in found.opportunities]
        return msgspec.structs.replace(found, opportunities=tuple(opportunities))


async def _records(reached: Reached, sources: frozenset[Source], after_seq: int = 0) -> AsyncIterator[Record]:
    async for delivery in reached.log.read(sources, after_seq=after_seq, live=False):
        if delivery.record is not None:
            yield delivery.record


async def _with_bar(found: Opportunity, symbol: str, reached: Reached) -> Opportunity:
    """Add the bar that the signal answered, while the log still has it."""
    cause = found.steps[0].cause
    async for record in _records(reached, frozenset({Source.MARKET}), after_seq=cause - 1):
        bar = bar_of(record, symbol) if record.seq == cause else None
        return msgspec.structs.replace(found, bar=bar)
    return found


def _scored(record: Record) -> set[str]:
    scored = (event for event in record.events if isinstance(event, MarketsScored))
    return {market.symbol for event in scored for market in event.markets}


async def _unseen(subject: Subject, seen: set[str], reached: Reached) -> str:
    """Say why nothing is known of a symbol: not listed, or left out before scanning."""
    if not seen:
        return "no market has been scanned yet: wait for the first scan"
    async for record in _records(reached, frozenset({Source.MARKET})):
        for event in record.events:
            if isinstance(event, InstrumentsListed) and any(
                each.symbol == subject.symbol for each in event.instruments
            ):
                return f"{subject.symbol} is listed but never scanned: the preset's universe leaves it out"
    close = get_close_matches(subject.symbol, sorted(seen), n=3, cutoff=0.5)
    return f"{subject.symbol} is in no scan of this desk" + (
        f"; did you mean {', '.join(close)}?" if close else ""
    )
