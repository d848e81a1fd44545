"""A size is what one R buys, within every cap, floored to the lot (specification 4.1)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.risk.domain.decimals import exact
from services.risk.domain.sizing import Ask, size
from shared.contracts.market import InstrumentsListed
from shared.contracts.risk import DenialReason, SizeCap
from tests.services.risk.scenario import (
    SYMBOL,
    SYMBOLS,
    Account,
    books,
    instrument,
    preset,
    quotes,
    reasons,
    short,
    signal,
)

USD = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(10_000_000), places=2)
PRICE = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(100_000), places=4)
LOTS = st.sampled_from([Decimal(1), Decimal("0.1"), Decimal("0.001"), Decimal("0.00001"), Decimal(10)])


def test_one_r_is_the_share_of_equity_that_a_stop_out_costs() -> None:
    approved = Account(preset(risk_per_trade=0.0011)).approve()
    assert (approved.quantity, approved.risk_usd) == (Decimal("55.0"), Decimal(110))
    assert approved.caps == (SizeCap.RISK,)


def test_a_size_capped_by_the_position_limit_is_approved_w_r1() -> None:
    """W-R1: half of the capped sizes were refused for exceeding the cap by a rounding error."""
    account = Account(preset(risk_per_trade=0.9, max_position_size_usd=60_000.0, daily_risk_limit=1.0))
    for cents in range(1, 60):
        entry = Decimal(7) + Decimal(cents) / 100
        account.say(quotes(float(entry)))
        asked = signal(f"w{cents}", SYMBOLS[1], entry_px=entry, stop_px=entry - 1)
        (approved,) = account.ask(asked)
        assert reasons([approved]) == []
        verdict = account.state.trades.pop(asked.signal_id)
        assert verdict.approved_qty * entry <= 60_000
        assert verdict.approved_qty * entry > 60_000 - entry * Decimal("0.1")


def test_a_long_is_capped_by_the_asks_and_a_short_by_the_bids() -> None:
    account = Account()
    account.say(books(bid_usd=1e6, ask_usd=2_000.0))
    approved = account.approve()
    # 0.8 x 2 000 USD at 100.
    assert (approved.quantity, approved.caps) == (Decimal("16.0"), (SizeCap.RISK, SizeCap.DEPTH))
    account = Account()
    account.say(books(bid_usd=2_000.0, ask_usd=1e6))
    assert account.approve(short()).quantity == Decimal("16.0")


def test_a_size_within_the_depth_is_not_cut() -> None:
    account = Account()
    account.say(books(bid_usd=0.0, ask_usd=5_000.0))
    assert account.approve().quantity == Decimal("50.0")


def test_trades_share_the_equity_as_margin() -> None:
    account = Account(preset(risk_per_trade=0.012))
    first = account.approve(signal("a", SYMBOLS[0]))
    assert first.notional_usd == 60_000
    second = account.approve(signal("b", SYMBOLS[1]))
    assert second.notional_usd == 40_000
    assert second.caps == (SizeCap.RISK, SizeCap.MARGIN)
    assert reasons(account.ask(signal("c", SYMBOLS[2]))) == [DenialReason.INSUFFICIENT_MARGIN]


def test_the_venues_largest_quantity_is_a_cap() -> None:
    account = Account()
    account.say(InstrumentsListed(instruments=(instrument(quantity_max=Decimal("7.5")),)))
    approved = account.approve()
    assert (approved.quantity, approved.caps) == (Decimal("7.5"), (SizeCap.RISK, SizeCap.QUANTITY_MAX))


def test_a_size_is_floored_to_the_lot() -> None:
    account = Account()
    account.say(InstrumentsListed(instruments=(instrument(lot_size=Decimal(7)),)))
    assert account.approve().quantity == 49


@pytest.mark.parametrize(
    "changes",
    [{"quantity_min": Decimal(51)}, {"notional_min_usd": Decimal(5_001)}, {"lot_size": Decimal(60)}],
)
def test_less_than_the_venue_takes_is_too_small(changes: dict[str, object]) -> None:
    account = Account()
    account.say(InstrumentsListed(instruments=(instrument(SYMBOL, **changes),)))
    assert reasons(account.ask(signal())) == [DenialReason.QUANTITY_TOO_SMALL]


def test_less_than_ten_dollars_is_no_trade() -> None:
    account = Account()
    account.say(books(1e6, 12.4))
    assert reasons(account.ask(signal())) == [DenialReason.QUANTITY_TOO_SMALL]


def test_a_breakout_that_ran_on_is_sized_and_aimed_from_where_it_is_bought() -> None:
    account = Account()
    account.say(quotes(101.0, (SYMBOL,), spread=0.02))
    approved = account.approve()
    assert approved.entry_px == Decimal("101.01")
    assert approved.quantity == Decimal("33.2")  # 100 USD / 3.01
    (target,) = approved.targets
    assert target.price == Decimal("105.52")  # 101.01 + 1.5 x 3.01 = 105.525
    assert target.reward_r == Decimal("1.5")


def test_a_short_that_ran_on_is_sized_from_the_bid() -> None:
    account = Account()
    account.say(quotes(99.0, (SYMBOL,), spread=0.02))
    approved = account.approve(short())
    assert approved.entry_px == Decimal("98.99")
    assert approved.targets[0].price == Decimal("94.48")  # 98.99 - 1.5 x 3.01 = 94.475


def test_a_better_price_changes_nothing() -> None:
    account = Account()
    account.say(quotes(99.0))
    assert account.approve().entry_px == Decimal("100.00")


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    entry = draw(PRICE)
    return Ask(
        equity_usd=draw(USD),
        entry_px=entry,
        stop_px=entry + draw(PRICE),
        depth_usd=draw(USD),
        margin_usd=draw(USD),
        reduced=draw(st.booleans()),
    )


@given(
    ask=asks(),
    lot=LOTS,
    cap=st.floats(min_value=1, max_value=1e6),
    risk=st.floats(min_value=0.0001, max_value=1),
)
def test_no_size_exceeds_one_r_or_any_cap(ask: Ask, lot: Decimal, cap: float, risk: float) -> None:
    limits = preset(risk_per_trade=risk, max_position_size_usd=cap).risk
    sized = size(ask, limits, instrument(lot_size=lot, quantity_max=Decimal(1_000)))
    quantity, distance = Fraction(sized.quantity), Fraction(ask.stop_px - ask.entry_px)
    notional, share = quantity * Fraction(ask.entry_px), Fraction(1, 2) if ask.reduced else Fraction(1)
    assert quantity % Fraction(lot) == 0
    assert quantity * distance <= share * Fraction(ask.equity_usd) * Fraction(exact(risk))
    assert notional <= share * Fraction(exact(cap))
    assert notional <= share * Fraction(ask.margin_usd)
    assert notional <= Fraction(ask.depth_usd)
    assert quantity <= 1_000
