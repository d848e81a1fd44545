"""Answer Bybit's private order and execution endpoints."""

from collections.abc import Callable
from typing import TypeVar

from services.simulator.adapters.exchange import Exchange
from services.simulator.adapters.render_account import (
    DIRECTIONS,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    execution_row,
    order_row,
    order_status,
)
from services.simulator.adapters.wire import (
    BAD_PARAMETER,
    Json,
    Params,
    WireError,
    flag,
    linear_only,
    optional_decimal,
    optional_int,
    refusal,
    required,
)
from shared.venue.events import Execution, Refused, VenueEvent
from shared.venue.order import AmendRequest, Order, OrderRequest
from shared.venue.values import OrderType, TimeInForce, TriggerDirection

T = TypeVar("T")
K = TypeVar("K")
Route = Callable[[Params], Json]


class TradeRoutes:
    """Private endpoints that create, change and list orders."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def table(self) -> dict[tuple[str, str], Route]:
        return {
            ("POST", "/v5/order/create"): self.create,
            ("POST", "/v5/order/amend"): self.amend,
            ("POST", "/v5/order/cancel"): self.cancel,
            ("POST", "/v5/order/cancel-all"): self.cancel_all,
            ("GET", "/v5/order/realtime"): self.realtime,
            ("GET", "/v5/order/history"): self.history,
            ("GET", "/v5/execution/list"): self.executions,
        }

    def create(self, params: Params) -> Json:
        linear_only(params)
        order = _accepted(self._exchange.create(order_request(params)))
        return {"orderId": order.venue_order_id, "orderLinkId": order.client_order_id}

    def amend(self, params: Params) -> Json:
        linear_only(params)
        venue_order_id, client_order_id = _ids(params)
        request = AmendRequest(
            symbol=required(params, "symbol"),
            venue_order_id=venue_order_id,
            client_order_id=client_order_id,
            quantity=optional_decimal(params, "qty"),
            price=optional_decimal(params, "price"),
            trigger_price=optional_decimal(params, "triggerPrice"),
        )
        order = _accepted(self._exchange.amend(request))
        return {"orderId": order.venue_order_id, "orderLinkId": order.client_order_id}

    def cancel(self, params: Params) -> Json:
        linear_only(params)
        venue_order_id, client_order_id = _ids(params)
        order = _accepted(self._exchange.cancel(required(params, "symbol"), venue_order_id, client_order_id))
        return {"orderId": order.venue_order_id, "orderLinkId": order.client_order_id}

    def cancel_all(self, params: Params) -> Json:
        linear_only(params)
        symbol = params.get("symbol")
        if not symbol and not params.get("settleCoin") and not params.get("baseCoin"):
            raise WireError(BAD_PARAMETER, "params error: symbol, settleCoin or baseCoin is required")
        events = self._exchange.cancel_all(str(symbol) if symbol else None)
        ended = [_accepted([event]) for event in events]
        rows = [{"orderId": order.venue_order_id, "orderLinkId": order.client_order_id} for order in ended]
        return {"list": rows, "success": "1"}

    def realtime(self, params: Params) -> Json:
        """List open orders; with an id also a closed one, as Bybit does for recent orders."""
        linear_only(params)
        orders = self._matching(params)
        if not (params.get("orderId") or params.get("orderLinkId")):
            closed = optional_int(params, "openOnly", 0) == 1
            orders = [order for order in orders if order.status.is_open != closed]
        return self._order_page(orders, params)

    def history(self, params: Params) -> Json:
        linear_only(params)
        orders = [order for order in self._matching(params) if not order.status.is_open]
        wanted = params.get("orderStatus")
        if wanted:
            orders = [order for order in orders if order_status(order) == wanted]
        return self._order_page(_within(orders, params, lambda order: order.created_ms), params)

    def executions(self, params: Params) -> Json:
        linear_only(params)
        rows = [row for row in self._exchange.executions if _execution_fits(row, params)]
        rows = _within(rows, params, lambda row: row.time_ms)
        page, cursor = _page(rows, params, 100, lambda row: row.sequence)
        orders = self._exchange.account.orders
        listed = [execution_row(row, orders.get(row.venue_order_id)) for row in page]
        return {"category": "linear", "list": listed, "nextPageCursor": cursor}

    def _matching(self, params: Params) -> list[Order]:
        account = self._exchange.account
        symbol, kind = params.get("symbol"), params.get("orderFilter")
        if params.get("orderId") or params.get("orderLinkId"):
            found = self._exchange.venue.find(
                str(params.get("orderId") or ""), str(params.get("orderLinkId") or "")
            )
            orders = [found] if found is not None else []
        else:
            orders = list(account.orders.values())
        if kind:
            orders = [o for o in orders if (o.trigger_price is not None) == (kind == "StopOrder")]
        return [order for order in orders if not symbol or order.symbol == symbol]

    def _order_page(self, orders: list[Order], params: Params) -> Json:
        page, cursor = _page(orders, params, 50, lambda order: order.sequence)
        return {"category": "linear", "list": [order_row(o) for o in page], "nextPageCursor": cursor}


def order_request(params: Params) -> OrderRequest:
    """Read an order from a create request's parameters."""
    if optional_int(params, "positionIdx", 0) != 0:
        raise WireError(BAD_PARAMETER, "params error: positionIdx must be 0 in one-way mode")
    for name in ("takeProfit", "stopLoss", "trailingStop"):
        if optional_decimal(params, name):
            raise WireError(BAD_PARAMETER, f"params error: {name} is not supported, send a conditional order")
    quantity = optional_decimal(params, "qty")
    if quantity is None:
        raise WireError(BAD_PARAMETER, "params error: qty is required")
    order_type = _choice(params, "orderType", ORDER_TYPES)
    direction = optional_int(params, "triggerDirection", 0)
    return OrderRequest(
        symbol=required(params, "symbol"),
        side=_choice(params, "side", SIDES),
        order_type=order_type,
        quantity=quantity,
        price=optional_decimal(params, "price") if order_type is OrderType.LIMIT else None,
        time_in_force=_choice(params, "timeInForce", TIMES_IN_FORCE, TimeInForce.GTC),
        trigger_price=optional_decimal(params, "triggerPrice") or None,
        trigger_direction=_direction(direction),
        reduce_only=flag(params, "reduceOnly"),
        client_order_id=_client_id(params),
    )


def is_stop(params: Params) -> bool:
    """Tell whether a create request asks for a conditional order."""
    return bool(params.get("triggerPrice"))


def _direction(number: int) -> TriggerDirection | None:
    if number == 0:
        return None
    for direction, code in DIRECTIONS.items():
        if code == number:
            return direction
    raise WireError(BAD_PARAMETER, f"params error: triggerDirection {number} is not 1 or 2")


def _client_id(params: Params) -> str:
    text = str(params.get("orderLinkId") or "")
    if len(text) > 36 or not all(char.isalnum() or char in "-_" for char in text):
        raise WireError(BAD_PARAMETER, "params error: orderLinkId is longer than 36 or has odd characters")
    return text


def _choice(params: Params, name: str, table: dict[K, str], default: K | None = None) -> K:
    if default is not None and not params.get(name):
        return default
    text = required(params, name)
    for value, spelling in table.items():
        if spelling == text:
            return value
    raise WireError(BAD_PARAMETER, f"params error: {name} {text!r} is invalid")


def _ids(params: Params) -> tuple[str, str]:
    venue_order_id, client_order_id = str(params.get("orderId") or ""), str(params.get("orderLinkId") or "")
    if not venue_order_id and not client_order_id:
        raise WireError(BAD_PARAMETER, "params error: orderId or orderLinkId is required")
    return venue_order_id, client_order_id


def _accepted(events: list[VenueEvent]) -> Order:
    """Return the order of an accepted request, or raise its refusal."""
    first = events[0]
    if isinstance(first, Refused):
        raise refusal(first)
    order = getattr(first, "order", None)
    assert isinstance(order, Order), "an order request is answered by an order event"
    return order


def _execution_fits(row: Execution, params: Params) -> bool:
    wanted = (
        ("symbol", row.symbol),
        ("orderId", row.venue_order_id),
        ("orderLinkId", row.client_order_id),
        ("execType", row.execution_type.value.capitalize()),
    )
    return all(not params.get(name) or params[name] == value for name, value in wanted)


def _within(rows: list[T], params: Params, time_ms: Callable[[T], int]) -> list[T]:
    start_ms, end_ms = optional_int(params, "startTime", 0), optional_int(params, "endTime", 2**62)
    return [row for row in rows if start_ms <= time_ms(row) <= end_ms]


def _page(rows: list[T], params: Params, most: int, sequence: Callable[[T], int]) -> tuple[list[T], str]:
    """Return a page, newest first, and the cursor of the next one: the sequence it starts below."""
    limit = min(max(optional_int(params, "limit", 50), 1), most)
    below = optional_int(params, "cursor", 2**62)
    left = sorted((row for row in rows if sequence(row) < below), key=sequence, reverse=True)
    page = left[:limit]
    return page, str(sequence(page[-1])) if len(left) > limit else ""
