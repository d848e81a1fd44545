"""Builds one instrument, books and a venue for tests of the matching core."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from shared.venue.account import Account
from shared.venue.events import OrderFilled, VenueEvent
from shared.venue.instrument import Instrument
from shared.venue.market import Book, MarketUpdate, Trade
from shared.venue.order import Order, OrderRequest
from shared.venue.values import OrderType, Side, TimeInForce, TriggerDirection
from shared.venue.venue import Venue

SYMBOL = "ETHUSDT"
CASH = Decimal(100_000)
ETH = Instrument(
    symbol=SYMBOL,
    base="ETH",
    quote="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.01"),
    min_quantity=Decimal("0.01"),
    max_quantity=Decimal(1000),
    max_market_quantity=Decimal(500),
    min_notional=Decimal(5),
)


def book(mid: str = "100", *, size: str = "2", version: int = 1) -> Book:
    """Five levels of `size` on either side, a tick apart, the first a tick from the middle."""
    middle, step, each = Decimal(mid), Decimal("0.1"), Decimal(size)
    return Book(
        bids=tuple((middle - step * (level + 1), each) for level in range(5)),
        asks=tuple((middle + step * (level + 1), each) for level in range(5)),
        version=version,
    )


def update(
    last: str = "100", *, now_ms: int = 0, size: str = "2", trades: Iterable[Trade] = ()
) -> MarketUpdate:
    """A market at `last` whose displayed liquidity is fresh at each `now_ms`."""
    displayed = book(last, size=size, version=now_ms)
    return MarketUpdate(
        symbol=SYMBOL, last_px=Decimal(last), book=displayed, now_ms=now_ms, trades=tuple(trades)
    )


def trade(side: Side, price: str, quantity: str) -> Trade:
    return Trade(side=side, price=Decimal(price), quantity=Decimal(quantity), time_ms=1)


def open_venue(cash: Decimal = CASH) -> Venue:
    venue = Venue({SYMBOL: ETH}, Account(wallet=cash))
    venue.observe(update())
    return venue


def market(side: Side, quantity: str, *, reduce_only: bool = False, client_id: str = "") -> OrderRequest:
    return OrderRequest(
        symbol=SYMBOL,
        side=side,
        order_type=OrderType.MARKET,
        quantity=Decimal(quantity),
        reduce_only=reduce_only,
        client_order_id=client_id,
    )


def limit(
    side: Side, quantity: str, price: str, *, tif: TimeInForce = TimeInForce.GTC, reduce_only: bool = False
) -> OrderRequest:
    return OrderRequest(
        symbol=SYMBOL,
        side=side,
        order_type=OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=Decimal(price),
        time_in_force=tif,
        reduce_only=reduce_only,
    )


def stop(side: Side, quantity: str, trigger: str, *, price: str | None = None) -> OrderRequest:
    """A reduce-only stop: a sell wakes when the price falls, a buy when it rises."""
    return OrderRequest(
        symbol=SYMBOL,
        side=side,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        trigger_price=Decimal(trigger),
        trigger_direction=TriggerDirection.FALLS if side is Side.SELL else TriggerDirection.RISES,
        reduce_only=True,
    )


def fills(events: Iterable[VenueEvent]) -> list[tuple[str, str, bool]]:
    """The (price, quantity, is_maker) of every fill among events."""
    return [
        (str(e.execution.last_px), str(e.execution.last_qty), e.execution.is_maker)
        for e in events
        if isinstance(e, OrderFilled)
    ]


def last_order(events: Sequence[VenueEvent]) -> Order:
    """The order as the last event left it."""
    order = getattr(events[-1], "order", None)
    assert isinstance(order, Order), f"{events[-1]} carries no order"
    return order
