"""A decider and the pure matching core, between them a wire that delays, reorders, repeats and loses."""

from decimal import Decimal
from random import Random

from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.engine import CommandName, CommandRequested
from shared.contracts.order import (
    AmendSubmitted,
    CancelSubmitted,
    Liquidity,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.signal import PositionSide, Strategy
from shared.contracts.venue import (
    AccountObserved,
    AmendAcknowledged,
    AmendRefused,
    CancelAcknowledged,
    CancelRefused,
    ExecutionKind,
    ExecutionReported,
    OrderMissing,
    OrderReported,
    SubmitAcknowledged,
    SubmitRefused,
    SubmitUncertain,
    VenueOrder,
    VenuePosition,
)
from shared.venue import events as said
from shared.venue.account import Account
from shared.venue.instrument import Instrument
from shared.venue.market import Book, MarketUpdate
from shared.venue.order import AmendRequest, Order, OrderRequest
from shared.venue.values import OrderStatus as VenueStatus
from shared.venue.values import OrderType as VenueType
from shared.venue.values import RefusalReason, Side, TimeInForce, TriggerDirection
from shared.venue.venue import Venue
from tests.services.execution.trading import SYMBOL, Desk, approval, quotes

D = Decimal
CODES = {RefusalReason.TRIGGER_NOT_ABOVE_LAST: "110092", RefusalReason.TRIGGER_NOT_BELOW_LAST: "110093"}
STATUSES = {
    VenueStatus.UNTRIGGERED: OrderStatus.NEW,
    VenueStatus.NEW: OrderStatus.NEW,
    VenueStatus.PARTIALLY_FILLED: OrderStatus.PARTIALLY_FILLED,
    VenueStatus.FILLED: OrderStatus.FILLED,
    VenueStatus.CANCELED: OrderStatus.CANCELED,
}


class World:
    """One symbol, one account; everything that is not decided is drawn from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.desk = Desk()
        rules = Instrument(
            symbol=SYMBOL,
            base="AAA",
            quote="USDT",
            tick_size=D("0.01"),
            lot_size=D("0.1"),
            min_quantity=D("0.1"),
            max_quantity=D(10_000),
            max_market_quantity=D(10_000),
            min_notional=D(5),
        )
        self.venue = Venue({SYMBOL: rules}, Account(wallet=D(100_000)))
        self.price = D(100)
        self.version = 0
        self.signals = 0
        self.intents: list[OrderSubmitted | CancelSubmitted | AmendSubmitted] = []
        self.reports: list[Event] = []
        self.history: list[Event] = []
        self.said: list[Event] = []
        self.quote()

    def take(self, decided: list[Event]) -> None:
        self.history += decided
        self.intents += [
            e for e in decided if isinstance(e, OrderSubmitted | CancelSubmitted | AmendSubmitted)
        ]

    def quote(self) -> None:
        self.version += 1
        sizes = D(self.random.choice([3, 8, 40]))
        book = Book(
            bids=tuple((self.price - D("0.01") * (n + 1), sizes) for n in range(5)),
            asks=tuple((self.price + D("0.01") * (n + 1), sizes) for n in range(5)),
            version=self.version,
        )
        update = MarketUpdate(symbol=SYMBOL, last_px=self.price, book=book, now_ms=self.desk.time_ms)
        self.hear(self.venue.observe(update))
        self.take(self.desk.when(quotes(float(self.price))))

    def hear(self, events: list[said.VenueEvent]) -> None:
        for event in events:
            if isinstance(event, said.OrderFilled):
                self.reports.append(_execution(event.execution))
            if isinstance(
                event, said.OrderFilled | said.OrderCanceled | said.OrderAccepted | said.OrderTriggered
            ):
                self.reports.append(_report(event.order))

    def send_one(self, fate: str) -> None:
        intent = self.intents.pop(0)
        if isinstance(intent, OrderSubmitted):
            self._submit(intent, fate)
        elif isinstance(intent, CancelSubmitted):
            self._cancel(intent)
        else:
            self._amend(intent)

    def _submit(self, order: OrderSubmitted, fate: str) -> None:
        key = order.client_order_id
        if fate == "refused":
            self.reports.append(SubmitRefused(client_order_id=key, code="110009", message="drawn"))
            return
        if fate == "lost_before":
            self.reports.append(SubmitUncertain(client_order_id=key, error="drawn"))
            self.reports.append(OrderMissing(client_order_id=key))
            return
        answers = self.venue.submit(_request(order), self.desk.time_ms)
        if isinstance(answers[0], said.Refused):
            code = CODES.get(answers[0].reason, "1")
            self.reports.append(SubmitRefused(client_order_id=key, code=code, message=answers[0].detail))
            return
        found = self.venue.find("", key)
        assert found is not None
        if fate == "lost_after":
            self.reports.append(SubmitUncertain(client_order_id=key, error="drawn"))
        else:
            self.reports.append(SubmitAcknowledged(client_order_id=key, venue_order_id=found.venue_order_id))
        self.hear(answers)

    def _cancel(self, cancel: CancelSubmitted) -> None:
        key = cancel.client_order_id
        events = self.venue.cancel(symbol=SYMBOL, client_order_id=key, now_ms=self.desk.time_ms)
        if isinstance(events[0], said.Refused):
            found = self.venue.find("", key)
            self.reports.append(_report(found) if found else OrderMissing(client_order_id=key))
            self.reports.append(CancelRefused(client_order_id=key, code="110001", message="gone"))
            return
        self.reports.append(CancelAcknowledged(client_order_id=key))
        self.hear(events)

    def _amend(self, amend: AmendSubmitted) -> None:
        key = amend.client_order_id
        request = AmendRequest(symbol=SYMBOL, client_order_id=key, trigger_price=amend.trigger_price)
        events = self.venue.amend(request, self.desk.time_ms)
        if isinstance(events[0], said.Refused):
            code = CODES.get(events[0].reason, "1")
            self.reports.append(
                AmendRefused(amend_id=amend.amend_id, client_order_id=key, code=code, message="drawn")
            )
            return
        self.reports.append(AmendAcknowledged(amend_id=amend.amend_id, client_order_id=key))
        self.hear(events)

    def deliver(self, count: int, *, shuffled: bool) -> None:
        """Deliver some reports as one record; shuffled, but executions in the venue's order."""
        batch = []
        for _ in range(min(count, len(self.reports))):
            index = self.random.randrange(len(self.reports)) if shuffled else 0
            if isinstance(self.reports[index], ExecutionReported):
                index = next(i for i, each in enumerate(self.reports) if isinstance(each, ExecutionReported))
            batch.append(self.reports.pop(index))
        if batch:
            self.said += batch
            self.take(self.desk.venue(*batch))

    def step(self) -> None:
        action = self.random.choice(
            ["approve", "move", "move", "deliver", "deliver", "send", "send", "tick", "repeat", "hand"]
        )
        if action == "approve":
            self.signals += 1
            self.price = D(100)
            self.quote()
            side = self.random.choice(list(PositionSide))
            strategy = self.random.choice(list(Strategy))
            self.take(self.desk.approve(approval(f"signal-{self.signals}", side=side, strategy=strategy)))
        elif action == "move":
            self.price += D(self.random.randint(-150, 150)) / 100
            self.quote()
        elif action == "deliver":
            self.deliver(self.random.randint(1, 4), shuffled=self.random.random() < 0.3)
        elif action == "send" and self.intents:
            fate = self.random.choices(["ok", "refused", "lost_before", "lost_after"], weights=[12, 1, 1, 1])[
                0
            ]
            self.send_one(fate)
        elif action == "tick":
            self.take(self.desk.tick(self.random.choice([1_000, 20_000, 300_000])))
            self.quote()
        elif action == "repeat" and self.said:
            self.take(self.desk.venue(self.random.choice(self.said)))
        elif action == "hand" and self.random.random() < 0.1:
            self._by_hand()

    def _by_hand(self) -> None:
        held = self.venue.account.position(SYMBOL)
        if held.quantity:
            side = Side.SELL if held.quantity > 0 else Side.BUY
            request = OrderRequest(
                symbol=SYMBOL,
                side=side,
                order_type=VenueType.MARKET,
                quantity=abs(held.quantity),
                reduce_only=True,
            )
            self.hear(self.venue.submit(request, self.desk.time_ms))

    def panic(self) -> None:
        command = CommandRequested(command_id="c", command=CommandName.PANIC_EXIT, requested_by="test")
        self.take(self.desk.when(command, source=Source.COMMANDS))

    def settle(self) -> None:
        """Let everything on the way arrive, until nothing moves any more."""
        for _ in range(200):
            self.version += 1
            while self.intents or self.reports:
                if self.intents:
                    self.send_one("ok")
                self.deliver(3, shuffled=False)
            self.quote()
            self.take(self.desk.tick(10_000))
            if not (self.intents or self.reports):
                return
        raise AssertionError("it never comes to rest")

    def observed(self) -> AccountObserved:
        held = self.venue.account.position(SYMBOL)
        positions: tuple[VenuePosition, ...] = ()
        if held.quantity:
            side = PositionSide.LONG if held.quantity > 0 else PositionSide.SHORT
            positions = (
                VenuePosition(symbol=SYMBOL, side=side, quantity=abs(held.quantity), entry_px=held.avg_px),
            )
        return AccountObserved(
            wallet_usd=self.venue.account.wallet,
            equity_usd=self.venue.account.equity(),
            available_usd=self.venue.account.available(),
            positions=positions,
            orders=tuple(_open_order(order) for order in self.venue.account.open_orders()),
            observed_after_seq=1_000_000,
        )


def _request(order: OrderSubmitted) -> OrderRequest:
    side = Side.BUY if order.side is OrderSide.BUY else Side.SELL
    rises = TriggerDirection.RISES if side is Side.BUY else TriggerDirection.FALLS
    return OrderRequest(
        symbol=order.symbol,
        side=side,
        order_type=VenueType.LIMIT if order.order_type is OrderType.LIMIT else VenueType.MARKET,
        quantity=order.quantity,
        price=order.price,
        time_in_force=TimeInForce.POST_ONLY if order.post_only else TimeInForce.GTC,
        trigger_price=order.trigger_price,
        trigger_direction=rises if order.trigger_price is not None else None,
        reduce_only=order.reduce_only,
        client_order_id=order.client_order_id,
    )


def _report(order: Order) -> OrderReported:
    return OrderReported(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        symbol=order.symbol,
        status=STATUSES[order.status],
        cum_qty=order.cum_qty,
        reason=str(order.cancel_reason or ""),
    )


def _execution(execution: said.Execution) -> ExecutionReported:
    return ExecutionReported(
        kind=ExecutionKind.TRADE,
        trade_id=execution.trade_id,
        client_order_id=execution.client_order_id,
        venue_order_id=execution.venue_order_id,
        symbol=execution.symbol,
        side=OrderSide.BUY if execution.side is Side.BUY else OrderSide.SELL,
        last_qty=execution.last_qty,
        last_px=execution.last_px,
        fee_usd=execution.fee,
        liquidity=Liquidity.MAKER if execution.is_maker else Liquidity.TAKER,
        executed_at_ms=execution.time_ms,
    )


def _open_order(order: Order) -> VenueOrder:
    return VenueOrder(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        symbol=order.symbol,
        side=OrderSide.BUY if order.side is Side.BUY else OrderSide.SELL,
        quantity=order.quantity,
        cum_qty=order.cum_qty,
        reduce_only=order.reduce_only,
        trigger_price=order.trigger_price,
    )
