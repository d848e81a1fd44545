"""Defines execution's verdicts on the account as a whole: reconciliation and corrections."""

from decimal import Decimal
from enum import StrEnum

from shared.contracts.base import Event, Value


class DiscrepancyKind(StrEnum):
    ORDER_MISSING_AT_VENUE = "order_missing_at_venue"
    ORDER_UNKNOWN_TO_US = "order_unknown_to_us"
    POSITION_DIFFERS = "position_differs"
    POSITION_UNKNOWN_TO_US = "position_unknown_to_us"
    BALANCE_DIFFERS = "balance_differs"


class Discrepancy(Value, frozen=True, kw_only=True):
    """One difference between our books and the venue's, with both figures."""

    kind: DiscrepancyKind
    subject: str
    ours: Decimal | None = None
    venues: Decimal | None = None


class AccountReconciled(Event, frozen=True, kw_only=True):
    """Our books equal the venue's; entries may open. Carries the account's figures."""

    wallet_usd: Decimal
    equity_usd: Decimal
    available_usd: Decimal


class ReconciliationFailed(Event, frozen=True, kw_only=True):
    """Our books differ from the venue's in ways that cannot be corrected without a person."""

    discrepancies: tuple[Discrepancy, ...]
