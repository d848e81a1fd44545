"""What a book is condensed to: bands as fractions of the best price, whatever the price."""

from math import inf, nan

import pytest

from services.market.domain.book import books_observed, summarize
from shared.contracts.columns import unpack


def ladder(best: float, step: float, levels: int, size: float = 1.0) -> list[tuple[float, float]]:
    return [(best + step * level, size) for level in range(levels)]


@pytest.mark.parametrize("scale", [0.0001, 1.0, 100_000.0])
def test_a_band_is_a_fraction_of_the_price_for_dear_and_cheap_coins(scale: float) -> None:
    # Levels 0.1 % apart: 0.3 % reaches four of them, 0.5 % six.
    bids = ladder(100 * scale, -0.1 * scale, 50, size=1 / scale)
    asks = ladder(100.1 * scale, 0.1001 * scale, 50, size=1 / scale)
    book = summarize(bids, asks)
    assert book is not None
    assert book.bid_depth_0_3pct_usd == pytest.approx(100 + 99.9 + 99.8 + 99.7)
    assert book.bid_depth_0_5pct_usd == pytest.approx(100 + 99.9 + 99.8 + 99.7 + 99.6 + 99.5)
    assert book.ask_depth_0_3pct_usd == pytest.approx(sum(100.1 + 0.1001 * n for n in range(4)))
    assert book.ask_depth_0_5pct_usd == pytest.approx(sum(100.1 + 0.1001 * n for n in range(6)))


def test_spread_is_in_basis_points_of_the_bid() -> None:
    book = summarize([(100.0, 1.0)], [(100.1, 1.0)])
    assert book is not None
    assert book.spread_bps == pytest.approx(10.0)
    assert (book.bid, book.ask) == (100.0, 100.1)


def test_contracts_are_multiplied_by_their_size() -> None:
    one = summarize([(100.0, 3.0)], [(101.0, 1.0)])
    tenth = summarize([(100.0, 30.0)], [(101.0, 10.0)], contract_size=0.1)
    assert one is not None
    assert tenth is not None
    assert tenth.bid_depth_0_3pct_usd == pytest.approx(one.bid_depth_0_3pct_usd) == pytest.approx(300.0)
    assert tenth.imbalance == pytest.approx(one.imbalance)


def test_imbalance_looks_at_ten_levels_of_each_side() -> None:
    bids = ladder(100.0, -1.0, 10, size=2.0) + ladder(50.0, -1.0, 10, size=1e9)
    asks = ladder(101.0, 1.0, 10, size=1.0)
    book = summarize(bids, asks)
    assert book is not None
    bid_usd, ask_usd = 2 * sum(100.0 - n for n in range(10)), sum(101.0 + n for n in range(10))
    assert book.imbalance == pytest.approx((bid_usd - ask_usd) / (bid_usd + ask_usd))
    assert -1 <= book.imbalance <= 1


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([], [(101.0, 1.0)]),
        ([(100.0, 1.0)], []),
        ([(101.0, 1.0)], [(100.0, 1.0)]),
        ([(100.0, 1.0)], [(100.0, 1.0)]),
        ([(nan, 1.0)], [(101.0, 1.0)]),
        ([(100.0, inf)], [(101.0, 1.0)]),
        ([(0.0, 1.0)], [(101.0, 1.0)]),
    ],
)
def test_what_is_no_book_gives_no_summary(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]]
) -> None:
    assert summarize(bids, asks) is None


def test_an_event_carries_one_value_per_symbol_and_column() -> None:
    first, second = summarize([(100.0, 1.0)], [(101.0, 1.0)]), summarize([(10.0, 1.0)], [(11.0, 3.0)])
    assert first is not None
    assert second is not None
    event = books_observed({"A": first, "B": second})
    assert event.symbols == ("A", "B")
    assert unpack(event.bid) == (100.0, 10.0)
    assert unpack(event.imbalance) == (first.imbalance, second.imbalance)
