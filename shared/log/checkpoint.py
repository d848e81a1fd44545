"""Remembers, outside the broker's store, where a log ended: the only witness of a lost tail.

A chain shows a hole in the middle; a log that was cut off after a record is a perfect shorter log.
So `breakout log verify`, when it finds nothing wrong, and the end of `breakout up` keep the last seq
and digest of every subject in `<home>/<desk>/checkpoint.json`.
"""

from pathlib import Path

import msgspec

from shared.contracts.desk import Source
from shared.log.port import Log, LogInvalid, Tail


class SubjectTail(msgspec.Struct, frozen=True, kw_only=True):
    """The last record of one writer when the checkpoint was taken."""

    source: Source
    partition: int
    seq: int
    digest: str


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where every writer's chain ended; a log that has less has lost records."""

    desk: str
    last_seq: int
    tails: tuple[SubjectTail, ...]


async def take_checkpoint(log: Log, desk: str, partitions: int) -> Checkpoint:
    """Return where the log ends at this moment; a running desk has written more when this returns.

    Raises:
        LogUnavailable: the broker does not answer.
    """
    tails: list[SubjectTail] = []
    for source in Source:
        for partition in range(partitions):
            tail = await log.tail(source, partition)
            if tail != Tail():
                found = SubjectTail(source=source, partition=partition, seq=tail.seq, digest=tail.digest)
                tails.append(found)
    return Checkpoint(desk=desk, last_seq=max((tail.seq for tail in tails), default=0), tails=tuple(tails))


async def keep_checkpoint(log: Log, desk: str, partitions: int, path: Path) -> Checkpoint:
    """Replace the checkpoint in `path` by where the log ends, unless the log has become shorter.

    Raises:
        LogInvalid: the log ends before the checkpoint that is there, which is left as it is.
        LogUnavailable: the broker does not answer.
    """
    before = read_checkpoint(path)
    checkpoint = await take_checkpoint(log, desk, partitions)
    if before is not None and before.last_seq > checkpoint.last_seq:
        raise LogInvalid(
            f"the log ends at record {checkpoint.last_seq}, but {path} has seen {before.last_seq}: "
            "records are lost; run `breakout log verify`"
        )
    write_checkpoint(path, checkpoint)
    return checkpoint


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return the checkpoint, None when there is none.

    Raises:
        LogInvalid: the file is no checkpoint.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as error:
        raise LogInvalid(f"{path}: {error}; remove the file to go on without a witness") from error


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file as a whole, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(checkpoint), indent=2))
    beside.replace(path)
