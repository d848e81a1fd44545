"""A desk that may trade, and the venue's words to it, for given/when/then about execution."""

from decimal import Decimal
from itertools import count
from typing import TypeVar

import msgspec

from services.execution.domain.processor import ExecutionProcessor
from services.execution.domain.state import ExecutionState
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.engine import EngineState, EngineStateChanged, PresetActivated
from shared.contracts.market import BarsClosed, Instrument, InstrumentsListed, QuotesObserved
from shared.contracts.order import Liquidity, OrderPurpose, OrderSide, OrderStatus, OrderSubmitted
from shared.contracts.preset import Preset, load_preset
from shared.contracts.risk import SignalApproved
from shared.contracts.signal import PositionSide, Strategy, Target
from shared.contracts.venue import (
    AccountObserved,
    ExecutionKind,
    ExecutionReported,
    OrderReported,
    SubmitAcknowledged,
    VenueConnected,
    VenueOrder,
    VenuePosition,
)
from tests.deciding import Given

SYMBOL = "AAA/USDT:USDT"
OTHER = "BBB/USDT:USDT"
D = Decimal
ZERO, TEN, HUNDRED, FEE = D(0), D(10), D(100), D("0.1")
Kind = TypeVar("Kind", bound=Event)
_trades = count(1)


def instrument(symbol: str = SYMBOL) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.partition("/")[0],
        quote="USDT",
        tick_size=D("0.01"),
        lot_size=D("0.1"),
        quantity_min=D("0.1"),
        notional_min_usd=D(5),
    )


def approval(
    signal_id: str = "signal-1",
    *,
    symbol: str = SYMBOL,
    side: PositionSide = PositionSide.LONG,
    strategy: Strategy = Strategy.MOMENTUM,
    quantity: Decimal = TEN,
    expires_at_ms: int = 4_000_000_000_000,
) -> SignalApproved:
    """Entry 100, stop 98 (or 102), targets at 1.5 R and 2.8 R."""
    sign = 1 if side is PositionSide.LONG else -1
    entry, risk = D(100), D(2)
    return SignalApproved(
        signal_id=signal_id,
        symbol=symbol,
        side=side,
        strategy=strategy,
        quantity=quantity,
        entry_px=entry,
        stop_px=entry - sign * risk,
        targets=(
            Target(price=entry + sign * D(3), reward_r=D("1.5"), size_frac=D("0.4")),
            Target(price=entry + sign * D("5.6"), reward_r=D("2.8"), size_frac=D("0.35")),
        ),
        equity_usd=D(10_000),
        risk_usd=risk * quantity,
        notional_usd=entry * quantity,
        caps=(),
        level_px=entry,
        expires_at_ms=expires_at_ms,
    )


def preset(**position: object) -> Preset:
    """The demo preset with some fields of its position section replaced."""
    loaded = load_preset("demo")
    return msgspec.structs.replace(
        loaded, position_config=msgspec.structs.replace(loaded.position_config, **position)
    )


def account(
    *positions: VenuePosition, orders: tuple[VenueOrder, ...] = (), after: int = 1_000_000
) -> AccountObserved:
    return AccountObserved(
        wallet_usd=D(10_000),
        equity_usd=D(10_000),
        available_usd=D(9_000),
        positions=positions,
        orders=orders,
        observed_after_seq=after,
    )


def engine(state: EngineState = EngineState.SCANNING, *, entries: bool = True) -> EngineStateChanged:
    return EngineStateChanged(
        from_state=EngineState.INITIALIZING, to_state=state, trigger="test", entries_allowed=entries
    )


def quotes(last: float, *, spread: float = 0.02, symbol: str = SYMBOL) -> QuotesObserved:
    return QuotesObserved(
        symbols=(symbol,), bid=pack([last - spread / 2]), ask=pack([last + spread / 2]), last=pack([last])
    )


def bars(open_time_ms: int, rows: list[tuple[float, float, float]], symbol: str = SYMBOL) -> BarsClosed:
    """Rows of high, low, close."""
    high, low, close = (pack([row[i] for row in rows]) for i in range(3))
    return BarsClosed(
        timeframe_s=300,
        open_time_ms=open_time_ms,
        rows=len(rows),
        symbols=(symbol,),
        open=close,
        high=high,
        low=low,
        close=close,
        volume=pack([1.0] * len(rows)),
    )


class Desk(Given[ExecutionState]):
    """A desk whose engine trades and whose books have been reconciled, unless told otherwise."""

    def __init__(self, *, trading: bool = True, rules: Preset | None = None) -> None:
        super().__init__(ExecutionProcessor())
        self.given(InstrumentsListed(instruments=(instrument(), instrument(OTHER))))
        self.given(
            PresetActivated(digest="", preset=rules or load_preset("demo")), source=Source.ORCHESTRATOR
        )
        self.given(quotes(100.0))
        if trading:
            self.given(engine(), source=Source.ORCHESTRATOR)
            self.venue(VenueConnected())
            self.venue(account())

    def venue(self, *events: Event) -> list[Event]:
        return self.when(*events, source=Source.VENUE)

    def tick(self, after_ms: int = 1000) -> list[Event]:
        return self.when(ClockTicked(number=self.seq), source=Source.CLOCK, time_ms=self.time_ms + after_ms)

    def approve(self, approved: SignalApproved | None = None) -> list[Event]:
        return self.when(approved or approval(), source=Source.RISK)

    def enter(self, approved: SignalApproved | None = None) -> OrderSubmitted:
        return one(self.approve(approved), OrderSubmitted)

    def accept(self, order: OrderSubmitted) -> list[Event]:
        return self.venue(acknowledged(order))

    def open(self, approved: SignalApproved | None = None, *, px: Decimal = HUNDRED) -> OrderSubmitted:
        """Enter, fill the whole entry at once, accept the stop and the targets; return the stop."""
        entry = self.enter(approved)
        self.accept(entry)
        decided = self.venue(fill(entry, entry.quantity, px))
        sent = every(decided, OrderSubmitted)
        for order in sent:
            self.accept(order)
        return next(order for order in sent if order.purpose is OrderPurpose.STOP)

    def working(self, purpose: OrderPurpose) -> list[OrderSubmitted]:
        return [order.intent for order in self.state.orders.values() if order.purpose is purpose]


def acknowledged(order: OrderSubmitted) -> SubmitAcknowledged:
    return SubmitAcknowledged(
        client_order_id=order.client_order_id, venue_order_id="v-" + order.client_order_id[:8]
    )


def fill(
    order: OrderSubmitted,
    quantity: Decimal | None = None,
    price: Decimal = HUNDRED,
    *,
    trade_id: str = "",
    fee: Decimal = FEE,
) -> ExecutionReported:
    return ExecutionReported(
        kind=ExecutionKind.TRADE,
        trade_id=trade_id or f"t{next(_trades)}",
        client_order_id=order.client_order_id,
        venue_order_id="v-" + order.client_order_id[:8],
        symbol=order.symbol,
        side=order.side,
        last_qty=order.quantity if quantity is None else quantity,
        last_px=price,
        fee_usd=fee,
        liquidity=Liquidity.TAKER,
        executed_at_ms=1,
    )


def external_fill(side: OrderSide, quantity: Decimal, price: Decimal = HUNDRED) -> ExecutionReported:
    return ExecutionReported(
        kind=ExecutionKind.TRADE,
        trade_id=f"x{next(_trades)}",
        client_order_id="",
        venue_order_id="by-hand",
        symbol=SYMBOL,
        side=side,
        last_qty=quantity,
        last_px=price,
        fee_usd=D("0.1"),
        liquidity=Liquidity.TAKER,
        executed_at_ms=1,
    )


def reported(
    order: OrderSubmitted, status: OrderStatus, cum_qty: Decimal = ZERO, reason: str = ""
) -> OrderReported:
    return OrderReported(
        client_order_id=order.client_order_id,
        venue_order_id="v-" + order.client_order_id[:8],
        symbol=order.symbol,
        status=status,
        cum_qty=cum_qty,
        reason=reason,
    )


def held(quantity: Decimal, symbol: str = SYMBOL, side: PositionSide = PositionSide.LONG) -> VenuePosition:
    return VenuePosition(symbol=symbol, side=side, quantity=quantity, entry_px=D(100))


def resting(order: OrderSubmitted) -> VenueOrder:
    return VenueOrder(
        client_order_id=order.client_order_id,
        venue_order_id="v-" + order.client_order_id[:8],
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        cum_qty=D(0),
        reduce_only=order.reduce_only,
        trigger_price=order.trigger_price,
    )


def every(events: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def one(events: list[Event], kind: type[Kind]) -> Kind:
    found = every(events, kind)
    assert len(found) == 1, f"one {kind.__name__} expected in {events}"
    return found[0]
