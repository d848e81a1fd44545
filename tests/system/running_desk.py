"""Runs a whole desk for a test: `breakout up` as a user would, on free ports, in a folder of its own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from services.cli.home import DeskHome, RunFile, is_alive
from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.record import Record
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
DECISIONS = frozenset({Source.SIGNALS, Source.RISK, Source.EXECUTION, Source.ORCHESTRATOR, Source.SHELL})


def cli(*words: str) -> list[str]:
    return [sys.executable, "-m", "services.cli", *words]


class RunningDesk:
    """A desk with its supervisor as a child of the test."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self.files = DeskHome(home, "main")
        self._options = options
        self._up: subprocess.Popen[str] | None = None
        self.ready_s = 0.0

    def start(self) -> None:
        """Start and wait for the line that says ready."""
        started = time.monotonic()
        command = cli("up", "--home", str(self.home), "--port", "0", *self._options)
        self._up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._up.stdout is not None
        line = self._up.stdout.readline()
        if not line.startswith("ready http://"):
            errors = self._up.communicate(timeout=STOP_TIMEOUT_S)[1]
            raise AssertionError(f"not ready: {line}{errors}")
        self.ready_s = time.monotonic() - started

    def stop(self) -> float:
        """End it as Ctrl-C does; return how long that took, and fail when a process is left."""
        assert self._up is not None
        pids = [process.pid for process in self.run.processes]
        started = time.monotonic()
        self._up.send_signal(signal.SIGINT)
        self._up.communicate(timeout=STOP_TIMEOUT_S + 5)
        took = time.monotonic() - started
        left = [pid for pid in pids if is_alive(pid)]
        assert not left, f"left alive: {left}"
        return took

    @property
    def run(self) -> RunFile:
        run = self.files.read_run()
        assert run is not None, "the desk runs"
        return run

    def pid(self, name: str) -> int:
        return next(process.pid for process in self.run.processes if process.name == name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a process of the desk, if it is there at this moment."""
        with contextlib.suppress(StopIteration, ProcessLookupError):
            os.kill(self.pid(name), number)

    def command(self, *words: str, timeout_s: float = 120.0) -> tuple[int, Any]:
        """Run `breakout WORDS --json` on this desk; return its exit code and what it printed."""
        done = subprocess.run(
            cli(*words, "--json", "--home", str(self.home)),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, done.stdout + done.stderr

    def ledger(self) -> dict[str, Any]:
        """Return the exchange's own account of what happened."""
        answer: dict[str, Any] = httpx.get(f"{self.run.simulator_url}/sim/ledger", timeout=30).json()
        return answer

    def ids_accepted_twice(self) -> list[str]:
        """Return the client order ids that the exchange has taken more than once."""
        return [key for key, seen in self.ledger()["client_ids"].items() if seen["accepted"] > 1]

    @contextlib.asynccontextmanager
    async def log(self) -> AsyncIterator[JetStreamLog]:
        log = JetStreamLog(await connect(self.run.nats_url, name="test"), "main")
        try:
            yield log
        finally:
            await log.close()

    async def await_events(
        self, kind: type[Event], count: int, *, timeout_s: float, after_seq: int = 0
    ) -> list[tuple[Record, Event]]:
        """Return the first `count` events of a kind, waiting for them."""
        found: list[tuple[Record, Event]] = []
        async with self.log() as log, asyncio.timeout(timeout_s):
            async for delivery in log.read(DECISIONS, after_seq=after_seq):
                record = delivery.record
                if record is None:
                    continue
                found += [(record, event) for event in record.events if isinstance(event, kind)]
                if len(found) >= count:
                    return found
        raise AssertionError("unreachable: a live reader does not end")
