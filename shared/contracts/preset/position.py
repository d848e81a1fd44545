"""Define the position section of a preset: targets, stop, trail and how long a trade may live.

SPEC sections 6.1, 6.2 and 9.1.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.exits import ExitRules, FsmConfig, TpLevel, TpSmartPlacement
from shared.contracts.preset.units import (
    AtrMultiple,
    Bars,
    Bps,
    Hours,
    Minutes,
    RMultiple,
    Share,
    ShareOrZero,
    doc,
)


class SlMode(StrEnum):
    """What the protective stop follows."""

    FIXED = "fixed"
    CHANDELIER = "chandelier"
    ATR = "atr"


class PositionConfig(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Management of a position from its first fill; R is the distance to the initial stop."""

    tp1_r: Annotated[RMultiple, doc("Profit at the first target.")] = 1.0
    tp1_size_pct: Annotated[Share, doc("Share of the quantity closed at the first target.")] = 0.5
    tp2_r: Annotated[RMultiple, doc("Profit at the second target.")] = 2.0
    tp2_size_pct: Annotated[
        ShareOrZero, doc("Share of the remaining quantity closed at the second target; 0: no second target.")
    ] = 0.5
    tp_levels: Annotated[
        tuple[TpLevel, ...],
        Meta(max_length=6),
        doc("Ladder of 2 to 6 targets instead of TP1 and TP2; empty: none."),
    ] = ()
    tp_smart_placement: Annotated[TpSmartPlacement, doc("Placement of the ladder's rungs.")] = (
        TpSmartPlacement()
    )
    sl_mode: Annotated[SlMode, doc("What the stop follows.")] = SlMode.FIXED
    sl_r: Annotated[RMultiple, doc("Distance of the initial stop.")] = 1.0
    chandelier_atr_mult: Annotated[AtrMultiple, doc("Distance of the chandelier stop from the extreme.")] = (
        3.0
    )
    chandelier_lookback_bars: Annotated[Bars, doc("Bars of the chandelier's extreme and ATR.")] = 22
    breakeven_enabled: Annotated[bool, doc("Move the stop to break-even.")] = True
    breakeven_trigger_r: Annotated[RMultiple, doc("Profit that moves it.")] = 1.0
    breakeven_buffer_bps: Annotated[Bps, doc("Distance of the break-even stop beyond the entry.")] = 5.0
    trailing_enabled: Annotated[bool, doc("Let the stop trail.")] = True
    trailing_activation_r: Annotated[RMultiple, doc("Profit from which it trails.")] = 2.0
    trailing_step_bps: Annotated[Bps, doc("Distance of the trailing stop.")] = 20.0
    exit_rules: Annotated[ExitRules, doc("Exits before target or stop.")] = ExitRules()
    fsm_config: Annotated[FsmConfig, doc("Stages of a position.")] = FsmConfig()
    max_hold_time_hours: Annotated[Hours, doc("Age at which a position closes.")] = 24.0
    add_on_enabled: Annotated[bool, doc("Add once to a winner.")] = False
    add_on_max_size_pct: Annotated[ShareOrZero, doc("Size of the add-on, of the quantity held.")] = 0.5
    time_stop_minutes: Annotated[Minutes | None, doc("Age at which a position closes; null: none.")] = None
    panic_exit_on_activity_drop: Annotated[bool, doc("Close when activity drops.")] = False
    activity_drop_threshold: Annotated[Share, doc("Drop of the activity index that closes.")] = 0.4
