"""Folds where each opportunity stands: raised, approved, being entered, open.

The phases sizing, execution and managing follow from these counts. Everything here ends by itself:
signals and approvals expire, orders and positions have a last event.
"""

import msgspec

from shared.contracts.base import Event
from shared.contracts.order import (
    OrderCanceled,
    OrderFilled,
    OrderPurpose,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
)
from shared.contracts.position import PositionClosed, PositionOpened
from shared.contracts.risk import EntryRefused, SignalApproved, SignalDenied
from shared.contracts.signal import SignalExpired, SignalRaised


class Trades(msgspec.Struct, kw_only=True):
    """Opportunities under way."""

    # Signals without risk's answer, and approvals without a position: until when, in desk ms.
    raised: dict[str, int] = {}
    approved: dict[str, int] = {}
    # Working entry orders and the signal each is for.
    entries: dict[str, str] = {}
    # Open positions and their symbols.
    positions: dict[str, str] = {}

    def fold(self, event: Event) -> None:
        """Take in one event of signals, risk or execution."""
        match event:
            case SignalRaised():
                self.raised[event.signal_id] = event.expires_at_ms
            case SignalApproved():
                self.raised.pop(event.signal_id, None)
                self.approved[event.signal_id] = event.expires_at_ms
            case SignalDenied() | SignalExpired():
                self.raised.pop(event.signal_id, None)
            case EntryRefused():
                self.approved.pop(event.signal_id, None)
            case OrderSubmitted() if event.purpose is OrderPurpose.ENTRY:
                self.entries[event.client_order_id] = event.signal_id
            case OrderRejected() | OrderCanceled():
                self._entry_over(event.client_order_id)
            case OrderFilled() if event.status is OrderStatus.FILLED:
                self._entry_over(event.client_order_id)
            case PositionOpened():
                self.positions[event.position_id] = event.symbol
                self.approved.pop(event.signal_id, None)
            case PositionClosed():
                self.positions.pop(event.position_id, None)

    def expire(self, time_ms: int) -> None:
        """Forget what has outlived its time; an approval lives on while its entry order works."""
        working = list(self.entries.values())
        self.raised = {key: until for key, until in self.raised.items() if until > time_ms}
        self.approved = {
            key: until for key, until in self.approved.items() if until > time_ms or key in working
        }

    def _entry_over(self, client_order_id: str) -> None:
        signal_id = self.entries.pop(client_order_id, None)
        if signal_id is not None:
            self.approved.pop(signal_id, None)
