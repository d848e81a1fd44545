"""Define the level and density sections of a preset: what a level is and what a wall is.

SPEC sections 2.6, 2.7 and 9.1.
"""

from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.units import Bars, Bps, Count, Multiple, Percent, Seconds, doc

_Step = Annotated[float, Meta(gt=0, le=1e6, extra_json_schema={"x-unit": "price"})]


class LevelsRules(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Demands on a support or resistance level."""

    min_touches: Annotated[Count, doc("Touches that make a level.")] = 2
    prefer_round_numbers: Annotated[bool, doc("Strengthen levels near round numbers.")] = True
    round_step_candidates: Annotated[
        tuple[_Step, ...], Meta(max_length=20), doc("Steps of round numbers.")
    ] = (
        0.01,
        0.05,
        0.1,
        1.0,
        5.0,
        10.0,
    )
    cascade_min_levels: Annotated[Count, doc("Neighbouring levels that make a cascade.")] = 2
    cascade_radius_bps: Annotated[Bps, doc("Distance within which levels are neighbours.")] = 15.0
    approach_slope_max_pct_per_bar: Annotated[Percent, doc("Steepest good approach.")] = 1.5
    prebreakout_consolidation_min_bars: Annotated[Bars, doc("Bars near the level before the break.")] = 3


class DensityConfig(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as a wall in the order book."""

    k_density: Annotated[Multiple, doc("Size of a wall over the median bucket.")] = 7.0
    bucket_ticks: Annotated[Count, doc("Width of a bucket in ticks.")] = 3
    lookback_window_s: Annotated[Seconds, doc("Time over which the median is taken.")] = 300.0
