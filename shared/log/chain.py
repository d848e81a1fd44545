"""Checks a stored log record by record and names the first one that is broken.

Every record names the digest of its writer's previous one, and every message id names the digest of
its own body, so a flipped bit shows wherever it is. Numbers without a record are allowed only where
market data has outlived its time; a lost tail shows against the stream's end and a checkpoint.
"""

from collections import Counter

import msgspec

from shared.contracts.codec import RecordUnreadable, decode_record
from shared.contracts.desk import AGEING_SOURCES
from shared.contracts.record import Record
from shared.log.checkpoint import Checkpoint, SubjectTail
from shared.log.port import Tail
from shared.log.stored import NS_PER_S, StoredMessage

DEFAULT_TTL_S = 7 * 86_400
# How long a desk takes to say its first words, at most.
BEGINNING_NS = 60 * NS_PER_S


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """The first record that is not what was written: its seq, its subject if known, and why."""

    seq: int
    subject: str
    reason: str


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification has looked at and found."""

    records: int
    first_seq: int
    last_seq: int
    # Numbers whose record has outlived its time.
    expired: int
    # Last seq that a checkpoint vouches for; 0 without one.
    checkpoint_seq: int
    subjects: dict[str, int]
    broken: Broken | None


class _Hole(msgspec.Struct, frozen=True):
    """Numbers `first..last` without a record; the record before them was stored at `after_ns`."""

    first: int
    last: int
    after_ns: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


class ChainVerifier:
    """Takes stored messages in order; `finish` says what is wrong with them, if anything."""

    def __init__(self, desk: str, *, now_ns: int, checkpoint: Checkpoint | None = None) -> None:
        """Verify the log of `desk` as of the wall time `now_ns`, against a checkpoint if there is one."""
        self._prefix = f"desk.{desk}."
        self._now_ns = now_ns
        self._checkpoint = checkpoint
        # What the checkpoint has seen and this verification has not yet.
        self._awaited: dict[int, SubjectTail] = (
            {tail.seq: tail for tail in checkpoint.tails} if checkpoint else {}
        )
        self._tails: dict[str, Tail] = {}
        self._subjects: Counter[str] = Counter()
        self._holes: list[_Hole] = []
        self._ttl_s = 0
        self._first_seq = 0
        self._last_seq = 0
        self._stored_at_ns = 0
        self._broken: Broken | None = None

    def add(self, message: StoredMessage) -> None:
        """Check the next message; after the first broken one nothing more is looked at."""
        if self._broken is not None:
            return
        self._note_hole(message.seq, message.stored_at_ns)
        self._first_seq = self._first_seq or message.seq
        self._last_seq = message.seq
        self._stored_at_ns = message.stored_at_ns
        if message.ttl_s:
            self._ttl_s = min(self._ttl_s or message.ttl_s, message.ttl_s)
        reason = self._check(message)
        if reason:
            self._broken = Broken(seq=message.seq, subject=message.subject, reason=reason)

    def _note_hole(self, seq: int, stored_at_ns: int) -> None:
        if seq > self._last_seq + 1:
            # Before a log's first record there is no other: it is as old as the next, nearly.
            after_ns = self._stored_at_ns or stored_at_ns - BEGINNING_NS
            self._holes.append(_Hole(self._last_seq + 1, seq - 1, after_ns))

    def _check(self, message: StoredMessage) -> str:
        """Return what is wrong with a message, or nothing; its place in its chain is taken."""
        try:
            record = decode_record(message.body, seq=message.seq)
        except RecordUnreadable as error:
            return str(error)
        written_by = f"{record.source}.{record.partition}"
        if message.subject != self._prefix + written_by:
            return f"its body says it was written by {written_by}"
        self._subjects[message.subject] += 1
        tail = self._tails.get(message.subject)
        self._tails[message.subject] = Tail(record.seq, record.digest)
        return (
            _own_digest_differs(message, record)
            or self._chain_breaks(record, tail)
            or self._checkpoint_differs(record)
        )

    def _chain_breaks(self, record: Record, tail: Tail | None) -> str:
        if not 0 <= record.cause < record.seq:
            return f"it answers record {record.cause}, which is not before it"
        if record.prev == (tail.digest if tail else ""):
            return ""
        if record.source in AGEING_SOURCES and self._hole_since(tail.seq if tail else 0):
            return ""  # whether its predecessors may be gone is judged with the holes
        if tail is None:
            return "the beginning of its writer's chain is missing"
        return f"it does not follow record {tail.seq} of its writer: that one was changed, or one between is missing"

    def _hole_since(self, seq: int) -> bool:
        return bool(self._holes) and self._holes[-1].last > seq

    def _checkpoint_differs(self, record: Record) -> str:
        seen = self._awaited.pop(record.seq, None)
        if seen is None or seen.digest == record.digest:
            return ""
        return "it is not the record that the checkpoint has seen here"

    def finish(self, last_seq: int) -> ChainReport:
        """Return the verdict on everything added, given the stream's own last seq."""
        if self._broken is None:
            self._note_hole(last_seq + 1, self._now_ns)
        illegal = self._illegal_holes()
        found = [_broken_by(hole) for hole in illegal]
        found += self._lost_since_checkpoint(last_seq) if self._broken is None else [self._broken]
        expired = [hole for hole in self._holes if hole not in illegal]
        return ChainReport(
            records=self._subjects.total(),
            first_seq=self._first_seq,
            last_seq=self._last_seq,
            expired=sum(hole.count for hole in expired),
            checkpoint_seq=self._checkpoint.last_seq if self._checkpoint else 0,
            subjects=dict(sorted(self._subjects.items())),
            broken=min(found, key=lambda broken: broken.seq, default=None),
        )

    def _illegal_holes(self) -> list[_Hole]:
        """Return the numbers whose records are gone though they cannot have outlived their time.

        Whatever stood in a hole was stored after the record before it, so it may have expired only
        when that one is older than the time market data is kept.
        """
        horizon_ns = self._now_ns - (self._ttl_s or DEFAULT_TTL_S) * NS_PER_S
        return [hole for hole in self._holes if hole.after_ns > horizon_ns]

    def _lost_since_checkpoint(self, last_seq: int) -> list[Broken]:
        lost = [
            tail
            for tail in self._awaited.values()
            # Aged ones within the stream are holes, and judged as such.
            if tail.source not in AGEING_SOURCES or tail.seq > last_seq
        ]
        return [
            Broken(
                seq=min(tail.seq, last_seq + 1),
                subject=f"{self._prefix}{tail.source}.{tail.partition}",
                reason=f"the checkpoint has seen record {tail.seq}; the log ends at {last_seq}",
            )
            for tail in lost
        ]


def _own_digest_differs(message: StoredMessage, record: Record) -> str:
    own = message.message_id.rpartition(".")[2]
    return "" if own == record.digest else "its body is not the one its message id was made of"


def _broken_by(hole: _Hole) -> Broken:
    which = "the record is" if hole.count == 1 else f"records {hole.first} to {hole.last} are"
    reason = f"{which} missing: the broker does not have what it once acknowledged"
    return Broken(seq=hole.first, subject="", reason=reason)
