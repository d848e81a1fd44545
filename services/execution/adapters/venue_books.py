"""Reads the venue's side of the books, for whoever holds them against the log's."""

from collections.abc import Iterable

import msgspec

from services.execution.adapters.ccxt_venue import CcxtVenue
from services.execution.domain.books import BookedFill, BookedOrder, Books, VenueBooks, compare
from services.execution.settings import ExecutionSettings
from shared.contracts.account import Discrepancy
from shared.contracts.desk import Source
from shared.contracts.order import OrderSubmitted
from shared.contracts.processor import NS_PER_MS
from shared.contracts.record import Record
from shared.contracts.signal import PositionSide
from shared.contracts.venue import ExecutionKind

# The venue may have stamped the first order a little before the record that wished for it.
SINCE_MARGIN_MS = 60_000


class BooksCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides of the books and every difference between them."""

    books: Books
    venue: VenueBooks
    differences: tuple[Discrepancy, ...]


async def check_books(settings: ExecutionSettings, records: Iterable[Record]) -> BooksCheck:
    """Fold execution's records and hold them against the venue as it is at this moment.

    While orders are on their way the two may differ for an instant: ask again before believing it.

    Raises:
        VenueTrouble: the venue gave no result; `VenueUnusable`: it never will with these settings.
    """
    books = Books()
    since_ms: int | None = None
    latest_ms = 0
    for record in records:
        if record.source is not Source.EXECUTION:
            continue
        books.fold(record.events)
        latest_ms = record.time_ns // NS_PER_MS
        if since_ms is None and any(isinstance(event, OrderSubmitted) for event in record.events):
            since_ms = latest_ms
    since_ms = (latest_ms if since_ms is None else since_ms) - SINCE_MARGIN_MS
    venue = await read_venue_books(settings, since_ms=max(since_ms, 0))
    return BooksCheck(books=books, venue=venue, differences=compare(books, venue))


async def read_venue_books(settings: ExecutionSettings, *, since_ms: int) -> VenueBooks:
    """Return orders and fills since a time of the venue (the desk's first order), positions and wallet.

    Raises:
        VenueUnusable: key, permissions or clock will never do.
        VenueTrouble: the venue gave no result.
    """
    section = settings.execution
    venue = CcxtVenue(
        settings.venue,
        recv_window_ms=section.recv_window_ms,
        request_timeout_s=section.request_timeout_s,
        on_time=lambda _: None,
    )
    try:
        await venue.open()
        return await books_of(venue, since_ms=since_ms)
    finally:
        await venue.close()


async def books_of(venue: CcxtVenue, *, since_ms: int) -> VenueBooks:
    """Return the books of a venue that is open already; orders without our id go by the venue's.

    Raises:
        VenueTrouble: the venue gave no result.
    """
    orders = await venue.orders_since(since_ms)
    executions = await venue.executions_since(since_ms)
    positions, wallet = await venue.positions(), await venue.wallet()
    return VenueBooks(
        orders={
            each.client_order_id or each.venue_order_id: BookedOrder(
                client_order_id=each.client_order_id,
                symbol=each.symbol,
                status=each.status,
                cum_qty=each.cum_qty,
            )
            for each in orders
        },
        fills={
            each.trade_id: BookedFill(
                trade_id=each.trade_id,
                client_order_id=each.client_order_id,
                symbol=each.symbol,
                side=each.side,
                last_qty=each.last_qty,
                last_px=each.last_px,
                fee_usd=each.fee_usd,
            )
            for each in executions
            if each.kind is ExecutionKind.TRADE
        },
        positions={
            held.symbol: held.quantity if held.side is PositionSide.LONG else -held.quantity
            for held in positions
        },
        wallet_usd=wallet.wallet_usd,
    )
