"""Run a whole service as a process on a private broker, end it in every way, and count its answers."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest

from shared.contracts.desk import ProcessorFailed, Source
from shared.contracts.engine import CommandAccepted, CommandName, CommandRequested
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog
from shared.log.jetstream_lease import JetStreamLeases
from shared.log.lease import Role
from shared.log.port import LogUnavailable
from shared.log.server import PrivateServer
from shared.log.snapshots import JetStreamSnapshots
from shared.log.writer import Writer
from shared.runtime.service import EXIT_TRY_AGAIN
from tests.log.reading import eventually, past

ROOT = Path(__file__).parents[2]
LEASE_TTL_S = 1.0
DRAIN_MAX_S = 5.0
TAKEOVER_MAX_S = 3.0
SEED = 3


class House:
    """A broker, the processes started on it, and a person who gives commands."""

    def __init__(self, server: PrivateServer, log: JetStreamLog, leases: JetStreamLeases) -> None:
        self.server = server
        self.log = log
        self.leases = leases
        self.processes: list[asyncio.subprocess.Process] = []
        self.commands = 0

    async def start(self, instance: str, **settings: str) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BREAKOUT__NATS__URL": self.server.url,
            "BREAKOUT__RUNTIME__INSTANCE": instance,
            "BREAKOUT__RUNTIME__LEASE_TTL_S": str(LEASE_TTL_S),
            **{f"BREAKOUT__{key}": value for key, value in settings.items()},
        }
        arguments = (sys.executable, "-m", "tests.runtime.tiny_service")
        process = await asyncio.create_subprocess_exec(
            *arguments, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
        )
        self.processes.append(process)
        return process

    async def command(self, *, reason: str = "") -> str:
        self.commands += 1
        name = f"command-{self.commands}"
        asked = CommandRequested(command_id=name, command=CommandName.PAUSE, requested_by="me", reason=reason)
        writer = await Writer.open(self.log, Source.COMMANDS)
        await writer.append([asked], time_ns=1)
        return name

    async def answers(self) -> list[str]:
        records = await past(self.log, Source.ORCHESTRATOR)
        events = [event for record in records for event in record.events]
        return [event.command_id for event in events if isinstance(event, CommandAccepted)]

    async def answered(self, name: str) -> bool:
        return name in await self.answers()

    async def assert_answered_once(self) -> None:
        assert await self.answers() == [f"command-{n}" for n in range(1, self.commands + 1)]

    async def instances(self, role: Role) -> set[str]:
        try:
            return {beat.instance for beat in await self.leases.seen() if beat.role is role}
        except LogUnavailable:
            return set()

    async def leads(self, instance: str) -> bool:
        return instance in await self.instances(Role.LEADER)

    async def stands_by(self, instance: str) -> bool:
        return instance in await self.instances(Role.STANDBY)

    async def end(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def house(server: PrivateServer) -> AsyncIterator[House]:
    connection = await connect(server.url, name="test")
    log = JetStreamLog(connection, "main")
    await log.ensure()
    leases = JetStreamLeases(connection, "main", LEASE_TTL_S)
    await leases.ensure()
    house = House(server, log, leases)
    yield house
    await house.end()
    await log.close()


async def ended(process: asyncio.subprocess.Process, within_s: float = 10.0) -> tuple[int, str]:
    """Return the exit code and what the process wrote."""
    _, words = await asyncio.wait_for(process.communicate(), within_s)
    assert process.returncode is not None
    return process.returncode, words.decode()


async def test_a_service_leads_decides_and_drains_when_told_to(house: House) -> None:
    process = await house.start("one")
    for _ in range(3):
        await house.command()
    await eventually(lambda: house.answered("command-3"))
    assert await house.leads("one")
    told = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code, words = await ended(process, DRAIN_MAX_S)
    sys.stdout.write(f"drained in {time.monotonic() - told:.2f} s\n")
    assert code == 0, words
    assert "Traceback" not in words
    assert await house.instances(Role.LEADER) == set()
    connection = await connect(house.server.url, name="test")
    assert await JetStreamSnapshots(connection, "main").load("orchestrator.0")
    await connection.close()
    await house.assert_answered_once()


async def test_no_command_is_lost_or_answered_twice_by_kills_at_random_moments(house: House) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    random = Random(SEED)
    for life in range(4):
        process = await house.start(f"life-{life}")
        await eventually(lambda life=life: house.leads(f"life-{life}"))  # type: ignore[misc]
        for _ in range(random.randint(3, 12)):
            await house.command()
            await asyncio.sleep(random.random() * 0.02)
        process.kill()
        await process.wait()
    await house.start("last")
    name = await house.command()
    await eventually(lambda: house.answered(name))
    await house.assert_answered_once()


async def test_a_standby_takes_over_from_a_killed_leader(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    leader = await house.start("leader")
    await eventually(lambda: house.leads("leader"))
    await house.start("standby")
    await eventually(lambda: house.stands_by("standby"))
    first = await house.command()
    await eventually(lambda: house.answered(first))
    leader.kill()
    killed = time.monotonic()
    second = await house.command()
    await eventually(lambda: house.answered(second))
    took_s = time.monotonic() - killed
    record_property("takeover_s", took_s)
    sys.stdout.write(f"taken over after {took_s:.2f} s with a lease of {LEASE_TTL_S:g} s\n")
    assert took_s <= TAKEOVER_MAX_S
    assert await house.leads("standby")
    await house.assert_answered_once()


async def test_a_standby_takes_over_at_once_when_the_leader_leaves_in_order(house: House) -> None:
    leader = await house.start("leader")
    await eventually(lambda: house.leads("leader"))
    await house.start("standby")
    await eventually(lambda: house.stands_by("standby"))
    leader.terminate()
    assert (await ended(leader))[0] == 0
    left = time.monotonic()
    await eventually(lambda: house.leads("standby"))
    assert time.monotonic() - left < LEASE_TTL_S
    name = await house.command()
    await eventually(lambda: house.answered(name))
    await house.assert_answered_once()


async def test_a_frozen_leader_that_wakes_up_decides_nothing_a_second_time(house: House) -> None:
    zombie = await house.start("zombie")
    await eventually(lambda: house.leads("zombie"))
    await house.start("standby")
    await eventually(lambda: house.stands_by("standby"))
    zombie.send_signal(signal.SIGSTOP)
    frozen = time.monotonic()
    for _ in range(20):
        name = await house.command()
    await eventually(lambda: house.answered(name))
    assert time.monotonic() - frozen <= TAKEOVER_MAX_S
    zombie.send_signal(signal.SIGCONT)

    async def gave_way() -> bool:
        # Its edge may have been refused by the fence before it noticed the lost lease: then the
        # process has ended, to be started again.
        return zombie.returncode == EXIT_TRY_AGAIN or await house.stands_by("zombie")

    await eventually(gave_way)
    name = await house.command()
    await eventually(lambda: house.answered(name))
    assert await house.instances(Role.LEADER) == {"standby"}
    assert zombie.returncode in (None, EXIT_TRY_AGAIN)
    await house.assert_answered_once()


async def test_a_service_outlives_its_broker(house: House) -> None:
    await house.start("one")
    name = await house.command()
    await eventually(lambda: house.answered(name))
    await house.server.kill()
    await house.server.start()
    for _ in range(5):
        name = await house.command()
    await eventually(lambda: house.answered(name))
    await eventually(lambda: house.leads("one"))
    await house.assert_answered_once()


async def test_a_decider_that_raises_is_recorded_and_ends_the_process(house: House) -> None:
    process = await house.start("one")
    await house.command()
    await eventually(lambda: house.answered("command-1"))
    await house.command(reason="poison")
    code, words = await ended(process)
    assert code == 70, words
    (record,) = await past(house.log, Source.SHELL)
    (poisonous,) = (r for r in await past(house.log, Source.COMMANDS) if "poison" in repr(r.events))
    assert record.cause == poisonous.seq
    assert record.events == (
        ProcessorFailed(
            processor=Source.ORCHESTRATOR,
            partition=0,
            poisonous_seq=poisonous.seq,
            error=f"record {poisonous.seq}: ValueError: this command cannot be decided",
        ),
    )
    assert await house.answers() == ["command-1"]


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"RUNTIME__LEASE_TLL_S": "1"}, 2, "BREAKOUT__RUNTIME__LEASE_TLL_S: no such setting; did you mean"),
        ({"NATS__URL": "nats://127.0.0.1:1", "NATS__CONNECT_TIMEOUT_S": "0.3"}, 75, "no broker answers at"),
        ({"NATS__URL": "nats://["}, 75, "BREAKOUT__NATS__URL"),
    ],
    ids=["settings", "broker", "address"],
)
async def test_a_service_that_cannot_start_says_why(
    house: House, settings: dict[str, str], code: int, said: str
) -> None:
    ending, words = await ended(await house.start("one", **settings))
    assert ending == code
    assert said in words
    assert "Traceback" not in words


async def test_a_desk_keeps_the_mode_that_it_was_opened_in(house: House) -> None:
    process = await house.start("one")
    await eventually(lambda: house.leads("one"))
    code, words = await ended(await house.start("two", DESK__MODE="paper"))
    assert code == 75
    assert "is a demo desk and cannot be used in mode paper" in words
    process.terminate()
    assert (await ended(process))[0] == 0
