"""Folds positions, open and closed, with what they are worth at the last price seen."""

from decimal import Decimal

import msgspec

from services.gateway.domain.marks import marks
from services.gateway.domain.rows import Row, keep_last
from shared.contracts.base import Event
from shared.contracts.order import OrderFilled
from shared.contracts.position import (
    ExitReason,
    FundingPaid,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    StopMoved,
)
from shared.contracts.risk import SignalApproved
from shared.contracts.signal import PositionSide, Strategy, Target

APPROVALS_MAX = 1_000


class Position(Row, kw_only=True):
    """One position, specification 7.3. For an open one `pnl` is what is realised so far, net.

    A closed one carries execution's final account; its unrealised figures are null.
    """

    id: str
    signal_id: str
    symbol: str
    side: PositionSide
    # The strategy; the specification calls it so.
    mode: Strategy
    status: str = "open"
    entry: Decimal
    sl: Decimal
    initial_sl: Decimal
    targets: tuple[Target, ...] = ()
    size: Decimal
    size_max: Decimal
    risk_per_unit: Decimal
    mark: Decimal | None = None
    marked_at: int | None = None
    pnl_usd: Decimal = Decimal(0)
    pnl_r: Decimal | None = None
    unrealized_pnl_usd: Decimal | None = None
    unrealized_pnl_r: Decimal | None = None
    fees_usd: Decimal = Decimal(0)
    funding_usd: Decimal = Decimal(0)
    exit: Decimal | None = None
    exit_reason: ExitReason | None = None
    opened_at: int
    updated_at: int
    closed_at: int | None = None


class PositionsView(msgspec.Struct, kw_only=True):
    """Positions by id; the open ones apart."""

    open: dict[str, Position] = {}
    closed: dict[str, Position] = {}
    _held: dict[str, str] = {}
    _targets: dict[str, tuple[Target, ...]] = {}
    _realized: dict[str, Decimal] = {}
    # Of fills; the first one comes before the position that it opens.
    _fees: dict[str, Decimal] = {}

    def fold(self, event: Event, *, time_ms: int) -> None:
        """Take in one event."""
        match event:
            case SignalApproved():
                self._targets[event.signal_id] = event.targets
                keep_last(self._targets, APPROVALS_MAX)
            case OrderFilled():
                self._fees[event.position_id] = self._fees.get(event.position_id, Decimal(0)) + event.fee_usd
            case PositionOpened():
                self._open(event, time_ms)
            case PositionChanged() if event.position_id in self.open:
                self._change(event, time_ms)
            case StopMoved() if event.position_id in self.open:
                self.open[event.position_id].sl = event.new_stop_px
                self.open[event.position_id].updated_at = time_ms
            case FundingPaid() if event.position_id in self.open:
                self.open[event.position_id].funding_usd += event.amount_usd
                self._value(self.open[event.position_id])
            case PositionClosed():
                self._close(event)
            case _ if self._held:
                for symbol, price in marks(event, self._held):
                    self._mark(self.open[self._held[symbol]], price, time_ms)

    def find(self, position_id: str) -> Position | None:
        """Return a position, open or closed."""
        return self.open.get(position_id) or self.closed.get(position_id)

    def _open(self, event: PositionOpened, time_ms: int) -> None:
        position = self.open[event.position_id] = Position(
            id=event.position_id,
            signal_id=event.signal_id,
            symbol=event.symbol,
            side=event.side,
            mode=event.strategy,
            entry=event.entry_px,
            sl=event.stop_px,
            initial_sl=event.stop_px,
            targets=self._targets.pop(event.signal_id, ()),
            size=event.quantity,
            size_max=event.quantity,
            risk_per_unit=event.risk_per_unit,
            fees_usd=self._fees.get(event.position_id, Decimal(0)),
            opened_at=time_ms,
            updated_at=time_ms,
        )
        self._held[event.symbol] = event.position_id
        self._value(position)

    def _change(self, event: PositionChanged, time_ms: int) -> None:
        position = self.open[event.position_id]
        position.size, position.entry = event.quantity, event.entry_px
        position.size_max = max(position.size_max, event.quantity)
        position.fees_usd = event.fees_usd
        position.updated_at = time_ms
        self._realized[position.id] = event.realized_pnl_usd
        self._value(position)

    def _mark(self, position: Position, price: Decimal, time_ms: int) -> None:
        position.mark, position.marked_at = price, time_ms
        self._value(position)

    def _value(self, position: Position) -> None:
        realized = self._realized.get(position.id, Decimal(0))
        position.pnl_usd = realized - position.fees_usd - position.funding_usd
        position.pnl_r = _in_r(position, position.pnl_usd)
        if position.mark is not None:
            sign = 1 if position.side is PositionSide.LONG else -1
            position.unrealized_pnl_usd = (position.mark - position.entry) * position.size * sign
            position.unrealized_pnl_r = _in_r(position, position.unrealized_pnl_usd)

    def _close(self, event: PositionClosed) -> None:
        position = self.open.pop(event.position_id, None)
        if position is None:
            return
        self._held.pop(position.symbol, None)
        self._realized.pop(position.id, None)
        self._fees.pop(position.id, None)
        position.status = "closed"
        position.size = event.quantity
        position.entry, position.exit, position.exit_reason = event.entry_px, event.exit_px, event.exit_reason
        position.pnl_usd, position.pnl_r = event.pnl_usd, event.pnl_r
        position.unrealized_pnl_usd = position.unrealized_pnl_r = None
        position.fees_usd, position.funding_usd = event.fees_usd, event.funding_usd
        position.closed_at = position.updated_at = event.closed_at_ms
        self.closed[position.id] = position


def _in_r(position: Position, usd: Decimal) -> Decimal | None:
    """Return an amount in multiples of the initial risk of the largest quantity held."""
    risk_usd = position.risk_per_unit * position.size_max
    return usd / risk_usd if risk_usd else None
