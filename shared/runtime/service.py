"""Runs one service: connect, follow the log, lead while the lease allows, drain when told to.

A service's own `service.py` is wiring only:

    def main() -> None:
        run_service("scanner", ScannerSettings, build)

    def build(settings: ScannerSettings, opened: DeskOpened) -> Parts:
        return Parts(processor=ScannerProcessor(partition=..., partitions=opened.partitions))
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog
import uvloop

from shared.contracts.desk import DeskOpened, ProcessorFailed, Source
from shared.contracts.processor import Processor
from shared.log.lease import Heartbeat, Role
from shared.log.port import LogError, LogUnavailable
from shared.log.writer import SharedWriter
from shared.runtime.connect import Connected, connect
from shared.runtime.edge import Edge
from shared.runtime.logging import configure_logging
from shared.runtime.loop import ProcessorLoop
from shared.runtime.replica import DeciderFailed, Replica
from shared.runtime.settings import Settings, SettingsInvalid, load_settings

EXIT_SETTINGS = 2
# A decider has raised: starting again would raise again.
EXIT_DECIDER_FAILED = 70
# The broker or the lease is lost: starting again is the remedy.
EXIT_TRY_AGAIN = 75
RENEWALS_PER_TTL = 4

Kind = TypeVar("Kind", bound=Settings)


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a service consists of: at most one processor, and the edges that run while it leads."""

    processor: Processor[Any] | None = None
    edges: tuple[Edge, ...] = ()
    partition: int = 0
    # False for a stateless service of which every replica works.
    exclusive: bool = True


def run_service(name: str, kind: type[Kind], build: Callable[[Kind, DeskOpened], Parts]) -> None:
    """Run a service until a signal ends it; does not return."""
    try:
        settings = load_settings(kind, os.environ)
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_SETTINGS)
    configure_logging(settings.runtime.log_level, service=name, pid=os.getpid())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_serve(name, settings, build))
    sys.exit(code)


async def _serve(name: str, settings: Kind, build: Callable[[Kind, DeskOpened], Parts]) -> int:
    logger = structlog.get_logger("service")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        connected = await connect(settings, name=name)
    except LogError as error:
        logger.error("cannot_start", error=str(error))  # noqa: TRY400  a clear message, no traceback
        return EXIT_TRY_AGAIN
    try:
        shell = _Shell(name, settings, connected, build(settings, connected.desk.opened))
        return await shell.run(stop)
    except SettingsInvalid as error:
        logger.error("settings_invalid", error=str(error))  # noqa: TRY400  clear by itself
        return EXIT_SETTINGS
    finally:
        with contextlib.suppress(LogError, OSError):
            await connected.desk.log.close()


class _Shell:
    """The life of one instance."""

    def __init__(self, name: str, settings: Settings, connected: Connected, parts: Parts) -> None:
        self._name = name
        self._settings = settings.runtime
        self._desk = connected.desk
        self._parts = parts
        self._logger = structlog.get_logger("service")
        self._instance = self._settings.instance or f"{socket.gethostname()}-{os.getpid()}"
        self._edges: list[asyncio.Task[None]] = []
        self._leading = False
        self._failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._loop = self._make_loop(connected)

    def _make_loop(self, connected: Connected) -> ProcessorLoop | None:
        if self._parts.processor is None:
            return None
        return ProcessorLoop(
            Replica(self._parts.processor, UUID(self._desk.opened.desk_id)),
            self._desk.log,
            connected.snapshots,
            self._desk.clock,
            snapshot_every=self._settings.snapshot_every_records,
        )

    async def run(self, stop: asyncio.Event) -> int:
        """Work until told to stop or something fails; return the exit code."""
        tasks = [self._watched(self._renew_lease(), "lease")]
        if self._loop is not None:
            tasks.append(self._watched(self._loop.run(), "loop"))
        stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        ends: set[asyncio.Future[Any]] = {stopping, self._failed}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        try:
            async with asyncio.timeout(self._settings.drain_timeout_s):
                await self._drain(tasks)
        except TimeoutError:
            self._logger.warning("drain_timed_out")
        return self._failed.result() if self._failed.done() else 0

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        # First the lease: a renewal on its way would step up again.
        lease, *others = tasks
        await _ended(lease)
        await self._step_down()
        if self._loop is not None and not self._failed.done():
            await self._loop.drain()
        for task in others:
            await _ended(task)
        with contextlib.suppress(LogUnavailable):
            await self._desk.leases.release(self._heartbeat())

    def _watched(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._guard(work, what), name=what)

    async def _guard(self, work: Coroutine[Any, Any, None], what: str) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except DeciderFailed as error:
            await self._report_failure(error)
            self._fail(EXIT_DECIDER_FAILED)
        except SettingsInvalid as error:
            # Found out only by trying, e.g. keys that the exchange refuses.
            self._logger.error("settings_invalid", what=what, error=str(error))  # noqa: TRY400  clear by itself
            self._fail(EXIT_SETTINGS)
        except LogError as error:
            self._logger.warning("ended", what=what, error=str(error))
            self._fail(EXIT_TRY_AGAIN)
        except Exception:
            self._logger.exception("ended", what=what)
            self._fail(1)

    def _fail(self, code: int) -> None:
        if not self._failed.done():
            self._failed.set_result(code)

    async def _report_failure(self, error: DeciderFailed) -> None:
        """Tell the engine that this processor has stopped at a record it cannot decide."""
        processor = self._parts.processor
        assert processor is not None, "a decider has failed"
        self._logger.error("decider_failed", seq=error.seq, error=str(error), exc_info=error)
        notice = ProcessorFailed(
            processor=processor.source,
            partition=processor.partition,
            poisonous_seq=error.seq,
            error=str(error),
        )
        with contextlib.suppress(LogError):
            await SharedWriter(self._desk.log, Source.SHELL).append(
                [notice], time_ns=self._desk.clock.now_ns(), cause=error.seq
            )

    async def _renew_lease(self) -> None:
        while True:
            try:
                held = await self._desk.leases.hold(self._heartbeat())
            except LogUnavailable as error:
                # The fence keeps an unrenewed leader harmless; the venue's exits must not wait.
                self._logger.debug("lease_not_renewed", error=str(error))
                held = self._leading
            else:
                self._touch_heartbeat_file()
            if (held or not self._parts.exclusive) and not self._leading:
                await self._step_up()
            elif not held and self._leading and self._parts.exclusive:
                self._logger.warning("lease_lost")
                await self._step_down()
            await asyncio.sleep(self._settings.lease_ttl_s / RENEWALS_PER_TTL)

    def _touch_heartbeat_file(self) -> None:
        if self._settings.heartbeat_file:
            Path(self._settings.heartbeat_file).touch()

    async def _step_up(self) -> None:
        self._leading = True
        # What has been imported and folded by now stays; the collector need not look at it again,
        # and its pauses would stand between a bar's close and the order.
        gc.collect()
        gc.freeze()
        self._logger.info("leading", instance=self._instance)
        if self._loop is not None:
            await self._loop.lead()
        self._edges = [self._watched(edge.run(self._desk), type(edge).__name__) for edge in self._parts.edges]

    async def _step_down(self) -> None:
        self._leading = False
        if self._loop is not None:
            self._loop.follow()
        edges, self._edges = self._edges, []
        for edge in edges:
            edge.cancel()
        await asyncio.gather(*edges, return_exceptions=True)

    def _heartbeat(self) -> Heartbeat:
        replica = self._loop.replica if self._loop is not None else None
        return Heartbeat(
            service=self._name,
            partition=self._parts.partition,
            instance=self._instance,
            role=Role.LEADER if self._leading else Role.STANDBY,
            pid=os.getpid(),
            host=socket.gethostname(),
            position=replica.position if replica is not None else 0,
            lag=len(replica.pending) if replica is not None else 0,
            rss_bytes=_rss_bytes(),
        )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _rss_bytes() -> int:
    """Return this process's resident memory; its peak where the system does not tell the present."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()
