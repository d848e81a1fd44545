"""Finds a Docker engine, and runs the broker of the public image on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

NATS_IMAGE = "nats:2.12-alpine"
CLIENT_PORT = 4222
START_TIMEOUT_S = 30
ENGINE_TIMEOUT_S = 5


@cache
def engine_version() -> str:
    """Return the version of the engine that answers, or nothing."""
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

    try:
        client = DockerClient(timeout=ENGINE_TIMEOUT_S).client
        try:
            return str(client.version()["Version"])
        finally:
            client.close()
    except Exception:  # noqa: BLE001  whichever way it fails, there is no engine to use
        return ""


@contextmanager
def nats_container() -> Iterator[str]:
    """Run a broker in a container for as long as the context lasts; give its URL."""
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    # This context ends its container; a second image to watch over that need not be fetched.
    testcontainers_config.ryuk_disabled = True
    ready = LogMessageWaitStrategy("Server is ready").with_startup_timeout(START_TIMEOUT_S)
    container = (
        DockerContainer(NATS_IMAGE).with_command("-js").with_exposed_ports(CLIENT_PORT).waiting_for(ready)
    )
    with container as running:
        host, port = running.get_container_host_ip(), running.get_exposed_port(CLIENT_PORT)
        yield f"nats://{host}:{port}"
