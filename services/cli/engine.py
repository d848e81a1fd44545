"""Asks the engine for something, through the log itself: works with the gateway dead.

`panic_exit` and `kill_switch` are answered by execution alone, so they work with the orchestrator dead
too; the command waits until the exchange has been seen flat.
"""

import asyncio
from typing import Annotated
from uuid import uuid4

import msgspec
import typer

from services.cli.home import DeskHome, HomeInvalid, default_home
from services.cli.options import DeskOption, HomeOption, JsonOption, NatsOption, refuse
from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.engine import (
    TRADING_ACTIVE,
    CommandAccepted,
    CommandName,
    CommandRefused,
    CommandRequested,
    EngineState,
)
from shared.contracts.position import Flattened
from shared.contracts.preset import Preset, PresetError, load_preset
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog
from shared.log.port import LogError
from shared.log.writer import SharedWriter

FLATTENING = frozenset({CommandName.PANIC_EXIT, CommandName.KILL_SWITCH})
UNDER_WAY = TRADING_ACTIVE | {EngineState.INITIALIZING, EngineState.PAUSED}
ANSWER_TIMEOUT_S = 10.0
FLAT_TIMEOUT_S = 60.0
ANSWERS = frozenset({Source.ORCHESTRATOR, Source.EXECUTION})


def engine(  # noqa: PLR0913  each is a word of the command line
    command: Annotated[CommandName, typer.Argument(help="What the engine shall do.")],
    *,
    preset: Annotated[str | None, typer.Option(help="Rules for start and reload.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the log.")] = "",
    ensure: Annotated[bool, typer.Option("--ensure", help="A start of an engine that runs is fine.")] = False,
    nats: NatsOption = None,
    desk: DeskOption = "main",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a command to the engine and wait for its answer; exit 1 when it is refused."""
    desk_home = DeskHome(home or default_home(), desk)
    try:
        run, before = desk_home.running(), desk_home.read_desk()
    except HomeInvalid as error:
        refuse(str(error))
    url = nats or (run.nats_url if run else None)
    if url is None:
        refuse(f"desk {desk!r} is not running here: start it with `breakout up`, or name --nats", code=1)
    rules = _rules(command, preset or (before.preset if before else ""))
    request = CommandRequested(
        command_id=str(uuid4()), command=command, requested_by="command line", reason=reason, preset=rules
    )
    try:
        answer = asyncio.run(_ask(url, desk, request))
    except (LogError, TimeoutError) as error:
        refuse(f"no answer to {command}: {error or 'timed out'}", code=1)
    if as_json:
        typer.echo(msgspec.json.encode(answer))
    if isinstance(answer, CommandRefused) and not (ensure and answer.state in UNDER_WAY):
        refuse(f"{answer.reason}; possible here: {', '.join(answer.allowed)}", code=1)
    if not as_json:
        typer.echo(f"{command}: {'flat' if isinstance(answer, Flattened) else 'accepted'}")


def _rules(command: CommandName, preset: str) -> Preset | None:
    if command not in (CommandName.START, CommandName.RELOAD):
        return None
    try:
        return load_preset(preset)
    except PresetError as error:
        refuse(str(error))


async def _ask(url: str, desk: str, request: CommandRequested) -> Event:
    """Append the request and return its outcome; for an exit from everything, that the venue is flat."""
    log = JetStreamLog(await connect(url, name="breakout-engine"), desk)
    flattening = request.command in FLATTENING
    try:
        seq = await SharedWriter(log, Source.COMMANDS).append([request], time_ns=await _desk_time(log))
        async with asyncio.timeout(FLAT_TIMEOUT_S if flattening else ANSWER_TIMEOUT_S):
            async for delivery in log.read(ANSWERS, after_seq=seq):
                for event in delivery.record.events if delivery.record else ():
                    if _answers(event, request, flattening=flattening):
                        return event
    finally:
        await log.close()
    raise AssertionError("unreachable: a live reader does not end")


def _answers(event: Event, request: CommandRequested, *, flattening: bool) -> bool:
    kinds = (Flattened, CommandRefused) if flattening else (CommandAccepted, CommandRefused)
    return isinstance(event, kinds) and event.command_id == request.command_id


async def _desk_time(log: JetStreamLog) -> int:
    """Return the time of the last clock tick, ns; 0 before there was one."""
    record = await log.last_record(Source.CLOCK, 0)
    return record.time_ns if record is not None else 0
