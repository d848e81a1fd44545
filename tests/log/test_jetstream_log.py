"""Hold the JetStream log to what every log does, on a private server."""

from collections.abc import AsyncIterator

import pytest

from shared.log.server import PrivateServer
from tests.log.behaviour import LogBehaviour
from tests.log.reading import OpenLog, jetstream


class TestJetStreamLog(LogBehaviour):
    @pytest.fixture
    async def open_log(self, server: PrivateServer) -> AsyncIterator[OpenLog]:
        async with jetstream(server.url) as open_log:
            yield open_log
