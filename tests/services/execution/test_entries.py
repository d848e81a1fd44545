"""What becomes of an approval at the last hop before the venue."""

from decimal import Decimal
from time import perf_counter

import pytest

from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.engine import CommandName, CommandRequested, EngineState
from shared.contracts.market import InstrumentsListed
from shared.contracts.order import (
    CancelSubmitted,
    OrderCanceled,
    OrderFilled,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import PositionClosed, PositionOpened
from shared.contracts.risk import Denial, DenialReason, EntryRefused, KillSwitchCleared, KillSwitchTripped
from shared.contracts.signal import PositionSide, Strategy
from shared.contracts.venue import OrderMissing, SubmitRefused, SubmitUncertain, VenueDisconnected
from tests.services.execution.trading import (
    SYMBOL,
    Desk,
    account,
    acknowledged,
    approval,
    engine,
    every,
    fill,
    one,
    quotes,
    reported,
)

D = Decimal
RETEST = approval(strategy=Strategy.RETEST)


def refused(decided: list[Event]) -> dict[DenialReason, Denial]:
    """Return the reasons of an entry that was refused, and nothing else."""
    (event,) = decided
    assert isinstance(event, EntryRefused), event
    assert event.symbol == SYMBOL
    return {denial.reason: denial for denial in event.reasons}


def test_a_momentum_approval_becomes_a_market_order_of_exactly_that_quantity() -> None:
    order = one(Desk().approve(), OrderSubmitted)
    assert (order.order_type, order.side, order.quantity) == (OrderType.MARKET, OrderSide.BUY, D(10))
    assert order.purpose is OrderPurpose.ENTRY
    assert not order.reduce_only
    assert len(order.client_order_id) == 36


def test_a_short_approval_sells() -> None:
    assert one(Desk().approve(approval(side=PositionSide.SHORT)), OrderSubmitted).side is OrderSide.SELL


def test_the_same_approval_twice_enters_once() -> None:
    desk = Desk()
    desk.enter()
    assert desk.approve() == []


@pytest.mark.parametrize(
    "state",
    [EngineState.PAUSED, EngineState.STOPPED, EngineState.ERROR, EngineState.EMERGENCY, EngineState.IDLE],
)
def test_nothing_is_entered_unless_the_engine_trades(state: EngineState) -> None:
    desk = Desk()
    desk.given(engine(state, entries=False), source=Source.ORCHESTRATOR)
    assert set(refused(desk.approve())) == {DenialReason.ENGINE_NOT_TRADING}


def test_nothing_is_entered_when_the_engine_allows_no_entries() -> None:
    desk = Desk()
    desk.given(engine(entries=False), source=Source.ORCHESTRATOR)
    assert set(refused(desk.approve())) == {DenialReason.ENGINE_NOT_TRADING}


def test_nothing_is_entered_before_the_account_is_reconciled() -> None:
    desk = Desk(trading=False)
    desk.given(engine(), source=Source.ORCHESTRATOR)
    assert set(refused(desk.approve())) == {DenialReason.NOT_RECONCILED}


def test_nothing_is_entered_while_the_venue_is_out_of_reach() -> None:
    desk = Desk()
    desk.venue(VenueDisconnected(error="cut"))
    assert set(refused(desk.approve())) == {DenialReason.NOT_RECONCILED}


def test_nothing_is_entered_after_expiry() -> None:
    desk = Desk()
    late = refused(desk.approve(approval(expires_at_ms=desk.time_ms - 1)))[DenialReason.SIGNAL_EXPIRED]
    assert (late.value, late.limit) == (D(desk.time_ms), D(desk.time_ms - 1))


def test_nothing_is_entered_when_the_price_is_already_beyond_the_stop() -> None:
    desk = Desk()
    desk.given(quotes(97.5))
    beyond = refused(desk.approve())[DenialReason.INVALID_STOP]
    assert (beyond.value, beyond.limit) == (D(98), D("97.5"))


def test_nothing_is_entered_between_kill_switch_and_clearance() -> None:
    desk = Desk()
    tripped = KillSwitchTripped(limit=DenialReason.KILL_SWITCH, value=D(1), threshold=D(1))
    desk.given(tripped, source=Source.RISK)
    assert set(refused(desk.approve())) == {DenialReason.KILL_SWITCH}
    desk.given(KillSwitchCleared(command_id="c"), source=Source.RISK)
    assert one(desk.approve(approval("signal-2")), OrderSubmitted).signal_id == "signal-2"


def test_a_symbol_holds_one_position_or_entry_at_a_time() -> None:
    desk = Desk()
    desk.enter()
    assert set(refused(desk.approve(approval("signal-2")))) == {DenialReason.SYMBOL_IN_USE}
    desk = Desk()
    desk.open()
    assert set(refused(desk.approve(approval("signal-2")))) == {DenialReason.SYMBOL_IN_USE}


def test_a_symbol_with_an_unresolved_order_is_not_entered() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(SubmitUncertain(client_order_id=entry.client_order_id, error="cut"))
    assert DenialReason.UNRESOLVED_ORDER in refused(desk.approve(approval("signal-2")))
    desk.venue(OrderMissing(client_order_id=entry.client_order_id))
    assert one(desk.approve(approval("signal-3")), OrderSubmitted).signal_id == "signal-3"


def test_a_quantity_between_two_lots_is_refused_with_the_lot() -> None:
    odd = refused(Desk().approve(approval(quantity=D("10.05"))))[DenialReason.INVALID_QUANTITY]
    assert (odd.value, odd.limit) == (D("10.05"), D("0.1"))
    assert DenialReason.INVALID_QUANTITY in refused(Desk().approve(approval(quantity=D(0))))


def test_an_unknown_instrument_is_refused() -> None:
    desk = Desk()
    desk.given(InstrumentsListed(instruments=()))
    assert set(refused(desk.approve())) == {DenialReason.UNKNOWN_INSTRUMENT}


def test_every_reason_against_an_entry_is_listed() -> None:
    desk = Desk()
    desk.given(engine(EngineState.PAUSED, entries=False), source=Source.ORCHESTRATOR)
    desk.venue(VenueDisconnected(error="cut"))
    desk.given(quotes(97.5))
    assert list(refused(desk.approve(approval(expires_at_ms=desk.time_ms - 1)))) == [
        DenialReason.ENGINE_NOT_TRADING,
        DenialReason.NOT_RECONCILED,
        DenialReason.SIGNAL_EXPIRED,
        DenialReason.INVALID_STOP,
    ]


def test_a_refused_approval_is_answered_once_and_never_entered_later() -> None:
    desk = Desk()
    desk.given(engine(EngineState.PAUSED, entries=False), source=Source.ORCHESTRATOR)
    refused(desk.approve())
    assert desk.approve() == []
    desk.given(engine(), source=Source.ORCHESTRATOR)
    assert desk.approve() == []


def test_two_approvals_of_one_symbol_in_one_record_enter_the_first_and_refuse_the_second() -> None:
    entered, refusal = Desk().when(approval(), approval("signal-2"), source=Source.RISK)
    assert isinstance(entered, OrderSubmitted)
    assert set(refused([refusal])) == {DenialReason.SYMBOL_IN_USE}


def test_entries_of_one_symbol_are_throttled() -> None:
    desk = Desk()
    sent = []
    for number in range(9):
        sent += desk.approve(approval(f"signal-{number}"))
        for order in desk.working(OrderPurpose.ENTRY):
            desk.venue(SubmitRefused(client_order_id=order.client_order_id, code="110007", message="poor"))
    assert len(every(sent, OrderSubmitted)) == 6
    rate = refused(sent[-1:])[DenialReason.ORDER_RATE]
    assert (rate.value, rate.limit) == (D(6), D(6))


def test_a_retest_waits_with_a_post_only_limit_behind_the_best_price() -> None:
    desk = Desk()
    desk.given(quotes(100.0, spread=0.02))
    order = desk.enter(RETEST)
    # The best bid is 99.99, the preset's offset 1.5 bps.
    assert (order.order_type, order.price, order.post_only) == (OrderType.LIMIT, D("99.97"), True)


def test_a_short_retest_waits_above_the_best_price() -> None:
    desk = Desk()
    order = desk.enter(approval(strategy=Strategy.RETEST, side=PositionSide.SHORT))
    assert order.price == D("100.03")


def test_a_retest_in_a_wide_spread_goes_to_market() -> None:
    desk = Desk()
    desk.given(quotes(100.0, spread=1.0))
    assert desk.enter(RETEST).order_type is OrderType.MARKET


def test_a_limit_that_waited_in_vain_is_cancelled_and_sent_to_market() -> None:
    desk = Desk()
    entry = desk.enter(RETEST)
    desk.accept(entry)
    assert desk.tick(29_000) == []
    cancel = one(desk.tick(1_000), CancelSubmitted)
    assert (cancel.client_order_id, cancel.reason) == (entry.client_order_id, "entry_timeout")
    assert desk.tick() == [], "it is cancelled once"
    decided = desk.venue(reported(entry, OrderStatus.CANCELED))
    rest = one(decided, OrderSubmitted)
    assert (rest.order_type, rest.quantity) == (OrderType.MARKET, D(10))
    assert rest.client_order_id != entry.client_order_id
    assert rest.position_id == entry.position_id


def test_only_what_the_limit_left_is_sent_to_market() -> None:
    desk = Desk()
    entry = desk.enter(RETEST)
    desk.accept(entry)
    desk.venue(fill(entry, D(4)))
    desk.tick(30_000)
    rest = one(desk.venue(reported(entry, OrderStatus.CANCELED, D(4))), OrderSubmitted)
    assert rest.quantity == D(6)


def test_a_cancel_that_crosses_a_fill_is_settled_by_the_fill() -> None:
    """The venue says cancelled after 4, whose execution comes later: only then is the rest known."""
    desk = Desk()
    entry = desk.enter(RETEST)
    desk.accept(entry)
    desk.tick(30_000)
    assert every(desk.venue(reported(entry, OrderStatus.CANCELED, D(4))), OrderCanceled) == []
    decided = desk.venue(fill(entry, D(4)))
    assert one(decided, OrderFilled).cum_qty == D(4)
    assert one(decided, OrderCanceled).cum_qty == D(4)
    entries = [o for o in every(decided, OrderSubmitted) if o.purpose is OrderPurpose.ENTRY]
    assert [order.quantity for order in entries] == [D(6)]


def test_a_limit_filled_while_it_was_cancelled_is_not_sent_again() -> None:
    desk = Desk()
    entry = desk.enter(RETEST)
    desk.accept(entry)
    desk.tick(30_000)
    decided = desk.venue(reported(entry, OrderStatus.FILLED, D(10)), fill(entry))
    assert not [o for o in every(decided, OrderSubmitted) if o.purpose is OrderPurpose.ENTRY]
    assert one(decided, PositionOpened).quantity == D(10)


def test_the_rest_is_dropped_when_the_price_has_left_the_approval() -> None:
    desk = Desk()
    entry = desk.enter(RETEST)
    desk.accept(entry)
    desk.tick(30_000)
    desk.given(quotes(100.3))
    assert every(desk.venue(reported(entry, OrderStatus.CANCELED)), OrderSubmitted) == []


def test_the_rest_is_dropped_when_the_approval_has_expired() -> None:
    desk = Desk()
    entry = desk.enter(approval(strategy=Strategy.RETEST, expires_at_ms=desk.time_ms + 30_000))
    desk.accept(entry)
    desk.tick(31_000)
    assert every(desk.venue(reported(entry, OrderStatus.CANCELED)), OrderSubmitted) == []


def test_a_refused_post_only_limit_goes_to_market() -> None:
    desk = Desk()
    entry = desk.enter(RETEST)
    refused = SubmitRefused(client_order_id=entry.client_order_id, code="170218", message="would take")
    assert one(desk.venue(refused), OrderSubmitted).order_type is OrderType.MARKET


def test_a_waiting_limit_is_cancelled_when_entries_close() -> None:
    desk = Desk()
    desk.accept(desk.enter(RETEST))
    desk.given(engine(EngineState.PAUSED, entries=False), source=Source.ORCHESTRATOR)
    assert one(desk.tick(), CancelSubmitted).reason == "entries_closed"


def test_a_partial_fill_stopped_out_while_the_limit_waits_ends_the_whole_trade() -> None:
    desk = Desk()
    entry = desk.enter(RETEST)
    desk.accept(entry)
    stop = one(desk.venue(fill(entry, D(4))), OrderSubmitted)
    desk.accept(stop)
    decided = desk.venue(fill(stop, D(4), D(98)))
    assert entry.client_order_id in [c.client_order_id for c in every(decided, CancelSubmitted)]
    assert every(decided, PositionClosed) == [], "the limit may still fill"
    decided = desk.venue(reported(entry, OrderStatus.CANCELED, D(4)))
    assert one(decided, PositionClosed).quantity == D(4)
    assert every(decided, OrderSubmitted) == []


def test_a_refused_entry_frees_the_symbol() -> None:
    desk = Desk()
    entry = desk.enter()
    desk.venue(SubmitRefused(client_order_id=entry.client_order_id, code="110007", message="poor"))
    assert one(desk.approve(approval("signal-2")), OrderSubmitted).signal_id == "signal-2"


def test_an_order_is_decided_within_a_millisecond() -> None:
    desk = Desk()
    took = []
    for number in range(6):
        approved = approval(f"signal-{number}")
        started = perf_counter()
        (order,) = desk.approve(approved)
        took.append(perf_counter() - started)
        assert isinstance(order, OrderSubmitted)
        desk.venue(SubmitRefused(client_order_id=order.client_order_id, code="1", message=""))
    # The best of six: the machine is shared. It includes encoding and decoding both records.
    assert min(took) < 0.001


def test_flattening_blocks_entries_until_a_person_starts_again() -> None:
    desk = Desk()
    command = CommandRequested(command_id="c", command=CommandName.KILL_SWITCH, requested_by="me")
    desk.when(command, source=Source.COMMANDS)
    assert DenialReason.FLATTENING in refused(desk.approve(approval("signal-0")))
    desk.venue(account())
    assert desk.state.flattening is None
    assert set(refused(desk.approve())) == {DenialReason.ENGINE_NOT_TRADING}
    desk.given(engine(EngineState.INITIALIZING, entries=False), source=Source.ORCHESTRATOR)
    desk.given(engine(), source=Source.ORCHESTRATOR)
    assert one(desk.approve(approval("signal-2")), OrderSubmitted).signal_id == "signal-2"


def test_acknowledgements_told_twice_change_nothing() -> None:
    desk = Desk()
    entry = desk.enter()
    assert len(desk.venue(acknowledged(entry))) == 1
    assert desk.venue(acknowledged(entry)) == []
    assert desk.venue(reported(entry, OrderStatus.NEW)) == []
    assert desk.state.orders[entry.client_order_id].symbol == SYMBOL
