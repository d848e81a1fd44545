"""Gives every test a broker of its own where it asks for one, and says which broker that is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.log.server import PrivateServer, find_binary
from tests.integration.container import engine_version

pytest.register_assert_rewrite("tests.log.behaviour", "tests.log.reading", "tests.deciding")


def pytest_report_header() -> list[str]:
    version = engine_version()
    container = (
        f"Docker engine {version}" if version else "no Docker engine answers: the private server alone"
    )
    return [f"broker of the tests: {find_binary()}", f"broker of tests/integration: {container}"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[PrivateServer]:
    """A nats-server of this test's own, on a free port, synced to disk like a desk's."""
    private = PrivateServer(tmp_path / "broker")
    await private.start()
    yield private
    await private.stop()
