"""Starts real simulator processes and unmodified ccxt clients of them."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import ccxt.pro as ccxtpro
import httpx

ROOT = Path(__file__).parents[3]
WAIT_S = 15.0
ETH = "ETH/USDT:USDT"


class Process:
    """One simulator process and what its tests ask of it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    async def get(self, path: str) -> Any:
        async with httpx.AsyncClient(timeout=WAIT_S) as http:
            reply = await http.get(self.url + path)
            reply.raise_for_status()
            return reply.json()

    async def post(self, path: str, /, **body: Any) -> Any:
        async with httpx.AsyncClient(timeout=WAIT_S) as http:
            reply = await http.post(self.url + path, json=body)
            reply.raise_for_status()
            return reply.json()

    async def ledger(self) -> Any:
        return await self.get("/sim/ledger")

    def kill(self) -> None:
        """Kill -9, as a crash would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=WAIT_S)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        self.process.communicate(timeout=3.0)
        return self.process.returncode


def launch(state: Path, *arguments: str) -> Process:
    """Start a simulator on a free port and wait until it listens."""
    process = run(state, *(arguments or ("--symbols", "5", "--speed", "60", "--latency-ms", "0")))
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    ready = json.loads(line)
    assert ready["event"] == "listening"
    return Process(process, ready["port"])


def run(state: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the program as a person would, with an environment free of other settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("BREAKOUT__")}
    return subprocess.Popen(
        [sys.executable, "-m", "services.simulator", "--state", str(state), *arguments],
        cwd=ROOT,
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def simulator(state: Path, *arguments: str) -> Iterator[Process]:
    process = launch(state, *arguments)
    try:
        yield process
    finally:
        process.kill()


@asynccontextmanager
async def client(process: Process, known: list[Any] | None = None, **credentials: str) -> AsyncIterator[Any]:
    """An unmodified ccxt.pro bybit: only its URLs and options are set; `known` markets save a request."""
    keys = {"apiKey": "demo-key", "secret": "demo-secret", **credentials}
    options = {
        "defaultType": "swap",
        "fetchMarkets": {"types": ["linear"]},
        "enableUnifiedAccount": True,
        "enableUnifiedMargin": False,
    }
    exchange = ccxtpro.bybit({**keys, "options": options, "timeout": 3000, "enableRateLimit": False})
    socket_url = process.url.replace("http", "ws")
    exchange.urls["api"] = {
        **dict.fromkeys(exchange.urls["api"], process.url),
        "ws": {
            "public": {"linear": f"{socket_url}/v5/public/linear"},
            "private": {"contract": f"{socket_url}/v5/private"},
        },
    }
    try:
        if known is None:
            await exchange.load_markets()
        else:
            exchange.set_markets(known)
        yield exchange
    finally:
        await exchange.close()
