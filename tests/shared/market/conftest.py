"""Random markets with a printed seed, with and without holes."""

import os

import numpy as np
import pytest

from shared.market.bars import Bars


def random_bars(seed: int, rows: int, symbols: int) -> Bars:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.004, (rows, symbols))
    close = rng.uniform(0.01, 50_000.0, symbols) * np.exp(np.cumsum(steps, axis=0))
    opened = close * np.exp(rng.normal(0.0, 0.002, (rows, symbols)))
    high = np.maximum(opened, close) * (1.0 + np.abs(rng.normal(0.0, 0.002, (rows, symbols))))
    low = np.minimum(opened, close) * (1.0 - np.abs(rng.normal(0.0, 0.002, (rows, symbols))))
    return Bars(opened, high, low, close, rng.lognormal(3.0, 1.0, (rows, symbols)))


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("TEST_SEED", "0")) or int(np.random.SeedSequence().entropy % 2**32)  # type: ignore[operator]
    print(f"TEST_SEED={chosen}")
    return chosen


@pytest.fixture
def bars(seed: int) -> Bars:
    return random_bars(seed, rows=160, symbols=7)


@pytest.fixture
def holed(bars: Bars, seed: int) -> Bars:
    """Bars with an empty column, a short history, single holes and an outage."""
    missing = np.random.default_rng(seed + 1).random(bars.close.shape) < 0.02
    missing[:, 0] = False
    missing[:, 1] = True
    missing[:100, 2] = True
    missing[60:80, 3] = True
    return Bars(*(np.where(missing, np.nan, field) for field in bars))
