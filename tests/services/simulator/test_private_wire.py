"""Orders, positions and money through the unmodified ccxt.pro class."""

import asyncio
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.services.simulator.process import ETH, WAIT_S, Process, client


async def last_price(exchange: Any) -> float:
    return float((await exchange.fetch_ticker(ETH))["last"])


def on_tick(exchange: Any, price: float) -> float:
    return float(exchange.price_to_precision(ETH, price))


async def place_stop(exchange: Any, amount: float, share: float, client_id: str) -> Any:
    trigger = on_tick(exchange, await last_price(exchange) * share)
    params = {
        "triggerPrice": trigger,
        "triggerDirection": "descending",
        "reduceOnly": True,
        "clientOrderId": client_id,
    }
    return await exchange.create_order(ETH, "market", "sell", amount, None, params)


async def test_a_market_order_fills_and_shows_up_everywhere(ccxt_client: Any) -> None:
    before = (await ccxt_client.fetch_balance())["USDT"]["total"]
    order = await ccxt_client.create_order(ETH, "market", "buy", 2, None, {"clientOrderId": "entry-1"})
    known = await ccxt_client.fetch_order(order["id"], ETH, {"acknowledged": True})
    assert (known["clientOrderId"], known["status"], known["filled"]) == ("entry-1", "closed", 2)
    trades = await ccxt_client.fetch_my_trades(ETH, params={"orderId": order["id"]})
    assert sum(trade["amount"] for trade in trades) == pytest.approx(2)
    (position,) = await ccxt_client.fetch_positions()
    assert (position["side"], position["contracts"]) == ("long", 2)
    assert position["entryPrice"] == pytest.approx(known["average"])
    balance = await ccxt_client.fetch_balance()
    fees = sum(trade["fee"]["cost"] for trade in trades)
    assert balance["USDT"]["total"] == pytest.approx(before - fees)
    assert balance["USDT"]["used"] > 0


async def test_orders_executions_positions_and_wallet_are_pushed(ccxt_client: Any) -> None:
    watched = [
        asyncio.ensure_future(watch)
        for watch in (
            ccxt_client.watch_orders(),
            ccxt_client.watch_my_trades(),
            ccxt_client.watch_balance(),
        )
    ]
    await ccxt_client.authenticate(ccxt_client.urls["api"]["ws"]["private"]["contract"])
    await asyncio.sleep(0.3)
    order = await ccxt_client.create_order(ETH, "market", "buy", 1, None, {"clientOrderId": "pushed"})
    async with asyncio.timeout(WAIT_S):
        orders, trades, balance = await asyncio.gather(*watched)
    assert {row["clientOrderId"] for row in orders} == {"pushed"}
    assert {row["order"] for row in trades} == {order["id"]}
    assert balance["USDT"]["total"] > 0


async def test_a_reduce_only_stop_is_found_amended_and_cancelled_by_client_id(ccxt_client: Any) -> None:
    await ccxt_client.create_order(ETH, "market", "buy", 1)
    stop = await place_stop(ccxt_client, 1, 0.97, "stop-1")
    (waiting,) = await ccxt_client.fetch_open_orders(ETH, params={"trigger": True})
    assert (waiting["clientOrderId"], waiting["reduceOnly"]) == ("stop-1", True)
    assert waiting["info"]["orderStatus"] == "Untriggered"
    raised = on_tick(ccxt_client, await last_price(ccxt_client) * 0.98)
    await ccxt_client.edit_order(stop["id"], ETH, "market", "sell", 1, None, {"triggerPrice": raised})
    (amended,) = await ccxt_client.fetch_open_orders(ETH, params={"orderLinkId": "stop-1"})
    assert amended["triggerPrice"] == raised
    await ccxt_client.cancel_order(None, ETH, {"clientOrderId": "stop-1", "orderLinkId": "stop-1"})
    assert await ccxt_client.fetch_open_orders(ETH) == []
    closed = await ccxt_client.fetch_canceled_and_closed_orders(ETH, params={"orderLinkId": "stop-1"})
    assert [row["info"]["orderStatus"] for row in closed] == ["Deactivated"]


async def test_a_price_move_triggers_the_stop_and_flattens_the_position(
    sim: Process, ccxt_client: Any
) -> None:
    await ccxt_client.create_order(ETH, "market", "buy", 1)
    await place_stop(ccxt_client, 1, 0.97, "stop-out")
    await sim.post("/sim/market", symbol="ETHUSDT", move_frac=-0.05)
    assert await ccxt_client.fetch_positions() == []
    stopped = await ccxt_client.fetch_canceled_and_closed_orders(ETH, params={"orderLinkId": "stop-out"})
    assert [(row["status"], row["filled"]) for row in stopped] == [("closed", 1)]


async def test_a_far_limit_order_rests_until_it_is_cancelled(ccxt_client: Any) -> None:
    price = on_tick(ccxt_client, await last_price(ccxt_client) * 0.9)
    order = await ccxt_client.create_order(ETH, "limit", "buy", 1, price, {"postOnly": True})
    assert [row["id"] for row in await ccxt_client.fetch_open_orders(ETH)] == [order["id"]]
    lower = on_tick(ccxt_client, price * 0.99)
    await ccxt_client.edit_order(order["id"], ETH, "limit", "buy", 2, lower)
    (edited,) = await ccxt_client.fetch_open_orders(ETH)
    assert (edited["amount"], edited["price"]) == (2, lower)
    await ccxt_client.cancel_all_orders(ETH)
    assert await ccxt_client.fetch_open_orders(ETH) == []


async def test_a_resting_order_fills_as_maker_when_the_market_comes_to_it(
    sim: Process, ccxt_client: Any
) -> None:
    price = on_tick(ccxt_client, await last_price(ccxt_client) * 0.96)
    await ccxt_client.create_order(ETH, "limit", "buy", 1, price, {"clientOrderId": "maker"})
    await sim.post("/sim/market", symbol="ETHUSDT", move_frac=-0.06)
    trades = await ccxt_client.fetch_my_trades(ETH, params={"orderLinkId": "maker"})
    assert sum(trade["amount"] for trade in trades) == pytest.approx(1)
    assert {trade["takerOrMaker"] for trade in trades} == {"maker"}
    assert {trade["price"] for trade in trades} == {price}


async def test_the_venue_refuses_with_its_own_codes(ccxt_client: Any) -> None:
    price = on_tick(ccxt_client, await last_price(ccxt_client))
    far = on_tick(ccxt_client, price * 0.9)
    await ccxt_client.create_order(ETH, "limit", "buy", 0.1, far, {"clientOrderId": "once"})
    cases: list[tuple[tuple[Any, ...], type[Exception], str]] = [
        ((ETH, "limit", "buy", 0.1, far, {"clientOrderId": "once"}), ccxt.InvalidOrder, "110072"),
        ((ETH, "market", "sell", 1, None, {"reduceOnly": True}), ccxt.InvalidOrder, "110017"),
        ((ETH, "limit", "buy", 0.001, far), ccxt.InvalidOrder, "110094"),
        ((ETH, "limit", "buy", 600, price), ccxt.InsufficientFunds, "110007"),
        ((ETH, "limit", "buy", 1, on_tick(ccxt_client, price * 2)), ccxt.InvalidOrder, "110003"),
        (
            (ETH, "market", "buy", 1, None, {"triggerPrice": far, "triggerDirection": "ascending"}),
            Exception,
            "110092",
        ),
        ((ETH, "market", "buy", 1, None, {"orderType": "Iceberg"}), ccxt.BadRequest, "10001"),
        ((ETH, "market", "buy", 1, None, {"qty": "0.00005"}), ccxt.BadRequest, "10001"),
        ((ETH, "market", "buy", 1, None, {"qty": "NaN"}), ccxt.BadRequest, "10001"),
    ]
    for arguments, error, code in cases:
        with pytest.raises(error, match=f'"retCode":{code}'):
            await ccxt_client.create_order(*arguments)
    with pytest.raises(ccxt.OrderNotFound, match="110001"):
        await ccxt_client.cancel_order("00000000-0000-0000-0000-000000000000", ETH)


async def test_a_wrong_key_or_secret_is_refused_on_both_wires(sim: Process) -> None:
    for name, code in (("apiKey", "10003"), ("secret", "10004")):
        with pytest.raises(ccxt.AuthenticationError, match=code):
            async with client(sim, None, **{name: "other"}):
                pass
    async with client(sim) as exchange:
        exchange.secret = "other"
        with pytest.raises(ccxt.AuthenticationError):
            await asyncio.wait_for(exchange.watch_orders(), WAIT_S)


async def test_a_request_outside_the_receive_window_is_refused(ccxt_client: Any) -> None:
    ccxt_client.options["timeDifference"] = 20_000
    with pytest.raises(ccxt.InvalidNonce, match="10002"):
        await ccxt_client.fetch_balance()


async def test_leverage_can_be_set_once(ccxt_client: Any) -> None:
    await ccxt_client.set_leverage(5, ETH)
    with pytest.raises(ccxt.BadRequest, match="110043"):
        await ccxt_client.set_leverage(5, ETH)
    (position,) = await ccxt_client.fetch_positions([ETH])
    assert position["leverage"] == 5


async def test_the_ledger_adds_up_to_the_last_decimal(sim: Process, ccxt_client: Any) -> None:
    for side, amount in (("buy", 3), ("sell", 1.5), ("sell", 4), ("buy", 1)):
        await ccxt_client.create_order(ETH, "market", side, amount)
    ledger = await sim.ledger()
    wallet = {name: Decimal(value) for name, value in ledger["wallet"].items()}
    assert wallet["balance"] == (
        wallet["initial"] + wallet["realised_pnl"] - wallet["fees"] - wallet["funding"]
    )
    signed = sum(
        Decimal(row["last_qty"]) * (1 if row["side"] == "BUY" else -1) for row in ledger["executions"]
    )
    assert [Decimal(row["quantity"]) for row in ledger["positions"]] == [signed] == [Decimal("-1.5")]


async def test_history_is_paged_from_the_newest_without_gap_or_repeat(ccxt_client: Any) -> None:
    for _ in range(7):
        await ccxt_client.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
    seen: list[str] = []
    cursor = ""
    while True:
        reply = await ccxt_client.privateGetV5OrderHistory(
            {"category": "linear", "symbol": "BTCUSDT", "limit": 3, **({"cursor": cursor} if cursor else {})}
        )
        seen += [row["orderId"] for row in reply["result"]["list"]]
        cursor = reply["result"]["nextPageCursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 7
