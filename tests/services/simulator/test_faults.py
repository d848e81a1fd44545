"""Every way in which an order's outcome can become unknown, and what the ledger says about it."""

import asyncio
from pathlib import Path
from typing import Any

import ccxt
import httpx
import pytest

from tests.services.simulator.process import ETH, WAIT_S, Process, simulator

ACCEPTED = ["cut_after_accept", "502_after_accept", "hang_after_accept"]
NOT_ACCEPTED = ["cut_before_accept", "502_before_accept", "hang_before_accept", "400"]


async def buy(exchange: Any, client_id: str) -> Any:
    return await exchange.create_order(ETH, "market", "buy", 0.1, None, {"clientOrderId": client_id})


async def arm(sim: Process, kind: str, **more: Any) -> None:
    await sim.post("/sim/faults", kind=kind, delay_ms=more.pop("delay_ms", 200), **more)


async def known_ids(sim: Process) -> set[str]:
    return {order["client_order_id"] for order in (await sim.ledger())["orders"]}


@pytest.mark.parametrize("kind", ACCEPTED)
async def test_an_accepted_order_can_look_failed(sim: Process, ccxt_client: Any, kind: str) -> None:
    await arm(sim, kind)
    with pytest.raises(ccxt.BaseError):
        await buy(ccxt_client, kind)
    assert kind in await known_ids(sim)


@pytest.mark.parametrize("kind", NOT_ACCEPTED)
async def test_a_refused_connection_leaves_no_order(sim: Process, ccxt_client: Any, kind: str) -> None:
    await arm(sim, kind)
    with pytest.raises(ccxt.BaseError):
        await buy(ccxt_client, kind)
    assert kind not in await known_ids(sim)


async def test_ccxt_takes_a_truncated_answer_for_an_order_without_id(sim: Process, ccxt_client: Any) -> None:
    await arm(sim, "bad_json_after_accept")
    assert (await buy(ccxt_client, "truncated"))["id"] is None
    assert "truncated" in await known_ids(sim)


async def test_a_server_timeout_is_answered_after_the_order_was_accepted(
    sim: Process, ccxt_client: Any
) -> None:
    await arm(sim, "timeout_after_accept")
    with pytest.raises(ccxt.BaseError, match="10000"):
        await buy(ccxt_client, "timeout")
    assert "timeout" in await known_ids(sim)


@pytest.mark.parametrize("kind", ["429", "rate_limited"])
async def test_too_many_requests_are_told_apart(sim: Process, ccxt_client: Any, kind: str) -> None:
    await arm(sim, kind)
    with pytest.raises(ccxt.RateLimitExceeded):
        await buy(ccxt_client, f"limited-{kind}")
    assert f"limited-{kind}" not in await known_ids(sim)


async def test_a_slow_order_is_accepted_in_the_end(sim: Process, ccxt_client: Any) -> None:
    await arm(sim, "slow", delay_ms=100)
    assert (await buy(ccxt_client, "slow"))["id"]


async def test_a_fault_is_used_up_by_as_many_requests_as_it_was_armed_for(
    sim: Process, ccxt_client: Any
) -> None:
    await arm(sim, "502_before_accept", count=2)
    for attempt in range(2):
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await buy(ccxt_client, f"twice-{attempt}")
    await buy(ccxt_client, "twice-2")
    assert (await sim.get("/sim/faults"))["armed"] == []


async def test_only_a_stop_meets_the_refusal_of_stops(sim: Process, ccxt_client: Any) -> None:
    await arm(sim, "refuse_stop")
    await buy(ccxt_client, "not-a-stop")
    price = float(ccxt_client.price_to_precision(ETH, (await ccxt_client.fetch_ticker(ETH))["last"] * 0.9))
    params = {"triggerPrice": price, "triggerDirection": "descending", "reduceOnly": True}
    with pytest.raises(ccxt.InvalidOrder, match="110009"):
        await ccxt_client.create_order(ETH, "market", "sell", 0.1, None, params)
    assert (await ccxt_client.create_order(ETH, "market", "sell", 0.1, None, params))["id"]


async def test_an_order_can_be_refused_on_demand(sim: Process, ccxt_client: Any) -> None:
    await arm(sim, "refuse_order")
    with pytest.raises(ccxt.InsufficientFunds, match="110007"):
        await buy(ccxt_client, "refused")
    assert "refused" not in await known_ids(sim)


async def test_an_outage_meets_every_path_until_it_is_lifted(sim: Process, ccxt_client: Any) -> None:
    await arm(sim, "502_before_accept", path="*", count=1000)
    for request in (ccxt_client.fetch_ticker(ETH), ccxt_client.fetch_balance()):
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await request
    async with httpx.AsyncClient() as http:
        await http.delete(f"{sim.url}/sim/faults")
    assert (await ccxt_client.fetch_ticker(ETH))["last"] > 0


async def watch_until_it_fails(exchange: Any) -> None:
    while True:
        await asyncio.wait_for(exchange.watch_ticker(ETH), WAIT_S)


async def test_dropped_streams_are_noticed_and_can_be_watched_again(sim: Process, ccxt_client: Any) -> None:
    await ccxt_client.watch_ticker(ETH)
    assert (await sim.post("/sim/disconnect"))["closed"] == 1
    with pytest.raises(ccxt.NetworkError):
        await watch_until_it_fails(ccxt_client)
    assert (await asyncio.wait_for(ccxt_client.watch_ticker(ETH), WAIT_S))["last"] > 0


async def test_a_resend_of_an_accepted_order_is_refused_and_counted(sim: Process, ccxt_client: Any) -> None:
    await arm(sim, "cut_after_accept")
    with pytest.raises(ccxt.BaseError):
        await buy(ccxt_client, "resent")
    with pytest.raises(ccxt.InvalidOrder, match="110072"):
        await buy(ccxt_client, "resent")
    ledger = await sim.ledger()
    assert ledger["client_ids"]["resent"] == {"accepted": 1, "refused": 1}
    assert ledger["duplicates_accepted"] == 0
    assert ledger["duplicates_refused"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sim/faults", b"{"),
        ("/sim/faults", b'{"kind": "explode"}'),
        ("/sim/faults", b'{"kind": "429", "colour": 1}'),
        ("/sim/market", b'{"symbol": "NOPE", "move_frac": 0.1}'),
        ("/sim/market", b'{"symbol": "ETHUSDT", "move_frac": -1}'),
    ],
)
async def test_a_wrong_control_request_is_answered_with_its_reason(
    sim: Process, path: str, body: bytes
) -> None:
    async with httpx.AsyncClient() as http:
        reply = await http.post(sim.url + path, content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]


async def test_garbage_on_the_exchange_wire_is_a_parameter_error(sim: Process) -> None:
    async with httpx.AsyncClient() as http:
        for path in ("kline?category=linear&symbol=ETHUSDT&interval=7", "tickers?category=spot", "kline"):
            reply = await http.get(f"{sim.url}/v5/market/{path}")
            assert (reply.status_code, reply.json()["retCode"]) == (200, 10001)
        reply = await http.post(f"{sim.url}/v5/order/create", content=b"\xff{")
        assert reply.json()["retCode"] in (10001, 10003)
        assert (await http.get(f"{sim.url}/v5/nothing")).status_code == 404


async def test_a_hanging_request_does_not_delay_the_end(tmp_path: Path) -> None:
    with simulator(tmp_path / "state") as process:
        await arm(process, "hang_before_accept", path="/v5/market/time", delay_ms=60_000)
        hanging = asyncio.create_task(process.get("/v5/market/time"))
        while (await process.get("/sim/faults"))["armed"]:  # noqa: ASYNC110  taken as soon as it arrives
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(process.stop) == 0
        with pytest.raises(httpx.HTTPError):
            await hanging
