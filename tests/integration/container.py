"""Finds a Docker engine, and runs the broker of the public image on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import docker  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]

NATS_IMAGE = "nats:2.12-alpine"
CLIENT_PORT = 4222
START_TIMEOUT_S = 30


@cache
def engine_version() -> str:
    """Return the version of the engine that answers, or nothing."""
    try:
        client = docker.from_env(timeout=5)
        try:
            return str(client.version()["Version"])
        finally:
            client.close()
    except (DockerException, OSError):
        return ""


@contextmanager
def nats_container() -> Iterator[str]:
    """Run a broker in a container for as long as the context lasts; give its URL."""
    # Imported here: a machine without an engine need not load it.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    ready = LogMessageWaitStrategy("Server is ready").with_startup_timeout(START_TIMEOUT_S)
    container = (
        DockerContainer(NATS_IMAGE).with_command("-js").with_exposed_ports(CLIENT_PORT).waiting_for(ready)
    )
    with container as running:
        host, port = running.get_container_host_ip(), running.get_exposed_port(CLIENT_PORT)
        yield f"nats://{host}:{port}"
