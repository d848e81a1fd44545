"""Defines everything the decider remembers, in types that a snapshot can store.

Orders and positions are frozen and replaced, so a working copy of the state is a copy of a few
small dictionaries (`scratch`); what only the market changes is shared between copies.
"""

import msgspec

from services.execution.domain.orders import OrderState
from services.execution.domain.positions import PositionState
from shared.contracts.account import Discrepancy
from shared.contracts.desk import ClockTicked
from shared.contracts.engine import CommandRequested, EngineState
from shared.contracts.market import BarsClosed, Instrument
from shared.contracts.order import OrderPurpose
from shared.contracts.position import FlattenStarted
from shared.contracts.preset import Preset
from shared.contracts.risk import SignalApproved
from shared.contracts.venue import (
    AccountObserved,
    AmendAcknowledged,
    AmendRefused,
    CancelRefused,
    ExecutionReported,
    OrderMissing,
    OrderReported,
    SubmitAcknowledged,
    SubmitRefused,
    SubmitUncertain,
)

# Enough to recognise whatever a venue repeats after a reconnect.
ENDED_ORDERS_KEPT = 500
TRADE_IDS_KEPT = 5_000
REFUSED_KEPT = 500

# What an input record may hold that is decided on.
Decidable = (
    SignalApproved
    | BarsClosed
    | ClockTicked
    | CommandRequested
    | AccountObserved
    | AmendAcknowledged
    | AmendRefused
    | CancelRefused
    | ExecutionReported
    | OrderMissing
    | OrderReported
    | SubmitAcknowledged
    | SubmitRefused
    | SubmitUncertain
)


class Quote(msgspec.Struct, frozen=True):
    """The latest prices of a symbol; NaN where unknown. Statistics of the market, hence floats."""

    bid: float
    ask: float
    last: float
    time_ms: int


class BarHistory(msgspec.Struct):
    """The latest bars of a symbol, oldest first."""

    last_open_ms: int = 0
    high: list[float] = msgspec.field(default_factory=list)
    low: list[float] = msgspec.field(default_factory=list)
    close: list[float] = msgspec.field(default_factory=list)


class ExecutionState(msgspec.Struct, kw_only=True):
    """All of it. Positions are keyed by symbol: there is one per symbol at most."""

    preset: Preset | None = None
    instruments: dict[str, Instrument] = msgspec.field(default_factory=dict)
    engine: EngineState = EngineState.IDLE
    entries_allowed: bool = False
    # After a flatten, until a person starts the engine again.
    halted: bool = False
    kill_switch: bool = False
    connected: bool = False
    reconciled: bool = False
    quotes: dict[str, Quote] = msgspec.field(default_factory=dict)
    history: dict[str, BarHistory] = msgspec.field(default_factory=dict)
    approvals: dict[str, SignalApproved] = msgspec.field(default_factory=dict)
    # Signals whose entry was refused at the last hop, oldest first.
    refused: dict[str, bool] = msgspec.field(default_factory=dict)
    orders: dict[str, OrderState] = msgspec.field(default_factory=dict)
    ended: dict[str, OrderState] = msgspec.field(default_factory=dict)
    positions: dict[str, PositionState] = msgspec.field(default_factory=dict)
    trade_ids: dict[str, bool] = msgspec.field(default_factory=dict)
    # When entries were sent, and in which symbol; the last hour of desk time.
    entries_sent: list[tuple[int, str]] = msgspec.field(default_factory=list)
    # What the last two observed accounts differed in, and what was last reported.
    suspected: tuple[Discrepancy, ...] = ()
    suspected_before: tuple[Discrepancy, ...] = ()
    reported: tuple[Discrepancy, ...] = ()
    flattening: FlattenStarted | None = None
    sweeps: int = 0
    # Inputs of the record being decided; see `Turn`.
    record_seq: int = 0
    record_inputs: list[tuple[int, Decidable]] = msgspec.field(default_factory=list)

    def scratch(self) -> "ExecutionState":
        """Return a copy that decided events can be folded into without touching this state."""
        return msgspec.structs.replace(
            self,
            approvals=dict(self.approvals),
            refused=dict(self.refused),
            orders=dict(self.orders),
            ended=dict(self.ended),
            positions=dict(self.positions),
            trade_ids=dict(self.trade_ids),
            entries_sent=list(self.entries_sent),
        )

    def order(self, client_order_id: str) -> OrderState | None:
        """Return one of our orders, working or recently ended."""
        return self.orders.get(client_order_id) or self.ended.get(client_order_id)

    def orders_of(self, symbol: str, *purposes: OrderPurpose) -> list[OrderState]:
        """Return the orders of a symbol that have not ended, oldest first."""
        return [
            order
            for order in self.orders.values()
            if order.symbol == symbol and (not purposes or order.purpose in purposes)
        ]

    def put(self, order: OrderState) -> None:
        """Store an order's latest state, among the working or the ended ones."""
        key = order.client_order_id
        if not order.is_final:
            self.orders[key] = order
            return
        self.orders.pop(key, None)
        self.ended.pop(key, None)
        self.ended[key] = order
        while len(self.ended) > ENDED_ORDERS_KEPT:
            del self.ended[next(iter(self.ended))]
