from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running_desk import RunningDesk


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def desk(home: Path) -> Iterator[RunningDesk]:
    """A demo desk on generated markets, twice as fast as the default."""
    desk = RunningDesk(home, "--speed", "120", "--symbols", "40", "--seed", "7")
    desk.start()
    yield desk
    if desk.files.running() is not None:
        desk.stop()
