"""Gives integration tests a broker: the public image where a Docker engine answers, else the private server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.log.server import PrivateServer
from tests.integration.container import engine_version, nats_container


@pytest.fixture(scope="session")
def container_url() -> Iterator[str]:
    """Where a broker in a container listens; empty where there is no Docker engine."""
    if not engine_version():
        yield ""
        return
    with nats_container() as url:
        yield url


@pytest.fixture
async def broker_url(container_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Where a broker for this test listens."""
    if container_url:
        yield container_url
        return
    server = PrivateServer(tmp_path / "broker")
    await server.start()
    yield server.url
    await server.stop()
