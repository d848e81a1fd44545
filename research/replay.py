"""Replays a recorded session: every decision of every service is derived anew and compared."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import msgspec

from services.execution.domain.processor import ExecutionProcessor
from services.orchestrator.domain.processor import OrchestratorProcessor
from services.risk.domain.processor import RiskProcessor
from services.scanner.domain.processor import ScannerProcessor
from services.signals.domain.processor import SignalsProcessor
from shared.contracts.desk import DeskOpened, Source
from shared.contracts.processor import Processor
from shared.contracts.record import Record
from shared.log.port import Log
from shared.runtime.verify import Verification, Verifier

READS = frozenset(Source) - {Source.DESK}


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What replaying a session has found, over all its deciders."""

    desk: str
    records: int
    decisions: int
    events: int
    differences: int
    # Whether every decision was derived again, and none was impossible to derive.
    holds: bool
    duration_s: float
    verifications: tuple[Verification, ...]


def processors_of(partitions: int) -> tuple[Processor[Any], ...]:
    """Return every decider of a desk that is cut into so many partitions."""
    return (
        OrchestratorProcessor(partitions),
        *(ScannerProcessor(partition, partitions) for partition in range(partitions)),
        *(SignalsProcessor(partition, partitions) for partition in range(partitions)),
        RiskProcessor(),
        ExecutionProcessor(),
    )


async def replay(
    log: Log, opened: DeskOpened, *, on_record: Callable[[int], None] = lambda _seq: None
) -> Replay:
    """Return what verifying the whole log finds; `on_record` hears the seq of every record read.

    Raises:
        LogUnavailable: the log does not answer.
        RecordUnreadable: a record is damaged.
    """
    started = time.perf_counter()
    desk_id = UUID(opened.desk_id)
    verifiers = [Verifier(processor, desk_id) for processor in processors_of(opened.partitions)]
    records = 0
    async for record in _past(log):
        for verifier in verifiers:
            verifier.read(record)
        records += 1
        on_record(record.seq)
    found = tuple(verifier.finish() for verifier in verifiers)
    return Replay(
        desk=opened.desk,
        records=records,
        decisions=sum(each.decisions for each in found),
        events=sum(each.events for each in found),
        differences=sum(each.differences_found for each in found),
        holds=all(each.holds for each in found),
        duration_s=time.perf_counter() - started,
        verifications=found,
    )


async def _past(log: Log) -> AsyncIterator[Record]:
    async for delivery in log.read(READS, live=False):
        if delivery.record is not None:
            yield delivery.record
