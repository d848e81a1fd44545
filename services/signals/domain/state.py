"""Defines what the signal service remembers between two records.

Everything is folded from the log and can be encoded, so a snapshot continues with the same bytes.
"""

from decimal import Decimal

import msgspec

from shared.contracts.market import FeedChannel
from shared.contracts.preset import Preset
from shared.contracts.scan import Level
from shared.contracts.signal import PositionSide, Strategy
from shared.market.window import BarWindow

BAR_S = 300
BAR_MS = BAR_S * 1_000
# Specification 2.3: the candles that every indicator is computed over.
WINDOW_BARS = 150


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A number observed at a desk time."""

    value: float
    time_ms: int


class Breakout(msgspec.Struct, frozen=True, kw_only=True):
    """A close beyond a level, whether or not it was traded."""

    level_px: float
    side: PositionSide
    time_ms: int


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """A signal of the recent past, open or answered."""

    side: PositionSide
    strategy: Strategy
    entry_px: Decimal
    bar_close_time_ms: int


class OpenSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that risk has not answered yet."""

    symbol: str
    expires_at_ms: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan said of a market, as far as a signal carries it on."""

    score: float
    btc_correlation: float | None


class Scan(msgspec.Struct, kw_only=True):
    """One scan of this partition's markets; `candidates` is filled when all partitions have answered."""

    scan_id: str = ""
    standings: dict[str, Standing] = {}
    levels: dict[str, tuple[Level, ...]] = {}
    candidates: tuple[str, ...] = ()


class SignalsState(msgspec.Struct, kw_only=True):
    """The state of one partition; dicts are keyed by symbol unless they say otherwise."""

    window: BarWindow
    preset: Preset | None = None
    entries_allowed: bool = False
    tick_sizes: dict[str, Decimal] = {}
    imbalances: dict[str, Reading] = {}
    # Public trades in the last observed window.
    trades: dict[str, Reading] = {}
    stale: dict[FeedChannel, dict[str, bool]] = {}
    # The scan whose parts arrive, and the one that decisions go by.
    arriving: Scan = msgspec.field(default_factory=Scan)
    scan: Scan = msgspec.field(default_factory=Scan)
    # Symbols whose newest bar the latest `BarsClosed` brought live.
    due: tuple[str, ...] = ()
    # Close time of each symbol's newest bar that has been due.
    due_until_ms: dict[str, int] = {}
    breakouts: dict[str, tuple[Breakout, ...]] = {}
    # By signal_id.
    active: dict[str, OpenSignal] = {}
    raised: dict[str, tuple[Raised, ...]] = {}


def is_stale(state: SignalsState, symbol: str) -> bool:
    """Whether any channel of the symbol has fallen silent."""
    return any(symbol in symbols for symbols in state.stale.values())
