"""Reads the venue's side of the books, for whoever holds them against the log's."""

from services.execution.adapters.ccxt_venue import CcxtVenue
from services.execution.domain.books import BookedFill, BookedOrder, VenueBooks
from shared.contracts.signal import PositionSide
from shared.contracts.venue import ExecutionKind


async def books_of(venue: CcxtVenue, *, since_ms: int) -> VenueBooks:
    """Return orders and fills since a time of the venue's clock, positions and wallet, in a few requests.

    Orders without our id go by the venue's.

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
