"""Reaches a desk's log for the commands that only read: at its broker, or from a copy of its files.

A running desk is asked at its own broker. A resting one is read from a copy that a private broker
serves for the time of the command, so that nothing a command does can touch the log itself.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from services.cli.home import DeskHome, HomeInvalid, RunFile, default_home, is_alive
from services.cli.options import EXIT_CHECKED_AND_WRONG, refuse
from shared.contracts.codec import RecordUnreadable
from shared.contracts.desk import DeskOpened, Source
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog
from shared.log.port import LogError, LogUnavailable
from shared.log.server import PrivateServer
from shared.log.stored import Bounds, StoredLog
from shared.runtime.logging import configure_logging
from shared.runtime.settings import Settings, SettingsInvalid, load_settings

CONNECT_TIMEOUT_S = 5.0
URL_VARIABLE = "BREAKOUT__NATS__URL"
Result = TypeVar("Result")


class Unreachable(Exception):
    """There is no such desk, or it cannot be asked; the message names the remedy."""


class StoreBroken(Exception):
    """The files of the log are there and the broker cannot serve them."""


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A log within reach, for reading."""

    home: DeskHome
    log: JetStreamLog
    stored: StoredLog
    bounds: Bounds
    # What runs here, if anything does; None also when the broker was named.
    run: RunFile | None

    async def opened(self) -> DeskOpened:
        """Return who the desk is.

        Raises:
            Unreachable: the log does not begin with a desk.
        """
        async for delivery in self.log.read(frozenset({Source.DESK}), live=False):
            if delivery.record is not None and isinstance(delivery.record.events[0], DeskOpened):
                return delivery.record.events[0]
        raise Unreachable(f"the log of desk {self.home.desk!r} does not say who the desk is: verify it")


@asynccontextmanager
async def reach(home: Path | None, desk: str, nats: str | None) -> AsyncIterator[Reached]:
    """Give a desk's log for reading.

    Raises:
        Unreachable: no such desk, or no broker where one was named.
        StoreBroken: the desk rests, and its files cannot be served.
        HomeInvalid: the desk's run file cannot be read.
        SettingsInvalid: the broker's credentials in the environment cannot be used.
    """
    desk_home = DeskHome(home or default_home(), desk)
    run = _running_broker(desk_home) if nats is None else None
    url = nats or (run.nats_url if run else None) or os.environ.get(URL_VARIABLE)
    if url is not None:
        async with _connected(url, desk_home, run) as reached:
            yield reached
        return
    if not _store_of(desk_home.nats, desk).is_dir():
        raise Unreachable(
            f"there is no desk {desk!r} in {desk_home.path.parent}: start it with `breakout up`, "
            "or name its folder with --home or its broker with --nats"
        )
    async with _copied(desk_home) as server, _connected(server.url, desk_home, None) as reached:
        yield reached


def ask(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work; tell whatever keeps it from being done in one clear line."""
    configure_logging("error")
    try:
        return asyncio.run(work)
    except StoreBroken as error:
        refuse(str(error), code=EXIT_CHECKED_AND_WRONG)
    except RecordUnreadable as error:
        refuse(f"{error}: run `breakout log verify`", code=EXIT_CHECKED_AND_WRONG)
    except (Unreachable, HomeInvalid, SettingsInvalid, LogError) as error:
        refuse(str(error))


def _running_broker(home: DeskHome) -> RunFile | None:
    """Return the run file while its broker lives, be it without its supervisor."""
    run = home.read_run()
    alive = run is not None and any(each.name == "nats" and is_alive(each.pid) for each in run.processes)
    return run if alive else None


def _store_of(folder: Path, desk: str) -> Path:
    return folder / "jetstream" / "jetstream" / "$G" / "streams" / f"DESK_{desk}"


@asynccontextmanager
async def _copied(home: DeskHome) -> AsyncIterator[PrivateServer]:
    with tempfile.TemporaryDirectory(prefix="breakout-", ignore_cleanup_errors=True) as folder:
        try:
            shutil.copytree(home.nats / "jetstream", Path(folder) / "jetstream")
        except (OSError, shutil.Error) as error:
            raise Unreachable(f"{home.nats} cannot be copied to {folder} for reading: {error}") from error
        server = PrivateServer(Path(folder))
        try:
            await server.start()
        except LogUnavailable as error:
            raise StoreBroken(f"the broker cannot serve the log in {home.nats}: {error}") from error
        try:
            yield server
        finally:
            await server.stop()


@asynccontextmanager
async def _connected(url: str, home: DeskHome, run: RunFile | None) -> AsyncIterator[Reached]:
    nats = load_settings(Settings, os.environ).nats
    connection = await connect(
        url, name="breakout-cli", user=nats.user, password=nats.password, timeout_s=CONNECT_TIMEOUT_S
    )
    log, stored = JetStreamLog(connection, home.desk), StoredLog(connection, home.desk)
    try:
        bounds = await stored.bounds()
        if bounds is None and run is None and _store_of(home.nats, home.desk).is_dir():
            raise StoreBroken(f"the broker does not recognise the log in {home.nats}: its files are damaged")
        if bounds is None:
            raise Unreachable(f"the broker at {url} has no desk {home.desk!r}: check --desk and --nats")
        yield Reached(home=home, log=log, stored=stored, bounds=bounds, run=run)
    finally:
        await log.close()
