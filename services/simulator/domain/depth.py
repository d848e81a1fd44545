"""Lay out a finite order book around the price, leaning the way the order flow leans.

Levels sit on a fixed grid and keep their size for some seconds, so that consecutive books differ
in a few levels only, as real ones do.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.simulator.domain.bars import Ints

LEVELS = 60
EPOCH_MS = 3_000
_REACH_FRAC = 0.008
_SIZE_LIFE_EPOCHS = 16
_MASK = 2**64 - 1
_FIRST_PROFILE = 0.7


class Depth(NamedTuple):
    """Both sides of a book, best first: prices in ticks, sizes in whole lots."""

    bid_ticks: Ints
    bid_lots: Ints
    ask_ticks: Ints
    ask_lots: Ints


class Touch(NamedTuple):
    """The first level of both sides."""

    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


class Liquidity(NamedTuple):
    """How deep a market is: ticks of spread, lots per level at the touch, ticks between levels."""

    spread_ticks: int
    lots_per_level: float
    grid_ticks: int


def liquidity_at(price: float, tick: float, lot: float, turnover_usd: float, spread_bps: float) -> Liquidity:
    """Return the depth that suits a turnover: about a two-thousandth of a day's within 0.3 % per side."""
    grid = max(round(price * _REACH_FRAC / LEVELS / tick), 1)
    levels_near = max(0.003 * price / (grid * tick), 1.0)
    usd_near = max(2.5e4, turnover_usd * 5e-4)
    return Liquidity(
        spread_ticks=max(round(spread_bps * 1e-4 * price / tick), 1),
        lots_per_level=usd_near / levels_near / price / lot,
        grid_ticks=grid,
    )


def lay_out(salt: int, mid_ticks: int, liquidity: Liquidity, lean: float, now_ms: int) -> Depth:
    """Return the book at a time; `lean` in -1..1 is the imbalance it shows, positive is more bids."""
    spread, grid = liquidity.spread_ticks, liquidity.grid_ticks
    best_bid = max(mid_ticks - (spread + 1) // 2, 1)
    best_ask = best_bid + spread
    steps = np.arange(LEVELS - 1, dtype=np.int64)
    bids = np.concatenate(([best_bid], ((best_bid - 1) // grid - steps) * grid))
    asks = np.concatenate(([best_ask], (best_ask // grid + 1 + steps) * grid))
    bids = bids[bids > 0]
    epoch = now_ms // EPOCH_MS
    return Depth(
        bids,
        _lots(salt, bids, liquidity.lots_per_level * (1 + lean), epoch),
        asks,
        _lots(salt + 1, asks, liquidity.lots_per_level * (1 - lean), epoch),
    )


def touch(salt: int, mid_ticks: int, liquidity: Liquidity, lean: float, now_ms: int) -> Touch:
    """Return the first levels of the book that `lay_out` would return, without the rest."""
    bid = max(mid_ticks - (liquidity.spread_ticks + 1) // 2, 1)
    ask = bid + liquidity.spread_ticks
    epoch, typical = now_ms // EPOCH_MS, liquidity.lots_per_level
    return Touch(
        bid,
        _lots_at(salt, bid, typical * (1 + lean), epoch),
        ask,
        _lots_at(salt + 1, ask, typical * (1 - lean), epoch),
    )


def _lots_at(salt: int, ticks: int, typical: float, epoch: int) -> int:
    """Return `_lots` of the first level in plain integers, much faster for a single value."""
    life = (epoch + _mix_one(ticks) % _SIZE_LIFE_EPOCHS) // _SIZE_LIFE_EPOCHS
    draw = _mix_one((ticks * 0x9E3779B97F4A7C15 + life + (salt & 0xFFFFFFFF)) & _MASK)
    return max(round(typical * _FIRST_PROFILE * (0.5 + (draw >> 11) * 2.0**-53)), 1)


def _mix_one(key: int) -> int:
    z = (key + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _lots(salt: int, ticks: Ints, typical: float, epoch: int) -> Ints:
    keys = ticks.astype(np.uint64)
    # Each level changes its size at its own times.
    life = (np.uint64(epoch) + _mix(keys) % np.uint64(_SIZE_LIFE_EPOCHS)) // np.uint64(_SIZE_LIFE_EPOCHS)
    with np.errstate(over="ignore"):
        draw = _mix(keys * np.uint64(0x9E3779B97F4A7C15) + life + np.uint64(salt & 0xFFFFFFFF))
    uniform = (draw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    profile = np.minimum(_FIRST_PROFILE + 0.02 * np.arange(ticks.size), 1.6)
    lots: Ints = np.maximum(np.rint(typical * profile * (0.5 + uniform)), 1).astype(np.int64)
    return lots


def _mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return splitmix64 of each key."""
    with np.errstate(over="ignore"):
        z = keys + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
