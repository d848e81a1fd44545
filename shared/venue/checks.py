"""Decide whether the venue takes a request, before anything changes.

Refusals follow Bybit's rules for linear perpetuals; each is a value that names its reason.
"""

from decimal import Decimal

from shared.venue.account import Account, required_margin
from shared.venue.events import Refused
from shared.venue.instrument import Instrument, price_fault, quantity_fault
from shared.venue.order import AmendRequest, Order, OrderRequest
from shared.venue.values import OrderType, RefusalReason, Side, TriggerDirection

# Bybit's priceLimitRatio for most contracts: a limit further through the market is a typing error.
PRICE_LIMIT_FRAC = Decimal("0.15")


def refuse(reason: RefusalReason, detail: str, client_order_id: str = "") -> Refused:
    return Refused(reason=reason, detail=detail, client_order_id=client_order_id)


def check_request(account: Account, instrument: Instrument, request: OrderRequest) -> Refused | None:
    """Return why an order is refused, or None; the first failing rule in Bybit's order."""
    if request.client_order_id and request.client_order_id in account.client_order_ids:
        detail = f"OrderLinkedID is duplicate: {request.client_order_id}"
        return refuse(RefusalReason.DUPLICATE_CLIENT_ORDER_ID, detail, request.client_order_id)
    last_px = account.marks.get(instrument.symbol)
    if last_px is None:
        return refuse(RefusalReason.PARAMETER, f"{instrument.symbol} has no market yet")
    return (
        _check_values(instrument, request)
        or _check_trigger(request.trigger_price, request.trigger_direction, last_px)
        or _check_price_band(request, last_px)
        or _check_reduce_only(account, request)
        or _check_notional(instrument, request, last_px)
        or _check_margin(account, instrument, request, last_px)
    )


def check_amend(
    account: Account, instrument: Instrument, order: Order, request: AmendRequest
) -> Refused | None:
    """Return why a change to an open order is refused, or None."""
    quantity = order.quantity if request.quantity is None else request.quantity
    price = order.price if request.price is None else request.price
    trigger_px = order.trigger_price if request.trigger_price is None else request.trigger_price
    if (quantity, price, trigger_px) == (order.quantity, order.price, order.trigger_price):
        return refuse(RefusalReason.NOT_MODIFIED, "order not modified")
    if request.trigger_price is not None and (order.trigger_price is None or order.triggered):
        return refuse(RefusalReason.PARAMETER, "triggerPrice of an order that waits for none")
    fault = quantity_fault(instrument, quantity, order.order_type)
    if request.price is not None:
        fault = fault or price_fault(instrument, price, "price")
    if request.trigger_price is not None:
        fault = fault or price_fault(instrument, request.trigger_price, "triggerPrice")
    if fault is None and quantity <= order.cum_qty:
        fault = f"qty {quantity} is not above the filled {order.cum_qty}"
    if fault is not None:
        return refuse(RefusalReason.PARAMETER, fault)
    return _check_amended_market(account, instrument, order, (quantity, price, request.trigger_price))


def _check_amended_market(
    account: Account, instrument: Instrument, order: Order, values: tuple[Decimal, Decimal, Decimal | None]
) -> Refused | None:
    quantity, price, trigger_px = values
    last_px = account.marks[order.symbol]
    if trigger_px is not None:
        refused = _check_trigger(trigger_px, order.trigger_direction, last_px)
        if refused is not None:
            return refused
    if order.reduce_only:
        return None
    before = required_margin(
        account, instrument, order.side, order.leaves_qty, account.reference_px(order) or last_px
    )
    after = required_margin(account, instrument, order.side, quantity - order.cum_qty, price or last_px)
    return _short_of(account, after - before)


def _check_values(instrument: Instrument, request: OrderRequest) -> Refused | None:
    fault = quantity_fault(instrument, request.quantity, request.order_type)
    if request.order_type is OrderType.LIMIT:
        if request.price is None:
            return refuse(RefusalReason.PARAMETER, "price is required for a limit order")
        fault = fault or price_fault(instrument, request.price, "price")
    if (request.trigger_price is None) != (request.trigger_direction is None):
        fault = fault or "triggerPrice and triggerDirection belong together"
    if request.trigger_price is not None:
        fault = fault or price_fault(instrument, request.trigger_price, "triggerPrice")
    return refuse(RefusalReason.PARAMETER, fault) if fault else None


def _check_trigger(
    trigger_px: Decimal | None, direction: TriggerDirection | None, last_px: Decimal
) -> Refused | None:
    if trigger_px is None:
        return None
    if direction is TriggerDirection.RISES and trigger_px <= last_px:
        detail = f"expect Rising, but trigger_price[{trigger_px}] <= current[{last_px}]"
        return refuse(RefusalReason.TRIGGER_NOT_ABOVE_LAST, detail)
    if direction is TriggerDirection.FALLS and trigger_px >= last_px:
        detail = f"expect Falling, but trigger_price[{trigger_px}] >= current[{last_px}]"
        return refuse(RefusalReason.TRIGGER_NOT_BELOW_LAST, detail)
    return None


def _check_price_band(request: OrderRequest, last_px: Decimal) -> Refused | None:
    if request.price is None or request.order_type is OrderType.MARKET:
        return None
    reference_px = request.trigger_price or last_px
    bound = reference_px * (1 + request.side.sign * PRICE_LIMIT_FRAC)
    outside = request.price > bound if request.side is Side.BUY else request.price < bound
    if outside:
        detail = f"Order price {request.price} is out of permissible range, bound {bound}"
        return refuse(RefusalReason.PRICE_OUT_OF_RANGE, detail)
    return None


def _check_reduce_only(account: Account, request: OrderRequest) -> Refused | None:
    if not request.reduce_only or account.position(request.symbol).reducible_by(request.side):
        return None
    held = account.position(request.symbol).quantity
    detail = f"Reduce-only rule not satisfied: position is {held}, order is {request.side}"
    return refuse(RefusalReason.REDUCE_ONLY, detail)


def _check_notional(instrument: Instrument, request: OrderRequest, last_px: Decimal) -> Refused | None:
    if request.reduce_only:
        return None
    value = request.quantity * (request.price or request.trigger_price or last_px)
    if value < instrument.min_notional:
        detail = f"Order value {value} is below the lower limit {instrument.min_notional}"
        return refuse(RefusalReason.BELOW_MIN_NOTIONAL, detail)
    return None


def _check_margin(
    account: Account, instrument: Instrument, request: OrderRequest, last_px: Decimal
) -> Refused | None:
    if request.reduce_only:
        return None
    price = request.price or request.trigger_price or last_px
    return _short_of(account, required_margin(account, instrument, request.side, request.quantity, price))


def _short_of(account: Account, required: Decimal) -> Refused | None:
    available = account.available()
    if required > 0 and required > available:
        detail = f"ab not enough for new order: needs {required}, available {available}"
        return refuse(RefusalReason.INSUFFICIENT_BALANCE, detail)
    return None
