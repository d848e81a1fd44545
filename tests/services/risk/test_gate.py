"""Risk denies a signal for every reason that applies, and fails closed (RELIABILITY R10)."""

from decimal import Decimal

import pytest

from shared.contracts.account import ReconciliationFailed
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.engine import TRADING_ACTIVE, CommandName, CommandRequested, EngineState
from shared.contracts.market import FeedChannel, FeedRestored, FeedStale, InstrumentsListed
from shared.contracts.order import OrderAccepted, OrderCanceled, OrderOutcomeUnknown, OrderRejected
from shared.contracts.risk import Denial, DenialReason, EntryRefused, SignalDenied
from shared.contracts.scan import MarketScore, MarketsScored
from shared.contracts.venue import VenueConnected, VenueDisconnected
from tests.services.risk.scenario import (
    NOON_MS,
    SYMBOL,
    SYMBOLS,
    Account,
    approvals,
    books,
    engine,
    entry_order,
    instrument,
    preset,
    quotes,
    reasons,
    reconciled,
    short,
    signal,
)


def command(name: CommandName) -> CommandRequested:
    return CommandRequested(command_id="c", command=name, requested_by="test")


def scored(symbol: str, correlation: float) -> MarketsScored:
    market = MarketScore(
        symbol=symbol,
        score=0.0,
        passed=True,
        price=1.0,
        btc_correlation=correlation,
        filters=(),
        components=(),
    )
    return MarketsScored(scan_id="s", partition=0, markets=(market,))


def test_a_sound_signal_is_approved_with_everything_execution_needs() -> None:
    approved = Account().approve()
    asked = signal()
    assert (approved.signal_id, approved.symbol, approved.side) == ("a", SYMBOL, asked.side)
    assert (approved.entry_px, approved.stop_px, approved.targets) == (
        asked.entry_px,
        asked.stop_px,
        asked.targets,
    )
    assert approved.quantity == Decimal("50.0")
    assert approved.risk_usd == 100
    assert approved.notional_usd == 5_000
    assert approved.equity_usd == 100_000
    assert approved.level_px == Decimal("99.9")
    assert approved.expires_at_ms == asked.expires_at_ms


@pytest.mark.parametrize("state", list(EngineState))
def test_only_a_trading_engine_enters(state: EngineState) -> None:
    account = Account()
    account.say(engine(state), source=Source.ORCHESTRATOR)
    expected = [] if state in TRADING_ACTIVE else [DenialReason.ENGINE_NOT_TRADING]
    assert reasons(account.ask(signal())) == expected


def test_closed_entries_are_no_trading_engine() -> None:
    account = Account()
    account.say(engine(EngineState.MANAGING, entries_allowed=False), source=Source.ORCHESTRATOR)
    assert reasons(account.ask(signal())) == [DenialReason.ENGINE_NOT_TRADING]


def test_missing_limits_are_a_denial() -> None:
    account = Account()
    account.state.limits = None
    assert reasons(account.ask(signal())) == [DenialReason.ENGINE_NOT_TRADING]


def test_the_kill_switch_of_a_person_needs_no_orchestrator() -> None:
    account = Account()
    account.say(command(CommandName.KILL_SWITCH), source=Source.COMMANDS)
    assert reasons(account.ask(signal())) == [DenialReason.KILL_SWITCH]


@pytest.mark.parametrize("name", [CommandName.PANIC_EXIT, CommandName.EMERGENCY_STOP])
def test_whoever_wants_out_is_obeyed_until_the_engine_is_started_again(name: CommandName) -> None:
    account = Account()
    account.say(command(name), source=Source.COMMANDS)
    assert reasons(account.ask(signal())) == [DenialReason.ENGINE_NOT_TRADING]
    account.say(engine(EngineState.INITIALIZING), source=Source.ORCHESTRATOR)
    account.say(engine(EngineState.SCANNING), source=Source.ORCHESTRATOR)
    assert reasons(account.ask(signal("b"))) == []


@pytest.mark.parametrize("event", [VenueConnected(), VenueDisconnected(error="cut")])
def test_nothing_is_entered_before_the_account_is_reconciled(
    event: VenueConnected | VenueDisconnected,
) -> None:
    account = Account()
    account.say(event, source=Source.VENUE)
    assert reasons(account.ask(signal())) == [DenialReason.NOT_RECONCILED]
    account.tell(reconciled())
    assert reasons(account.ask(signal("b"))) == []


def test_failed_reconciliation_closes_entries() -> None:
    account = Account()
    account.tell(ReconciliationFailed(discrepancies=()))
    assert reasons(account.ask(signal())) == [DenialReason.NOT_RECONCILED]


def test_an_unknown_equity_is_a_denial() -> None:
    account = Account()
    account.state.wallet_usd = None
    assert reasons(account.ask(signal())) == [DenialReason.UNKNOWN_EQUITY]


@pytest.mark.parametrize("equity", [Decimal(0), Decimal(-5)])
def test_an_account_without_equity_enters_nothing(equity: Decimal) -> None:
    account = Account(equity=equity)
    assert DenialReason.UNKNOWN_EQUITY in reasons(account.ask(signal()))


def test_an_unknown_instrument_is_a_denial() -> None:
    account = Account()
    account.say(InstrumentsListed(instruments=(instrument(SYMBOLS[1]),)))
    assert reasons(account.ask(signal())) == [DenialReason.UNKNOWN_INSTRUMENT]


def test_a_contract_of_another_size_is_not_sized() -> None:
    account = Account()
    account.say(InstrumentsListed(instruments=(instrument(contract_size=Decimal(10)),)))
    assert reasons(account.ask(signal())) == [DenialReason.UNKNOWN_INSTRUMENT]


def test_a_price_older_than_a_bar_is_stale() -> None:
    account = Account()
    account.say(books(1e6, 1e6), time_ms=NOON_MS + 300_001)
    assert reasons(account.ask(signal())) == [DenialReason.STALE_PRICE]
    account.say(quotes(100.0))
    assert reasons(account.ask(signal("b"))) == []


def test_a_market_without_a_price_is_stale() -> None:
    account = Account()
    account.state.quotes.clear()
    assert reasons(account.ask(signal())) == [DenialReason.STALE_PRICE]


def test_a_stale_mark_of_an_open_position_makes_equity_too_old_to_size() -> None:
    account = Account()
    account.open()
    account.say(books(1e6, 1e6), time_ms=NOON_MS + 300_001)
    account.say(quotes(100.0, SYMBOLS[1:]))
    assert reasons(account.ask(signal("b", SYMBOLS[1]))) == [DenialReason.STALE_PRICE]


def test_an_unknown_or_old_book_is_a_stale_feed() -> None:
    account = Account()
    account.say(quotes(100.0), time_ms=NOON_MS + 300_001)
    assert reasons(account.ask(signal())) == [DenialReason.STALE_FEED]
    account.state.depths.clear()
    assert reasons(account.ask(signal("b"))) == [DenialReason.STALE_FEED]


def test_a_silent_channel_is_a_stale_feed_until_it_is_restored() -> None:
    account = Account()
    account.say(FeedStale(channel=FeedChannel.BOOKS, symbols=(SYMBOL,), silent_ms=1))
    assert reasons(account.ask(signal())) == [DenialReason.STALE_FEED]
    account.say(FeedRestored(channel=FeedChannel.BOOKS, symbols=(SYMBOL,)))
    assert reasons(account.ask(signal("b"))) == []


@pytest.mark.parametrize(
    ("price", "denied"), [(101.99, False), (102.0, True), (98.01, False), (98.0, True), (97.0, True)]
)
def test_price_may_be_less_than_one_r_away_from_the_entry(price: float, denied: bool) -> None:
    account = Account()
    account.say(quotes(price))
    assert reasons(account.ask(signal())) == ([DenialReason.PRICE_MOVED_AWAY] if denied else [])


@pytest.mark.parametrize("stop", ["100.00", "101.00", "0", "-1"])
def test_a_stop_on_the_wrong_side_is_invalid(stop: str) -> None:
    assert reasons(Account().ask(signal(stop_px=Decimal(stop)))) == [DenialReason.INVALID_STOP]


def test_one_trade_per_symbol_whatever_its_stage() -> None:
    account = Account()
    approved = account.approve()
    assert reasons(account.ask(signal("b"))) == [DenialReason.SYMBOL_IN_USE]
    account.enter(approved)
    assert reasons(account.ask(short("c"))) == [DenialReason.SYMBOL_IN_USE]
    account.close(approved, "101.00")
    assert reasons(account.ask(signal("d"))) == []


def test_an_order_of_unknown_fate_blocks_its_symbol_until_it_is_resolved() -> None:
    account = Account()
    approved = account.approve()
    order = entry_order(approved)
    account.tell(order)
    account.tell(OrderOutcomeUnknown(client_order_id=order.client_order_id, error="cut"))
    assert DenialReason.UNRESOLVED_ORDER in reasons(account.ask(signal("b")))
    account.tell(OrderAccepted(client_order_id=order.client_order_id, venue_order_id="v"))
    assert DenialReason.UNRESOLVED_ORDER not in reasons(account.ask(signal("c")))
    account.tell(OrderOutcomeUnknown(client_order_id=order.client_order_id, error="cut"))
    account.tell(OrderRejected(client_order_id=order.client_order_id, code="x", reason="y"))
    assert reasons(account.ask(signal("d"))) == []


def test_the_signals_own_correlation_is_checked_w_r5() -> None:
    """W-R5: the reference read a correlation that nobody sets, so the check never refused."""
    account = Account()
    (denied,) = account.ask(signal(btc_correlation=-0.41))
    assert isinstance(denied, SignalDenied)
    assert [(d.reason, d.value, d.limit) for d in denied.reasons] == [
        (DenialReason.CORRELATION, Decimal("-0.41"), Decimal("0.4"))
    ]
    assert reasons(account.ask(signal("b", btc_correlation=0.4))) == []


def test_an_unknown_correlation_is_a_denial() -> None:
    assert reasons(Account().ask(signal(btc_correlation=None))) == [DenialReason.CORRELATION]


def test_positions_that_have_become_correlated_close_the_door() -> None:
    account = Account(preset(max_concurrent_positions=5))
    account.open(signal("a", SYMBOLS[0]))
    account.say(scored(SYMBOLS[0], 0.9), source=Source.SCANNER)
    assert reasons(account.ask(signal("b", SYMBOLS[1]))) == []  # half of the exposure
    account.enter(account.approve(signal("b2", SYMBOLS[2])))
    account.say(scored(SYMBOLS[1], 0.9), source=Source.SCANNER)
    account.say(scored(SYMBOLS[2], 0.9), source=Source.SCANNER)
    assert reasons(account.ask(signal("c", SYMBOLS[3]))) == [DenialReason.CORRELATED_EXPOSURE]


def test_an_expired_signal_is_denied() -> None:
    account = Account()
    expired = signal(expires_at_ms=NOON_MS)
    assert reasons(account.ask(expired)) == [DenialReason.SIGNAL_EXPIRED]


def test_all_reasons_are_listed() -> None:
    account = Account()
    account.say(command(CommandName.KILL_SWITCH), source=Source.COMMANDS)
    account.say(engine(EngineState.PAUSED), source=Source.ORCHESTRATOR)
    account.say(VenueDisconnected(error="cut"), source=Source.VENUE)
    account.state.quotes.clear()
    assert reasons(account.ask(signal(btc_correlation=0.9, expires_at_ms=NOON_MS))) == [
        DenialReason.ENGINE_NOT_TRADING,
        DenialReason.KILL_SWITCH,
        DenialReason.NOT_RECONCILED,
        DenialReason.SIGNAL_EXPIRED,
        DenialReason.STALE_PRICE,
        DenialReason.CORRELATION,
    ]


def test_nine_signals_in_one_record_open_three_positions_w_s5() -> None:
    """W-S5: nine positions were opened in one batch with a limit of three."""
    account = Account()
    events = account.ask(*(signal(str(i), SYMBOLS[i]) for i in range(9)))
    assert [a.signal_id for a in approvals(events)] == ["0", "1", "2"]
    denied = [event for event in events if isinstance(event, SignalDenied)]
    assert [[d.reason for d in each.reasons] for each in denied] == [[DenialReason.POSITIONS_MAX]] * 6
    assert [d.value for each in denied for d in each.reasons] == [3] * 6


def test_the_positions_of_several_records_count_too_w_s5() -> None:
    account = Account()
    account.approve(signal("a", SYMBOLS[0]))
    account.tell(entry_order(account.approve(signal("b", SYMBOLS[1]))))
    account.open(signal("c", SYMBOLS[2]))
    assert reasons(account.ask(signal("d", SYMBOLS[3]))) == [DenialReason.POSITIONS_MAX]


def test_one_record_asks_twice_for_a_symbol_and_gets_it_once() -> None:
    events = Account().ask(signal("a"), signal("b"), signal("a"))
    assert [a.signal_id for a in approvals(events)] == ["a"]
    assert reasons(events[1:]) == [DenialReason.SYMBOL_IN_USE]
    assert len(events) == 2


def test_deciding_twice_yields_nothing() -> None:
    account = Account()
    account.approve(signal())
    assert account.ask(signal()) == []
    account.ask(signal("b"))
    assert account.ask(signal("b")) == []


def test_an_entry_refused_at_the_last_hop_frees_its_place_at_once() -> None:
    account = Account(preset(max_concurrent_positions=1))
    account.approve(signal("a"))
    assert DenialReason.POSITIONS_MAX in reasons(account.ask(signal("b", SYMBOLS[1])))
    why = (Denial(reason=DenialReason.ORDER_RATE),)
    account.tell(EntryRefused(signal_id="a", symbol=SYMBOL, reasons=why))
    assert reasons(account.ask(signal("c"))) == []
    assert account.ask(signal("a")) == [], "a refused signal has had its answer"


@pytest.mark.parametrize("end", ["rejected", "canceled"])
def test_an_entry_order_that_ends_without_a_fill_frees_its_place(end: str) -> None:
    account = Account(preset(max_concurrent_positions=1))
    order = entry_order(account.approve(signal("a")))
    account.tell(order)
    key = order.client_order_id
    account.tell(
        OrderRejected(client_order_id=key, code="110007", reason="poor")
        if end == "rejected"
        else OrderCanceled(client_order_id=key, cum_qty=Decimal(0), reason="timeout")
    )
    assert reasons(account.ask(signal("b"))) == []


def test_a_later_entry_order_of_the_same_signal_takes_its_place_again() -> None:
    account = Account(preset(max_concurrent_positions=1))
    approved = account.approve(signal("a"))
    order = entry_order(approved)
    account.tell(order)
    canceled = OrderCanceled(client_order_id=order.client_order_id, cum_qty=Decimal(0), reason="timeout")
    account.tell(canceled, entry_order(approved, "e2"))
    assert DenialReason.POSITIONS_MAX in reasons(account.ask(signal("b", SYMBOLS[1])))


def test_an_approval_that_nobody_enters_frees_its_place_when_it_expires() -> None:
    account = Account(preset(max_concurrent_positions=1))
    approved = account.approve(signal("a"))
    late = approved.expires_at_ms
    account.say(ClockTicked(number=1), source=Source.CLOCK, time_ms=late)
    account.say(quotes(100.0), books(1e6, 1e6))
    again = signal("b", expires_at_ms=late + 900_000)
    assert DenialReason.POSITIONS_MAX in reasons(account.ask(again))
    account.say(ClockTicked(number=2), source=Source.CLOCK, time_ms=late + 1)
    assert reasons(account.ask(signal("c", expires_at_ms=late + 900_000))) == []
