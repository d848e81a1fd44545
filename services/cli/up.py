"""Starts a desk with one command, and keeps it running until it is told to stop."""

import asyncio
import fcntl
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.desk_runner import DeskRunner
from services.cli.detach import detached, refuse_home
from services.cli.display import show
from services.cli.environment import check_settings
from services.cli.home import DeskFile, DeskHome, HomeInvalid, default_home, is_alive
from services.cli.options import EXIT_CHECKED_AND_WRONG, DeskOption, HomeOption, refuse
from services.cli.plan import KEY_PREFIX, DeskPlan, plan_services, plan_simulator
from services.cli.supervisor import ProcessFailed
from shared.contracts.desk import Mode
from shared.contracts.preset import Preset, PresetError, load_preset
from shared.log.port import LogError
from shared.runtime.logging import configure_logging
from shared.runtime.settings import SettingsInvalid

DEFAULTS = {
    Mode.DEMO: DeskFile(mode=Mode.DEMO, preset="demo", symbols=40, seed=7, speed=60.0),
    Mode.LIVE: DeskFile(mode=Mode.LIVE, preset="breakout_v1", symbols=200, seed=0, speed=1.0),
}
DESK_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


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
    except OSError as error:
        refuse_home(desk_home, error)
    if running is not None:
        refuse(
            f"desk {desk!r} is running (pid {running.supervisor_pid}) at {running.gateway_url}: "
            "end it with `breakout down`, or choose another --desk"
        )
    asked = mode or (before.mode if before else Mode.DEMO)
    _require_mode(asked, before, desk, confirm_live=confirm_live)
    _require_options_of(asked, speed=speed, data=data)
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
    _require_settings(plan)
    if detach:
        detached(plan, desk_home, confirm_live=confirm_live)
    else:
        claim = _claim(desk_home)
        _end_left_over(desk_home)
        configure_logging("warning")
        code = asyncio.run(_run(plan, rules, desk_home))
        os.close(claim)
        sys.exit(code)


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


def _require_options_of(mode: Mode, *, speed: float | None, data: Path | None) -> None:
    if mode is not Mode.DEMO and (data is not None or speed not in {None, 1.0}):
        refuse(f"--speed and --data are for demo desks: a {mode} desk sees its exchange as it is")


def _require_settings(plan: DeskPlan) -> None:
    """Refuse an environment that a process would refuse, before one is started."""
    # Where broker and exchange will be reached shows only when they stand.
    url = "http://127.0.0.1" if plan.mode is Mode.DEMO else ""
    processes = list(plan_services(plan, os.environ, nats_url="", simulator_url=url))
    if plan.mode is Mode.DEMO:
        processes.append(plan_simulator(plan, os.environ))
    try:
        check_settings(processes)
    except SettingsInvalid as error:
        refuse(f"the environment cannot be used:\n{error}")


def _load_rules(preset: str) -> Preset:
    try:
        return load_preset(Path(preset) if preset.endswith(".json") else preset)
    except PresetError as error:
        refuse(f"--preset {preset}: {error}")


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


def _claim(desk_home: DeskHome) -> int:
    """Return the file descriptor that keeps another `up` from this desk while it is open."""
    path = desk_home.path / "up.lock"
    try:
        desk_home.path.mkdir(parents=True, exist_ok=True)
        claim = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        refuse_home(desk_home, error)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        refuse(f"desk {desk_home.desk!r} is being started or ended by another `breakout up` ({path})")
    return claim


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
        if started.done():
            failure = started.result()
            if failure is not None:
                sys.stderr.write(f"breakout: {failure}\n")
                return failure.exit_code if isinstance(failure, ProcessFailed) else EXIT_CHECKED_AND_WRONG
            sys.stdout.write(f"{runner.headline}\n")
            sys.stdout.flush()
            await show(runner, stop)
        started.cancel()
        await asyncio.gather(started, return_exceptions=True)
        return 0
    finally:
        await runner.stop()


async def _started(runner: DeskRunner) -> LogError | ProcessFailed | None:
    """Start the desk; return what went wrong."""
    try:
        await runner.start()
    except (LogError, ProcessFailed) as error:
        # Why a process has ended says more than what its silence did to those who waited.
        return runner.failed.result() if runner.failed.done() else error
    return None
