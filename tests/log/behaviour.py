"""Specifies what a log does, once; every adapter's test class inherits all of it.

An adapter's class gives a fixture `open_log`: each call returns another door to the same, empty log.
"""

import asyncio

import pytest

from shared.contracts.columns import pack
from shared.contracts.desk import Source
from shared.contracts.market import TickersObserved
from shared.log.port import Delivery, FenceConflict, Log, Tail
from shared.log.writer import SharedWriter, Writer
from tests.log.reading import DECIDERS, OpenLog, append, draft, fill, numbers, past, reader, take, tick


class AppendBehaviour:
    """One fenced writer per subject."""

    async def test_a_record_keeps_everything_its_writer_said(self, open_log: OpenLog) -> None:
        log = await open_log()
        said = draft(tick(1), tick(2), cause=7)
        tail = await log.append(said, source=Source.RISK, partition=3, after=Tail())
        (record,) = await past(log)
        assert (record.source, record.partition, record.cause) == (Source.RISK, 3, 7)
        assert record.events == (tick(1), tick(2))
        assert tail == Tail(record.seq, record.digest)

    async def test_the_tail_is_the_last_record_of_one_subject(self, open_log: OpenLog) -> None:
        log = await open_log()
        assert await log.tail(Source.RISK, 0) == Tail()
        *_, last = await fill(log, 3)
        await fill(log, 2, source=Source.SIGNALS)
        assert await log.tail(Source.RISK, 0) == last
        assert await log.tail(Source.RISK, 1) == Tail()
        assert await (await open_log()).tail(Source.RISK, 0) == last

    async def test_a_writer_that_does_not_know_the_last_record_is_refused(self, open_log: OpenLog) -> None:
        log = await open_log()
        first, last = await fill(log, 2)
        for stale in (Tail(), first, Tail(last.seq + 1, last.digest)):
            with pytest.raises(FenceConflict, match=r"risk\.0: expected \d+, the last is \d+"):
                await append(log, 3, after=stale)
        assert numbers(await past(log)) == [1, 2]

    async def test_an_append_whose_acknowledgement_was_lost_is_recognised(self, open_log: OpenLog) -> None:
        log, other = await open_log(), await open_log()
        (first,) = await fill(log, 1)
        stored = await append(log, 2, after=first)
        assert await append(log, 2, after=first) == stored
        await fill(log, 2, source=Source.SIGNALS)
        assert await append(other, 2, after=first) == stored
        assert numbers(await past(log, Source.RISK)) == [1, 2]
        await append(log, 3, after=stored)
        with pytest.raises(FenceConflict):
            await append(log, 2, after=first)

    async def test_of_two_writers_at_once_exactly_one_is_stored(self, open_log: OpenLog) -> None:
        log, other = await open_log(), await open_log()
        for round_ in range(5):
            after = await log.tail(Source.RISK, 0)
            answers = await asyncio.gather(
                append(log, 10 * round_, after=after),
                append(other, 10 * round_ + 1, after=after),
                return_exceptions=True,
            )
            assert sorted(type(answer).__name__ for answer in answers) == ["FenceConflict", "Tail"]
        assert len(await past(log)) == 5

    async def test_writers_on_different_subjects_do_not_disturb_each_other(self, open_log: OpenLog) -> None:
        log, other = await open_log(), await open_log()

        async def write(door: Log, source: Source, partition: int) -> None:
            writer = await Writer.open(door, source, partition)
            for number in range(20):
                await writer.append([tick(number)], time_ns=1)

        subjects = [(log, Source.RISK, 0), (other, Source.RISK, 1), (log, Source.SIGNALS, 0)]
        await asyncio.gather(*(write(*subject) for subject in subjects))
        records = await past(log)
        for _, source, partition in subjects:
            own = [r for r in records if (r.source, r.partition) == (source, partition)]
            assert numbers(own) == list(range(20))

    async def test_a_shared_subject_takes_every_record_of_every_writer(self, open_log: OpenLog) -> None:
        doors = [await open_log() for _ in range(3)]
        writers = [SharedWriter(door, Source.COMMANDS) for door in doors]
        await asyncio.gather(*(writers[number % 3].append([tick(number)], time_ns=1) for number in range(9)))
        assert sorted(numbers(await past(doors[0], Source.COMMANDS))) == list(range(9))

    async def test_every_record_names_the_digest_of_its_writers_previous(self, open_log: OpenLog) -> None:
        log = await open_log()
        for round_ in range(4):
            for source in DECIDERS:
                await fill(log, 1, source=source, first=round_)
        for source in DECIDERS:
            records = await past(log, source)
            assert [r.prev for r in records] == ["", *(r.digest for r in records[:-1])]
        assert len({r.digest for r in await past(log)}) == 12

    async def test_a_record_of_half_a_megabyte_passes(self, open_log: OpenLog) -> None:
        log = await open_log()
        symbols = tuple(f"COIN{number}/USDT:USDT" for number in range(9_000))
        column = pack(float(number) for number in range(9_000))
        event = TickersObserved(
            symbols=symbols,
            last=column,
            bid=column,
            ask=column,
            volume_24h_usd=column,
            change_24h_frac=column,
            open_interest_usd=column,
        )
        await log.append(draft(event), source=Source.RISK, partition=0, after=Tail())
        await fill(log, 1, source=Source.SIGNALS)
        large, small = await past(log)
        assert large.events == (event,)
        assert numbers([small]) == [1]


class ReadBehaviour:
    """Every record once, in order, and word of the end."""

    async def test_an_empty_log_says_that_it_has_been_read(self, open_log: OpenLog) -> None:
        log = await open_log()
        nothing = [Delivery(record=None, caught_up=True)]
        async with reader(log, live=False) as deliveries:
            assert [delivery async for delivery in deliveries] == nothing
        await fill(log, 1)
        async with reader(log, Source.SIGNALS, live=False) as deliveries:
            assert [delivery async for delivery in deliveries] == nothing
        async with reader(log, after_seq=1, live=False) as deliveries:
            assert [delivery async for delivery in deliveries] == nothing

    async def test_only_the_last_record_of_the_past_says_that_the_end_is_reached(
        self, open_log: OpenLog
    ) -> None:
        log = await open_log()
        await fill(log, 5)
        await fill(log, 3, source=Source.CLOCK)
        async with reader(log, live=False) as deliveries:
            assert [delivery.caught_up async for delivery in deliveries] == [False] * 4 + [True]

    async def test_records_come_in_the_order_of_the_log_each_once(self, open_log: OpenLog) -> None:
        log = await open_log()
        for number in range(90):
            source = DECIDERS[number % 3]
            await append(log, number, after=await log.tail(source, 0), source=source)
        records = await past(log)
        assert numbers(records) == list(range(90))
        seqs = [record.seq for record in records]
        assert seqs == sorted(set(seqs))

    async def test_a_reader_gets_the_sources_it_asks_for_of_every_partition(self, open_log: OpenLog) -> None:
        log = await open_log()
        for source in (Source.RISK, Source.SIGNALS, Source.CLOCK):
            await fill(log, 2, source=source)
            await log.append(draft(tick(9)), source=source, partition=1, after=Tail())
        records = await past(log, Source.RISK, Source.CLOCK)
        assert [record.source for record in records] == [Source.RISK] * 3 + [Source.CLOCK] * 3
        assert [record.partition for record in records] == [0, 0, 1] * 2

    async def test_a_reader_begins_after_the_seq_it_names(self, open_log: OpenLog) -> None:
        log = await open_log()
        tails = await fill(log, 6)
        assert numbers(await past(log, after_seq=tails[3].seq)) == [5, 6]

    async def test_live_records_follow_the_past(self, open_log: OpenLog) -> None:
        log, other = await open_log(), await open_log()
        await fill(log, 3)
        async with reader(log) as deliveries:
            assert numbers(await take(deliveries, 3)) == [1, 2, 3]
            await fill(other, 1, source=Source.CLOCK)
            for number in (4, 5):
                await fill(other, 1, first=number)
                delivery = await anext(deliveries)
                assert delivery.record is not None
                assert delivery.caught_up
                assert numbers([delivery.record]) == [number]

    async def test_a_reader_of_nothing_waits_for_the_first_record(self, open_log: OpenLog) -> None:
        log = await open_log()
        async with reader(log) as deliveries:
            assert await anext(deliveries) == Delivery(record=None, caught_up=True)
            waiting = asyncio.ensure_future(take(deliveries, 2))
            await fill(log, 2)
            assert numbers(await waiting) == [1, 2]

    async def test_readers_do_not_take_from_each_other(self, open_log: OpenLog) -> None:
        log, other = await open_log(), await open_log()
        async with reader(log) as one, reader(log) as two, reader(other) as three:
            taking = asyncio.gather(*(take(deliveries, 30) for deliveries in (one, two, three)))
            await fill(log, 30)
            first, second, third = await taking
        assert numbers(first) == list(range(1, 31))
        assert first == second == third

    async def test_a_slow_reader_misses_nothing(self, open_log: OpenLog) -> None:
        log, other = await open_log(), await open_log()
        async with reader(log) as deliveries:
            writing = asyncio.ensure_future(fill(other, 120))
            taken = []
            for _ in range(12):
                taken += await take(deliveries, 10)
                await asyncio.sleep(0.03)
            await writing
        assert numbers(taken) == list(range(1, 121))

    async def test_readers_come_and_go(self, open_log: OpenLog) -> None:
        log = await open_log()
        tails = await fill(log, 10)
        position = 0
        for number in range(1, 11):
            async with reader(log, after_seq=position) as deliveries:
                (record,) = await take(deliveries, 1)
            assert numbers([record]) == [number]
            position = record.seq
        assert position == tails[-1].seq


class LogBehaviour(AppendBehaviour, ReadBehaviour):
    """What every log does."""
