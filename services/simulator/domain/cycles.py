"""Plan a market's day as cycles: range, squeeze, break, then trend, failure or fake-out.

One cycle lasts 100 to 165 minutes and is written as turning points in units of the symbol's ATR,
on a five-minute grid, so that a break is one candle of the 5-minute chart and the level before it
has been touched at least three times (specification, section 2.6).
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from services.simulator.domain.bars import Floats

DAY_MINUTES = 1440
_SHORTEST, _LONGEST = 100, 165


class Outcome(IntEnum):
    """What becomes of a break."""

    FOLLOWS = 0
    FAILS = 1
    FAKES_OUT = 2


class Cycle(NamedTuple):
    """Turning points of one cycle: minute within the cycle, and offset from its start in ATRs."""

    minutes: int
    break_minute: int
    direction: int
    outcome: Outcome
    half_width: float
    times: Floats
    offsets: Floats

    @property
    def end(self) -> float:
        return float(self.offsets[-1])


def split_day(rng: np.random.Generator) -> list[int]:
    """Return cycle lengths, multiples of five minutes, that fill a day."""
    lengths: list[int] = []
    left = DAY_MINUTES
    while left > 2 * _LONGEST:
        lengths.append(5 * int(rng.integers(_SHORTEST // 5, _LONGEST // 5 + 1)))
        left -= lengths[-1]
    half = left // 10 * 5
    return [*lengths, half, left - half]


def plan_cycle(rng: np.random.Generator, minutes: int, pull: float) -> Cycle:
    """Draw one cycle; `pull` in -1..1 makes upward breaks likelier where it is positive."""
    direction = 1 if rng.random() < 0.5 + 0.4 * pull else -1
    outcome = Outcome(int(rng.choice(3, p=(0.55, 0.31, 0.14))))
    after = 5 * int(rng.integers(6, 10))
    break_minute = minutes - after - 5
    half_width = float(rng.uniform(1.5, 2.1))
    times, offsets = _range_points(rng, break_minute, half_width)
    tail_times, tail_offsets = _break_points(rng, outcome, half_width, after)
    return Cycle(
        minutes,
        break_minute,
        direction,
        outcome,
        half_width,
        np.concatenate((times, break_minute + tail_times)),
        direction * np.concatenate((offsets, tail_offsets)),
    )


def _range_points(rng: np.random.Generator, length: int, half_width: float) -> tuple[Floats, Floats]:
    """Return the swings of the range for an upward break: full width first, then higher lows."""
    swings = max(5, 2 * round(length / 26) + 1)
    inner = np.linspace(0.0, length, swings + 1)[1:]
    jitter = rng.uniform(-2.0, 2.0, swings)
    jitter[-1] = 0.0
    progress = inner / length
    tops = rng.uniform(0.93, 1.0, swings)
    bottoms = -rng.uniform(0.8, 1.0, swings) * np.clip(1.9 - 1.9 * progress, 0.0, 1.0)
    is_top = np.arange(swings) % 2 == 0
    values = half_width * np.where(is_top, tops, bottoms)
    # The last swing ends just under the level, where the break candle opens.
    values[-1] = 0.72 * half_width
    return np.concatenate(([0.0], inner + jitter)), np.concatenate(([0.0], values))


def _break_points(
    rng: np.random.Generator, outcome: Outcome, half_width: float, after: int
) -> tuple[Floats, Floats]:
    """Return the five break minutes and what follows, relative to the break's start, upwards."""
    level, beyond = half_width, float(rng.uniform(0.8, 1.3))
    top = level + beyond
    if outcome is Outcome.FAKES_OUT:
        times = [2.5, 5.0, 15.0, after * 0.6, after + 5.0]
        values = [level + 0.7, level - 0.35, -0.2 * level, -0.6 * level, -0.3 * level]
    elif outcome is Outcome.FAILS:
        times = [5.0, 10.0, 20.0, after * 0.7, after + 5.0]
        values = [top, top + 0.25, level - 0.6, -0.4 * level, -0.2 * level]
    else:
        gain = float(rng.uniform(2.6, 4.8))
        dip = level + 0.15 if rng.random() < 0.4 else top - 0.3
        times = [5.0, 10.0, 17.0, after * 0.6 + 5, after * 0.75 + 5, after + 5.0]
        values = [top, top + 0.5, dip, top + 0.85 * gain, top + 0.65 * gain, top + gain]
    return np.array(times), np.array(values)
