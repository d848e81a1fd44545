"""Define, read and check presets: the trading rules of a desk, as JSON files.

Every section is a frozen struct with units, bounds and descriptions; reading a file reports
all of its problems at once. SPEC section 9.
"""

from shared.contracts.preset.entry import EntryRules, MarketQuality, SignalConfig
from shared.contracts.preset.execution import ExecutionConfig
from shared.contracts.preset.exits import ExitRules, FsmConfig, TpLevel, TpPlacement, TpSmartPlacement
from shared.contracts.preset.files import (
    default_presets_dir,
    encode_preset,
    load_preset,
    preset_digest,
    preset_names,
    preset_schema,
)
from shared.contracts.preset.filters import LiquidityFilters, VolatilityFilters
from shared.contracts.preset.levels import DensityConfig, LevelsRules
from shared.contracts.preset.model import Preset, StrategyPriority
from shared.contracts.preset.position import PositionConfig, SlMode
from shared.contracts.preset.problems import (
    PresetError,
    PresetInvalid,
    PresetNameRefused,
    PresetNotFound,
    PresetUnreadable,
    Problem,
)
from shared.contracts.preset.reading import parse_preset
from shared.contracts.preset.risk import RiskLimits
from shared.contracts.preset.scanning import GainersFilter, LosersFilter, ScannerConfig, ScoreWeights

__all__ = [
    "DensityConfig",
    "EntryRules",
    "ExecutionConfig",
    "ExitRules",
    "FsmConfig",
    "GainersFilter",
    "LevelsRules",
    "LiquidityFilters",
    "LosersFilter",
    "MarketQuality",
    "PositionConfig",
    "Preset",
    "PresetError",
    "PresetInvalid",
    "PresetNameRefused",
    "PresetNotFound",
    "PresetUnreadable",
    "Problem",
    "RiskLimits",
    "ScannerConfig",
    "ScoreWeights",
    "SignalConfig",
    "SlMode",
    "StrategyPriority",
    "TpLevel",
    "TpPlacement",
    "TpSmartPlacement",
    "VolatilityFilters",
    "default_presets_dir",
    "encode_preset",
    "load_preset",
    "parse_preset",
    "preset_digest",
    "preset_names",
    "preset_schema",
]
