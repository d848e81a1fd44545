"""Brings the demo up by docker compose, lets it trade, and takes it down; where a Docker engine answers."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PROJECT = f"breakout-test-{os.getpid()}"
HEALTHY_TIMEOUT_S = 240
TRADE_TIMEOUT_S = 180
SERVICES = frozenset(
    {"nats", "simulator", "orchestrator", "market", "scanner", "signals", "risk", "execution", "gateway"}
)


def _compose_command() -> list[str] | None:
    """Return `docker compose`, or the older `docker-compose`, or None without an engine."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode != 0:
        return None
    if subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        return [docker, "compose"]
    older = shutil.which("docker-compose")
    return [older] if older else None


COMPOSE = _compose_command()
pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(COMPOSE is None, reason="no Docker engine answers, or compose is missing"),
]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _compose(*words: str, port: int, check: bool = True) -> str:
    assert COMPOSE is not None
    done = subprocess.run(
        [*COMPOSE, "-p", PROJECT, *words],
        cwd=ROOT,
        env=os.environ | {"BREAKOUT_PORT": str(port), "BREAKOUT_SPEED": "120", "DOCKER_BUILDKIT": "0"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def gateway() -> Iterator[httpx.Client]:
    port = _free_port()
    try:
        _compose("up", "--build", "-d", port=port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        print(_compose("logs", "--tail", "30", port=port, check=False))
        _compose("down", "-v", "--timeout", "10", port=port)


def _await(client: httpx.Client, path: str, wanted: str, timeout_s: float) -> object:
    """Ask once a second until the answer is a success and not empty."""
    deadline = time.monotonic() + timeout_s
    answer: object = None
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            response = client.get(path)
            answer = response.json()
            if response.is_success and answer:
                return answer
        time.sleep(1)
    raise AssertionError(f"no {wanted} within {timeout_s:g} s; the last answer: {answer}")


def test_every_container_becomes_healthy(gateway: httpx.Client) -> None:
    _await(gateway, "/ready", "readiness", HEALTHY_TIMEOUT_S)
    deadline = time.monotonic() + HEALTHY_TIMEOUT_S
    unhealthy: dict[str, str] = {}
    while time.monotonic() < deadline:
        unhealthy = {name: health for name, health in _health().items() if health != "healthy"}
        if not unhealthy:
            return
        time.sleep(1)
    raise AssertionError(f"not healthy: {unhealthy}")


def _health() -> dict[str, str]:
    listed = subprocess.run(
        [
            "docker", "ps", "--filter", f"label=com.docker.compose.project={PROJECT}", "--format",
            '{{.Label "com.docker.compose.service"}} {{.Status}}',
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout  # fmt: skip
    states = dict(line.split(" ", 1) for line in listed.splitlines())
    return {
        name: "healthy" if "(healthy)" in states.get(name, "") else states.get(name, "absent")
        for name in SERVICES
    }


def test_it_trades(gateway: httpx.Client) -> None:
    trades = _await(gateway, "/api/trades", "closed trade", TRADE_TIMEOUT_S)
    assert isinstance(trades, list)
    assert trades[0]["symbol"]


def test_only_loopback_is_published(gateway: httpx.Client) -> None:
    published = subprocess.run(
        [
            "docker", "ps", "--filter", f"label=com.docker.compose.project={PROJECT}", "--format",
            '{{.Label "com.docker.compose.service"}} {{.Ports}}',
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout  # fmt: skip
    mapped = [line for line in published.splitlines() if "->" in line]
    assert [line.split()[0] for line in mapped] == ["gateway"]
    assert all("127.0.0.1:" in line and "0.0.0.0:" not in line for line in mapped)
