"""Connects a process to its desk: the log, the leases, the clock, and who the desk is."""

from uuid import uuid4

import msgspec

from shared.contracts.desk import DeskOpened, Mode, Source
from shared.contracts.record import Draft
from shared.log.connection import connect as connect_nats
from shared.log.jetstream import JetStreamLog
from shared.log.jetstream_lease import JetStreamLeases
from shared.log.port import FenceConflict, Log, LogInvalid, Tail
from shared.log.snapshots import JetStreamSnapshots, Snapshots
from shared.runtime.clock import DeskClock
from shared.runtime.edge import Desk
from shared.runtime.settings import DeskSection, Settings


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """A desk within reach."""

    desk: Desk
    snapshots: Snapshots


async def connect(settings: Settings, *, name: str) -> Connected:
    """Connect to the desk that the settings name, opening it when it does not exist.

    Raises:
        LogUnavailable: the broker does not answer.
        LogInvalid: the broker or the desk is not what the settings say.
    """
    nats = settings.nats
    connection = await connect_nats(
        nats.url, name=name, user=nats.user, password=nats.password, timeout_s=nats.connect_timeout_s
    )
    log = JetStreamLog(connection, settings.desk.name)
    await log.ensure()
    leases = JetStreamLeases(connection, settings.desk.name, settings.runtime.lease_ttl_s)
    await leases.ensure()
    opened = await open_desk(log, settings.desk)
    if opened.mode is not Mode.DEMO and settings.clock.speed != 1.0:
        raise LogInvalid(f"BREAKOUT__CLOCK__SPEED: a {opened.mode} desk runs at speed 1 only")
    clock = DeskClock(settings.clock.speed, from_wall=opened.mode is not Mode.DEMO)
    desk = Desk(opened=opened, log=log, leases=leases, clock=clock)
    return Connected(desk=desk, snapshots=JetStreamSnapshots(connection, settings.desk.name))


async def open_desk(log: Log, section: DeskSection) -> DeskOpened:
    """Return who the desk is; whoever comes first says so, in the log's first record.

    Raises:
        LogInvalid: the desk exists in another mode.
    """
    opened = await _read_opened(log)
    if opened is None:
        opened = await _write_opened(log, section)
    if opened.mode != section.mode:
        raise LogInvalid(
            f"desk {opened.desk!r} is a {opened.mode} desk and cannot be used in mode {section.mode}: "
            "choose another desk name"
        )
    return opened


async def _read_opened(log: Log) -> DeskOpened | None:
    async for delivery in log.read(frozenset({Source.DESK}), live=False):
        if delivery.record is not None and isinstance(delivery.record.events[0], DeskOpened):
            return delivery.record.events[0]
    return None


async def _write_opened(log: Log, section: DeskSection) -> DeskOpened:
    opened = DeskOpened(
        desk=section.name, desk_id=str(uuid4()), mode=section.mode, partitions=section.partitions
    )
    try:
        await log.append(Draft(time_ns=0, events=(opened,)), source=Source.DESK, partition=0, after=Tail())
    except FenceConflict:
        found = await _read_opened(log)
        assert found is not None, "whoever won the race has written the record"
        return found
    return opened
