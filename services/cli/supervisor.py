"""Keeps the processes of a desk alive: starts, restarts and ends them.

Every process continues from the log, so a restart is the remedy for everything but a bug or a wrong
setting: a process that ends with the code of either stays down, because it would fail again.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import structlog

from services.cli.home import RunningProcess
from services.cli.options import EXIT_BAD_INPUT
from services.cli.plan import ProcessPlan
from shared.runtime.service import EXIT_DECIDER_FAILED, EXIT_SETTINGS

STOP_TIMEOUT_S = 6.0
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 5.0
# A process that has lived this long starts again without delay.
HEALTHY_AFTER_S = 5.0
# So many quick ends in a row, and never healthy before: whoever waits for the process waits in vain.
CRASH_LOOP_ENDS = 5
WORDS_LINES_MAX = 20
PR_SET_PDEATHSIG = 1
TRACEBACK = "Traceback (most recent call last)"
TROUBLE = frozenset({"warning", "error", "critical"})
FINAL_CODES = frozenset({EXIT_DECIDER_FAILED, EXIT_SETTINGS})


class ProcessFailed(Exception):
    """A process cannot be kept alive; the message carries its last words."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        """Remember with which code a command that needs the process ends."""
        super().__init__(message)
        self.exit_code = exit_code


class Supervisor:
    """The processes of one desk."""

    def __init__(self, logs: Path, on_change: Callable[[], None]) -> None:
        """Write what the processes say into `logs`; call `on_change` whenever a pid changes."""
        self._logs = logs
        self._on_change = on_change
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._restarts: dict[str, int] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._logger = structlog.get_logger("supervisor")
        self._log_starts: dict[str, int] = {}
        # Set when a process has ended for good, or has never stood: start-up waits no longer. One
        # that ends again and again is restarted all the same, since what it needs may come back.
        self.failed: asyncio.Future[ProcessFailed] = asyncio.get_running_loop().create_future()

    def processes(self) -> tuple[RunningProcess, ...]:
        """Return what runs at this moment."""
        return tuple(
            RunningProcess(name=name, pid=process.pid, restarts=self._restarts[name])
            for name, process in self._running.items()
        )

    async def start(self, plan: ProcessPlan) -> asyncio.subprocess.Process:
        """Start a process and keep it alive from here on."""
        self._restarts[plan.name] = 0
        process = await self._spawn(plan)
        self._keepers.append(asyncio.create_task(self._keep(plan, process), name=plan.name))
        return process

    async def _spawn(self, plan: ProcessPlan) -> asyncio.subprocess.Process:
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{plan.name}.log").open("ab") as log:
            self._log_starts[plan.name] = log.tell()
            process = await asyncio.create_subprocess_exec(
                *plan.command,
                env=plan.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(_prepare, plan.niceness),
            )
        self._running[plan.name] = process
        self._on_change()
        return process

    async def _keep(self, plan: ProcessPlan, process: asyncio.subprocess.Process) -> None:
        backoff_s = BACKOFF_FIRST_S
        clock = asyncio.get_running_loop()
        quick_ends, was_healthy = 0, False
        while True:
            started = clock.time()
            code = await process.wait()
            if code in FINAL_CODES:
                self._running.pop(plan.name, None)
                self._on_change()
                self._report(plan, code)
                return
            self._logger.warning("process_ended", process=plan.name, code=code)
            if clock.time() - started > HEALTHY_AFTER_S:
                backoff_s, was_healthy = BACKOFF_FIRST_S, True
            quick_ends += 1
            if quick_ends == CRASH_LOOP_ENDS and not was_healthy:
                self._report(plan, code, f" {quick_ends} times in a row")
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            self._restarts[plan.name] += 1
            process = await self._spawn(plan)

    def _report(self, plan: ProcessPlan, code: int, times: str = "") -> None:
        log = self._logs / f"{plan.name}.log"
        words = last_words(log, WORDS_LINES_MAX, start=self._log_starts[plan.name])
        message = f"{plan.name} ended with code {code}{times}: {words} (all it said: {log})"
        if self.failed.done():
            self._logger.error("process_failed", process=plan.name, code=code, error=words)
        else:
            exit_code = EXIT_BAD_INPUT if code == EXIT_SETTINGS else 1
            self.failed.set_result(ProcessFailed(message, exit_code))

    async def stop(self) -> None:
        """End everything in order; kill what does not end by itself."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(end(process) for process in self._running.values()))
        self._running.clear()


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end, and kill it when it has not after a while."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def last_words(log: Path, lines: int = 3, *, start: int = 0) -> str:
    """Return the end of a log from the byte `start` on, on one line, in the words a person needs.

    Of structured lines only those that tell of trouble count, of a traceback its last line.
    """
    try:
        text = log.read_bytes()[start:].decode(errors="replace").splitlines()
    except OSError:
        text = []
    said = [words for line in text if (words := _readable(line))]
    return " | ".join(said[-lines:]) or "it gave no reason"


def _readable(line: str) -> str:
    """Return what a line says to a person; nothing when it is a step of a traceback, or no trouble."""
    try:
        parsed = msgspec.json.decode(line, type=_LogLine)
    except msgspec.MsgspecError:
        return "" if line.startswith((" ", TRACEBACK)) else line
    if parsed.exception:
        return f"{parsed.exception[-1].exc_type}: {parsed.exception[-1].exc_value}"
    return parsed.error or (parsed.event if parsed.level in TROUBLE else "")


class _Raised(msgspec.Struct, frozen=True):
    exc_type: str = ""
    exc_value: str = ""


class _LogLine(msgspec.Struct, frozen=True):
    """A line of a structured log, as `shared.runtime.logging` renders it."""

    event: str = ""
    level: str = ""
    error: str = ""
    exception: tuple[_Raised, ...] = ()


def _prepare(niceness: int) -> None:
    """Step back as planned and, on Linux, end when the supervisor is gone, however it went."""
    os.nice(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
