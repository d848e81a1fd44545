"""Runs a desk on this machine: the broker, the simulated exchange where there is one, every service.

The order is the order of need: broker, exchange, services, then the engine's start command. On the
way back services end first, so that they find the broker still there.
"""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import structlog

from services.cli.home import DeskFile, DeskHome, RunFile, RunningProcess
from services.cli.plan import DeskPlan, ProcessPlan, plan_services, plan_simulator
from services.cli.supervisor import ProcessFailed, Supervisor, last_words
from services.cli.tracker import WAITING_FOR_A_PERSON, DeskTracker
from shared.contracts.desk import Mode, Source
from shared.contracts.engine import CommandName, CommandRequested, EngineState
from shared.contracts.preset import Preset, preset_digest
from shared.log.checkpoint import keep_checkpoint
from shared.log.port import LogError
from shared.log.server import PrivateServer
from shared.log.writer import SharedWriter
from shared.runtime.settings import DeskSection

SIMULATOR_START_TIMEOUT_S = 30.0
READY_TIMEOUT_S = 120.0
CHECKPOINT_TIMEOUT_S = 2.0
Result = TypeVar("Result")
RESTING_STATES = frozenset({EngineState.IDLE, EngineState.STOPPED})


class DeskRunner:
    """A desk's processes, from the first to the last."""

    def __init__(self, plan: DeskPlan, preset: Preset, home: DeskHome) -> None:
        """Prepare to run what `plan` says under the rules of `preset`."""
        self._plan = plan
        self._preset = preset
        self._home = home
        self._broker = PrivateServer(home.nats, detached=True)
        self._supervisor = Supervisor(home.logs, self._publish)
        self._simulator_url = ""
        self._ready = False
        self._broker_restarts = 0
        self._broker_keeper: asyncio.Task[None] | None = None
        self.tracker: DeskTracker | None = None
        self._logger = structlog.get_logger("desk")

    @property
    def gateway_url(self) -> str:
        """Where people and scripts talk to this desk."""
        return f"http://127.0.0.1:{self._plan.port}"

    @property
    def headline(self) -> str:
        """What there is to say once it is up: ready to trade, or why it waits for a person."""
        assert self.tracker is not None, "the desk is up"
        view = self.tracker.view
        if view.state in WAITING_FOR_A_PERSON or view.kill_switch:
            return f"up {self.gateway_url}, not trading: {self.tracker.describe()}"
        return f"ready {self.gateway_url}"

    @property
    def failed(self) -> "asyncio.Future[ProcessFailed]":
        """Done when a process has ended for good."""
        return self._supervisor.failed

    async def start(self) -> None:
        """Start everything and wait until the engine can trade.

        Raises:
            LogError: the broker does not start.
            ProcessFailed: a process cannot start, or the engine does not become ready.
        """
        plan = self._plan
        await self._broker.start()
        self._broker_keeper = asyncio.create_task(self._keep_broker())
        self._publish()
        section = DeskSection(name=plan.desk, mode=plan.mode, partitions=plan.partitions)
        self.tracker = await DeskTracker.connect(self._broker.url, section)
        if plan.mode is Mode.DEMO:
            self._simulator_url = await self._start_simulator(plan_simulator(plan, os.environ))
        services = plan_services(
            plan, os.environ, nats_url=self._broker.url, simulator_url=self._simulator_url
        )
        for service in services:
            await self._supervisor.start(service)
        await self._or_failure(self._become_ready(self.tracker))
        self._ready = True
        self._publish()
        self._home.write_desk(
            DeskFile(
                mode=plan.mode,
                preset=plan.preset,
                data=str(plan.data or ""),
                symbols=plan.symbols,
                seed=plan.seed,
                speed=plan.speed,
                partitions=plan.partitions,
            )
        )

    async def stop(self) -> None:
        """End every process; leave the log, the account and the next start's settings."""
        await self._supervisor.stop()
        if self.tracker is not None:
            await self._keep_checkpoint(self.tracker)
            await self.tracker.close()
        if self._broker_keeper is not None:
            self._broker_keeper.cancel()
        await self._broker.stop()
        self._home.remove_run()

    async def _keep_checkpoint(self, tracker: DeskTracker) -> None:
        """Remember where the log ends: the witness when its tail is lost while nothing runs."""
        path = self._home.path / "checkpoint.json"
        try:
            async with asyncio.timeout(CHECKPOINT_TIMEOUT_S):
                await keep_checkpoint(tracker.log, self._plan.desk, self._plan.partitions, path)
        except (LogError, TimeoutError) as error:
            self._logger.warning("no_checkpoint", error=str(error))

    async def _start_simulator(self, plan: ProcessPlan) -> str:
        log = self._home.logs / f"{plan.name}.log"
        already = log.stat().st_size if log.exists() else 0
        process = await self._supervisor.start(plan)
        try:
            async with asyncio.timeout(SIMULATOR_START_TIMEOUT_S):
                port = await self._or_failure(_listening_port(log, already, process))
        except TimeoutError:
            raise ProcessFailed(f"the simulator did not start: {last_words(log)}") from None
        # It keeps its port, so that a restarted exchange is found where it was.
        plan.environment["BREAKOUT__SIMULATOR__PORT"] = str(port)
        return f"http://127.0.0.1:{port}"

    async def _become_ready(self, tracker: DeskTracker) -> None:
        await tracker.caught_up()
        command = self._command_to_start(tracker)
        if command is not None:
            await SharedWriter(tracker.log, Source.COMMANDS).append([command], time_ns=tracker.time_ns())
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await tracker.settled()
        except TimeoutError:
            raise ProcessFailed(f"the engine is not ready: {tracker.describe()}") from None

    def _command_to_start(self, tracker: DeskTracker) -> CommandRequested | None:
        """Return what brings the engine to trade: a start, other rules, or nothing when it goes on."""
        digest = preset_digest(self._preset)
        if tracker.view.state in RESTING_STATES:
            command = CommandName.START
        elif tracker.view.preset_digest != digest:
            command = CommandName.RELOAD
        else:
            return None
        return CommandRequested(
            command_id=str(uuid4()), command=command, requested_by="breakout up", preset=self._preset
        )

    async def _keep_broker(self) -> None:
        while True:
            code = await self._broker.wait()
            self._logger.warning("process_ended", process="nats", code=code)
            self._broker_restarts += 1
            while not self._broker.running:
                try:
                    await self._broker.start()
                except LogError as error:
                    self._logger.warning("broker_not_started", error=str(error))
                    await asyncio.sleep(0.5)
            self._publish()

    async def _or_failure(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await the work, unless a process ends for good before.

        Raises:
            ProcessFailed: the process that has ended, in its own words.
        """
        task = asyncio.ensure_future(work)
        ends: set[asyncio.Future[Any]] = {task, self.failed}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise self.failed.result()

    def _publish(self) -> None:
        processes = [
            RunningProcess(name="nats", pid=self._broker.pid, restarts=self._broker_restarts),
            *self._supervisor.processes(),
        ]
        self._home.write_run(
            RunFile(
                supervisor_pid=os.getpid(),
                desk=self._plan.desk,
                mode=self._plan.mode,
                nats_url=self._broker.url,
                gateway_url=self.gateway_url,
                simulator_url=self._simulator_url,
                ready=self._ready,
                headline=self.headline if self._ready else "",
                processes=tuple(processes),
            )
        )


class _Listening(msgspec.Struct, frozen=True, kw_only=True):
    """The line by which the simulator says where it listens."""

    event: str
    port: int


async def _listening_port(log: Path, already: int, process: asyncio.subprocess.Process) -> int:
    """Return the port that the simulator names in its log beyond the first `already` bytes."""
    while process.returncode is None:
        for line in await asyncio.to_thread(_lines_after, log, already):
            try:
                return msgspec.json.decode(line, type=_Listening).port
            except msgspec.MsgspecError:
                continue
        await asyncio.sleep(0.02)
    raise ProcessFailed(f"the simulator has ended: {last_words(log)}")


def _lines_after(log: Path, already: int) -> list[bytes]:
    with log.open("rb") as file:
        file.seek(already)
        return file.read().splitlines()
