"""Match one account's orders by price and time against a finite book and the market's trades.

A plain object with plain calls: requests and market updates in, events out, no I/O, no clock. The
caller brings every update before the request it affects, and persists the events before it answers.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from shared.venue.account import Account
from shared.venue.checks import check_amend, check_request, refuse
from shared.venue.events import (
    Execution,
    ExecutionType,
    FundingPaid,
    LeverageChanged,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderTriggered,
    VenueEvent,
)
from shared.venue.ids import derive_id
from shared.venue.instrument import Instrument, round_to_tick
from shared.venue.market import Level, Liquidity, MarketUpdate, Trade
from shared.venue.order import AmendRequest, Order, OrderRequest, advance
from shared.venue.position import Fill, apply_fill, to_money
from shared.venue.values import (
    ZERO,
    CancelReason,
    OrderStatus,
    OrderType,
    RefusalReason,
    Side,
    TimeInForce,
    TriggerDirection,
)

# Bybit's market orders are IOC limits this far through the last price.
MARKET_PROTECTION_FRAC = Decimal("0.05")


class Venue:
    """The account's side of an exchange; see `observe` for the market's side."""

    def __init__(self, instruments: Mapping[str, Instrument], account: Account) -> None:
        self.instruments = instruments
        self.account = account
        self._liquidity: dict[str, Liquidity] = {}

    def submit(self, request: OrderRequest, now_ms: int) -> list[VenueEvent]:
        """Take an order, trade what trades at once, and return what happened or one `Refused`."""
        instrument = self.instruments.get(request.symbol)
        if instrument is None:
            return [refuse(RefusalReason.PARAMETER, f"symbol {request.symbol!r} is unknown")]
        refused = check_request(self.account, instrument, request)
        if refused is not None:
            return [refused]
        order = self._create(request, now_ms)
        events: list[VenueEvent] = [OrderAccepted(order=self._put(order))]
        if order.status is OrderStatus.UNTRIGGERED:
            return events
        return events + self._work(order, now_ms)

    def amend(self, request: AmendRequest, now_ms: int) -> list[VenueEvent]:
        """Change an open order; a better price may trade at once."""
        order = self.find(request.venue_order_id, request.client_order_id)
        if order is None or not order.status.is_open or order.symbol != request.symbol:
            return [refuse(RefusalReason.ORDER_NOT_FOUND, "order not exists or too late to replace")]
        refused = check_amend(self.account, self.instruments[order.symbol], order, request)
        if refused is not None:
            return [refused]
        after = self._put(self._amended(order, request, now_ms))
        events: list[VenueEvent] = [OrderAmended(order=after)]
        return events + self._work(after, now_ms) if after.is_active else events

    def cancel(
        self, *, symbol: str, venue_order_id: str = "", client_order_id: str = "", now_ms: int
    ) -> list[VenueEvent]:
        """End one open order, found by either id."""
        order = self.find(venue_order_id, client_order_id)
        if order is None or not order.status.is_open or order.symbol != symbol:
            return [refuse(RefusalReason.ORDER_NOT_FOUND, "order not exists or too late to cancel")]
        return [self._end(order, CancelReason.BY_USER, now_ms)]

    def cancel_all(self, *, symbol: str | None = None, now_ms: int) -> list[VenueEvent]:
        """End every open order, or those of one symbol, conditional ones included."""
        return [self._end(order, CancelReason.BY_USER, now_ms) for order in self.account.open_orders(symbol)]

    def set_leverage(self, symbol: str, leverage: Decimal) -> list[VenueEvent]:
        """Set the cross-margin leverage of one symbol."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return [refuse(RefusalReason.PARAMETER, f"symbol {symbol!r} is unknown")]
        if not leverage.is_finite() or not 1 <= leverage <= instrument.max_leverage:
            detail = f"leverage {leverage} is not in 1..{instrument.max_leverage}"
            return [refuse(RefusalReason.LEVERAGE_OUT_OF_RANGE, detail)]
        if leverage == self.account.leverage(symbol):
            return [refuse(RefusalReason.LEVERAGE_NOT_MODIFIED, "leverage not modified")]
        self.account.leverages[symbol] = leverage
        return [LeverageChanged(symbol=symbol, leverage=leverage)]

    def observe(self, update: MarketUpdate) -> list[VenueEvent]:
        """Let the market move: its trades fill resting orders, its book may cross them, stops wake."""
        self.account.marks[update.symbol] = update.last_px
        known = self._liquidity.get(update.symbol)
        self._liquidity[update.symbol] = Liquidity(update.book, known)
        if not self.account.open_ids.get(update.symbol):
            return []
        events = self._fill_from_trades(update)
        events += self._fill_from_book(update)
        return events + self._trigger(update)

    def pay_funding(self, rates: Mapping[str, Decimal], now_ms: int) -> list[VenueEvent]:
        """Charge every open position its symbol's rate on its value at the mark; longs pay a positive one."""
        events: list[VenueEvent] = []
        for position in list(self.account.open_positions()):
            rate = rates.get(position.symbol, ZERO)
            mark_px = self.account.mark(position)
            payment = to_money(position.quantity * mark_px * rate)
            self.account.wallet -= payment
            self.account.positions[position.symbol] = msgspec.structs.replace(
                position, funding=position.funding + payment, updated_ms=now_ms
            )
            sequence = self.account.next_sequence()
            execution = Execution(
                trade_id=derive_id("execution", sequence),
                sequence=sequence,
                execution_type=ExecutionType.FUNDING,
                symbol=position.symbol,
                side=Side.BUY if position.quantity > 0 else Side.SELL,
                last_qty=abs(position.quantity),
                last_px=mark_px,
                fee=payment,
                fee_rate=rate,
                time_ms=now_ms,
            )
            events.append(FundingPaid(execution=execution))
        return events

    def find(self, venue_order_id: str, client_order_id: str) -> Order | None:
        """Return the order with that venue id, else with that client id."""
        key = venue_order_id or self.account.client_order_ids.get(client_order_id, "")
        return self.account.orders.get(key)

    def _create(self, request: OrderRequest, now_ms: int) -> Order:
        sequence = self.account.next_sequence()
        is_market = request.order_type is OrderType.MARKET
        conditional = request.trigger_price is not None
        order = Order(
            venue_order_id=derive_id("order", sequence),
            client_order_id=request.client_order_id,
            sequence=sequence,
            symbol=request.symbol,
            side=request.side,
            order_type=request.order_type,
            time_in_force=TimeInForce.IOC if is_market else request.time_in_force,
            quantity=request.quantity,
            price=ZERO if is_market else request.price or ZERO,
            created_ms=now_ms,
            updated_ms=now_ms,
            last_px_at_creation=self.account.marks[request.symbol],
            status=OrderStatus.UNTRIGGERED if conditional else OrderStatus.NEW,
            trigger_price=request.trigger_price,
            trigger_direction=request.trigger_direction,
            reduce_only=request.reduce_only,
        )
        return order if conditional else self._ready(order)

    def _ready(self, order: Order) -> Order:
        """Return the order as it goes to the book: protected, and no larger than it may reduce."""
        price = self._protection_px(order) if order.order_type is OrderType.MARKET else order.price
        quantity = order.quantity
        if order.reduce_only:
            quantity = min(quantity, self.account.position(order.symbol).reducible_by(order.side))
        return msgspec.structs.replace(order, price=price, quantity=quantity)

    def _protection_px(self, order: Order) -> Decimal:
        worst = self.account.marks[order.symbol] * (1 + order.side.sign * MARKET_PROTECTION_FRAC)
        return round_to_tick(self.instruments[order.symbol], worst)

    def _amended(self, order: Order, request: AmendRequest, now_ms: int) -> Order:
        quantity = order.quantity if request.quantity is None else request.quantity
        price = order.price if request.price is None else request.price
        if order.reduce_only and order.is_active:
            room = self.account.position(order.symbol).reducible_by(order.side)
            quantity = min(quantity, order.cum_qty + room)
        keeps_place = price == order.price and quantity <= order.quantity
        return advance(
            order,
            now_ms,
            quantity=quantity,
            price=price,
            trigger_price=order.trigger_price if request.trigger_price is None else request.trigger_price,
            queue_ahead=order.queue_ahead if keeps_place else ZERO,
        )

    def _work(self, order: Order, now_ms: int) -> list[VenueEvent]:
        """Trade an active order against the displayed book, then rest or end what is left of it."""
        liquidity = self._liquidity[order.symbol]
        crossing = liquidity.crossing(order.side, order.price)
        if order.time_in_force is TimeInForce.POST_ONLY and crossing:
            return [self._end(order, CancelReason.POST_ONLY_WOULD_TAKE, now_ms)]
        available = sum((size for _, size in crossing), ZERO)
        if order.time_in_force is TimeInForce.FOK and available < order.leaves_qty:
            return [self._end(order, CancelReason.NOTHING_TO_FILL, now_ms)]
        events: list[VenueEvent] = []
        for piece in liquidity.take(order.side, order.leaves_qty, order.price):
            events += self._fill(order.venue_order_id, piece, is_maker=False, now_ms=now_ms)
        order = self.account.orders[order.venue_order_id]
        if not order.status.is_open:
            return events
        if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            return [*events, self._end(order, CancelReason.NOTHING_TO_FILL, now_ms)]
        queue_ahead = liquidity.displayed(order.side, order.price)
        self._put(msgspec.structs.replace(order, queue_ahead=queue_ahead))
        return events

    def _fill(self, order_id: str, piece: Level, *, is_maker: bool, now_ms: int) -> list[VenueEvent]:
        """Book one fill: order, position, wallet; then shrink or end what the position no longer backs."""
        order = self.account.orders[order_id]
        instrument = self.instruments[order.symbol]
        price, quantity = piece[0], min(piece[1], order.leaves_qty)
        rate = instrument.maker_fee_rate if is_maker else instrument.taker_fee_rate
        fee = to_money(price * quantity * rate)
        before = self.account.position(order.symbol)
        fill = Fill(side=order.side, quantity=quantity, price=price, fee=fee, time_ms=now_ms)
        after, realised = apply_fill(before, fill)
        self.account.positions[order.symbol] = after
        self.account.wallet += realised - fee
        cum_qty = order.cum_qty + quantity
        order = advance(
            order,
            now_ms,
            status=OrderStatus.FILLED if cum_qty == order.quantity else OrderStatus.PARTIALLY_FILLED,
            cum_qty=cum_qty,
            cum_value=order.cum_value + price * quantity,
            cum_fee=order.cum_fee + fee,
            realised_pnl=order.realised_pnl + realised,
        )
        sequence = self.account.next_sequence()
        execution = Execution(
            trade_id=derive_id("execution", sequence),
            sequence=sequence,
            execution_type=ExecutionType.TRADE,
            symbol=order.symbol,
            side=order.side,
            last_qty=quantity,
            last_px=price,
            fee=fee,
            fee_rate=rate,
            time_ms=now_ms,
            is_maker=is_maker,
            venue_order_id=order.venue_order_id,
            client_order_id=order.client_order_id,
            leaves_qty=order.leaves_qty,
            realised_pnl=realised,
            closed_qty=min(quantity, before.reducible_by(order.side)),
        )
        filled = OrderFilled(order=self._put(order), execution=execution)
        return [filled, *self._fit_reduce_only(order.symbol, now_ms)]

    def _fit_reduce_only(self, symbol: str, now_ms: int) -> list[VenueEvent]:
        """Shrink working reduce-only orders to the position; end them, and waiting ones, without one."""
        events: list[VenueEvent] = []
        position = self.account.position(symbol)
        for order in self.account.open_orders(symbol):
            room = position.reducible_by(order.side)
            if not order.reduce_only or order.leaves_qty <= room:
                continue
            if not room:
                events.append(self._end(order, CancelReason.REDUCE_ONLY, now_ms))
            elif order.is_active:
                shrunk = advance(order, now_ms, quantity=order.cum_qty + room)
                events.append(OrderAmended(order=self._put(shrunk)))
        return events

    def _fill_from_trades(self, update: MarketUpdate) -> list[VenueEvent]:
        events: list[VenueEvent] = []
        for trade in update.trades:
            remaining = trade.quantity
            for order in self._resting(update.symbol, trade.side.opposite):
                if order.side.sign * (order.price - trade.price) < 0 or remaining <= 0:
                    break
                filled, remaining = self._fill_from_trade(order, trade, remaining)
                events += filled
        return events

    def _fill_from_trade(
        self, order: Order, trade: Trade, remaining: Decimal
    ) -> tuple[list[VenueEvent], Decimal]:
        """Give a trade's size to those who waited before us, then to the order, at the order's price."""
        order = self.account.orders[order.venue_order_id]
        if not order.is_active:
            return [], remaining
        if order.price == trade.price and order.queue_ahead:
            ahead = min(order.queue_ahead, remaining)
            self._put(msgspec.structs.replace(order, queue_ahead=order.queue_ahead - ahead))
            remaining -= ahead
        quantity = min(order.leaves_qty, remaining)
        if quantity <= 0:
            return [], remaining
        piece = (order.price, quantity)
        return self._fill(
            order.venue_order_id, piece, is_maker=True, now_ms=trade.time_ms
        ), remaining - quantity

    def _fill_from_book(self, update: MarketUpdate) -> list[VenueEvent]:
        """Fill resting orders that the other side's displayed price reached, at the order's own price."""
        events: list[VenueEvent] = []
        liquidity = self._liquidity[update.symbol]
        for side in Side:
            for known in self._resting(update.symbol, side):
                order = self.account.orders[known.venue_order_id]
                if not order.is_active:
                    continue
                taken = liquidity.take(side, order.leaves_qty, order.price)
                quantity = sum((size for _, size in taken), ZERO)
                if quantity:
                    piece = (order.price, quantity)
                    events += self._fill(order.venue_order_id, piece, is_maker=True, now_ms=update.now_ms)
                elif order.queue_ahead:
                    # Others ahead of us may have left: never wait for more than is displayed.
                    ahead = min(order.queue_ahead, liquidity.displayed(side, order.price))
                    self._put(msgspec.structs.replace(order, queue_ahead=ahead))
        return events

    def _trigger(self, update: MarketUpdate) -> list[VenueEvent]:
        events: list[VenueEvent] = []
        for known in self.account.open_orders(update.symbol):
            order = self.account.orders[known.venue_order_id]
            if order.status is OrderStatus.UNTRIGGERED and _reached(order, update.last_px):
                events += self._wake(order, update.now_ms)
        return events

    def _wake(self, order: Order, now_ms: int) -> list[VenueEvent]:
        """Send a conditional order to the book as the order it stands for."""
        if order.reduce_only and not self.account.position(order.symbol).reducible_by(order.side):
            return [self._end(order, CancelReason.REDUCE_ONLY, now_ms)]
        order = self._ready(advance(order, now_ms, status=OrderStatus.NEW, triggered=True))
        events: list[VenueEvent] = [OrderTriggered(order=self._put(order))]
        return events + self._work(order, now_ms)

    def _resting(self, symbol: str, side: Side) -> Iterable[Order]:
        """Return a side's active orders by price, then by time."""
        orders = [o for o in self.account.open_orders(symbol) if o.side is side and o.is_active]
        return sorted(orders, key=lambda order: (-side.sign * order.price, order.sequence))

    def _end(self, order: Order, reason: CancelReason, now_ms: int) -> OrderCanceled:
        ended = advance(order, now_ms, status=OrderStatus.CANCELED, cancel_reason=reason)
        return OrderCanceled(order=self._put(ended))

    def _put(self, order: Order) -> Order:
        self.account.put(order)
        return order


def _reached(order: Order, last_px: Decimal) -> bool:
    assert order.trigger_price is not None, "a waiting order has a trigger"
    if order.trigger_direction is TriggerDirection.RISES:
        return last_px >= order.trigger_price
    return last_px <= order.trigger_price
