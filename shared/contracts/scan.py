"""Defines what the scanner decides: every market's verdicts, scores and levels."""

from enum import StrEnum

from shared.contracts.base import Event, Value


class Check(Value, frozen=True, kw_only=True):
    """One condition, the value it looked at and the bounds it applied.

    `value` is None where the input is unknown; `minimum` and `maximum` are None where there is no
    such bound. Bounds are inclusive.
    """

    name: str
    passed: bool
    value: float | None = None
    minimum: float | None = None
    maximum: float | None = None


class ScoreComponent(Value, frozen=True, kw_only=True):
    """One summand of a market's score: `weight * value`."""

    name: str
    value: float
    weight: float


class MarketScore(Value, frozen=True, kw_only=True):
    """How one market did in one scan, passed or not."""

    symbol: str
    score: float
    passed: bool
    price: float
    btc_correlation: float | None
    filters: tuple[Check, ...]
    components: tuple[ScoreComponent, ...]


class MarketsScored(Event, frozen=True, kw_only=True):
    """The scanner has judged every market of its partition, the failing ones included."""

    scan_id: str
    partition: int
    markets: tuple[MarketScore, ...]


class LevelKind(StrEnum):
    """Which way a break of the level leads: resistance up, support down."""

    SUPPORT = "support"
    RESISTANCE = "resistance"


class Level(Value, frozen=True, kw_only=True):
    """A price that the market has turned at, and how much that means (0..1)."""

    symbol: str
    kind: LevelKind
    price: float
    touches: int
    strength: float
    first_touch_ms: int
    last_touch_ms: int
    base_height: float | None = None


class LevelsBuilt(Event, frozen=True, kw_only=True):
    """The scanner has found these levels in the markets of its partition, strongest first per symbol."""

    scan_id: str
    partition: int
    levels: tuple[Level, ...]
