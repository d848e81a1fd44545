"""Hold the JetStream log to what every log does, at the broker that users run."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.log.behaviour import LogBehaviour
from tests.log.reading import OpenLog, jetstream


class TestJetStreamLogAtThePublicBroker(LogBehaviour):
    @pytest.fixture
    async def open_log(self, broker_url: str) -> AsyncIterator[OpenLog]:
        # One broker serves all of these tests: each works on a desk of its own.
        async with jetstream(broker_url, desk=f"desk-{uuid4().hex[:8]}") as open_log:
            yield open_log
