"""Publish what happened to the account on the private topics, as snapshots taken at that moment."""

from itertools import groupby

from services.simulator.adapters.exchange import Exchange
from services.simulator.adapters.hub import Hub
from services.simulator.adapters.render_account import execution_row, order_row, position_row, wallet_row
from services.simulator.adapters.wire import Json
from shared.venue.events import (
    Execution,
    FundingPaid,
    LeverageChanged,
    OrderFilled,
    OrderTriggered,
    Refused,
    VenueEvent,
)


class PrivateFeed:
    """Turns committed events into order, execution, position and wallet messages."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self._exchange = exchange
        self._hub = hub

    def publish(self, events: list[VenueEvent]) -> None:
        """Send order and execution messages in the order of events, then the resulting state."""
        for kind, group in groupby(events, key=lambda event: isinstance(event, FundingPaid)):
            if not kind:
                self._orders(list(group))
        executions = [event.execution for event in events if isinstance(event, OrderFilled | FundingPaid)]
        if executions:
            self._executions(executions)
            self._state({execution.symbol for execution in executions})
        elif events:
            self._send("wallet", [wallet_row(self._exchange.account)])

    def _orders(self, events: list[VenueEvent]) -> None:
        rows: list[Json] = []
        for event in events:
            if isinstance(event, FundingPaid | LeverageChanged | Refused):
                continue
            row = order_row(event.order)
            if isinstance(event, OrderTriggered):
                row["orderStatus"] = "Triggered"
            rows.append(row)
        for row in rows:
            self._send("order", [row])

    def _executions(self, executions: list[Execution]) -> None:
        orders = self._exchange.account.orders
        rows = [execution_row(row, orders.get(row.venue_order_id)) for row in executions]
        self._send("execution", rows)

    def _state(self, symbols: set[str]) -> None:
        account = self._exchange.account
        rows = [position_row(account, account.position(symbol)) for symbol in sorted(symbols)]
        self._send("position", rows)
        self._send("wallet", [wallet_row(account)])

    def _send(self, topic: str, rows: list[Json]) -> None:
        now_ms = self._exchange.now()
        message = {
            "id": f"sim_{topic}_{self._exchange.account.sequence}",
            "topic": topic,
            "creationTime": now_ms,
            "data": rows,
        }
        self._hub.broadcast(topic, message)
        if topic != "wallet":
            # Bybit also offers per-category topics; a client may subscribe to either.
            self._hub.broadcast(f"{topic}.linear", {**message, "topic": f"{topic}.linear"})
