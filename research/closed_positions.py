"""Recomputes the final account of every closed position from its fills alone.

The fills are the venue's words; R, fees and profit are our arithmetic on them. Whatever a position
said when it closed must come out of its fills again, to the last decimal.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from shared.contracts.base import Event
from shared.contracts.order import OrderFilled, OrderSide
from shared.contracts.position import FundingPaid, PositionClosed, PositionOpened
from shared.contracts.signal import PositionSide

ZERO = Decimal(0)


class Recomputed(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a closed position that its fills do not give."""

    position_id: str
    symbol: str
    figure: str
    recorded: Decimal
    from_fills: Decimal


class _Fills(msgspec.Struct, kw_only=True):
    """What is known of a position while it is open."""

    side: PositionSide | None = None
    risk_per_unit: Decimal = ZERO
    held: Decimal = ZERO
    held_max: Decimal = ZERO
    bought: Decimal = ZERO
    bought_usd: Decimal = ZERO
    sold: Decimal = ZERO
    sold_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    funding_usd: Decimal = ZERO

    def add(self, fill: OrderFilled) -> None:
        value = fill.last_qty * fill.last_px
        if fill.side is OrderSide.BUY:
            self.held += fill.last_qty
            self.bought += fill.last_qty
            self.bought_usd += value
        else:
            self.held -= fill.last_qty
            self.sold += fill.last_qty
            self.sold_usd += value
        self.held_max = max(self.held_max, abs(self.held))
        self.fees_usd += fill.fee_usd

    def figures(self) -> dict[str, Decimal]:
        """Return what a flat position must have said; the names are the event's fields."""
        gross_usd = self.sold_usd - self.bought_usd
        pnl_usd = gross_usd - self.fees_usd - self.funding_usd
        average_bought, average_sold = self.bought_usd / self.bought, self.sold_usd / self.sold
        is_long = self.side is PositionSide.LONG
        return {
            "quantity": self.held_max,
            "entry_px": average_bought if is_long else average_sold,
            "exit_px": average_sold if is_long else average_bought,
            "gross_pnl_usd": gross_usd,
            "fees_usd": self.fees_usd,
            "funding_usd": self.funding_usd,
            "pnl_usd": pnl_usd,
            "pnl_r": pnl_usd / (self.risk_per_unit * self.held_max),
        }


class ClosedPositions:
    """Folds execution's events; `differences` holds what does not come out again."""

    def __init__(self) -> None:
        """Begin before the first fill."""
        self.closed = 0
        self.differences: list[Recomputed] = []
        self._open: dict[str, _Fills] = {}

    def fold(self, events: Iterable[Event]) -> None:
        """Take in the events of one record of execution."""
        for event in events:
            match event:
                case PositionOpened():
                    fills = self._fills(event.position_id)
                    fills.side, fills.risk_per_unit = event.side, event.risk_per_unit
                case OrderFilled() if event.position_id:
                    self._fills(event.position_id).add(event)
                case FundingPaid():
                    self._fills(event.position_id).funding_usd += event.amount_usd
                case PositionClosed():
                    self._close(event)
                case _:
                    pass

    def _fills(self, position_id: str) -> _Fills:
        return self._open.setdefault(position_id, _Fills())

    def _close(self, event: PositionClosed) -> None:
        self.closed += 1
        fills = self._open.pop(event.position_id, _Fills())
        if fills.side is None or fills.held or not fills.bought:
            self._differ(event, "open_quantity", ZERO, fills.held)
            return
        for figure, from_fills in fills.figures().items():
            recorded: Decimal = getattr(event, figure)
            if recorded != from_fills:
                self._differ(event, figure, recorded, from_fills)

    def _differ(self, event: PositionClosed, figure: str, recorded: Decimal, from_fills: Decimal) -> None:
        self.differences.append(
            Recomputed(
                position_id=event.position_id,
                symbol=event.symbol,
                figure=figure,
                recorded=recorded,
                from_fills=from_fills,
            )
        )
