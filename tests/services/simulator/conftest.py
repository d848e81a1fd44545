"""Shares one simulator between the tests of a module; each test gets a client and leaves no order."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.services.simulator.process import Process, client, simulator


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with simulator(tmp_path_factory.mktemp("exchange")) as process:
        yield process


@pytest.fixture(scope="module")
def known_markets() -> list[Any]:
    """Filled by the module's first client."""
    return []


@pytest.fixture
async def ccxt_client(sim: Process, known_markets: list[Any]) -> AsyncIterator[Any]:
    async with client(sim, known_markets or None) as exchange:
        known_markets[:] = list(exchange.markets.values())
        yield exchange
        await flatten(exchange)


async def flatten(exchange: Any) -> None:
    """Cancel all orders and close all positions, so that the next test starts flat."""
    exchange.options["timeDifference"] = 0
    await exchange.cancel_all_orders()
    for position in await exchange.fetch_positions():
        side = "sell" if position["side"] == "long" else "buy"
        params = {"reduceOnly": True}
        await exchange.create_order(position["symbol"], "market", side, position["contracts"], None, params)
