"""Define the scanner section of a preset: universe, cycle and the weights of the score.

SPEC sections 2.2, 2.5 and 9.1.
"""

from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.units import Count, Seconds, Symbol, Weight, doc


class ScoreWeights(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weight of each score component; a component that is not named weighs 0.

    Only components with a formula have a field, so that no preset ranks by a score of zeros.
    """

    vol_surge: Annotated[Weight, doc("Surge of volume over one hour and five minutes.")] = 0.0
    oi_delta: Annotated[Weight, doc("Change of open interest.")] = 0.0
    atr_quality: Annotated[Weight, doc("Distance of ATR over price from its best band, 1.5 % to 3.5 %.")] = (
        0.0
    )
    correlation: Annotated[Weight, doc("Moderate correlation with BTC.")] = 0.0
    trades_per_minute: Annotated[Weight, doc("Logarithm of trades per minute.")] = 0.0
    gainers_momentum: Annotated[Weight, doc("Rise over the last 5 bars with growing volume.")] = 0.0
    losers_momentum: Annotated[Weight, doc("Fall over the last 5 bars with growing volume.")] = 0.0
    losers_reversal: Annotated[Weight, doc("Recovery over the last 5 bars of a market that fell.")] = 0.0


class GainersFilter(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Admit only the day's strongest risers."""

    enabled: Annotated[bool, doc("Whether the filter applies.")] = True
    min_24h_change_pct: Annotated[
        float,
        Meta(ge=-100, le=10_000, extra_json_schema={"x-unit": "percent"}),
        doc("Least price change of the last 24 hours."),
    ]
    top_n_gainers: Annotated[Count, doc("How many of the strongest risers are admitted.")]


class LosersFilter(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Admit only the day's strongest fallers."""

    enabled: Annotated[bool, doc("Whether the filter applies.")] = True
    max_24h_change_pct: Annotated[
        float,
        Meta(ge=-100, le=10_000, extra_json_schema={"x-unit": "percent"}),
        doc("Largest price change of the last 24 hours; -6 admits falls of 6 % and more."),
    ]
    top_n_losers: Annotated[Count, doc("How many of the strongest fallers are admitted.")]


class ScannerConfig(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is scanned, how often, and how markets are ranked."""

    max_candidates: Annotated[Count, doc("Ranked markets that may raise signals.")]
    scan_interval_seconds: Annotated[Seconds, doc("Desk time between two scans.")]
    score_weights: Annotated[
        ScoreWeights, doc("Weights of the score; their absolute values sum to 0.8 to 1.2.")
    ]
    symbol_whitelist: Annotated[tuple[Symbol, ...] | None, doc("Symbols to scan; null: all.")] = None
    symbol_blacklist: Annotated[tuple[Symbol, ...] | None, doc("Symbols never to scan; null: none.")] = None
    top_n_by_volume: Annotated[Count | None, doc("Markets kept by 24-hour turnover; null: all.")] = None
    gainers_filter: Annotated[GainersFilter | None, doc("Gate for risers; null: none.")] = None
    losers_filter: Annotated[LosersFilter | None, doc("Gate for fallers; null: none.")] = None
