"""State the rules between fields that no single field's bounds can express.

A rule names the fields that it needs, so the reader can apply it as soon as those are valid
and report it together with every other problem. SPEC section 9.2 and pitfalls W-D7, W-R2.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

import msgspec
from msgspec import Struct

from shared.contracts.preset.execution import ExecutionConfig
from shared.contracts.preset.exits import TpLevel
from shared.contracts.preset.filters import VolatilityFilters
from shared.contracts.preset.position import PositionConfig
from shared.contracts.preset.scanning import ScannerConfig, ScoreWeights

# Shares such as 0.2 + 0.25 + 0.25 + 0.2 + 0.1 exceed 1 by an ulp or two.
_TOLERANCE = 1e-9


class Relation(Struct, frozen=True, kw_only=True):
    """A rule over `fields` of one section; the first of them is where a violation is reported."""

    fields: tuple[str, ...]
    violation: Callable[..., str | None]


def _atr_band(upper: float, lower: float) -> str | None:
    if upper >= lower:
        return None
    return f"expected at least atr_range_min ({lower:g}), got {upper:g}"


def _targets_ordered(tp2_r: float, tp1_r: float) -> str | None:
    return None if tp2_r > tp1_r else f"expected more than tp1_r ({tp1_r:g}), got {tp2_r:g}"


def _target_sizes(tp2_size: float, tp1_size: float) -> str | None:
    total = tp1_size + tp2_size
    if total <= 1 + _TOLERANCE:
        return None
    return f"expected tp1_size_pct + tp2_size_pct of at most 1, got {tp1_size:g} + {tp2_size:g} = {total:g}"


def _ladder_length(levels: tuple[TpLevel, ...]) -> str | None:
    return "expected 2 to 6 levels or none, got 1" if len(levels) == 1 else None


def _ladder_ordered(levels: tuple[TpLevel, ...]) -> str | None:
    multiples = [level.reward_multiple for level in levels]
    if all(nearer < farther for nearer, farther in pairwise(multiples)):
        return None
    return f"expected strictly increasing reward_multiple, got {', '.join(f'{m:g}' for m in multiples)}"


def _ladder_sizes(levels: tuple[TpLevel, ...]) -> str | None:
    total = sum(level.size_pct for level in levels)
    return None if total <= 1 + _TOLERANCE else f"expected size_pct to sum to at most 1, got {total:g}"


def _weights_sum(weights: ScoreWeights) -> str | None:
    total = sum(abs(weight) for weight in msgspec.structs.asdict(weights).values())
    if 0.8 - _TOLERANCE <= total <= 1.2 + _TOLERANCE:
        return None
    return f"expected absolute weights to sum to 0.8 to 1.2, got {total:g}"


def _slices_ordered(most: int, fewest: int) -> str | None:
    return None if most >= fewest else f"expected at least twap_min_slices ({fewest}), got {most}"


def _deadman_outlasts_slices(deadman_ms: int, fewest: int, interval_s: float) -> str | None:
    shortest_s = (fewest - 1) * interval_s
    if shortest_s * 1_000 < deadman_ms:
        return None
    return (
        f"expected more than the shortest TWAP, (twap_min_slices - 1) * twap_interval_seconds = "
        f"({fewest} - 1) * {interval_s:g} s = {shortest_s * 1_000:g} ms, got {deadman_ms} ms"
    )


def _deadman_outlasts_duration(deadman_ms: int, duration_s: float | None, enabled: bool) -> str | None:
    if not enabled or duration_s is None or duration_s * 1_000 < deadman_ms:
        return None
    return f"expected more than twap_duration_seconds ({duration_s * 1_000:g} ms), got {deadman_ms} ms"


def _twap_synonym(synonym: bool | None, enable_twap: bool) -> str | None:
    if synonym is None or synonym == enable_twap:
        return None
    return f"expected the value of enable_twap ({str(enable_twap).lower()}), got {str(synonym).lower()}"


def _one_limit_flag(fill_or_kill: bool, post_only: bool) -> str | None:
    if fill_or_kill and post_only:
        return "expected false with post_only: an order cannot both fill at once and refuse to take"
    return None


RELATIONS: Mapping[type[Struct], tuple[Relation, ...]] = {
    VolatilityFilters: (Relation(fields=("atr_range_max", "atr_range_min"), violation=_atr_band),),
    PositionConfig: (
        Relation(fields=("tp2_r", "tp1_r"), violation=_targets_ordered),
        Relation(fields=("tp2_size_pct", "tp1_size_pct"), violation=_target_sizes),
        Relation(fields=("tp_levels",), violation=_ladder_length),
        Relation(fields=("tp_levels",), violation=_ladder_ordered),
        Relation(fields=("tp_levels",), violation=_ladder_sizes),
    ),
    ScannerConfig: (Relation(fields=("score_weights",), violation=_weights_sum),),
    ExecutionConfig: (
        Relation(fields=("twap_max_slices", "twap_min_slices"), violation=_slices_ordered),
        Relation(
            fields=("deadman_timeout_ms", "twap_min_slices", "twap_interval_seconds"),
            violation=_deadman_outlasts_slices,
        ),
        Relation(
            fields=("deadman_timeout_ms", "twap_duration_seconds", "enable_twap"),
            violation=_deadman_outlasts_duration,
        ),
        Relation(fields=("twap_enabled", "enable_twap"), violation=_twap_synonym),
        Relation(fields=("fill_or_kill", "post_only"), violation=_one_limit_flag),
    ),
}
