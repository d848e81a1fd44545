"""Assemble the sections into a preset: one complete set of trading rules.

A preset never names a host, a port or a key; those are configuration and change no decision.
SPEC section 9.1.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.entry import SignalConfig
from shared.contracts.preset.execution import ExecutionConfig
from shared.contracts.preset.filters import LiquidityFilters, VolatilityFilters
from shared.contracts.preset.levels import DensityConfig, LevelsRules
from shared.contracts.preset.position import PositionConfig
from shared.contracts.preset.risk import RiskLimits
from shared.contracts.preset.scanning import ScannerConfig
from shared.contracts.preset.units import PresetName, doc


class StrategyPriority(StrEnum):
    """Which entry is tried first at a level."""

    MOMENTUM = "momentum"
    RETEST = "retest"

    @classmethod
    def _missing_(cls, value: object) -> "StrategyPriority | None":
        """Accept the longer names that some preset files use."""
        return {"breakout_momentum": cls.MOMENTUM, "breakout_retest": cls.RETEST}.get(str(value))


class Preset(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named, complete and checked set of trading rules."""

    name: Annotated[PresetName, doc("Identifier; the file is called the same.")]
    description: Annotated[str, Meta(min_length=1, max_length=2_000), doc("What the rules are after.")]
    target_markets: Annotated[
        str, Meta(min_length=1, max_length=500), doc("Markets the rules are meant for.")
    ]
    notes: Annotated[
        tuple[Annotated[str, Meta(max_length=2_000)], ...],
        Meta(max_length=50),
        doc("Where these numbers differ from their source, and why."),
    ] = ()
    strategy_priority: Annotated[
        StrategyPriority,
        doc("Entry tried first; breakout_momentum and breakout_retest are read as synonyms."),
    ]
    risk: Annotated[RiskLimits, doc("Loss limits.")]
    liquidity_filters: Annotated[LiquidityFilters, doc("Markets liquid enough.")]
    volatility_filters: Annotated[VolatilityFilters, doc("Markets lively enough.")]
    signal_config: Annotated[SignalConfig, doc("Entry conditions.")]
    position_config: Annotated[PositionConfig, doc("Position management.")]
    scanner_config: Annotated[ScannerConfig, doc("Universe, cycle and score.")]
    execution_config: Annotated[ExecutionConfig, doc("Orders.")] = ExecutionConfig()
    levels_rules: Annotated[LevelsRules, doc("Levels.")] = LevelsRules()
    density_config: Annotated[DensityConfig, doc("Walls in the book.")] = DensityConfig()
