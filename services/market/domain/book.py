"""Condenses an order book into what decisions need of it: spread, depth near the touch, imbalance."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

import msgspec

from shared.contracts.columns import pack
from shared.contracts.market import BooksObserved

NEAR_FRAC = 0.003
FAR_FRAC = 0.005
IMBALANCE_LEVELS = 10
# A level exactly at the edge of a band belongs to it, whatever the last bit of the product says.
_EDGE_TOLERANCE = 1e-12

Side = Sequence[Sequence[float]]


class BookSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One book, condensed; field names and units are those of `BooksObserved`."""

    bid: float
    ask: float
    spread_bps: float
    bid_depth_0_3pct_usd: float
    ask_depth_0_3pct_usd: float
    bid_depth_0_5pct_usd: float
    ask_depth_0_5pct_usd: float
    imbalance: float


def summarize(bids: Side, asks: Side, *, contract_size: float = 1.0) -> BookSummary | None:
    """Return the summary of a book of `(price, contracts)` levels, best first, or None for no book.

    No book is one with an empty side, a number that is not finite and positive, or crossed sides: such a
    book is being rebuilt. Depth counts the levels given, so it is a lower bound where the venue's stream
    ends inside the band. Specification 2.3; the bands are fractions of the best price (15, W-D2).
    """
    if not bids or not asks or not _sound(bids) or not _sound(asks):
        return None
    bid, ask = bids[0][0], asks[0][0]
    if bid >= ask:
        return None
    best_bids = contract_size * _notional(bids[:IMBALANCE_LEVELS])
    best_asks = contract_size * _notional(asks[:IMBALANCE_LEVELS])
    return BookSummary(
        bid=bid,
        ask=ask,
        spread_bps=(ask - bid) / bid * 1e4,
        bid_depth_0_3pct_usd=contract_size * _depth(bids, NEAR_FRAC),
        ask_depth_0_3pct_usd=contract_size * _depth(asks, NEAR_FRAC),
        bid_depth_0_5pct_usd=contract_size * _depth(bids, FAR_FRAC),
        ask_depth_0_5pct_usd=contract_size * _depth(asks, FAR_FRAC),
        imbalance=(best_bids - best_asks) / (best_bids + best_asks),
    )


def books_observed(summaries: Mapping[str, BookSummary]) -> BooksObserved:
    """Return the event that carries these books, one value per symbol and column."""
    columns = {
        field: pack(getattr(summary, field) for summary in summaries.values())
        for field in BookSummary.__struct_fields__
    }
    return BooksObserved(symbols=tuple(summaries), **columns)


def _sound(side: Side) -> bool:
    return all(isfinite(level[0]) and isfinite(level[1]) and level[0] > 0 and level[1] > 0 for level in side)


def _notional(levels: Iterable[Sequence[float]]) -> float:
    return sum(level[0] * level[1] for level in levels)


def _depth(side: Side, band_frac: float) -> float:
    best = side[0][0]
    reach = best * (band_frac + _EDGE_TOLERANCE)
    return _notional(level for level in side if abs(level[0] - best) <= reach)
