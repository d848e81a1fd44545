"""Define the risk section of a preset: what one trade, one day and one account may lose.

SPEC sections 4.1 to 4.3 and 9.1. Guidance, not enforced: the kill switch at twice the daily
limit or more, the daily limit at five trades' risk or more.
"""

from typing import Annotated

from msgspec import Meta

from shared.contracts.base import Value
from shared.contracts.preset.units import Share, ShareOrZero, Usd, doc


class RiskLimits(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that size a trade, refuse it, or stop the desk."""

    risk_per_trade: Annotated[Share, doc("Share of equity lost when a trade stops out: one R.")]
    max_concurrent_positions: Annotated[
        int,
        Meta(ge=1, le=10, extra_json_schema={"x-unit": "count"}),
        doc("Open positions at which entries are denied."),
    ]
    daily_risk_limit: Annotated[
        Share, doc("Loss of the day, as a share of its starting equity, that ends entries.")
    ]
    max_position_size_usd: Annotated[Usd | None, doc("Cap on a position's notional; null: none.")] = None
    kill_switch_loss_limit: Annotated[Share, doc("Loss, as a share of equity, that trips the kill switch.")]
    correlation_limit: Annotated[
        ShareOrZero, doc("Largest |correlation| with BTC at which an entry is approved.")
    ]
    max_consecutive_losses: Annotated[
        int,
        Meta(ge=1, le=20, extra_json_schema={"x-unit": "count"}),
        doc(
            "Losing closes in a row after which entries are denied, until a win, the next UTC day or a person clears it."
        ),
    ] = 5
