"""Sizes a trade so that a stop-out costs at most one R, within every cap.

Specification 4.1, in its order, in Decimal, floored to the lot: a size never exceeds a cap (W-R1).
"""

from decimal import Decimal

import msgspec

from services.risk.domain.decimals import ZERO, divide_down, exact, floor_to, multiply_down
from shared.contracts.market import Instrument
from shared.contracts.preset import RiskLimits
from shared.contracts.risk import SizeCap

# Specification 4.1: a size above the depth becomes this share of it; below 10 USD there is no trade.
DEPTH_SHARE = Decimal("0.8")
NOTIONAL_USD_MIN = Decimal(10)
REDUCED_SHARE = Decimal("0.5")


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a size depends on. `depth_usd` is that of the side the entry takes from, within 0.3 %."""

    equity_usd: Decimal
    entry_px: Decimal
    stop_px: Decimal
    depth_usd: Decimal
    margin_usd: Decimal
    # Halve: the account is under stress (specification 4.2, step 4).
    reduced: bool


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity in whole lots, possibly zero, and what bounded it in the order applied."""

    quantity: Decimal
    notional_usd: Decimal
    risk_usd: Decimal
    caps: tuple[SizeCap, ...]


def size(ask: Ask, limits: RiskLimits, instrument: Instrument) -> Size:
    """Return the largest size that every cap allows; zero when that is no whole lot.

    The caller has made sure that entry and stop differ and that prices and equity are positive.
    """
    distance = abs(ask.entry_px - ask.stop_px)
    assert distance > 0, "a stop at the entry price defines no R"
    assert ask.equity_usd > 0, "there is no R of nothing"
    quantity = divide_down(multiply_down(ask.equity_usd, exact(limits.risk_per_trade)), distance)
    caps = [SizeCap.RISK]
    for cap, most in _caps(ask, limits, instrument, quantity):
        if most < quantity:
            quantity = most
            caps.append(cap)
    if ask.reduced:
        quantity *= REDUCED_SHARE
        caps.append(SizeCap.REDUCED)
    quantity = floor_to(max(quantity, ZERO), instrument.lot_size)
    return Size(
        quantity=quantity,
        notional_usd=quantity * ask.entry_px,
        risk_usd=quantity * distance,
        caps=tuple(caps),
    )


def _caps(
    ask: Ask, limits: RiskLimits, instrument: Instrument, wanted: Decimal
) -> list[tuple[SizeCap, Decimal]]:
    """Return each cap as a quantity, in the order of the specification."""
    caps = []
    if limits.max_position_size_usd is not None:
        most = divide_down(exact(limits.max_position_size_usd), ask.entry_px)
        caps.append((SizeCap.POSITION_SIZE_MAX, most))
        wanted = min(wanted, most)
    if wanted * ask.entry_px > ask.depth_usd:
        most = divide_down(multiply_down(DEPTH_SHARE, max(ask.depth_usd, ZERO)), ask.entry_px)
        caps.append((SizeCap.DEPTH, most))
    caps.append((SizeCap.MARGIN, divide_down(max(ask.margin_usd, ZERO), ask.entry_px)))
    if instrument.quantity_max is not None:
        caps.append((SizeCap.QUANTITY_MAX, instrument.quantity_max))
    return caps


def quantity_min(instrument: Instrument, entry_px: Decimal) -> Decimal:
    """Return the smallest quantity that venue and specification accept at this price."""
    least_usd = max(instrument.notional_min_usd, NOTIONAL_USD_MIN)
    return max(instrument.quantity_min, least_usd / entry_px)
