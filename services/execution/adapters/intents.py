"""Remembers from the log which intents have had which answer, and what the venue has told already.

It is the edge's memory: rebuilt from the records of execution and venue whenever the edge starts.
"""

from dataclasses import dataclass, field

from shared.contracts.account import AccountReconciled, ReconciliationFailed
from shared.contracts.base import Event
from shared.contracts.order import (
    AmendRejected,
    AmendSubmitted,
    CancelRejected,
    CancelSubmitted,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
)
from shared.contracts.position import Flattened, FlattenStarted
from shared.contracts.record import Record
from shared.contracts.venue import (
    AmendAcknowledged,
    AmendRefused,
    CancelAcknowledged,
    CancelRefused,
    ExecutionKind,
    ExecutionReported,
    OrderReported,
    SubmitAcknowledged,
)

_ENDS = OrderRejected | OrderCanceled
_KNOWN = OrderAccepted | OrderFilled | SubmitAcknowledged | OrderReported
_CANCEL_ANSWERS = CancelRejected | CancelAcknowledged | CancelRefused
_AMEND_ANSWERS = OrderAmended | AmendRejected | AmendAcknowledged | AmendRefused
Wish = OrderSubmitted | AmendSubmitted | CancelSubmitted


@dataclass
class Intent:
    """One order of ours that has not ended: what is still unanswered."""

    order: OrderSubmitted
    correlation: str
    # Seq of the record that holds it.
    seq: int
    # Whether the venue is known to have it.
    known: bool = False
    amend: AmendSubmitted | None = None
    cancel: CancelSubmitted | None = None


@dataclass
class Intents:
    """All orders that have not ended, and the executions that the log holds."""

    open: dict[str, Intent] = field(default_factory=dict)
    correlations: dict[str, str] = field(default_factory=dict)
    trade_ids: dict[str, None] = field(default_factory=dict)
    # Venue time of the latest execution in the log, of the first order otherwise.
    executed_ms: int = 0
    execution_seq: int = 0
    flattening: bool = False
    reconciled: bool = False

    def fold(self, record: Record) -> list[tuple[Intent, Wish]]:
        """Fold a record; return what it wants done with which order, in its order."""
        wishes = []
        for event in record.events:
            intent = self._fold(event, record)
            if intent is not None and isinstance(event, OrderSubmitted | AmendSubmitted | CancelSubmitted):
                wishes.append((intent, event))
        return wishes

    def correlation_of(self, client_order_id: str) -> str:
        """Return the opportunity that an order belongs to; empty when it is not ours."""
        return self.correlations.get(client_order_id, "")

    def claim(self, report: ExecutionReported) -> bool:
        """Tell whether an execution is heard for the first time; the second time it is not."""
        if report.trade_id in self.trade_ids:
            return False
        self.trade_ids[report.trade_id] = None
        return True

    def _fold(self, event: Event, record: Record) -> Intent | None:
        if isinstance(event, OrderSubmitted):
            return self._submitted(event, record)
        if isinstance(event, CancelSubmitted | AmendSubmitted):
            return self._changed(event)
        if isinstance(event, ExecutionReported):
            self._executed(event)
        elif isinstance(event, _ENDS) or (
            isinstance(event, OrderFilled) and event.status is OrderStatus.FILLED
        ):
            self.open.pop(event.client_order_id, None)
        elif isinstance(event, _KNOWN):
            self._known(event.client_order_id)
        elif isinstance(event, _CANCEL_ANSWERS | _AMEND_ANSWERS):
            self._answered(event.client_order_id, cancel=isinstance(event, _CANCEL_ANSWERS))
        elif isinstance(event, FlattenStarted | Flattened):
            self.flattening = isinstance(event, FlattenStarted)
        elif isinstance(event, AccountReconciled | ReconciliationFailed):
            self.reconciled = isinstance(event, AccountReconciled)
        return None

    def _submitted(self, event: OrderSubmitted, record: Record) -> Intent:
        correlation = event.signal_id or record.correlation
        intent = Intent(order=event, correlation=correlation, seq=record.seq)
        self.open[event.client_order_id] = intent
        self.correlations[event.client_order_id] = correlation
        self.executed_ms = self.executed_ms or record.time_ns // 1_000_000
        return intent

    def _changed(self, event: CancelSubmitted | AmendSubmitted) -> Intent | None:
        intent = self.open.get(event.client_order_id)
        if intent is None:
            return None
        if isinstance(event, CancelSubmitted):
            intent.cancel = event
        else:
            intent.amend = event
        return intent

    def _known(self, client_order_id: str) -> None:
        intent = self.open.get(client_order_id)
        if intent is not None:
            intent.known = True

    def _answered(self, client_order_id: str, *, cancel: bool) -> None:
        intent = self.open.get(client_order_id)
        if intent is None:
            return
        if cancel:
            intent.cancel = None
        else:
            intent.amend = None

    def _executed(self, event: ExecutionReported) -> None:
        self.trade_ids[event.trade_id] = None
        self.executed_ms = max(self.executed_ms, event.executed_at_ms)
        if event.kind is ExecutionKind.TRADE:
            self._known(event.client_order_id)
