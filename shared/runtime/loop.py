"""Runs a processor on a log: the one loop, in every mode.

It follows always, and decides while it leads. Leading is a matter of speed, not of safety: an
instance that leads wrongly is refused by the log, drops its state and follows again.
"""

import asyncio
from typing import Any

import structlog

from shared.contracts.desk import Source
from shared.contracts.record import Draft
from shared.log.port import FenceConflict, Log, LogUnavailable, Tail
from shared.log.snapshots import Snapshots
from shared.runtime.clock import DeskClock
from shared.runtime.replica import Replica
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint

# So many inputs are decided before other tasks (lease, heartbeat) get their turn.
YIELD_EVERY = 200
RETRY_WAIT_S = 0.1
TELLING_TIME = frozenset({Source.MARKET, Source.CLOCK})


class ProcessorLoop:
    """One instance of a processor, following or leading."""

    def __init__(
        self,
        replica: Replica[Any],
        log: Log,
        snapshots: Snapshots,
        clock: DeskClock,
        *,
        snapshot_every: int = 20_000,
    ) -> None:
        """Prepare to run; `lead` lets it decide."""
        self.replica = replica
        self._log = log
        self._snapshots = snapshots
        self._clock = clock
        self._snapshot_every = snapshot_every
        self._snapshot_at = 0
        self._leading = False
        self._fenced = False
        # Whether this instance has decided anything since it (re)built its state.
        self._decided = False
        self._caught_up = asyncio.Event()
        # Reading and deciding take turns: a decision in flight must not see a record slip in.
        self._turn = asyncio.Lock()
        self._logger = structlog.get_logger("loop")

    @property
    def caught_up(self) -> bool:
        """Whether this instance has read the log to its end since it (re)built its state."""
        return self._caught_up.is_set()

    async def run(self) -> None:
        """Follow the log for ever.

        Raises:
            DeciderFailed: the decider raised on a record; nothing after it is decided.
            LogInvalid: the log contradicts itself.
        """
        await self._load_snapshot()
        while True:
            try:
                await self._follow()
            except FenceConflict as error:
                self._logger.warning("fenced", error=str(error))
                await self._rebuild()

    async def lead(self) -> None:
        """Decide from here on, beginning with what is pending.

        Raises:
            DeciderFailed: see `run`.
        """
        self._leading = True
        async with self._turn:
            if self.caught_up:
                try:
                    await self._decide_pending()
                except FenceConflict:
                    # The record that stands in our way is about to be read: that ends the reading.
                    self._fenced = True

    def follow(self) -> None:
        """Decide no more; a decision on its way is finished."""
        self._leading = False

    async def drain(self) -> None:
        """Stop deciding and keep a snapshot of where this instance stands."""
        self.follow()
        async with self._turn:
            if self.caught_up and not self.replica.pending:
                await self._save_snapshot()

    async def _follow(self) -> None:
        sources = self.replica.processor.reads | {self.replica.processor.source}
        async for delivery in self._log.read(frozenset(sources), after_seq=self.replica.position):
            async with self._turn:
                if self._fenced:
                    raise FenceConflict("another instance has decided")
                if delivery.record is not None:
                    self.replica.read(delivery.record)
                    if delivery.record.source in TELLING_TIME:
                        self._clock.observe(delivery.record.time_ns)
                if delivery.caught_up:
                    self._caught_up.set()
                # Once the past is read, every input is decided as it comes: the fence stands guard.
                if self._leading and self.caught_up:
                    await self._decide_pending()

    async def _decide_pending(self) -> None:
        decided = 0
        while self.replica.pending and self._leading:
            self._decided = True
            decision = self.replica.decide_next()
            tail = await self._append(decision.draft) if decision.draft is not None else None
            self.replica.commit(decision, tail)
            decided += 1
            if decided % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        if not self.replica.pending and self.replica.position - self._snapshot_at >= self._snapshot_every:
            await self._save_snapshot()

    async def _append(self, draft: Draft) -> Tail:
        """Store a decision, outliving the broker's absence: the state has moved, there is no way back."""
        processor = self.replica.processor
        while True:
            try:
                return await self._log.append(
                    draft, source=processor.source, partition=processor.partition, after=self.replica.tail
                )
            except LogUnavailable as error:
                self._logger.warning("log_unavailable", error=str(error))
                await asyncio.sleep(RETRY_WAIT_S)

    async def _rebuild(self) -> None:
        """Begin anew: from the snapshot, or without it when it was the snapshot that led astray."""
        self._caught_up.clear()
        self._fenced = False
        self.replica = Replica(self.replica.processor, self.replica.desk_id)
        if self._decided:
            await self._load_snapshot()
        self._decided = False

    @property
    def _snapshot_name(self) -> str:
        return f"{self.replica.processor.source}.{self.replica.processor.partition}"

    async def _load_snapshot(self) -> None:
        raw = await self._snapshots.load(self._snapshot_name)
        snapshot = decode_snapshot(raw, self.replica.processor.state_type) if raw else None
        if snapshot is not None:
            self.replica.restore(snapshot.state, snapshot.position, snapshot.tail)
        self._snapshot_at = self.replica.position

    async def _save_snapshot(self) -> None:
        replica = self.replica
        self._snapshot_at = replica.position
        snapshot = Snapshot(
            fingerprint=fingerprint(replica.processor.state_type),
            position=replica.position,
            tail=replica.tail,
            state=replica.state,
        )
        stored = await self._snapshots.save(self._snapshot_name, encode_snapshot(snapshot))
        self._logger.debug("snapshot", position=replica.position, stored=stored)
