"""Random trading must conserve cash to the last decimal and never break an order's promises."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.venue.account import Account
from shared.venue.events import Execution, ExecutionType, FundingPaid, OrderAccepted, OrderFilled, VenueEvent
from shared.venue.order import AmendRequest, OrderRequest
from shared.venue.values import OrderType, Side, TimeInForce, TriggerDirection
from shared.venue.venue import Venue
from tests.shared.venue.market_makers import CASH, ETH, SYMBOL, trade, update

ZERO = Decimal(0)
PRICES = st.integers(900, 1100).map(lambda ticks: str(Decimal(ticks) / 10))
SIZES = st.integers(1, 900).map(lambda lots: Decimal(lots) / 100)
SIDES = st.sampled_from(Side)

REQUESTS = st.builds(
    OrderRequest,
    symbol=st.just(SYMBOL),
    side=SIDES,
    order_type=st.sampled_from(OrderType),
    quantity=SIZES,
    price=PRICES.map(Decimal),
    time_in_force=st.sampled_from(TimeInForce),
    trigger_price=st.none() | PRICES.map(Decimal),
    trigger_direction=st.sampled_from(TriggerDirection),
    reduce_only=st.booleans(),
    client_order_id=st.sampled_from(["", "a", "b", "c", "d"]),
)
STEPS = st.one_of(
    st.tuples(st.just("submit"), REQUESTS),
    st.tuples(st.just("submit"), REQUESTS),
    st.tuples(st.just("market"), st.tuples(PRICES, st.lists(st.tuples(SIDES, PRICES, SIZES), max_size=3))),
    st.tuples(st.just("market"), st.tuples(PRICES, st.lists(st.tuples(SIDES, PRICES, SIZES), max_size=3))),
    st.tuples(st.just("amend"), st.tuples(st.integers(0, 5), SIZES, PRICES)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("funding"), st.integers(-75, 75).map(lambda bps: Decimal(bps) / 100_000)),
)


def play(venue: Venue, steps: list[Any]) -> list[VenueEvent]:
    """Run the steps; check after each fill what must hold at that moment."""
    history: list[VenueEvent] = []
    for now_ms, (kind, value) in enumerate(steps, start=1):
        held = venue.account.position(SYMBOL).quantity
        events = step(venue, kind, value, now_ms)
        check_reductions(events, held)
        history += events
    return history


def step(venue: Venue, kind: str, value: Any, now_ms: int) -> list[VenueEvent]:
    if kind == "submit":
        request = value
        if request.trigger_price is None:
            request = OrderRequest(**{**fields(request), "trigger_direction": None})
        return venue.submit(request, now_ms)
    if kind == "market":
        last, prints = value
        trades = [trade(side, price, str(size)) for side, price, size in prints]
        return venue.observe(update(last, now_ms=now_ms, trades=trades))
    if kind == "funding":
        return venue.pay_funding({SYMBOL: value}, now_ms)
    row = value if kind == "cancel" else value[0]
    orders = list(venue.account.orders.values())
    if row >= len(orders):
        return []
    venue_order_id = orders[row].venue_order_id
    if kind == "cancel":
        return venue.cancel(symbol=SYMBOL, venue_order_id=venue_order_id, now_ms=now_ms)
    request = AmendRequest(
        symbol=SYMBOL, venue_order_id=venue_order_id, quantity=value[1], price=Decimal(value[2])
    )
    return venue.amend(request, now_ms)


def fields(request: OrderRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in request.__struct_fields__}


def check_reductions(events: list[VenueEvent], held: Decimal) -> None:
    for event in events:
        if isinstance(event, OrderFilled):
            after = held + event.execution.side.sign * event.execution.last_qty
            if event.order.reduce_only:
                assert held * after >= 0, "a reduce-only fill flipped the position"
                assert abs(after) < abs(held), "a reduce-only fill added to the position"
            held = after


def executions(history: list[VenueEvent]) -> list[Execution]:
    return [event.execution for event in history if isinstance(event, OrderFilled | FundingPaid)]


def fresh() -> Venue:
    venue = Venue({SYMBOL: ETH}, Account(wallet=CASH))
    venue.observe(update())
    return venue


@settings(max_examples=250, deadline=None, print_blob=True)
@given(st.lists(STEPS, max_size=40))
def test_cash_and_quantities_are_conserved_to_the_last_decimal(steps: list[Any]) -> None:
    venue = fresh()
    rows = executions(play(venue, steps))
    trades = [row for row in rows if row.execution_type is ExecutionType.TRADE]
    realised = sum((row.realised_pnl for row in trades), ZERO)
    assert venue.account.wallet == CASH + realised - sum((row.fee for row in rows), ZERO)
    position = venue.account.position(SYMBOL)
    assert position.quantity == sum((row.side.sign * row.last_qty for row in trades), ZERO)
    # Cash paid for fills, less what is still in the open position, is the realised profit.
    flow = sum((-row.side.sign * row.last_qty * row.last_px for row in trades), ZERO)
    assert realised == flow + position.open_value
    assert len({row.trade_id for row in rows}) == len(rows)


@settings(max_examples=250, deadline=None, print_blob=True)
@given(st.lists(STEPS, max_size=40))
def test_an_order_is_never_overfilled_nor_filled_beyond_its_limit(steps: list[Any]) -> None:
    venue = fresh()
    history = play(venue, steps)
    filled: defaultdict[str, Decimal] = defaultdict(Decimal)
    for event in history:
        if isinstance(event, OrderFilled):
            row = event.execution
            filled[row.venue_order_id] += row.last_qty
            assert row.side.sign * (event.order.price - row.last_px) >= 0
    for order in venue.account.orders.values():
        assert filled[order.venue_order_id] == order.cum_qty <= order.quantity
        assert order.status.is_open == (order.venue_order_id in venue.account.open_ids.get(order.symbol, {}))


@settings(max_examples=100, deadline=None, print_blob=True)
@given(st.lists(STEPS, max_size=40))
def test_the_same_steps_give_the_same_events(steps: list[Any]) -> None:
    assert play(fresh(), steps) == play(fresh(), steps)


@settings(max_examples=100, deadline=None, print_blob=True)
@given(st.lists(STEPS, max_size=40))
def test_each_client_id_is_accepted_at_most_once(steps: list[Any]) -> None:
    history = play(fresh(), steps)
    accepted = [event.order.client_order_id for event in history if isinstance(event, OrderAccepted)]
    named = [client_id for client_id in accepted if client_id]
    assert len(named) == len(set(named))
