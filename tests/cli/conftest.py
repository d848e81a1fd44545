import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from services.cli.app import app
from tests.cli.sessions import Entry, deciding_session, write_home
from tests.cli.trade import traded_session

SEED = int(os.environ.get("TEST_SEED", "20261122"))

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a reading command as a person would type it."""
    monkeypatch.delenv("BREAKOUT_HOME", raising=False)
    monkeypatch.delenv("BREAKOUT__NATS__URL", raising=False)
    yield lambda *words: CliRunner().invoke(app, [str(word) for word in words])
    # The loggers of a command write to the runner's stderr, which is closed by now.
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def decided() -> list[Entry]:
    print(f"TEST_SEED={SEED}")
    return deciding_session(SEED)


@pytest.fixture(scope="module")
def decided_home(decided: list[Entry], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose desk has scanned a random market with the real deciders."""
    return write_home(tmp_path_factory.mktemp("decided"), decided)


@pytest.fixture(scope="module")
def traded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose desk has made one trade."""
    return write_home(tmp_path_factory.mktemp("traded"), traded_session())
