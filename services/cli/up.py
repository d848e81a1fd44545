"""Starts a desk with one command, and keeps it running until it is told to stop."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from services.cli.desk_runner import DeskRunner
from services.cli.display import show
from services.cli.home import DeskFile, DeskHome, HomeInvalid, default_home, is_alive
from services.cli.options import DeskOption, HomeOption, refuse
from services.cli.plan import KEY_PREFIX, DeskPlan
from services.cli.supervisor import ProcessFailed, last_words
from shared.contracts.desk import Mode
from shared.contracts.preset import Preset, PresetError, load_preset
from shared.log.port import LogError
from shared.runtime.logging import configure_logging

DEFAULTS = {
    Mode.DEMO: DeskFile(mode=Mode.DEMO, preset="demo", symbols=40, seed=7, speed=60.0),
    Mode.LIVE: DeskFile(mode=Mode.LIVE, preset="breakout_v1", symbols=200, seed=0, speed=1.0),
}
DESK_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
DETACH_TIMEOUT_S = 180.0


def up(  # noqa: PLR0913  each is a word of the command line
    *,
    mode: Annotated[Mode | None, typer.Option(help="Where orders go.", show_default="demo")] = None,
    preset: Annotated[str | None, typer.Option(help="Trading rules: a preset's name or file.")] = None,
    data: Annotated[Path | None, typer.Option(help="Demo: folder of recorded candles.")] = None,
    symbols: Annotated[int | None, typer.Option(min=1, max=1000, help="Markets to watch.")] = None,
    seed: Annotated[int | None, typer.Option(help="Demo: seed of the markets.")] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.1, max=1000, help="Demo: market seconds per second.")
    ] = None,
    desk: DeskOption = "main",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the gateway; 0: a free one.")] = 8000,
    home: HomeOption = None,
    partitions: Annotated[
        int, typer.Option(min=1, max=64, help="Of the symbols; a desk keeps its first.")
    ] = 1,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when ready; `breakout down` ends it.")
    ] = False,
    confirm_live: Annotated[bool, typer.Option("--confirm-live", help="Yes, trade with real money.")] = False,
) -> None:
    """Start a desk and trade; Ctrl-C ends it, the next start resumes it."""
    if not DESK_NAME.fullmatch(desk):
        refuse(f"--desk {desk!r}: letters, digits, _ and -, at most 32")
    desk_home = DeskHome(home or default_home(), desk)
    try:
        running, before = desk_home.running(), desk_home.read_desk()
    except HomeInvalid as error:
        refuse(str(error))
    if running is not None:
        refuse(f"desk {desk!r} is running (pid {running.supervisor_pid}) at {running.gateway_url}")
    asked = mode or (before.mode if before else Mode.DEMO)
    _require_mode(asked, before, desk, confirm_live=confirm_live)
    base = before or DEFAULTS[asked]
    chosen = preset or base.preset
    rules = _load_rules(chosen)
    plan = DeskPlan(
        desk=desk,
        mode=asked,
        preset=chosen,
        port=_free_port(port),
        path=desk_home.path,
        symbols=symbols or base.symbols,
        seed=base.seed if seed is None else seed,
        speed=speed or base.speed,
        partitions=before.partitions if before else partitions,
        data=_data_folder(data, base),
    )
    _end_left_over(desk_home)
    if detach:
        _detach(plan, desk_home, confirm_live=confirm_live)
    else:
        configure_logging("warning")
        sys.exit(asyncio.run(_run(plan, rules, desk_home)))


def _require_mode(mode: Mode, before: DeskFile | None, desk: str, *, confirm_live: bool) -> None:
    if mode is Mode.PAPER:
        refuse("--mode paper is not available in this version: use demo, or live with small limits")
    if before is not None and before.mode is not mode:
        refuse(f"desk {desk!r} is a {before.mode} desk; choose another --desk for {mode}")
    if mode is Mode.LIVE:
        missing = [
            name
            for name in (f"{KEY_PREFIX}KEY", f"{KEY_PREFIX}SECRET")
            if not (os.environ.get(name) or os.environ.get(f"{name}_FILE"))
        ]
        if missing:
            refuse(f"live trading needs {' and '.join(missing)} (or …_FILE) in the environment")
        if not confirm_live:
            refuse("live trading needs --confirm-live: real orders, real money")


def _load_rules(preset: str) -> Preset:
    try:
        return load_preset(Path(preset) if preset.endswith(".json") else preset)
    except PresetError as error:
        refuse(str(error))


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            refuse(f"--port {port}: {error.strerror}; choose another, or 0 for a free one")
        bound: int = probe.getsockname()[1]
        return bound


def _data_folder(data: Path | None, base: DeskFile) -> Path | None:
    folder = data or (Path(base.data) if base.data else None)
    if folder is None:
        return None
    if not folder.is_dir():
        refuse(f"--data {folder}: no such folder")
    if not any(folder.glob("*.parquet")):
        refuse(f"--data {folder}: holds no .parquet file; one file per symbol is needed (BTCUSDT.parquet)")
    return folder.resolve()


def _end_left_over(desk_home: DeskHome) -> None:
    """End what a supervisor that was killed has left behind."""
    left = desk_home.read_run()
    if left is None:
        return
    for process in left.processes:
        if is_alive(process.pid) and _is_ours(process.pid):
            os.kill(process.pid, signal.SIGKILL)
    desk_home.remove_run()


def _is_ours(pid: int) -> bool:
    """Whether a process is one that `up` starts: pids are used again."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"services." in command or b"nats-server" in command


async def _run(plan: DeskPlan, rules: Preset, desk_home: DeskHome) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = DeskRunner(plan, rules, desk_home)
    try:
        started = asyncio.create_task(_started(runner))
        await asyncio.wait({started, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if started.done() and started.result() is not None:
            sys.stderr.write(f"breakout: {started.result()}\n")
            return 1
        if started.done():
            sys.stdout.write(f"{runner.headline}\n")
            sys.stdout.flush()
            await show(runner, stop)
        started.cancel()
        await asyncio.gather(started, return_exceptions=True)
        return 0
    finally:
        await runner.stop()


async def _started(runner: DeskRunner) -> str | None:
    """Start the desk; return what went wrong, in one line."""
    try:
        await runner.start()
    except (LogError, ProcessFailed) as error:
        return str(error)
    return None


def _detach(plan: DeskPlan, desk_home: DeskHome, *, confirm_live: bool) -> None:
    desk_home.logs.mkdir(parents=True, exist_ok=True)
    log = desk_home.logs / "up.log"
    command = [
        sys.executable, "-m", "services.cli", "up", "--mode", plan.mode, "--preset", plan.preset,
        "--symbols", str(plan.symbols), "--seed", str(plan.seed), "--speed", str(plan.speed),
        "--desk", plan.desk, "--port", str(plan.port), "--home", str(plan.path.parent),
        "--partitions", str(plan.partitions),
    ]  # fmt: skip
    command += ["--data", str(plan.data)] if plan.data else []
    command += ["--confirm-live"] if confirm_live else []
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603  our own command line
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + DETACH_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            refuse(last_words(log, lines=20).removeprefix("breakout: "), code=child.returncode or 1)
        run = desk_home.running()
        if run is not None and run.ready:
            typer.echo(run.headline)
            return
        time.sleep(0.05)
    child.terminate()
    refuse(f"not ready after {DETACH_TIMEOUT_S:g} s; see {desk_home.logs}", code=1)
