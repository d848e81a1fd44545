from decimal import Decimal

import pytest

from shared.venue.events import OrderAccepted, OrderAmended, OrderCanceled, OrderFilled, Refused
from shared.venue.market import MarketUpdate
from shared.venue.order import AmendRequest, OrderRequest, advance
from shared.venue.values import (
    ORDER_TRANSITIONS,
    CancelReason,
    OrderStatus,
    OrderType,
    RefusalReason,
    Side,
    TimeInForce,
)
from tests.shared.venue.market_makers import (
    SYMBOL,
    book,
    fills,
    last_order,
    limit,
    market,
    open_venue,
    stop,
    trade,
    update,
)

BUY, SELL = Side.BUY, Side.SELL


def test_a_market_order_walks_the_book_level_by_level() -> None:
    events = open_venue().submit(market(BUY, "5"), 1)
    assert fills(events) == [("100.1", "2", False), ("100.2", "2", False), ("100.3", "1", False)]
    assert last_order(events).status is OrderStatus.FILLED


def test_a_market_order_larger_than_the_book_fills_what_is_there_and_cancels_the_rest() -> None:
    events = open_venue().submit(market(SELL, "12"), 1)
    order = last_order(events)
    assert (order.cum_qty, order.status, order.cancel_reason) == (
        Decimal(10),
        OrderStatus.CANCELED,
        CancelReason.NOTHING_TO_FILL,
    )


def test_displayed_liquidity_is_consumed_once_until_the_book_changes() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "2"), 1)
    venue.observe(MarketUpdate(symbol=SYMBOL, last_px=Decimal(100), book=book(version=0), now_ms=2))
    assert fills(venue.submit(market(BUY, "1"), 2)) == [("100.2", "1", False)]
    venue.observe(update(now_ms=3))
    assert fills(venue.submit(market(BUY, "1"), 3)) == [("100.1", "1", False)]


def test_a_book_that_moved_is_the_one_that_trades_even_before_its_sizes_are_renewed() -> None:
    venue = open_venue()
    venue.observe(MarketUpdate(symbol=SYMBOL, last_px=Decimal(90), book=book("90", version=0), now_ms=2))
    assert fills(venue.submit(market(BUY, "1"), 2)) == [("90.1", "1", False)]


def test_a_far_post_only_order_rests_instead_of_filling() -> None:
    venue = open_venue()
    events = venue.submit(limit(BUY, "1", "99", tif=TimeInForce.POST_ONLY), 1)
    assert [type(event) for event in events] == [OrderAccepted]
    assert venue.observe(update(now_ms=2)) == []


def test_a_post_only_order_that_would_take_is_cancelled_unfilled() -> None:
    order = last_order(open_venue().submit(limit(BUY, "1", "100.1", tif=TimeInForce.POST_ONLY), 1))
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.POST_ONLY_WOULD_TAKE)
    assert order.cum_qty == 0


def test_fill_or_kill_is_all_or_nothing() -> None:
    venue = open_venue()
    assert fills(venue.submit(limit(BUY, "4.01", "100.2", tif=TimeInForce.FOK), 1)) == []
    assert len(fills(venue.submit(limit(BUY, "4", "100.2", tif=TimeInForce.FOK), 1))) == 2


def test_immediate_or_cancel_never_rests() -> None:
    events = open_venue().submit(limit(BUY, "3", "100.1", tif=TimeInForce.IOC), 1)
    assert fills(events) == [("100.1", "2", False)]
    assert isinstance(events[-1], OrderCanceled)


def test_a_crossing_limit_takes_first_and_rests_the_remainder_at_its_price() -> None:
    venue = open_venue()
    events = venue.submit(limit(BUY, "3", "100.1"), 1)
    assert fills(events) == [("100.1", "2", False)]
    events = venue.observe(update("99.9", now_ms=2))
    assert fills(events) == [("100.1", "1", True)]


def test_a_resting_order_waits_for_those_displayed_before_it() -> None:
    venue = open_venue()
    venue.submit(limit(BUY, "1", "99.9"), 1)
    assert fills(venue.observe(update(now_ms=2, trades=[trade(SELL, "99.9", "1.5")]))) == []
    events = venue.observe(update(now_ms=3, trades=[trade(SELL, "99.9", "1")]))
    assert fills(events) == [("99.9", "0.5", True)]


def test_a_trade_through_the_price_fills_up_to_its_own_size() -> None:
    venue = open_venue()
    venue.submit(limit(BUY, "3", "99.5"), 1)
    events = venue.observe(update(now_ms=2, trades=[trade(SELL, "99.4", "1.25")]))
    assert fills(events) == [("99.5", "1.25", True)]
    assert last_order(events).status is OrderStatus.PARTIALLY_FILLED


def test_the_better_price_then_the_earlier_order_fills_first() -> None:
    venue = open_venue()
    venue.submit(limit(BUY, "1", "99.5"), 1)
    venue.submit(limit(BUY, "1", "99.7"), 2)
    venue.submit(limit(BUY, "1", "99.5"), 3)
    events = venue.observe(update(now_ms=4, trades=[trade(SELL, "99.4", "2.5")]))
    filled = [(e.order.sequence, str(e.execution.last_qty)) for e in events if isinstance(e, OrderFilled)]
    assert filled == [(2, "1"), (1, "1"), (3, "0.5")]


def test_fees_are_taker_when_taking_and_maker_when_resting() -> None:
    venue = open_venue()
    taker = venue.submit(market(BUY, "1"), 1)[-1]
    venue.submit(limit(SELL, "1", "101"), 2)
    maker = venue.observe(update("102", now_ms=3))[0]
    assert isinstance(taker, OrderFilled)
    assert isinstance(maker, OrderFilled)
    assert taker.execution.fee == Decimal("100.1") * Decimal("0.00055")
    assert maker.execution.fee == Decimal(101) * Decimal("0.0002")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (limit(BUY, "1", "99.95"), RefusalReason.PARAMETER),
        (limit(BUY, "1.005", "99.9"), RefusalReason.PARAMETER),
        (limit(BUY, "0.001", "99.9"), RefusalReason.PARAMETER),
        (limit(BUY, "1001", "99.9"), RefusalReason.PARAMETER),
        (market(BUY, "501"), RefusalReason.PARAMETER),
        (limit(BUY, "0.01", "99.9"), RefusalReason.BELOW_MIN_NOTIONAL),
        (limit(BUY, "1", "116"), RefusalReason.PRICE_OUT_OF_RANGE),
        (limit(SELL, "1", "84"), RefusalReason.PRICE_OUT_OF_RANGE),
        (market(SELL, "1", reduce_only=True), RefusalReason.REDUCE_ONLY),
        (stop(SELL, "1", "101"), RefusalReason.TRIGGER_NOT_BELOW_LAST),
        (stop(BUY, "1", "99"), RefusalReason.TRIGGER_NOT_ABOVE_LAST),
        (stop(SELL, "1", "98"), RefusalReason.REDUCE_ONLY),
        (
            OrderRequest(symbol="XUSDT", side=BUY, order_type=OrderType.MARKET, quantity=Decimal(1)),
            RefusalReason.PARAMETER,
        ),
    ],
)
def test_a_wrong_request_is_refused_and_changes_nothing(
    request_: OrderRequest, reason: RefusalReason
) -> None:
    venue = open_venue()
    (refused,) = venue.submit(request_, 1)
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert venue.account.orders == {}


def test_more_than_the_account_can_carry_is_refused_until_leverage_allows_it() -> None:
    venue = open_venue(cash=Decimal(1000))
    (refused,) = venue.submit(limit(BUY, "110", "100"), 1)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.INSUFFICIENT_BALANCE
    venue.set_leverage(SYMBOL, Decimal(20))
    assert isinstance(venue.submit(limit(BUY, "110", "100"), 1)[0], OrderAccepted)


def test_working_orders_use_margin_before_they_fill() -> None:
    venue = open_venue(cash=Decimal(1000))
    assert isinstance(venue.submit(limit(BUY, "60", "99"), 1)[0], OrderAccepted)
    (refused,) = venue.submit(limit(BUY, "60", "99"), 2)
    assert isinstance(refused, Refused)


@pytest.mark.parametrize("ending", ["fill", "cancel"])
def test_a_client_id_is_refused_again_even_after_its_order_has_ended(ending: str) -> None:
    venue = open_venue()
    if ending == "fill":
        venue.submit(market(BUY, "1", client_id="one"), 1)
    else:
        request = OrderRequest(
            symbol=SYMBOL,
            side=BUY,
            order_type=OrderType.LIMIT,
            quantity=Decimal(1),
            price=Decimal(99),
            client_order_id="one",
        )
        venue.submit(request, 1)
        venue.cancel(symbol=SYMBOL, client_order_id="one", now_ms=2)
    (refused,) = venue.submit(market(BUY, "1", client_id="one"), 3)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.DUPLICATE_CLIENT_ORDER_ID


def test_an_amended_price_that_crosses_trades_at_once() -> None:
    venue = open_venue()
    resting = last_order(venue.submit(limit(BUY, "1", "99"), 1))
    events = venue.amend(
        AmendRequest(symbol=SYMBOL, venue_order_id=resting.venue_order_id, price=Decimal("100.1")), 2
    )
    assert isinstance(events[0], OrderAmended)
    assert fills(events) == [("100.1", "1", False)]


def test_an_amend_below_the_filled_quantity_or_without_change_is_refused() -> None:
    venue = open_venue()
    order = last_order(venue.submit(limit(BUY, "3", "100.1"), 1))
    for quantity, reason in (("2", RefusalReason.PARAMETER), ("3", RefusalReason.NOT_MODIFIED)):
        (refused,) = venue.amend(
            AmendRequest(symbol=SYMBOL, venue_order_id=order.venue_order_id, quantity=Decimal(quantity)), 2
        )
        assert isinstance(refused, Refused)
        assert refused.reason is reason


def test_cancelling_twice_finds_no_order_the_second_time() -> None:
    venue = open_venue()
    order = last_order(venue.submit(limit(BUY, "1", "99"), 1))
    assert isinstance(
        venue.cancel(symbol=SYMBOL, venue_order_id=order.venue_order_id, now_ms=2)[0], OrderCanceled
    )
    (refused,) = venue.cancel(symbol=SYMBOL, venue_order_id=order.venue_order_id, now_ms=3)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.ORDER_NOT_FOUND


def test_cancel_all_ends_resting_and_waiting_orders() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "1"), 1)
    venue.submit(limit(BUY, "1", "99"), 1)
    venue.submit(stop(SELL, "1", "98"), 1)
    assert len(venue.cancel_all(symbol=SYMBOL, now_ms=2)) == 2
    assert venue.account.open_orders() == []


def test_an_illegal_transition_crashes() -> None:
    order = last_order(open_venue().submit(market(BUY, "1"), 1))
    with pytest.raises(AssertionError, match="FILLED -> NEW"):
        advance(order, 2, status=OrderStatus.NEW)


def test_final_statuses_lead_nowhere() -> None:
    closed = {status for status, following in ORDER_TRANSITIONS.items() if not following}
    assert closed == {status for status in OrderStatus if not status.is_open}
