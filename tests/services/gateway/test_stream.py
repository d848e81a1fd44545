"""The WebSocket: everything at once, in order, without a gap, and nobody left behind in memory."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from services.gateway.adapters import hub as hub_module
from services.gateway.adapters import websocket as websocket_module
from shared.contracts.desk import ClockTicked, ProcessorFailed, Source
from shared.contracts.market import InstrumentsListed
from shared.log.port import Delivery
from tests.services.gateway.conftest import BOUND_S, NOW_NS, House, until
from tests.services.orchestrator.story import closing, opening


async def receive(client: ClientConnection) -> Any:
    async with asyncio.timeout(BOUND_S):
        return json.loads(await client.recv())


async def events(client: ClientConnection, count: int) -> list[Any]:
    """Return the next events; heartbeats are not among them."""
    found: list[Any] = []
    while len(found) < count:
        message = await receive(client)
        if message["type"] != "HEARTBEAT":
            found.append(message)
    return found


async def clients(house: House) -> int:
    connected: int = (await house.http.get("/api/health")).json()["api_connectivity"]["websocket"]
    return connected


async def until_clients(house: House, count: int) -> None:
    async def reached() -> bool:
        return await clients(house) == count

    await until(reached)


async def drain(client: ClientConnection, seqs: list[int]) -> None:
    """Collect the seqs of everything that comes, for ever."""
    while True:
        message = await receive(client)
        if message["type"] != "HEARTBEAT":
            seqs.append(message["seq"])


async def flood(client: ClientConnection) -> None:
    while True:
        await client.send("hello")
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/ws", "/ws/"])
async def test_the_first_message_is_a_heartbeat(house: House, path: str) -> None:
    await house.open_gateway()
    async with house.socket(path=path) as client:
        beat = await receive(client)
    assert beat["type"] == "HEARTBEAT"
    assert beat["data"] == {"latencyMs": None}, "no latency is invented"
    assert beat["seq"] == 1


async def test_heartbeats_go_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module.Stream.__init__, "__kwdefaults__", {"heartbeat_s": 0.05})
    await house.open_gateway()
    async with house.socket() as client:
        assert [(await receive(client))["type"] for _ in range(3)] == ["HEARTBEAT"] * 3


async def test_every_event_is_pushed_at_once_in_order_with_its_seq(house: House) -> None:
    await house.open_gateway()
    async with house.socket() as client:
        await until_clients(house, 1)
        first = await house.write(Source.EXECUTION, opening("s1"), closing("s1"))
        second = await house.write(Source.CLOCK, ClockTicked(number=3))
        found = await events(client, 3)
    assert [(event["type"], event["seq"]) for event in found] == [
        ("PositionOpened", first),
        ("PositionClosed", first),
        ("ClockTicked", second),
    ]
    assert found[2]["data"]["number"] == 3
    assert found[0]["source"] == "execution"
    assert found[0]["ts"] == NOW_NS // 1_000_000
    assert found[0]["data"]["entry_px"] == "101"


async def test_a_client_resumes_without_a_gap_while_events_keep_coming(house: House) -> None:
    for number in range(100):
        await house.write(Source.CLOCK, ClockTicked(number=number))
    await house.open_gateway()

    async def keep_writing() -> None:
        for number in range(100, 300):
            await house.write(Source.CLOCK, ClockTicked(number=number))
            await asyncio.sleep(0)

    writing = asyncio.create_task(keep_writing())
    async with house.socket("?from_seq=50") as client:
        found = await events(client, 252)
    await writing
    assert [event["seq"] for event in found] == list(range(50, 302))


async def test_what_is_written_while_a_client_catches_up_is_not_missed(house: House) -> None:
    await house.open_gateway()
    await house.write(Source.CLOCK, ClockTicked(number=1))
    await house.until_read()
    read = house.log.read

    async def overtaken(*arguments: Any, **options: Any) -> AsyncIterator[Delivery]:
        """The past as it was when asked for, delivered after the log has grown by two records."""
        past = [delivery async for delivery in read(*arguments, **options)]
        if len(house.log.records) < 6:
            await house.write(Source.CLOCK, ClockTicked(number=2))
            await house.write(Source.CLOCK, ClockTicked(number=3))
            await house.until_read()
        for delivery in past:
            yield delivery

    house.log.read = overtaken  # type: ignore[method-assign]
    async with house.socket("?from_seq=1") as client:
        found = await events(client, 6)
    assert [event["seq"] for event in found] == [1, 2, 3, 4, 5, 6]


async def test_a_client_that_resumes_ahead_of_the_log_gets_what_comes_there(house: House) -> None:
    await house.open_gateway()
    async with house.socket("?from_seq=4") as client:
        await until_clients(house, 1)
        for number in range(4):
            await house.write(Source.CLOCK, ClockTicked(number=number))
        assert [event["seq"] for event in await events(client, 2)] == [4, 5]


async def test_a_wrong_from_seq_is_refused(house: House) -> None:
    await house.open_gateway()
    for wrong in ("0", "-1", "x", "1.5", "", "9" * 30):
        with pytest.raises(InvalidStatus) as refused:
            async with house.socket(f"?from_seq={wrong}"):
                pass
        assert refused.value.response.status_code == 422, wrong
        assert json.loads(refused.value.response.body or b"")["status"] == 422


async def test_a_slow_client_is_closed_with_the_seq_to_resume_from_and_then_misses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "QUEUE_MESSAGES_MAX", 20)
    await house.open_gateway()
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.setblocking(False)
    host, port = house.base.split(":")
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    # One message is read ahead; then the client's library stops reading until it is asked.
    async with house.socket(sock=narrow, max_queue=1, ping_interval=None) as slow:
        await until_clients(house, 1)
        seqs = []
        async with asyncio.timeout(BOUND_S):
            while await clients(house):
                seqs.append(await house.write(Source.SHELL, _bulky()))
        found: list[int] = []
        with pytest.raises(ConnectionClosed) as closed:
            await drain(slow, found)
    assert isinstance(closed.value, ConnectionClosedError)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    resume = int(closed.value.rcvd.reason.rpartition("=")[2])
    assert found == [seq for seq in seqs if seq < resume], "nothing before the seq to resume from is missing"

    async with house.socket(f"?from_seq={resume}") as client:
        rest = await events(client, len(seqs) - len(found))
    assert found + [event["seq"] for event in rest] == seqs


def _bulky() -> ProcessorFailed:
    return ProcessorFailed(processor=Source.RISK, partition=0, poisonous_seq=1, error="x" * 50_000)


async def test_a_slow_client_does_not_hold_up_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "QUEUE_MESSAGES_MAX", 50)
    await house.open_gateway()
    async with house.socket(max_queue=1, close_timeout=0.1) as slow, house.socket() as quick:
        await until_clients(house, 2)
        for number in range(200):
            await house.write(Source.SHELL, _bulky())
            assert (await events(quick, 1))[0]["seq"] == number + 2
        slow.transport.abort()


async def test_a_disconnect_is_noticed_at_once_however_it_happens(house: House) -> None:
    await house.open_gateway()
    async with house.socket():
        await until_clients(house, 1)
    await until_clients(house, 0)

    async with house.socket() as client:
        await until_clients(house, 1)
        client.transport.abort()
        await until_clients(house, 0)


async def test_no_task_is_left_when_clients_have_gone(house: House) -> None:
    await house.open_gateway()
    await clients(house)
    before = len(asyncio.all_tasks())
    for _ in range(5):
        async with house.socket() as client:
            await receive(client)
    await until_clients(house, 0)

    async def gone() -> bool:
        return len(asyncio.all_tasks()) <= before

    await until(gone)


async def test_open_sockets_do_not_hold_up_the_shutdown(house: House) -> None:
    gateway = await house.open_gateway()
    async with house.socket() as client, house.socket(max_queue=1):
        await receive(client)
        began = asyncio.get_running_loop().time()
        gateway.cancel()
        await asyncio.gather(gateway, return_exceptions=True)
        assert asyncio.get_running_loop().time() - began < 3
        with pytest.raises(ConnectionClosed) as closed:
            await drain(client, [])
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012


async def test_a_flood_from_a_client_ends_its_connection(house: House) -> None:
    await house.open_gateway()
    async with house.socket() as client:
        with pytest.raises(ConnectionClosed):
            await flood(client)
        assert client.close_code == 1008


async def test_a_message_that_is_too_large_ends_the_connection(house: House) -> None:
    await house.open_gateway()
    async with house.socket() as client:
        await client.send("x" * 10_000)
        with pytest.raises(ConnectionClosed):
            await drain(client, [])
        assert client.close_code == 1009


async def test_a_client_can_ask_for_everything_from_the_first_record(house: House) -> None:
    await house.write(Source.MARKET, InstrumentsListed(instruments=()))
    await house.open_gateway()
    assert len(house.log.records) == 2
    async with house.socket("?from_seq=1") as client:
        assert [event["type"] for event in await events(client, 2)] == ["DeskOpened", "InstrumentsListed"]
