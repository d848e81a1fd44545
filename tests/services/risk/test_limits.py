"""The day's loss, the losing streak and the drawdown stop entries (specification 1.6, 4.2, 4.3)."""

from decimal import Decimal

import pytest

from services.risk.domain.equity import equity_usd
from services.risk.domain.limits import day_loss_frac, drawdown_frac
from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.engine import CommandAccepted, CommandName
from shared.contracts.order import OrderPurpose
from shared.contracts.position import FundingPaid, StopMoved, StopMoveReason
from shared.contracts.risk import (
    DenialReason,
    KillSwitchCleared,
    KillSwitchTripped,
    LimitBreached,
    SizeCap,
)
from shared.contracts.signal import SignalRaised
from tests.services.risk.scenario import (
    DAY_MS,
    EQUITY,
    NOON_MS,
    SYMBOLS,
    Account,
    books,
    entry_order,
    fill,
    preset,
    quotes,
    reasons,
    reconciled,
    short,
    signal,
)

MIDNIGHT_MS = (NOON_MS // DAY_MS + 1) * DAY_MS


def tick(account: Account, time_ms: int) -> None:
    account.say(ClockTicked(number=1), source=Source.CLOCK, time_ms=time_ms)


def next_day(account: Account) -> None:
    tick(account, MIDNIGHT_MS)
    account.say(quotes(100.0), books(1e6, 1e6))


def clear(account: Account) -> list[Event]:
    accepted = CommandAccepted(command_id="c1", command=CommandName.CLEAR_KILL_SWITCH)
    return list(account.say(accepted, source=Source.ORCHESTRATOR))


def late(name: str, symbol: str = SYMBOLS[0]) -> SignalRaised:
    return signal(name, symbol, expires_at_ms=NOON_MS + 3 * DAY_MS)


def test_equity_is_wallet_plus_marked_positions_never_free_balance_w_s6() -> None:
    """W-S6: buying 60 000 made the equity fall by 60 %; shorts inflated it."""
    account = Account(preset(risk_per_trade=0.012))
    approved = account.open(signal("a", SYMBOLS[0]))
    assert approved.notional_usd == 60_000
    assert equity_usd(account.state) == EQUITY
    account.say(quotes(101.0, SYMBOLS[:1]))
    assert equity_usd(account.state) == EQUITY + 600
    account = Account(preset(risk_per_trade=0.012))
    account.open(short("s", SYMBOLS[0]))
    assert equity_usd(account.state) == EQUITY
    account.say(quotes(101.0, SYMBOLS[:1]))
    assert equity_usd(account.state) == EQUITY - 600


def test_realised_profit_fees_and_funding_move_the_wallet_exactly() -> None:
    account = Account()
    approved = account.open()
    account.tell(
        FundingPaid(trade_id="f", position_id="p-a", symbol=approved.symbol, amount_usd=Decimal("1.25"))
    )
    account.close(approved, "103.33", fee="2.841575")
    assert account.state.wallet_usd == EQUITY + 50 * Decimal("3.33") - Decimal("1.25") - Decimal("2.841575")
    assert equity_usd(account.state) == account.state.wallet_usd


def test_reconciliation_sets_the_wallet() -> None:
    account = Account()
    account.tell(reconciled(Decimal(90_000)))
    assert equity_usd(account.state) == 90_000


def test_partial_fills_and_exits_keep_the_books() -> None:
    account = Account()
    approved = account.approve()
    account.tell(entry_order(approved))
    account.tell(fill(approved, "100.00", quantity=Decimal(20)))
    account.tell(fill(approved, "100.00", purpose=OrderPurpose.TARGET, quantity=Decimal(5)))
    (trade,) = account.state.trades.values()
    assert trade.quantity == 15
    assert trade.pending_qty == 30
    account.tell(fill(approved, "103.00", purpose=OrderPurpose.TARGET, quantity=Decimal(15)))
    assert account.state.wallet_usd == EQUITY + 45


def test_each_loss_counts_and_the_fifth_in_a_row_closes_the_day_w_s9() -> None:
    """W-S9: the reference never read its limit on consecutive losses."""
    account = Account()
    for i in range(4):
        assert account.lose(f"l{i}") == []
    assert account.lose("l4") == [
        LimitBreached(limit=DenialReason.CONSECUTIVE_LOSSES, value=Decimal(5), threshold=Decimal(5))
    ]
    assert reasons(account.ask(signal("n"))) == [DenialReason.CONSECUTIVE_LOSSES]
    next_day(account)
    assert account.state.losses_in_a_row == 0
    assert reasons(account.ask(late("m"))) == []


def test_a_win_ends_the_streak() -> None:
    account = Account()
    for i in range(4):
        account.lose(f"l{i}")
    account.lose("win", "101.00")
    assert account.state.losses_in_a_row == 0
    account.lose("flat", "100.00")
    assert account.state.losses_in_a_row == 0


def test_a_win_of_a_trade_that_was_open_reopens_the_day() -> None:
    account = Account()
    winner = account.open(signal("w", SYMBOLS[1]))
    for i in range(5):
        account.lose(f"l{i}")
    assert reasons(account.ask(signal("n"))) == [DenialReason.CONSECUTIVE_LOSSES]
    account.close(winner, "103.00")
    assert reasons(account.ask(signal("m"))) == []


def test_four_losses_outlive_midnight() -> None:
    account = Account()
    for i in range(4):
        account.lose(f"l{i}")
    next_day(account)
    assert account.state.losses_in_a_row == 4


def big(**risk: object) -> Account:
    """An account whose single trade binds half of its equity: a point is 500 USD."""
    return Account(preset(risk_per_trade=0.01, max_position_size_usd=50_000.0, **risk))


def test_an_unrealised_loss_of_the_daily_limit_is_breached_once_and_until_midnight() -> None:
    account = big(daily_risk_limit=0.02)
    account.open(signal("a", stop_px=Decimal("98.00")))
    assert account.say(quotes(96.01)) == []
    breach = LimitBreached(
        limit=DenialReason.DAILY_RISK_LIMIT, value=Decimal("0.02"), threshold=Decimal("0.02")
    )
    assert account.say(quotes(96.0)) == [breach]
    assert account.say(quotes(95.0)) == []
    account.say(quotes(100.0))
    assert reasons(account.ask(signal("b", SYMBOLS[1]))) == [DenialReason.DAILY_RISK_LIMIT]
    next_day(account)
    assert account.say(quotes(96.01)) == []


def test_one_record_breaches_a_limit_once() -> None:
    account = big(daily_risk_limit=0.02)
    account.open(signal("a"))
    events = account.say(quotes(95.0), quotes(94.0), quotes(95.0))
    assert [type(event) for event in events] == [LimitBreached]


def test_what_open_trades_may_still_lose_counts_towards_the_daily_limit() -> None:
    # Each trade risks 0.1 % of the equity; two of them fit into 0.25 %, three do not.
    account = Account(preset(risk_per_trade=0.001, daily_risk_limit=0.0025))
    account.open(signal("a", SYMBOLS[0]))
    account.approve(signal("b", SYMBOLS[1]))
    assert reasons(account.ask(signal("c", SYMBOLS[2]))) == [DenialReason.DAILY_RISK_LIMIT]


def test_a_stop_at_break_even_frees_the_risk_it_held() -> None:
    account = Account(preset(risk_per_trade=0.001, daily_risk_limit=0.0025))
    account.open(signal("a", SYMBOLS[0]))
    account.open(signal("b", SYMBOLS[1]))
    account.tell(
        StopMoved(
            position_id="p-a",
            symbol=SYMBOLS[0],
            old_stop_px=Decimal("98.00"),
            new_stop_px=Decimal("100.10"),
            reason=StopMoveReason.BREAK_EVEN,
        )
    )
    assert reasons(account.ask(signal("c", SYMBOLS[2]))) == []


def test_a_fall_in_steps_trips_the_kill_switch_w_s4() -> None:
    """W-S4: 100 000 to 40 000 in steps read SAFE, because every fall and rise moved the day's start."""
    account = Account()
    tripped = []
    for equity in range(99_000, 39_000, -1_000):
        tripped += account.tell(reconciled(Decimal(equity)))
        tripped += account.tell(reconciled(Decimal(equity + 500)))
    kills = [event for event in tripped if isinstance(event, KillSwitchTripped)]
    assert kills == [
        KillSwitchTripped(
            limit=DenialReason.DAILY_RISK_LIMIT, value=Decimal("0.18"), threshold=Decimal("0.18")
        )
    ]
    assert account.state.day.start_usd == EQUITY
    assert account.state.high_water_usd == EQUITY
    assert DenialReason.KILL_SWITCH in reasons(account.ask(signal()))


def test_the_day_starts_at_midnight_and_never_moves_within_it_w_s4() -> None:
    account = Account()
    account.tell(reconciled(Decimal(130_000)))
    account.tell(reconciled(Decimal(110_000)))
    assert account.state.day.start_usd == EQUITY
    tick(account, MIDNIGHT_MS - 1)
    assert account.state.day.start_usd == EQUITY
    tick(account, MIDNIGHT_MS)
    assert account.state.day.start_usd == 110_000
    assert account.state.high_water_usd == 130_000


def test_a_drawdown_over_days_trips_the_kill_switch() -> None:
    account = Account()
    for day, equity in enumerate([95_000, 90_000, 86_000, 82_000]):
        tick(account, MIDNIGHT_MS + day * DAY_MS)
        assert not any(isinstance(e, KillSwitchTripped) for e in account.tell(reconciled(Decimal(equity))))
    tick(account, MIDNIGHT_MS + 5 * DAY_MS)
    assert drawdown_frac(account.state) == Decimal("0.18")
    (kill,) = account.tell(reconciled(Decimal(81_999)))
    assert isinstance(kill, KillSwitchTripped)
    assert kill.limit is DenialReason.KILL_SWITCH
    assert kill.value == Decimal("0.18001")


def test_six_per_cent_down_with_a_limit_of_five_is_a_kill() -> None:
    account = Account(preset(kill_switch_loss_limit=0.05, daily_risk_limit=0.04))
    events = account.tell(reconciled(Decimal(94_000)))
    assert [type(event) for event in events] == [KillSwitchTripped, LimitBreached]
    assert day_loss_frac(account.state) == Decimal("0.06")


def test_a_tripped_kill_switch_stays_until_a_person_clears_it() -> None:
    account = Account()
    account.tell(reconciled(Decimal(80_000)))
    account.tell(reconciled(EQUITY))
    for day in range(3):
        tick(account, MIDNIGHT_MS + day * DAY_MS)
    account.say(quotes(100.0), books(1e6, 1e6))
    assert reasons(account.ask(late("a"))) == [DenialReason.KILL_SWITCH]
    assert clear(account) == [KillSwitchCleared(command_id="c1")]
    assert reasons(account.ask(late("b"))) == []


def test_after_a_clearance_drawdown_streak_and_the_kill_limits_day_count_from_there() -> None:
    account = Account(preset(daily_risk_limit=0.5))
    for i in range(4):
        account.lose(f"l{i}")
    account.tell(reconciled(Decimal(80_000)))
    clear(account)
    assert account.state.losses_in_a_row == 0
    assert drawdown_frac(account.state) == 0
    assert account.tell(reconciled(Decimal(66_000))) == []
    (kill,) = account.tell(reconciled(Decimal(65_000)))
    assert isinstance(kill, KillSwitchTripped)


@pytest.mark.parametrize(
    ("equity", "reduced"),
    [(93_600, False), (93_599, True), (92_100, True)],
)
def test_most_of_the_daily_limit_used_halves_the_size(equity: int, reduced: bool) -> None:
    account = Account()
    account.tell(reconciled(Decimal(equity)))
    approved = account.approve()
    assert (SizeCap.REDUCED in approved.caps) is reduced
    full = Decimal(equity) / 1_000 / 2
    assert abs(approved.quantity - (full / 2 if reduced else full)) <= Decimal("0.1")


def test_half_of_the_kill_limits_drawdown_halves_the_size() -> None:
    account = Account()
    account.tell(reconciled(Decimal(120_000)))
    account.tell(reconciled(Decimal(109_200)))
    tick(account, MIDNIGHT_MS)
    account.say(quotes(100.0), books(1e6, 1e6))
    assert SizeCap.REDUCED not in account.approve(late("a")).caps
    account.tell(reconciled(Decimal(109_199)))
    assert SizeCap.REDUCED in account.approve(late("b", SYMBOLS[1])).caps
