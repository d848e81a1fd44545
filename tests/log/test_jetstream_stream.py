"""Check what the stream itself promises: who may write, what ages, what may never be taken away."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError

from shared.contracts.desk import AGEING_SOURCES, Source
from shared.contracts.signal import SignalExpired
from shared.log.connection import connect
from shared.log.jetstream import WRONG_LAST_SEQUENCE, JetStreamLog, LogLimits
from shared.log.port import FenceConflict, LogInvalid, LogUnavailable, Tail
from shared.log.reader import HEARTBEAT_S, SILENCE_MAX_S, OrderedReader
from shared.log.server import MAX_PAYLOAD_BYTES, PrivateServer
from tests.log.reading import append, draft, eventually, fill, numbers, past, reader, take

STREAM = "DESK_main"


@pytest.fixture
async def connection(server: PrivateServer) -> AsyncIterator[Client]:
    client = await connect(server.url, name="test")
    yield client
    await client.close()


@pytest.fixture
async def log(connection: Client) -> JetStreamLog:
    log = JetStreamLog(connection, "main", LogLimits(market_ttl_s=1))
    await log.ensure()
    return log


async def test_the_broker_itself_refuses_a_stale_expectation(log: JetStreamLog, connection: Client) -> None:
    await fill(log, 2)
    for stale in ("0", "1", "3"):
        with pytest.raises(APIError) as refused:
            await connection.jetstream().publish(
                "desk.main.risk.0", b"{}", headers={"Nats-Expected-Last-Subject-Sequence": stale}
            )
        assert refused.value.err_code == WRONG_LAST_SEQUENCE
    assert numbers(await past(log)) == [1, 2]


async def test_market_data_and_ticks_carry_a_time_to_live_and_nothing_else_does(
    log: JetStreamLog, connection: Client
) -> None:
    for source in Source:
        (tail,) = await fill(log, 1, source=source)
        stored = await connection.jetstream().get_msg(STREAM, tail.seq)
        lives = (stored.headers or {}).get("Nats-TTL")
        assert lives == ("1s" if source in AGEING_SOURCES else None), source


async def test_market_data_is_gone_after_its_time_and_decisions_stay(log: JetStreamLog) -> None:
    await fill(log, 3, source=Source.MARKET)
    decided = await fill(log, 2)

    async def aged() -> bool:
        return not await past(log, Source.MARKET)

    await eventually(aged)
    assert [record.seq for record in await past(log, *Source)] == [tail.seq for tail in decided]
    # An edge that starts after the silence finds an empty subject, and the log goes on counting.
    (tail,) = await fill(log, 1, source=Source.MARKET, first=9)
    assert tail.seq == decided[-1].seq + 1


async def test_the_first_and_last_seq_are_those_of_what_is_stored(log: JetStreamLog) -> None:
    await fill(log, 2, source=Source.MARKET)
    await fill(log, 2)
    assert (await log.first_seq(), await log.last_seq()) == (1, 4)


async def test_nobody_deletes_or_purges_a_log(log: JetStreamLog, connection: Client) -> None:
    await fill(log, 2)
    context = connection.jetstream()
    with pytest.raises(APIError, match="message delete not permitted"):
        await context.delete_msg(STREAM, 1)
    with pytest.raises(APIError, match="stream purge not permitted"):
        await context.purge_stream(STREAM)
    assert numbers(await past(log)) == [1, 2]


async def test_a_record_that_never_fits_is_refused_for_good(log: JetStreamLog) -> None:
    huge = draft(SignalExpired(signal_id="x" * (MAX_PAYLOAD_BYTES + 1), symbol=""))
    with pytest.raises(LogInvalid, match=r"risk\.0: the broker takes no record of 8388\d\d\d bytes"):
        await log.append(huge, source=Source.RISK, partition=0, after=Tail())
    assert await past(log) == []


async def test_opening_a_desk_again_leaves_its_log_as_it_is(log: JetStreamLog, connection: Client) -> None:
    await fill(log, 2)
    await JetStreamLog(connection, "main", LogLimits(market_ttl_s=99)).ensure()
    assert numbers(await past(log)) == [1, 2]


async def test_a_stream_of_others_on_our_subjects_is_named(connection: Client) -> None:
    await connection.jetstream().add_stream(name="OTHERS", subjects=["desk.>"])
    with pytest.raises(LogInvalid, match="DESK_main: the broker does not create it: subjects overlap"):
        await JetStreamLog(connection, "main").ensure()


async def test_desks_at_one_broker_do_not_mix(log: JetStreamLog, connection: Client) -> None:
    other = JetStreamLog(connection, "other")
    await other.ensure()
    await fill(log, 2)
    await fill(other, 3, first=10)
    assert numbers(await past(log)) == [1, 2]
    assert numbers(await past(other)) == [10, 11, 12]


async def test_a_zombie_is_refused_at_the_broker(log: JetStreamLog, server: PrivateServer) -> None:
    (first,) = await fill(log, 1)
    zombie = JetStreamLog(await connect(server.url, name="zombie"), "main")
    await append(log, 2, after=first)
    with pytest.raises(FenceConflict):
        await append(zombie, 99, after=first)
    await zombie.close()


async def test_a_reader_whose_consumer_was_deleted_subscribes_again(
    log: JetStreamLog, connection: Client
) -> None:
    await fill(log, 3)
    async with reader(log) as deliveries:
        assert numbers(await take(deliveries, 3)) == [1, 2, 3]
        (consumer,) = await connection.jetstream().consumers_info(STREAM)
        await connection.jetstream().delete_consumer(STREAM, consumer.name)
        await fill(log, 3, first=4)
        assert numbers(await take(deliveries, 3)) == [4, 5, 6]


async def test_a_reader_leaves_no_consumer_behind(log: JetStreamLog, connection: Client) -> None:
    await fill(log, 3)
    async with reader(log) as deliveries:
        await take(deliveries, 1)
    assert await connection.jetstream().consumers_info(STREAM) == []


async def test_a_reader_that_pauses_longer_than_the_broker_may_be_silent_goes_on(log: JetStreamLog) -> None:
    await fill(log, 3)
    async with reader(log) as deliveries:
        assert numbers(await take(deliveries, 1)) == [1]
        await asyncio.sleep(SILENCE_MAX_S + HEARTBEAT_S)
        await fill(log, 2, first=4)
        assert numbers(await take(deliveries, 4)) == [2, 3, 4, 5]


class LossyReader(OrderedReader):
    """A reader on a bad line: what `lose` names by its arrival never arrives."""

    lose: frozenset[int] = frozenset()
    arrived = 0

    async def _enqueue(self, message: Msg) -> None:
        if message.headers is None or "Status" not in message.headers:
            self.arrived += 1
            if self.arrived in self.lose:
                return
        await super()._enqueue(message)


@pytest.mark.parametrize("lost", [{1}, {5}, {5, 6, 8}, {10}], ids=["first", "one", "several", "last"])
async def test_a_reader_notices_what_it_has_missed(
    log: JetStreamLog, connection: Client, lost: set[int]
) -> None:
    lossy = LossyReader(connection, STREAM, ["desk.main.risk.*"], 0)
    lossy.lose = frozenset(lost)
    await fill(log, 10)
    deliveries = lossy.deliveries(live=True)
    async with asyncio.timeout(5):
        taken = await take(deliveries, 10)
    await deliveries.aclose()  # type: ignore[attr-defined]
    await lossy.close()
    assert numbers(taken) == list(range(1, 11))


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the broker know two users: one that may do everything, and one that may not write for risk."""
    import shared.log.server as module  # noqa: PLC0415

    plain = module.config_text
    authorization = """
        authorization { users: [
            { user: "all", password: "secret" },
            { user: "reader", password: "secret", permissions: { publish: { deny: ["desk.*.risk.>"] } } },
        ] }
    """
    monkeypatch.setattr(module, "config_text", lambda store, port: plain(store, port) + authorization)


@pytest.mark.parametrize(("user", "password"), [("", ""), ("all", "wrong"), ("nobody", "secret")])
async def test_a_user_that_the_broker_does_not_know_is_named_as_the_problem(
    users: None, server: PrivateServer, user: str, password: str
) -> None:
    began = time.monotonic()
    with pytest.raises(LogInvalid, match="the broker refuses this user"):
        await connect(server.url, name="test", user=user, password=password, timeout_s=5)
    assert time.monotonic() - began < 4


async def test_a_user_without_the_right_to_write_is_refused_in_time(
    users: None, server: PrivateServer
) -> None:
    owner = JetStreamLog(await connect(server.url, name="test", user="all", password="secret"), "main")
    await owner.ensure()
    log = JetStreamLog(await connect(server.url, name="test", user="reader", password="secret"), "main")
    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        await fill(log, 1)
    assert time.monotonic() - began < 4
    assert await past(owner) == []
    await log.close()
    await owner.close()


async def test_an_absent_broker_is_named_within_the_bound(unused_tcp_port: int) -> None:
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match=rf"no broker answers at nats://127\.0\.0\.1:{unused_tcp_port}"):
        await connect(f"nats://127.0.0.1:{unused_tcp_port}", name="test", timeout_s=0.5)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("url", ["", "nats://[", "nats://127.0.0.1:99999", "nats://127.0.0.1:port"])
async def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(LogInvalid, match="BREAKOUT__NATS__URL="):
        await connect(url, name="test", timeout_s=5)


async def test_a_port_that_says_nothing_is_no_broker() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="no broker answers"):
        await connect(f"nats://127.0.0.1:{port}", name="test", timeout_s=0.5)
    assert time.monotonic() - began < 2
    listener.close()
