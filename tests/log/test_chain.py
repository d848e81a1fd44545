import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from shared.contracts.codec import encode_body
from shared.contracts.desk import Source
from shared.contracts.record import Draft, digest
from shared.log.chain import ChainReport, ChainVerifier
from shared.log.checkpoint import (
    Checkpoint,
    SubjectTail,
    keep_checkpoint,
    read_checkpoint,
    take_checkpoint,
    write_checkpoint,
)
from shared.log.memory import MemoryLog
from shared.log.port import LogInvalid, LogUnavailable
from shared.log.stored import NS_PER_S, StoredMessage
from shared.log.writer import Writer
from tests.log.stores import copy_store, flip_a_bit, record_session, said_by, verify_store

RECORDS = 320
FLIPS = 12
TTL_S = 100
NOW_S = 30 * 86_400
NOW_NS = NOW_S * NS_PER_S


def chain_of(sources: Sequence[Source], *, stored_at_s: int = NOW_S - 1) -> list[StoredMessage]:
    """Return the messages that writers of these sources leave, one after the other."""
    tails: dict[Source, tuple[int, str]] = {}
    messages = []
    for seq, source in enumerate(sources, start=1):
        last_seq, prev = tails.get(source, (0, ""))
        draft = Draft(time_ns=seq, cause=0, events=(said_by(source, seq),))
        body = encode_body(draft, source=source, partition=0, prev=prev)
        tails[source] = (seq, digest(body))
        messages.append(
            StoredMessage(
                seq=seq,
                subject=f"desk.main.{source}.0",
                stored_at_ns=stored_at_s * NS_PER_S,
                message_id=f"{source}.0.{last_seq}.{digest(body)}",
                ttl_s=TTL_S if source in {Source.MARKET, Source.CLOCK} else 0,
                body=body,
            )
        )
    return messages


D, M, C, S, R = Source.DESK, Source.MARKET, Source.CLOCK, Source.SIGNALS, Source.RISK
SESSION = (D, M, C, S, R, M, S, R, C, M, S)


def verify(
    messages: Sequence[StoredMessage], *, last_seq: int = 0, checkpoint: Checkpoint | None = None
) -> ChainReport:
    verifier = ChainVerifier("main", now_ns=NOW_NS, checkpoint=checkpoint)
    for message in messages:
        verifier.add(message)
    return verifier.finish(last_seq or messages[-1].seq)


def checkpoint_of(messages: Sequence[StoredMessage]) -> Checkpoint:
    tails = {
        message.subject: SubjectTail(
            source=Source(message.subject.split(".")[2]),
            partition=0,
            seq=message.seq,
            digest=digest(message.body),
        )
        for message in messages
    }
    return Checkpoint(desk="main", last_seq=messages[-1].seq, tails=tuple(tails.values()))


def test_an_untouched_log_is_whole() -> None:
    messages = chain_of(SESSION)
    report = verify(messages, checkpoint=checkpoint_of(messages))
    assert report.broken is None
    assert (report.records, report.first_seq, report.last_seq) == (11, 1, 11)
    assert report.subjects["desk.main.market.0"] == 3


@pytest.mark.parametrize("missing", range(1, len(SESSION) + 1))
def test_a_record_that_is_missing_anywhere_is_named(missing: int) -> None:
    messages = chain_of(SESSION)
    kept = [message for message in messages if message.seq != missing]
    report = verify(kept, last_seq=len(SESSION))
    assert report.broken is not None
    assert report.broken.seq == missing


@pytest.mark.parametrize("changed", range(1, len(SESSION) + 1))
def test_a_changed_body_is_named_even_at_the_end(changed: int) -> None:
    messages = chain_of(SESSION)
    body = messages[changed - 1].body.replace(b'"time_ns":', b'"time_ns":1')
    messages[changed - 1] = msgspec.structs.replace(messages[changed - 1], body=body)
    report = verify(messages)
    assert report.broken is not None
    assert report.broken.seq == changed
    assert "message id" in report.broken.reason


def test_a_changed_body_with_a_fitting_message_id_breaks_the_chain_after_it() -> None:
    messages = chain_of(SESSION)
    body = messages[3].body.replace(b"signal-4", b"signal-9")
    messages[3] = msgspec.structs.replace(messages[3], body=body, message_id=f"signals.0.0.{digest(body)}")
    report = verify(messages)
    assert report.broken is not None
    assert report.broken.seq == 7
    assert "does not follow record 4" in report.broken.reason


def test_an_unreadable_body_is_named_and_does_not_end_in_a_traceback() -> None:
    messages = chain_of(SESSION)
    messages[4] = msgspec.structs.replace(messages[4], body=b"\xff" + messages[4].body[1:])
    report = verify(messages)
    assert report.broken is not None
    assert (report.broken.seq, report.broken.subject) == (5, "desk.main.risk.0")


def test_a_record_on_anothers_subject_is_named() -> None:
    messages = chain_of(SESSION)
    messages[4] = msgspec.structs.replace(messages[4], subject="desk.main.execution.0")
    report = verify(messages)
    assert report.broken is not None
    assert "written by risk.0" in report.broken.reason


def test_a_record_that_answers_a_later_one_is_named() -> None:
    messages = chain_of((D, S))
    draft = Draft(time_ns=1, cause=9, events=(said_by(S, 2),))
    body = encode_body(draft, source=S, partition=0, prev="")
    messages[1] = msgspec.structs.replace(messages[1], body=body, message_id=f"signals.0.0.{digest(body)}")
    report = verify(messages)
    assert report.broken is not None
    assert "answers record 9" in report.broken.reason


def test_market_data_that_has_outlived_its_time_is_no_fault() -> None:
    old, young = chain_of(SESSION, stored_at_s=NOW_S - 200)[:8], chain_of(SESSION)[8:]
    kept = [message for message in old if message.ttl_s == 0] + young
    report = verify(kept, last_seq=len(SESSION))
    assert report.broken is None
    assert report.expired == 3


def test_a_log_may_begin_with_market_data_that_has_expired() -> None:
    old, young = chain_of((M, D, S), stored_at_s=NOW_S - 200), chain_of((M, D, S, M))[3:]
    assert verify([*old[1:], *young]).broken is None
    report = verify(chain_of((M, D, S, M))[1:])
    assert report.broken is not None
    assert report.broken.seq == 1


def test_market_data_that_is_gone_before_its_time_is_a_fault() -> None:
    messages = chain_of(SESSION)
    kept = [message for message in messages if message.ttl_s == 0 or message.seq > 8]
    report = verify(kept, last_seq=len(SESSION))
    assert report.broken is not None
    assert report.broken.seq == 2


def test_a_decision_that_is_gone_is_a_fault_however_old_the_log() -> None:
    messages = chain_of(SESSION, stored_at_s=1)
    kept = [message for message in messages if message.ttl_s == 0 and message.seq != 4]
    report = verify(kept, last_seq=len(SESSION))
    assert report.broken is not None
    assert report.broken.seq == 7


def test_a_desk_that_rested_until_all_market_data_expired_is_whole() -> None:
    messages = chain_of((D, M, C, S, R, M, C), stored_at_s=1)
    kept = [message for message in messages if message.ttl_s == 0]
    assert verify(kept, last_seq=7, checkpoint=checkpoint_of(messages)).broken is None


@pytest.mark.parametrize("end", range(1, len(SESSION)))
def test_a_lost_tail_is_found_against_a_checkpoint(end: int) -> None:
    messages = chain_of(SESSION)
    assert verify(messages[:end]).broken is None, "a shorter log is a perfect log"
    report = verify(messages[:end], checkpoint=checkpoint_of(messages))
    assert report.broken is not None
    assert report.broken.seq == end + 1


def test_a_log_begun_anew_is_not_the_one_the_checkpoint_has_seen() -> None:
    messages = chain_of(SESSION)
    report = verify(chain_of((D, S, R, M, C, S, R, M, C, S, R, M)), checkpoint=checkpoint_of(messages))
    assert report.broken is not None
    assert "checkpoint" in report.broken.reason


async def test_a_checkpoint_never_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "main" / "checkpoint.json"
    log = MemoryLog()
    writer = await Writer.open(log, Source.RISK)
    for number in range(3):
        await writer.append([said_by(Source.RISK, number)], time_ns=number)
    kept = await keep_checkpoint(log, "main", 1, path)
    assert read_checkpoint(path) == kept == await take_checkpoint(log, "main", 1)
    with pytest.raises(LogInvalid, match="records are lost"):
        await keep_checkpoint(MemoryLog(), "main", 1, path)
    assert read_checkpoint(path) == kept


def test_a_broken_checkpoint_says_so(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    assert read_checkpoint(path) is None
    write_checkpoint(path, Checkpoint(desk="main", last_seq=1, tails=()))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(LogInvalid, match=r"checkpoint\.json"):
        read_checkpoint(path)


async def test_a_single_flipped_bit_anywhere_in_a_real_store_is_found(tmp_path: Path) -> None:
    seed = int(os.environ.get("TEST_SEED", random.randrange(2**32)))
    sys.stdout.write(f"TEST_SEED={seed}\n")
    rng = random.Random(seed)
    checkpoint = await record_session(tmp_path / "store", RECORDS)
    untouched = await verify_store(copy_store(tmp_path / "store", tmp_path / "copy"), checkpoint)
    assert (untouched.broken, untouched.records) == (None, RECORDS)
    for flip in range(FLIPS):
        copy = copy_store(tmp_path / "store", tmp_path / "copy")
        where = flip_a_bit(copy, rng)
        # A broker that died has no index, scans its files and cuts them off at the first bad record.
        killed = flip % 2 == 1
        if killed:
            for index in copy.rglob("index.db"):
                index.unlink()
        found = await fault_found(copy, checkpoint)
        sys.stdout.write(f"{where}, {'after a kill' if killed else 'after a stop'}: {found}\n")
        assert found, f"TEST_SEED={seed}: not found: {where}"


async def fault_found(store: Path, checkpoint: Checkpoint) -> str:
    """Return what is found; some lengths, once damaged, keep nats-server from restoring the stream at all."""
    try:
        report = await verify_store(store, checkpoint)
    except LogUnavailable as refusal:
        return str(refusal)
    return str(report.broken or "")
