"""Pulls the emergency brakes with parts of the system frozen: the account ends flat, verified at the exchange."""

import signal

import pytest

from shared.contracts.position import PositionOpened
from tests.system.running_desk import RunningDesk

pytestmark = pytest.mark.system

WORKING = frozenset({"UNTRIGGERED", "NEW", "PARTIALLY_FILLED"})


def is_flat(desk: RunningDesk) -> bool:
    ledger = desk.ledger()
    positions = [position for position in ledger["positions"] if float(position["quantity"]) != 0]
    working = [order for order in ledger["orders"] if order["status"] in WORKING]
    return not positions and not working


@pytest.mark.parametrize("command", ["panic_exit", "kill_switch"])
async def test_the_account_ends_flat_with_orchestrator_and_gateway_frozen(
    desk: RunningDesk, command: str
) -> None:
    async with desk.log() as log:
        last = await log.last_seq()
    await desk.await_events(PositionOpened, 1, timeout_s=180, after_seq=last)
    for name in ("orchestrator", "gateway"):
        desk.kill(name, signal.SIGSTOP)
    try:
        code, answer = desk.command("engine", command)
        assert code == 0, answer
        assert answer["type"] == "Flattened"
        assert is_flat(desk)
    finally:
        for name in ("orchestrator", "gateway"):
            desk.kill(name, signal.SIGCONT)
    code, books = desk.command("books", "--check")
    assert code == 0, books
    for again in ("clear_kill_switch", "stop", "start"):
        desk.command("engine", again)
