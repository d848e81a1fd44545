"""Give every question about the market its own random numbers.

A generator is keyed by (seed, symbol, purpose, index) through a hash that no interpreter setting
changes, so an answer does not depend on when, in what order or how often it is asked.
"""

from hashlib import blake2b

import numpy as np


def stable_hash(*parts: object) -> int:
    """Return a 64-bit number that depends on the parts' text only."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def dice(*parts: object) -> np.random.Generator:
    """Return the generator that belongs to these parts."""
    return np.random.Generator(np.random.PCG64(stable_hash(*parts)))
