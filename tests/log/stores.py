"""Builds a real store with a session of many writers in it, and copies that can be harmed."""

import random
import shutil
import time
from pathlib import Path

from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import ClockTicked, DeskOpened, Mode, ServiceSeen, Source
from shared.contracts.market import QuotesObserved
from shared.contracts.risk import Denial, DenialReason, SignalDenied
from shared.contracts.signal import SignalExpired
from shared.log.chain import ChainReport, ChainVerifier
from shared.log.checkpoint import Checkpoint, take_checkpoint
from shared.log.connection import connect
from shared.log.jetstream import JetStreamLog
from shared.log.server import PrivateServer
from shared.log.stored import StoredLog
from shared.log.writer import Writer

DESK_ID = "00000000-0000-5000-8000-000000000001"
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
STREAM_FILES = Path("jetstream/jetstream/$G/streams/DESK_main")


def said_by(source: Source, number: int) -> Event:
    match source:
        case Source.DESK:
            return DeskOpened(desk="main", desk_id=DESK_ID, mode=Mode.DEMO, partitions=1)
        case Source.MARKET:
            prices = pack([100.0 + number, 10.0 + number / 3])
            return QuotesObserved(symbols=SYMBOLS, bid=prices, ask=prices, last=prices)
        case Source.CLOCK if number % 5 == 0:
            return ServiceSeen(service="risk", partition=0, alive=True, instance=f"host-{number}")
        case Source.CLOCK:
            return ClockTicked(number=number)
        case Source.SIGNALS:
            return SignalExpired(signal_id=f"signal-{number}", symbol=SYMBOLS[0])
        case _:
            reasons = (Denial(reason=DenialReason.POSITIONS_MAX),)
            return SignalDenied(signal_id=f"signal-{number}", symbol=SYMBOLS[0], reasons=reasons)


async def record_session(store: Path, records: int, desk: str = "main") -> Checkpoint:
    """Write a session of `records` records of five writers and return where it ends."""
    server = PrivateServer(store)
    await server.start()
    log = JetStreamLog(await connect(server.url, name="test"), desk)
    await log.ensure()
    inputs, deciders = (Source.MARKET, Source.CLOCK), (Source.SIGNALS, Source.RISK)
    writers = {source: await Writer.open(log, source) for source in (Source.DESK, *inputs, *deciders)}
    seq = await writers[Source.DESK].append([said_by(Source.DESK, 0)], time_ns=0)
    for number in range(records - 1):
        source = (*inputs, *deciders)[number % 4]
        cause = seq if source in deciders else 0
        seq = await writers[source].append([said_by(source, number)], time_ns=number, cause=cause)
    checkpoint = await take_checkpoint(log, desk, 1)
    await log.close()
    await server.stop()
    return checkpoint


def blocks_of(store: Path) -> list[Path]:
    """Return the files that hold the records."""
    return sorted((store / STREAM_FILES / "msgs").glob("*.blk"))


def flip_a_bit(store: Path, rng: random.Random) -> str:
    """Flip one bit anywhere in the records and say where."""
    block = rng.choice(blocks_of(store))
    content = bytearray(block.read_bytes())
    place, bit = rng.randrange(len(content)), rng.randrange(8)
    content[place] ^= 1 << bit
    block.write_bytes(content)
    return f"{block.name}, byte {place} of {len(content)}, bit {bit}"


def copy_store(store: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(store, to)
    return to


async def verify_store(store: Path, checkpoint: Checkpoint | None = None, desk: str = "main") -> ChainReport:
    """Start a broker on a store and verify what it serves."""
    server = PrivateServer(store)
    await server.start()
    connection = await connect(server.url, name="test")
    try:
        stored = StoredLog(connection, desk)
        bounds = await stored.bounds()
        assert bounds is not None, "the broker serves the stream"
        verifier = ChainVerifier(desk, now_ns=time.time_ns(), checkpoint=checkpoint)
        async for message in stored.messages(bounds):
            verifier.add(message)
        return verifier.finish(bounds.last_seq)
    finally:
        await connection.close()
        await server.stop()
