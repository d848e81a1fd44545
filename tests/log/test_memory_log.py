"""Hold the memory log to what every log does."""

import pytest

from shared.log.memory import MemoryLog
from tests.log.behaviour import LogBehaviour
from tests.log.reading import OpenLog


class TestMemoryLog(LogBehaviour):
    @pytest.fixture
    def open_log(self) -> OpenLog:
        log = MemoryLog()

        async def open_log() -> MemoryLog:
            return log

        return open_log
