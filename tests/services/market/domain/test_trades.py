"""The rolling window of public trades, in desk time."""

from services.market.domain.trades import TRADES_MAX, Trade, TradeCount, TradeWindow
from shared.contracts.columns import unpack

T0 = 1_700_000_000_000


def trade(number: int, at_s: float, *, usd: float = 10.0, buy: bool = True) -> Trade:
    return Trade(str(number), T0 + int(at_s * 1000), usd, buy)


def listening() -> TradeWindow:
    window = TradeWindow(window_s=60)
    window.listen("A")
    window.begin("A", T0)
    return window


def at(seconds: float) -> int:
    return T0 + int(seconds * 1000)


def test_buys_and_sells_of_the_last_minute_are_counted() -> None:
    window = listening()
    window.add("A", trade(1, 10, usd=5.0))
    window.add("A", trade(2, 50, usd=7.0))
    window.add("A", trade(3, 70, usd=2.0, buy=False))
    assert window.count("A", at(80)) == TradeCount(2, 7.0, 2.0)
    assert window.count("A", at(140)) == TradeCount(0, 0.0, 0.0)


def test_half_a_window_is_unknown_and_not_quiet() -> None:
    window = listening()
    window.add("A", trade(1, 10))
    assert window.count("A", at(59)) is None
    assert window.observe(["A"], at(59)) is None
    assert window.count("A", at(60)) == TradeCount(1, 10.0, 0.0)


def test_nothing_is_known_before_the_venue_has_answered() -> None:
    window = TradeWindow()
    window.listen("A")
    assert window.count("A", at(1000)) is None
    window.begin("A", at(1000))
    assert window.count("A", at(1059)) is None
    assert window.count("A", at(1060)) is not None


def test_only_the_first_answer_starts_the_window() -> None:
    window = listening()
    window.begin("A", at(50))
    assert window.count("A", at(60)) is not None


def test_a_trade_told_twice_counts_once() -> None:
    window = listening()
    for _ in range(3):
        window.add("A", trade(1, 60))
    assert window.count("A", at(61)) == TradeCount(1, 10.0, 0.0)


def test_a_pause_voids_the_window() -> None:
    window = listening()
    window.add("A", trade(1, 60))
    window.listen("A")
    assert window.count("A", at(61)) is None


def test_symbols_not_listened_to_are_left_out() -> None:
    window = listening()
    window.add("B", trade(1, 60))
    observed = window.observe(["A", "B"], at(61))
    assert observed is not None
    assert observed.symbols == ("A",)
    assert unpack(observed.trades) == (0.0,)
    window.ignore("A")
    assert window.observe(["A", "B"], at(61)) is None


def test_the_window_is_bounded() -> None:
    window = listening()
    for number in range(TRADES_MAX + 10):
        window.add("A", trade(number, 60))
    count = window.count("A", at(61))
    assert count is not None
    assert count.trades == TRADES_MAX
