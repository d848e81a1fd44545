"""Keeps a log in this process: for tests, backtests and replays, with the semantics of JetStream."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import structs

from shared.contracts.codec import decode_record, encode_body
from shared.contracts.desk import Source
from shared.contracts.record import Draft, Record
from shared.log.lease import Heartbeat, Role
from shared.log.port import Delivery, FenceConflict, Tail


class MemoryLog:
    """A log in memory. Bodies are encoded as on the wire, so what cannot travel fails here too."""

    def __init__(self) -> None:
        """Start empty."""
        self.records: list[Record] = []
        self._tails: dict[tuple[Source, int], Tail] = {}
        self._grown = asyncio.Condition()

    async def append(self, draft: Draft, *, source: Source, partition: int, after: Tail) -> Tail:
        """Store the draft; see `Log.append`."""
        tail = self._tails.get((source, partition), Tail())
        body = encode_body(draft, source=source, partition=partition, prev=after.digest)
        record = decode_record(body, seq=len(self.records) + 1)
        if tail != after:
            if tail.digest == record.digest:
                return tail
            raise FenceConflict(f"{source}.{partition}: expected {after.seq}, the last is {tail.seq}")
        self.records.append(record)
        self._tails[source, partition] = Tail(record.seq, record.digest)
        async with self._grown:
            self._grown.notify_all()
        return self._tails[source, partition]

    async def tail(self, source: Source, partition: int) -> Tail:
        """Return the last record of a subject."""
        return self._tails.get((source, partition), Tail())

    async def read(
        self, sources: frozenset[Source], *, after_seq: int = 0, live: bool = True
    ) -> AsyncIterator[Delivery]:
        """Yield the records of these sources; see `Log.read`."""
        position = after_seq
        told = False
        while True:
            matching = [r for r in self.records[position:] if r.source in sources]
            position = len(self.records)
            for record in matching:
                told = record is matching[-1]
                yield Delivery(record=record, caught_up=told)
            if not told:
                told = True
                yield Delivery(record=None, caught_up=True)
            if not live:
                return
            async with self._grown:
                await self._grown.wait_for(lambda: len(self.records) > position)  # noqa: B023

    async def close(self) -> None:
        """Do nothing: the records go with the object."""


class MemoryLeases:
    """Leases among instances of one process; they end by release alone."""

    def __init__(self) -> None:
        """Start with nobody alive."""
        self._leaders: dict[tuple[str, int], Heartbeat] = {}
        self._standbys: dict[str, Heartbeat] = {}

    async def hold(self, heartbeat: Heartbeat) -> bool:
        """Take or renew; see `Leases.hold`."""
        key = (heartbeat.service, heartbeat.partition)
        if self._leaders.get(key, heartbeat).instance != heartbeat.instance:
            self._standbys[heartbeat.instance] = structs.replace(heartbeat, role=Role.STANDBY)
            return False
        self._leaders[key] = structs.replace(heartbeat, role=Role.LEADER)
        self._standbys.pop(heartbeat.instance, None)
        return True

    async def release(self, heartbeat: Heartbeat) -> None:
        """Give up whatever this instance holds."""
        self._standbys.pop(heartbeat.instance, None)
        key = (heartbeat.service, heartbeat.partition)
        if self._leaders.get(key, heartbeat).instance == heartbeat.instance:
            self._leaders.pop(key, None)

    async def seen(self) -> tuple[Heartbeat, ...]:
        """Return everybody alive, leaders first."""
        return (*self._leaders.values(), *self._standbys.values())
