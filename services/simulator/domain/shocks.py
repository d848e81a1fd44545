"""Move a symbol's price by permanent factors from given times on, for tests that need a stop-out."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from services.simulator.domain.bars import Ints


class Shock(NamedTuple):
    """From `at_ms` on the price is multiplied by `factor`."""

    at_ms: int
    factor: float


class Shocks:
    """A symbol's shocks in order of time."""

    def __init__(self) -> None:
        self._shocks: list[Shock] = []

    def __iter__(self) -> Iterator[Shock]:
        return iter(self._shocks)

    def add(self, shock: Shock) -> None:
        self._shocks = sorted([*self._shocks, shock])

    def any_before(self, time_ms: int) -> bool:
        return bool(self._shocks) and self._shocks[0].at_ms < time_ms

    def factor(self, now_ms: int) -> float:
        """Return the product of all factors in force at a time."""
        product = 1.0
        for shock in self._shocks:
            if shock.at_ms <= now_ms:
                product *= shock.factor
        return product

    def scale(self, ticks: Ints, times: Ints) -> Ints:
        """Return prices of the same length as `times`, each with the factor of its time."""
        if not self._shocks or not times.size or self._shocks[0].at_ms > times[-1]:
            return ticks
        factors = np.ones(times.size)
        for shock in self._shocks:
            factors[times >= shock.at_ms] *= shock.factor
        scaled: Ints = np.maximum(np.rint(ticks * factors), 1).astype(np.int64)
        return scaled
