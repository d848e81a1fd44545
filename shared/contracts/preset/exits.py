"""Define the optional exit layers of a preset: ladder, target placement, exit rules, stages.

A section that a preset leaves out switches nothing on: the rules of SPEC section 6.1 stay
alone in force. SPEC sections 6.2 and 9.1.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.units import (
    Bars,
    Bps,
    Count,
    Hours,
    Minutes,
    Multiple,
    Percent,
    RMultiple,
    Seconds,
    Share,
    ShareOrZero,
    doc,
)


class TpPlacement(StrEnum):
    """Where a rung of the ladder is placed relative to its nominal price."""

    FIXED = "fixed"
    SMART = "smart"
    ADAPTIVE = "adaptive"


class TpLevel(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rung of the take-profit ladder."""

    level_name: Annotated[str, Meta(min_length=1, max_length=40), doc("Label, for instance TP1.")]
    reward_multiple: Annotated[RMultiple, doc("Distance of the rung from the entry.")]
    size_pct: Annotated[Share, doc("Share of the initial quantity closed here.")]
    placement_mode: Annotated[TpPlacement, doc("How the rung avoids walls and levels.")] = TpPlacement.FIXED


class TpSmartPlacement(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How smart and adaptive rungs step aside from walls and levels."""

    enabled: Annotated[bool, doc("Whether rungs are moved at all.")] = False
    avoid_density_zones: Annotated[bool, doc("Move a rung out of a density zone.")] = True
    density_zone_buffer_bps: Annotated[Bps, doc("Distance kept before a density zone.")] = 10.0
    avoid_sr_levels: Annotated[bool, doc("Move a rung before a support or resistance.")] = True
    sr_level_buffer_bps: Annotated[Bps, doc("Distance kept before such a level.")] = 15.0
    prefer_round_numbers: Annotated[bool, doc("Snap a rung to a round number.")] = True
    round_number_step: Annotated[
        float, Meta(gt=0, le=1e6, extra_json_schema={"x-unit": "price"}), doc("Step of round numbers.")
    ] = 0.1
    max_adjustment_bps: Annotated[Bps, doc("Farthest that a rung is moved.")] = 20.0


class ExitRules(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exits before target or stop, when the reason for the trade has gone."""

    failed_breakout_enabled: Annotated[bool, doc("Exit when price is back through the level.")] = False
    failed_breakout_bars: Annotated[Bars, doc("Bars after the entry from which that is checked.")] = 3
    failed_breakout_retest_threshold: Annotated[ShareOrZero, doc("How far back counts as failed.")] = 0.5
    activity_drop_enabled: Annotated[bool, doc("Exit when activity dries up.")] = False
    activity_drop_threshold: Annotated[
        Share, doc("Activity over its pre-entry value, below which to exit.")
    ] = 0.3
    activity_drop_window_bars: Annotated[Bars, doc("Bars over which activity is measured.")] = 5
    weak_impulse_enabled: Annotated[bool, doc("Exit when price does not move.")] = False
    weak_impulse_min_move_pct: Annotated[Percent, doc("Least favourable move.")] = 0.3
    weak_impulse_check_bars: Annotated[Bars, doc("Bars after which the move is judged.")] = 5
    max_hold_time_hours: Annotated[
        Hours | None, doc("Longest holding time; null: the position section's.")
    ] = None
    time_stop_minutes: Annotated[
        Minutes | None, doc("Age at which an unprofitable position closes; null: none.")
    ] = None
    volatility_exit_enabled: Annotated[bool, doc("Exit on a volatility spike.")] = False
    volatility_spike_threshold: Annotated[Multiple, doc("Standard deviations that make a spike.")] = 3.0


class FsmConfig(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stages of a position: confirmation, running, break-even, trailing, partly closed, exiting."""

    enabled: Annotated[bool, doc("Whether stages drive the stop.")] = False
    entry_confirmation_bars: Annotated[Bars, doc("Bars until an entry is confirmed.")] = 2
    entry_max_slippage_bps: Annotated[Bps, doc("Largest slippage of an entry.")] = 10.0
    running_monitor_interval_s: Annotated[Seconds, doc("Time between two looks at a running position.")] = 5.0
    running_breakeven_trigger_r: Annotated[RMultiple, doc("Profit that moves the stop to break-even.")] = 1.0
    partial_closed_trail_enabled: Annotated[bool, doc("Trail once a target was hit.")] = True
    partial_closed_trail_trigger_r: Annotated[RMultiple, doc("Profit from which that trail starts.")] = 2.0
    partial_closed_trail_step_bps: Annotated[Bps, doc("Distance of that trail.")] = 20.0
    breakeven_buffer_bps: Annotated[Bps, doc("Distance of the break-even stop beyond the entry.")] = 5.0
    breakeven_lock_profit_enabled: Annotated[bool, doc("Lock a profit with the break-even stop.")] = True
    breakeven_lock_profit_bps: Annotated[Bps, doc("Profit that is locked.")] = 10.0
    trailing_activation_r: Annotated[RMultiple, doc("Profit from which the stop trails.")] = 2.0
    trailing_step_bps: Annotated[Bps, doc("Distance of the trailing stop.")] = 20.0
    trailing_acceleration_enabled: Annotated[bool, doc("Tighten the trail late in the move.")] = True
    trailing_accel_after_r: Annotated[RMultiple, doc("Profit from which the trail tightens.")] = 4.0
    trailing_accel_step_bps: Annotated[Bps, doc("Distance of the tight trail.")] = 10.0
    exiting_timeout_s: Annotated[Seconds, doc("Time an exit order may take.")] = 30.0
    exiting_panic_after_attempts: Annotated[Count, doc("Failed exits after which to close at any price.")] = 3
