"""Keeps the processes of a desk alive: starts, restarts and ends them.

Every process continues from the log, so a restart is the remedy for everything but a bug: a process
that ends with the code for a failed decider stays down, because it would fail again.
"""

import asyncio
import contextlib
import ctypes
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from services.cli.home import RunningProcess
from services.cli.plan import ProcessPlan
from shared.runtime.service import EXIT_DECIDER_FAILED, EXIT_SETTINGS

STOP_TIMEOUT_S = 6.0
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 5.0
# A process that has lived this long starts again without delay.
HEALTHY_AFTER_S = 5.0
PR_SET_PDEATHSIG = 1
FINAL_CODES = frozenset({EXIT_DECIDER_FAILED, EXIT_SETTINGS})


class ProcessFailed(Exception):
    """A process has ended for good; the message carries its last words."""


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
        # Set when a process has ended for good.
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
            process = await asyncio.create_subprocess_exec(
                *plan.command,
                env=plan.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._running[plan.name] = process
        self._on_change()
        return process

    async def _keep(self, plan: ProcessPlan, process: asyncio.subprocess.Process) -> None:
        backoff_s = BACKOFF_FIRST_S
        clock = asyncio.get_running_loop()
        while True:
            started = clock.time()
            code = await process.wait()
            if code in FINAL_CODES:
                self._give_up(plan, code)
                return
            self._logger.warning("process_ended", process=plan.name, code=code)
            if clock.time() - started > HEALTHY_AFTER_S:
                backoff_s = BACKOFF_FIRST_S
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            self._restarts[plan.name] += 1
            process = await self._spawn(plan)

    def _give_up(self, plan: ProcessPlan, code: int) -> None:
        self._running.pop(plan.name, None)
        self._on_change()
        words = last_words(self._logs / f"{plan.name}.log")
        failure = ProcessFailed(f"{plan.name} ended with code {code}: {words}")
        self._logger.error("process_failed", process=plan.name, code=code)
        if not self.failed.done():
            self.failed.set_result(failure)

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


def last_words(log: Path, lines: int = 3) -> str:
    """Return the end of a log, on one line; the `error` of a JSON line where it has one."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        return "it wrote nothing"
    return " | ".join(_readable(line) for line in text if line.strip())


def _readable(line: str) -> str:
    try:
        parsed = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.MsgspecError:
        return line
    return str(parsed.get("error") or parsed.get("event") or line)


def _die_with_parent() -> None:
    """Ask Linux to end this process when the supervisor is gone, however it went."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
