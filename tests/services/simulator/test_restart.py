"""An exchange that dies keeps what it acknowledged, and its market stands still meanwhile."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import ccxt
import pytest

from tests.services.simulator.process import ETH, Process, client, simulator


def without_clock(ledger: dict[str, Any]) -> dict[str, Any]:
    """What must survive: marks move with the market, the ledger's own facts do not."""
    kept = {name: ledger[name] for name in ("orders", "executions", "positions", "client_ids")}
    return kept | {"balance": ledger["wallet"]["balance"]}


async def test_kill_9_loses_no_acknowledged_order_or_fill(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with simulator(state) as process:
        async with client(process) as exchange:
            await exchange.create_order(ETH, "market", "buy", 1, None, {"clientOrderId": "entry"})
            last = (await exchange.fetch_ticker(ETH))["last"]
            params = {
                "triggerPrice": float(exchange.price_to_precision(ETH, last * 0.8)),
                "triggerDirection": "descending",
                "reduceOnly": True,
                "clientOrderId": "stop",
            }
            await exchange.create_order(ETH, "market", "sell", 1, None, params)
            await exchange.set_leverage(7, ETH)
        before = await process.ledger()
        process.kill()
    with simulator(state) as process:
        assert without_clock(await process.ledger()) == without_clock(before)
        async with client(process) as exchange:
            (position,) = await exchange.fetch_positions()
            assert (position["contracts"], position["leverage"]) == (1, 7)
            (waiting,) = await exchange.fetch_open_orders(ETH)
            assert waiting["clientOrderId"] == "stop"
            with pytest.raises(ccxt.InvalidOrder, match="110072"):
                await exchange.create_order(ETH, "market", "buy", 1, None, {"clientOrderId": "entry"})


async def test_random_kills_under_load_double_and_lose_nothing_and_time_goes_on(tmp_path: Path) -> None:
    seed = 20261122
    print("seed", seed)
    rng, state, acknowledged = Random(seed), tmp_path / "state", set[str]()
    for round_ in range(4):
        with simulator(state) as process:
            async with client(process) as exchange:
                await time_goes_on(process)
                doomed = asyncio.get_running_loop().call_later(rng.uniform(0.05, 0.4), process.process.kill)
                acknowledged |= await trade_until_cut(exchange, rng, f"r{round_}")
                doomed.cancel()
    with simulator(state) as process:
        ledger = await process.ledger()
    names = [order["client_order_id"] for order in ledger["orders"]]
    assert len(names) == len(set(names))
    assert acknowledged <= set(names)
    assert len(names) - len(acknowledged) <= 4
    filled = sum(float(row["last_qty"]) * (1 if row["side"] == "BUY" else -1) for row in ledger["executions"])
    held = sum(float(position["quantity"]) for position in ledger["positions"])
    assert abs(filled - held) < 1e-9


async def time_goes_on(process: Process) -> None:
    """The clock of a restarted exchange is past everything it had stamped."""
    ledger = await process.ledger()
    assert all(order["updated_ms"] <= ledger["time_ms"] for order in ledger["orders"])


async def trade_until_cut(exchange: Any, rng: Random, prefix: str) -> set[str]:
    """Send small market orders until the exchange dies; returns the client ids it acknowledged."""
    acknowledged: set[str] = set()
    for number in range(200):
        name, side = f"{prefix}-{number}", rng.choice(["buy", "sell"])
        try:
            await exchange.create_order(ETH, "market", side, 0.1, None, {"clientOrderId": name})
        except ccxt.BaseError:
            break
        acknowledged.add(name)
    return acknowledged


async def test_the_market_stands_still_while_the_exchange_is_stopped(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with simulator(state) as process:
        before = (await process.get("/sim/clock"))["market_ms"]
        assert process.stop() == 0
    await asyncio.sleep(0.5)
    with simulator(state) as process:
        after = (await process.get("/sim/clock"))["market_ms"]
    # At speed 60 the sleep alone would be 30 s of market time; start-up is not part of it.
    assert before <= after < before + 60_000


async def test_a_price_move_is_durable(tmp_path: Path) -> None:
    state, path = tmp_path / "state", "/v5/market/tickers?category=linear&symbol=ETHUSDT"
    with simulator(state) as process:
        await process.post("/sim/market", symbol="ETHUSDT", move_frac=0.5)
        moved = float((await process.get(path))["result"]["list"][0]["lastPrice"])
    with simulator(state) as process:
        kept = float((await process.get(path))["result"]["list"][0]["lastPrice"])
    assert abs(kept / moved - 1) < 0.05


async def test_a_stop_crossed_in_the_moment_of_death_is_executed_after_the_restart(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with simulator(state) as process:
        async with client(process) as exchange:
            await exchange.create_order(ETH, "market", "buy", 1)
            last = (await exchange.fetch_ticker(ETH))["last"]
            # A trigger so near that the market reaches it within minutes of its time.
            trigger = float(exchange.price_to_precision(ETH, last * 0.9995))
            params = {"triggerPrice": trigger, "triggerDirection": "descending", "reduceOnly": True}
            await exchange.create_order(ETH, "market", "sell", 1, None, params)
    with simulator(state, "--symbols", "5", "--speed", "3000") as process:
        async with asyncio.timeout(10), client(process) as exchange:
            while await exchange.fetch_positions():  # noqa: ASYNC110  the exchange offers no event
                await asyncio.sleep(0.05)
