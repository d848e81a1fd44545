"""Define the execution section of a preset: slicing, order types, fees and the deadman.

SPEC sections 5 and 9.1.
"""

from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.units import Bps, Milliseconds, Seconds, Share, Usd, doc

_SLICES = Meta(ge=1, le=50, extra_json_schema={"x-unit": "count"})


class ExecutionConfig(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an approved quantity becomes orders."""

    enable_twap: Annotated[bool, doc("Slice large orders over time.")] = True
    enable_iceberg: Annotated[bool, doc("Show slices as post-only limits while the spread is tight.")] = True
    max_depth_fraction: Annotated[
        Share, doc("Largest share of the depth within 5 bps that one slice takes.")
    ] = 0.25
    twap_min_slices: Annotated[int, _SLICES, doc("Fewest slices of an order that is sliced.")] = 3
    twap_max_slices: Annotated[int, _SLICES, doc("Most slices of an order.")] = 12
    twap_interval_seconds: Annotated[Seconds, doc("Time between two slices.")] = 3.0
    iceberg_min_notional: Annotated[Usd, doc("Least notional of an order that is shown in parts.")] = 3_000.0
    limit_offset_bps: Annotated[Bps, doc("Distance of a limit behind the best price of its side.")] = 2.0
    spread_widen_bps: Annotated[Bps, doc("Spread above which an order goes to market.")] = 12.0
    deadman_timeout_ms: Annotated[Milliseconds, doc("Time after which no further slice is sent.")] = 10_000
    taker_fee_bps: Annotated[Bps, doc("Fee assumed for a taker when the venue tells none.")] = 7.5
    maker_fee_bps: Annotated[Bps, doc("Fee assumed for a maker when the venue tells none.")] = 2.0
    use_limit_orders: Annotated[bool, doc("Enter by limit; false: by market orders only.")] = True
    limit_timeout_seconds: Annotated[Seconds, doc("Time a limit may rest before it is cancelled.")] = 30.0
    fill_or_kill: Annotated[bool, doc("Fill a limit whole at once or not at all.")] = False
    post_only: Annotated[bool, doc("Refuse to take with a limit.")] = True
    twap_enabled: Annotated[bool | None, doc("Synonym of enable_twap; null or equal to it.")] = None
    twap_duration_seconds: Annotated[
        Seconds | None, doc("Time over which slices are spread; null: interval times slices.")
    ] = None
