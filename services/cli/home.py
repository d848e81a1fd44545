"""Knows the files of a desk on this machine: `<home>/<desk>/`.

nats/        the broker's store: the log
simulator/   the simulated exchange's account and clock
logs/        what each process said
desk.json    how the desk was started, for the next start
run.json     what is running, while it is
"""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from shared.contracts.desk import Mode


class HomeInvalid(Exception):
    """The home holds something that cannot be used; the message names the file and the remedy."""


class RunningProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process of a running desk."""

    name: str
    pid: int
    restarts: int = 0


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is running: written by `up`, rewritten on every change, removed at the end."""

    supervisor_pid: int
    desk: str
    mode: Mode
    nats_url: str
    gateway_url: str
    simulator_url: str = ""
    ready: bool = False
    # What `up` says once it is up.
    headline: str = ""
    processes: tuple[RunningProcess, ...] = ()


class DeskFile(msgspec.Struct, frozen=True, kw_only=True):
    """How the desk was started; what the next start does not say is taken from here."""

    mode: Mode
    preset: str
    data: str = ""
    symbols: int
    seed: int
    speed: float
    partitions: int = 1


Kind = TypeVar("Kind", RunFile, DeskFile)


def default_home() -> Path:
    """Return `$BREAKOUT_HOME`, else `~/.breakout`."""
    return Path(os.environ.get("BREAKOUT_HOME") or Path.home() / ".breakout")


class DeskHome:
    """The folder of one desk."""

    def __init__(self, home: Path, desk: str) -> None:
        """Use `<home>/<desk>`; nothing is created until it is written."""
        self.path = home / desk
        self.desk = desk
        self.nats = self.path / "nats"
        self.simulator = self.path / "simulator"
        self.logs = self.path / "logs"

    def running(self) -> RunFile | None:
        """Return what is running, or None; a file left by a dead supervisor counts as None."""
        run = self.read_run()
        return run if run is not None and is_alive(run.supervisor_pid) else None

    def read_run(self) -> RunFile | None:
        """Return the run file as it stands."""
        return _read(self.path / "run.json", RunFile)

    def write_run(self, run: RunFile) -> None:
        """Replace the run file."""
        _write(self.path / "run.json", run)

    def remove_run(self) -> None:
        """Say that nothing runs."""
        (self.path / "run.json").unlink(missing_ok=True)

    def read_desk(self) -> DeskFile | None:
        """Return how the desk was started last, or None before its first start."""
        return _read(self.path / "desk.json", DeskFile)

    def write_desk(self, desk: DeskFile) -> None:
        """Keep how the desk is started."""
        _write(self.path / "desk.json", desk)


def is_alive(pid: int) -> bool:
    """Whether a process of that id exists (and is no zombie)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or ") Z " not in stat.read_text(encoding="ascii", errors="replace")


def _read(path: Path, kind: type[Kind]) -> Kind | None:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise HomeInvalid(f"{path}: {error}; remove the file if no desk is running") from error


def _write(path: Path, content: RunFile | DeskFile) -> None:
    """Write beside and rename, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2))
    beside.replace(path)
