"""Write orders, executions, positions and the wallet in Bybit's spelling."""

from services.simulator.adapters.wire import Json, plain, rounded
from shared.venue.account import Account
from shared.venue.events import Execution, ExecutionType
from shared.venue.order import Order
from shared.venue.position import Position
from shared.venue.values import CancelReason, OrderStatus, OrderType, Side, TimeInForce, TriggerDirection

SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
ORDER_TYPES = {OrderType.MARKET: "Market", OrderType.LIMIT: "Limit"}
TIMES_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "PostOnly",
}
DIRECTIONS = {TriggerDirection.RISES: 1, TriggerDirection.FALLS: 2}
_STATUSES = {
    OrderStatus.UNTRIGGERED: "Untriggered",
    OrderStatus.NEW: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
}
_REJECT_REASONS = {
    None: "EC_NoError",
    CancelReason.BY_USER: "EC_PerCancelRequest",
    CancelReason.REDUCE_ONLY: "EC_ReduceOnlyRuleNotSatisfied",
    CancelReason.POST_ONLY_WOULD_TAKE: "EC_PostOnlyWillTakeLiquidity",
    CancelReason.NOTHING_TO_FILL: "EC_NoImmediateQtyToFill",
    CancelReason.INSUFFICIENT_BALANCE: "EC_InsufficientBalance",
}
_CANCEL_TYPES = {CancelReason.BY_USER: "CancelByUser", CancelReason.REDUCE_ONLY: "CancelByReduceOnly"}
_COIN = "USDT"


def order_status(order: Order) -> str:
    """Return Bybit's status; a conditional order that ends before its trigger is Deactivated."""
    if order.status is OrderStatus.CANCELED and order.trigger_price is not None and not order.triggered:
        return "Deactivated"
    return _STATUSES[order.status]


def order_row(order: Order) -> Json:
    """Return an order as REST lists and the order topic show it."""
    conditional = order.trigger_price is not None
    reason = order.cancel_reason
    return {
        "category": "linear",
        "symbol": order.symbol,
        "orderId": order.venue_order_id,
        "orderLinkId": order.client_order_id,
        "blockTradeId": "",
        "side": SIDES[order.side],
        "positionIdx": 0,
        "orderStatus": order_status(order),
        "cancelType": "UNKNOWN" if reason is None else _CANCEL_TYPES.get(reason, "UNKNOWN"),
        "rejectReason": _REJECT_REASONS[reason],
        "timeInForce": TIMES_IN_FORCE[order.time_in_force],
        "isLeverage": "",
        "price": plain(order.price),
        "qty": plain(order.quantity),
        "avgPrice": rounded(order.avg_px, 12) if order.cum_qty else "",
        "leavesQty": plain(order.leaves_qty),
        "leavesValue": plain(order.leaves_qty * order.price),
        "cumExecQty": plain(order.cum_qty),
        "cumExecValue": plain(order.cum_value),
        "cumExecFee": plain(order.cum_fee),
        "orderType": ORDER_TYPES[order.order_type],
        "stopOrderType": "Stop" if conditional else "",
        "orderIv": "",
        "triggerPrice": plain(order.trigger_price) if order.trigger_price is not None else "",
        "takeProfit": "",
        "stopLoss": "",
        "triggerBy": "LastPrice" if conditional else "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": DIRECTIONS[order.trigger_direction] if order.trigger_direction else 0,
        "placeType": "",
        "lastPriceOnCreated": plain(order.last_px_at_creation),
        "closeOnTrigger": False,
        "reduceOnly": order.reduce_only,
        "smpGroup": 0,
        "smpType": "None",
        "smpOrderId": "",
        "slLimitPrice": "0",
        "tpLimitPrice": "0",
        "tpslMode": "UNKNOWN",
        "createType": "CreateByUser",
        "marketUnit": "",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "feeCurrency": "",
        "closedPnl": plain(order.realised_pnl),
        "cumFeeDetail": {_COIN: plain(order.cum_fee)},
    }


def execution_row(execution: Execution, order: Order | None) -> Json:
    """Return an execution as execution/list and the execution topic show it."""
    is_trade = execution.execution_type is ExecutionType.TRADE
    return {
        "category": "linear",
        "symbol": execution.symbol,
        "execId": execution.trade_id,
        "execType": "Trade" if is_trade else "Funding",
        "execPrice": plain(execution.last_px),
        "execQty": plain(execution.last_qty),
        "execValue": plain(execution.last_px * execution.last_qty),
        "execFee": plain(execution.fee),
        "execPnl": plain(execution.realised_pnl),
        "feeRate": plain(execution.fee_rate),
        "feeCurrency": _COIN,
        "tradeIv": "",
        "markIv": "",
        "markPrice": plain(execution.last_px),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "side": SIDES[execution.side],
        "isMaker": execution.is_maker,
        "orderId": execution.venue_order_id,
        "orderLinkId": execution.client_order_id,
        "orderPrice": plain(order.price) if order else "0",
        "orderQty": plain(order.quantity) if order else "0",
        "orderType": ORDER_TYPES[order.order_type] if order else "UNKNOWN",
        "stopOrderType": "Stop" if order and order.trigger_price is not None else "UNKNOWN",
        "leavesQty": plain(execution.leaves_qty),
        "closedSize": plain(execution.closed_qty),
        "execTime": str(execution.time_ms),
        "isLeverage": "0",
        "createType": "CreateByUser" if order else "",
        "seq": execution.sequence,
    }


def position_row(account: Account, position: Position) -> Json:
    """Return a position as position/list shows it; size 0 is flat."""
    side = "" if not position.quantity else SIDES[Side.BUY if position.quantity > 0 else Side.SELL]
    mark_px = account.mark(position)
    margin = account.position_margin(position)
    avg_px = rounded(position.avg_px, 12)
    net_realised = position.realised_pnl - position.fees - position.funding
    return {
        "category": "linear",
        "positionIdx": 0,
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": position.symbol,
        "side": side,
        "size": plain(abs(position.quantity)),
        "avgPrice": avg_px,
        "entryPrice": avg_px,
        "positionValue": plain(abs(position.open_value)),
        "tradeMode": 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 0,
        "leverage": plain(account.leverage(position.symbol)),
        "positionBalance": "0",
        "markPrice": plain(mark_px),
        "liqPrice": "",
        "bustPrice": "",
        "positionIM": rounded(margin, 8),
        "positionMM": rounded(margin / 20, 8),
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": plain(position.unrealised_pnl(mark_px)),
        "curRealisedPnl": plain(net_realised),
        "cumRealisedPnl": plain(net_realised),
        "isReduceOnly": False,
        "createdTime": str(position.opened_ms),
        "updatedTime": str(position.updated_ms),
        "seq": account.sequence,
    }


def wallet_row(account: Account) -> Json:
    """Return the unified account with its one coin."""
    equity, used = account.equity(), account.used_margin()
    orders_margin = used - sum((account.position_margin(p) for p in account.open_positions()), used * 0)
    realised = sum((p.realised_pnl - p.fees - p.funding for p in account.positions.values()), used * 0)
    coin = {
        "coin": _COIN,
        "equity": plain(equity),
        "usdValue": plain(equity),
        "walletBalance": plain(account.wallet),
        "availableToWithdraw": rounded(account.available(), 8),
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": rounded(orders_margin, 8),
        "totalPositionIM": rounded(used - orders_margin, 8),
        "totalPositionMM": rounded((used - orders_margin) / 20, 8),
        "unrealisedPnl": plain(account.unrealised_pnl()),
        "cumRealisedPnl": plain(realised),
        "bonus": "0",
        "locked": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
    }
    return {
        "accountType": "UNIFIED",
        "accountIMRate": rounded(used / equity, 4) if equity > 0 else "1",
        "accountMMRate": rounded(used / equity / 20, 4) if equity > 0 else "1",
        "totalEquity": plain(equity),
        "totalWalletBalance": plain(account.wallet),
        "totalMarginBalance": plain(equity),
        "totalAvailableBalance": rounded(account.available(), 8),
        "totalPerpUPL": plain(account.unrealised_pnl()),
        "totalInitialMargin": rounded(used, 8),
        "totalMaintenanceMargin": rounded((used - orders_margin) / 20, 8),
        "coin": [coin],
    }
