"""Check leases: one holder at a time, lapse, takeover, and life after a restart of the broker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.log.connection import connect
from shared.log.jetstream_lease import JetStreamLeases
from shared.log.lease import Heartbeat, Leases, Role
from shared.log.memory import MemoryLeases
from shared.log.port import LogUnavailable
from shared.log.server import PrivateServer
from tests.log.reading import eventually

TTL_S = 1.0
# The broker looks for what has lapsed a little later than it lapses.
LAPSE_MAX_S = 2.0

OpenLeases = Callable[[], Awaitable[Leases]]


def beat(instance: str, *, partition: int = 0, position: int = 0) -> Heartbeat:
    return Heartbeat(
        service="risk",
        partition=partition,
        instance=instance,
        role=Role.STANDBY,
        pid=1,
        host="here",
        position=position,
        lag=0,
        rss_bytes=1,
    )


def leaders(beats: tuple[Heartbeat, ...]) -> list[str]:
    return [beat.instance for beat in beats if beat.role is Role.LEADER]


class LeasesBehaviour:
    """What leases do, whoever keeps them."""

    async def test_the_first_holds_and_the_second_stands_by(self, open_leases: OpenLeases) -> None:
        one, two = await open_leases(), await open_leases()
        assert await one.hold(beat("one"))
        assert not await two.hold(beat("two"))
        assert await one.hold(beat("one"))
        seen = await two.seen()
        assert [(b.instance, b.role) for b in seen] == [("one", Role.LEADER), ("two", Role.STANDBY)]

    async def test_partitions_have_leases_of_their_own(self, open_leases: OpenLeases) -> None:
        one, two = await open_leases(), await open_leases()
        assert await one.hold(beat("one", partition=0))
        assert await two.hold(beat("two", partition=1))
        assert sorted(leaders(await one.seen())) == ["one", "two"]

    async def test_a_renewal_tells_where_the_holder_stands(self, open_leases: OpenLeases) -> None:
        leases = await open_leases()
        for position in (1, 7):
            assert await leases.hold(beat("one", position=position))
        assert [b.position for b in await leases.seen()] == [7]

    async def test_a_released_lease_is_taken_at_once(self, open_leases: OpenLeases) -> None:
        one, two = await open_leases(), await open_leases()
        assert await one.hold(beat("one"))
        assert not await two.hold(beat("two"))
        await one.release(beat("one"))
        assert await two.hold(beat("two"))
        assert leaders(await one.seen()) == ["two"]

    async def test_only_the_holder_can_release(self, open_leases: OpenLeases) -> None:
        one, two = await open_leases(), await open_leases()
        assert await one.hold(beat("one"))
        assert not await two.hold(beat("two"))
        await two.release(beat("two"))
        assert leaders(await one.seen()) == ["one"]
        assert not await two.hold(beat("two"))


class TestMemoryLeases(LeasesBehaviour):
    @pytest.fixture
    def open_leases(self) -> OpenLeases:
        leases = MemoryLeases()

        async def open_leases() -> MemoryLeases:
            return leases

        return open_leases


class TestJetStreamLeases(LeasesBehaviour):
    @pytest.fixture
    async def open_leases(self, server: PrivateServer) -> AsyncIterator[OpenLeases]:
        connections = []

        async def open_leases() -> JetStreamLeases:
            connections.append(await connect(server.url, name="test"))
            leases = JetStreamLeases(connections[-1], "main", TTL_S)
            await leases.ensure()
            return leases

        yield open_leases
        for connection in connections:
            await connection.close()

    async def test_a_lease_lapses_and_the_standby_takes_over(self, open_leases: OpenLeases) -> None:
        one, two = await open_leases(), await open_leases()
        assert await one.hold(beat("one"))
        silent_since = time.monotonic()
        await eventually(lambda: two.hold(beat("two")), within_s=LAPSE_MAX_S)
        assert time.monotonic() - silent_since > TTL_S * 0.8
        assert not await one.hold(beat("one"))
        assert leaders(await one.seen()) == ["two"]

    async def test_a_lease_that_is_renewed_never_lapses(self, open_leases: OpenLeases) -> None:
        one, two = await open_leases(), await open_leases()
        ends = time.monotonic() + TTL_S * 1.5
        while time.monotonic() < ends:
            assert await one.hold(beat("one"))
            assert not await two.hold(beat("two"))
            await asyncio.sleep(TTL_S / 10)

    async def test_an_instance_that_comes_back_quickly_holds_its_lease_still(
        self, open_leases: OpenLeases
    ) -> None:
        assert await (await open_leases()).hold(beat("one"))
        assert await (await open_leases()).hold(beat("one"))

    async def test_of_many_that_want_a_lease_at_once_one_gets_it(self, open_leases: OpenLeases) -> None:
        doors = [await open_leases() for _ in range(4)]
        held = await asyncio.gather(*(door.hold(beat(f"i{n}")) for n, door in enumerate(doors)))
        assert sorted(held) == [False, False, False, True]

    async def test_leases_are_taken_again_after_a_restart_of_the_broker(
        self, open_leases: OpenLeases, server: PrivateServer
    ) -> None:
        leases = await open_leases()
        assert await leases.hold(beat("one"))
        await server.kill()
        with pytest.raises(LogUnavailable):
            await leases.hold(beat("one"))
        with pytest.raises(LogUnavailable):
            await leases.seen()
        await server.start()

        async def held() -> bool:
            try:
                return await leases.hold(beat("one"))
            except LogUnavailable:
                return False

        await eventually(held, within_s=5)
        assert leaders(await leases.seen()) == ["one"]
