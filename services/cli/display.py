"""Shows a running desk: a live line on a terminal, silence elsewhere, until it is told to stop."""

import asyncio
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

from services.cli.desk_runner import DeskRunner
from services.cli.tracker import DeskView
from shared.contracts.processor import NS_PER_S

REFRESH_S = 0.5


async def show(runner: DeskRunner, stop: asyncio.Event) -> None:
    """Return when `stop` is set; a process that has ended for good is told, the rest goes on."""
    runner.failed.add_done_callback(lambda future: sys.stderr.write(f"breakout: {future.result()}\n"))
    console = Console()
    if not console.is_terminal:
        await stop.wait()
        return
    assert runner.tracker is not None, "a started desk is followed"
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not stop.is_set():
            live.update(_line(runner.tracker.view, runner.gateway_url), refresh=True)
            try:
                await asyncio.wait_for(stop.wait(), REFRESH_S)
            except TimeoutError:
                continue


def _line(view: DeskView, url: str) -> Text:
    when = datetime.fromtimestamp(view.time_ns / NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S")
    text = Text()
    text.append(f"{view.state}", style="bold red" if view.kill_switch else "bold green")
    text.append(f"  {when} UTC  {view.preset}  ", style="dim")
    text.append(f"signals {view.signals}  approved {view.approved}  orders {view.orders}  ")
    text.append(f"open {view.positions_open}  closed {view.positions_closed}", style="bold")
    text.append(f"  {url}  Ctrl-C ends", style="dim")
    return text
