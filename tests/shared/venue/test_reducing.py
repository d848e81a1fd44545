from decimal import Decimal

from shared.venue.events import (
    ExecutionType,
    FundingPaid,
    OrderAmended,
    OrderCanceled,
    OrderTriggered,
    Refused,
)
from shared.venue.order import AmendRequest
from shared.venue.values import CancelReason, OrderStatus, RefusalReason, Side
from tests.shared.venue.market_makers import (
    CASH,
    SYMBOL,
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


def test_a_stop_wakes_at_its_trigger_and_closes_the_position() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "2"), 1)
    venue.submit(stop(SELL, "2", "98"), 2)
    assert venue.observe(update("98.1", now_ms=3)) == []
    events = venue.observe(update("98", now_ms=4))
    assert isinstance(events[0], OrderTriggered)
    assert fills(events) == [("97.9", "2", False)]
    assert venue.account.position(SYMBOL).quantity == 0


def test_a_stop_limit_rests_at_its_price_when_the_market_jumped_over_it() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "2"), 1)
    venue.submit(stop(SELL, "2", "98", price="97.9"), 2)
    events = venue.observe(update("95", now_ms=3))
    assert fills(events) == []
    assert fills(venue.observe(update("98.2", now_ms=4))) == [("97.9", "2", True)]


def test_a_reduce_only_order_is_cut_to_the_position() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "2"), 1)
    order = last_order(venue.submit(market(SELL, "5", reduce_only=True), 2))
    assert (order.quantity, order.status) == (Decimal(2), OrderStatus.FILLED)
    assert venue.account.position(SYMBOL).quantity == 0


def test_a_stop_larger_than_the_position_closes_no_more_than_it() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "2"), 1)
    venue.submit(stop(SELL, "9", "98"), 2)
    venue.observe(update("97", now_ms=3))
    assert venue.account.position(SYMBOL).quantity == 0


def test_resting_reduce_only_orders_shrink_with_the_position_and_end_with_it() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "4"), 1)
    target = last_order(venue.submit(limit(SELL, "4", "105", reduce_only=True), 2))
    venue.submit(stop(SELL, "4", "95"), 2)
    events = venue.submit(market(SELL, "1", reduce_only=True), 3)
    assert [e.order.quantity for e in events if isinstance(e, OrderAmended)] == [Decimal(3)]
    venue.observe(update(now_ms=4))
    events = venue.submit(market(SELL, "3", reduce_only=True), 4)
    ended = [e.order for e in events if isinstance(e, OrderCanceled)]
    assert [order.cancel_reason for order in ended] == [CancelReason.REDUCE_ONLY] * 2
    assert target.venue_order_id in {order.venue_order_id for order in ended}


def test_the_stop_of_a_growing_position_can_be_amended_to_cover_it() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "1"), 1)
    waiting = last_order(venue.submit(stop(SELL, "1", "98"), 2))
    venue.submit(market(BUY, "1"), 3)
    request = AmendRequest(
        symbol=SYMBOL,
        venue_order_id=waiting.venue_order_id,
        quantity=Decimal(2),
        trigger_price=Decimal("98.5"),
    )
    assert isinstance(venue.amend(request, 4)[0], OrderAmended)
    venue.observe(update("98.4", now_ms=5))
    assert venue.account.position(SYMBOL).quantity == 0


def test_a_trigger_amended_through_the_market_is_refused() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "1"), 1)
    waiting = last_order(venue.submit(stop(SELL, "1", "98"), 2))
    request = AmendRequest(
        symbol=SYMBOL, venue_order_id=waiting.venue_order_id, trigger_price=Decimal("100.5")
    )
    (refused,) = venue.amend(request, 3)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.TRIGGER_NOT_BELOW_LAST


def test_a_larger_opposite_order_flips_the_position_with_the_right_profit() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "1"), 1)
    venue.observe(update("110", now_ms=2))
    venue.submit(market(SELL, "2"), 2)
    position = venue.account.position(SYMBOL)
    assert position.quantity == Decimal(-1)
    assert position.avg_px == Decimal("109.9")
    assert position.realised_pnl == Decimal("109.9") - Decimal("100.1")


def test_a_winning_short_adds_to_the_wallet() -> None:
    venue = open_venue()
    venue.submit(market(SELL, "1"), 1)
    venue.observe(update("90", now_ms=2))
    venue.submit(market(BUY, "1"), 2)
    fees = venue.account.position(SYMBOL).fees
    assert venue.account.wallet == CASH + Decimal("99.9") - Decimal("90.1") - fees


def test_equity_counts_the_position_and_not_only_the_cash() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "4"), 1)
    paid = venue.account.position(SYMBOL)
    assert venue.account.equity() == CASH - paid.fees + paid.unrealised_pnl(Decimal(100))
    assert venue.account.equity() > CASH - Decimal(2)


def test_longs_pay_a_positive_funding_rate_and_shorts_receive_it() -> None:
    for side, sign in ((BUY, 1), (SELL, -1)):
        venue = open_venue()
        venue.submit(market(side, "2"), 1)
        before = venue.account.wallet
        (paid,) = venue.pay_funding({SYMBOL: Decimal("0.0001")}, 2)
        assert isinstance(paid, FundingPaid)
        assert paid.execution.execution_type is ExecutionType.FUNDING
        assert before - venue.account.wallet == paid.execution.fee == sign * Decimal("0.02")


def test_a_target_and_a_stop_of_full_size_never_close_the_position_twice() -> None:
    venue = open_venue()
    venue.submit(market(BUY, "2"), 1)
    venue.submit(limit(SELL, "2", "103", reduce_only=True), 2)
    venue.submit(stop(SELL, "2", "97"), 2)
    venue.observe(update("103.2", now_ms=3, trades=[trade(BUY, "103.1", "2")]))
    assert venue.account.position(SYMBOL).quantity == 0
    assert venue.account.open_orders() == []
