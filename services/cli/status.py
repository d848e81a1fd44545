"""Tells how a desk is: the engine, every process, and what it has done; works with the gateway dead."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from services.cli.home import DeskHome, HomeInvalid, RunFile, default_home
from services.cli.options import DeskOption, HomeOption, JsonOption, refuse
from services.cli.tracker import DeskTracker, DeskView
from shared.contracts.processor import NS_PER_S
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog
from shared.log.jetstream_lease import JetStreamLeases
from shared.log.lease import Heartbeat
from shared.log.port import LogError

CATCH_UP_TIMEOUT_S = 60.0


class DeskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `breakout status` says."""

    desk: str
    mode: str
    ready: bool
    gateway_url: str
    desk_time: str
    engine: DeskView
    services: tuple[Heartbeat, ...]
    processes: tuple[Any, ...]


def status(*, desk: DeskOption = "main", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show engine state, services and counts of a running desk."""
    try:
        run = DeskHome(home or default_home(), desk).running()
    except HomeInvalid as error:
        refuse(str(error))
    if run is None:
        refuse(f"desk {desk!r} is not running: start it with `breakout up`", code=1)
    try:
        found = asyncio.run(_ask(run))
    except (LogError, TimeoutError) as error:
        refuse(f"the log does not answer: {error}", code=1)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _print(found)


async def _ask(run: RunFile) -> DeskStatus:
    connection = await connect(run.nats_url, name="breakout-status")
    tracker = DeskTracker(JetStreamLog(connection, run.desk))
    try:
        async with asyncio.timeout(CATCH_UP_TIMEOUT_S):
            await tracker.caught_up()
        alive = await JetStreamLeases(connection, run.desk, ttl_s=2.0).seen()
    finally:
        await tracker.close()
    moment = datetime.fromtimestamp(tracker.view.time_ns / NS_PER_S, UTC)
    return DeskStatus(
        desk=run.desk,
        mode=run.mode,
        ready=run.ready,
        gateway_url=run.gateway_url,
        desk_time=moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        engine=tracker.view,
        services=alive,
        processes=run.processes,
    )


def _print(found: DeskStatus) -> None:
    engine = found.engine
    console = Console()
    kill = "  [bold red]kill switch[/]" if engine.kill_switch else ""
    console.print(
        f"[bold]{engine.state}[/]{kill}  desk {found.desk} ({found.mode})  preset {engine.preset}  "
        f"{found.desk_time}  {found.gateway_url}"
    )
    if engine.reason:
        console.print(engine.reason, style="dim")
    console.print(
        f"signals {engine.signals}  approved {engine.approved}  denied {engine.denied}  "
        f"orders {engine.orders}  open {engine.positions_open}  closed {engine.positions_closed}"
    )
    table = Table("service", "partition", "role", "pid", "lag", "position", "MiB", box=None)
    for beat in found.services:
        mebibytes = f"{beat.rss_bytes / 2**20:.0f}"
        row = (beat.service, beat.partition, beat.role, beat.pid, beat.lag, beat.position, mebibytes)
        table.add_row(*(str(cell) for cell in row))
    console.print(table)
