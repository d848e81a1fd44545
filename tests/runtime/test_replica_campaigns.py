"""Crash, fence and mislead replicas at random: no input is decided twice, every decision is derived again."""

import sys
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from shared.contracts.codec import decode_record, encode_body
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.record import Draft, Record
from shared.log.port import FenceConflict, Tail
from shared.runtime.replica import Replica
from tests.runtime.chained import DESK_ID, Chain, Chained, assert_history_holds

STEPS = 700
SEEDS = range(60)


class Records:
    """A log as a list, with the fence and nothing else."""

    def __init__(self) -> None:
        self.stored: list[Record] = []
        self.tails: dict[Source, Tail] = {}

    def append(self, draft: Draft, source: Source, after: Tail) -> Tail:
        if self.tails.get(source, Tail()) != after:
            raise FenceConflict
        body = encode_body(draft, source=source, partition=0, prev=after.digest)
        self.stored.append(decode_record(body, seq=len(self.stored) + 1))
        self.tails[source] = Tail(len(self.stored), self.stored[-1].digest)
        return self.tails[source]


class Crash(Exception):
    """The process ends here."""


class Instance:
    """One process: reads at its own pace, decides when it believes that it leads."""

    def __init__(self, processor: Chained, log: Records, random: Random) -> None:
        self.processor = processor
        self.log = log
        self.random = random
        self.leads = False
        self.replica = Replica(processor, DESK_ID)

    def restart(self) -> None:
        self.leads = False
        self.replica = Replica(self.processor, DESK_ID)

    def step(self, count: int, *, crash: float = 0.0, stale: float = 0.0) -> str:
        """Read up to `count` records and decide what is pending; return what interrupted it, if anything."""
        try:
            for record in self.log.stored[self.replica.position :][:count]:
                self.replica.read(record)
            behind = self.replica.position < len(self.log.stored)
            if self.leads and (not behind or self.random.random() < stale):
                self.decide(crash)
        except (FenceConflict, Crash) as interruption:
            self.restart()
            return str(interruption) or "fenced"
        return ""

    def decide(self, crash: float) -> None:
        while self.replica.pending:
            decision = self.replica.decide_next()
            self.maybe("crashed before the append", crash)
            tail = None
            if decision.draft is not None:
                tail = self.log.append(decision.draft, self.processor.source, self.replica.tail)
                self.maybe("crashed after the append", crash)
            self.replica.commit(decision, tail)

    def maybe(self, what: str, chance: float) -> None:
        if self.random.random() < chance:
            raise Crash(what)


def campaign(seed: int) -> Counter[str]:
    random = Random(seed)
    log = Records()
    risk = Chained(Source.RISK, Source.MARKET, Source.EXECUTION)
    execution = Chained(Source.EXECUTION, Source.MARKET, Source.RISK)
    groups = [[Instance(processor, log, random) for _ in range(2)] for processor in (risk, execution)]
    everyone = groups[0] + groups[1]
    seen: Counter[str] = Counter()

    def elect() -> None:
        for group in groups:
            if not any(instance.leads for instance in group):
                random.choice(group).leads = True

    for step in range(STEPS):
        if random.random() < 0.3:
            events = tuple(ClockTicked(number=step + n) for n in range(random.choice((1, 1, 3))))
            log.append(
                Draft(time_ns=step, events=events, correlation=random.choice(("", f"trade-{step}"))),
                Source.MARKET,
                log.tails.get(Source.MARKET, Tail()),
            )
        elect()
        if random.random() < 0.02:
            random.choice(everyone).leads = True  # a zombie: two leaders at once
        seen[random.choice(everyone).step(random.randint(0, 5), crash=0.05, stale=0.2)] += 1
    ends(log, everyone, elect)
    for group in groups:
        state = assert_history_holds(log.stored, group[0].processor)
        leading = [instance.replica.state for instance in group if instance.leads]
        assert leading == [state] * len(leading), "the leader's state is not the fold of the log"
        assert leading
    return seen


def ends(log: Records, everyone: list[Instance], elect: Callable[[], None]) -> None:
    """Let everybody read and decide until nothing more is said."""
    for _ in range(10_000):
        before = len(log.stored)
        elect()
        for instance in everyone:
            instance.step(50)
        idle = all(i.replica.position == len(log.stored) for i in everyone) and before == len(log.stored)
        if idle and not any(i.leads and i.replica.pending for i in everyone):
            return
    raise AssertionError("the deciders answer each other for ever")


def test_no_interruption_makes_an_input_decided_twice_or_otherwise() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        try:
            seen += campaign(seed)
        except AssertionError:
            sys.stdout.write(f"failing seed: {seed}\n")
            raise
    sys.stdout.write(f"seeds {SEEDS.start} to {SEEDS.stop - 1}: {dict(seen)}\n")
    assert (
        min(seen[what] for what in ("fenced", "crashed before the append", "crashed after the append")) > 20
    )


def test_the_check_of_a_history_sees_what_it_is_there_for() -> None:
    log = Records()
    instance = Instance(Chained(), log, Random(1))
    instance.leads = True
    for number in range(60):
        log.append(
            Draft(time_ns=1, events=(ClockTicked(number=number),)),
            Source.MARKET,
            log.tails.get(Source.MARKET, Tail()),
        )
        instance.step(5)
    own = [record for record in log.stored if record.source is Source.RISK]
    assert len(own) > 10
    assert isinstance(assert_history_holds(log.stored, Chained()), Chain)
    with pytest.raises(AssertionError, match="decided twice"):
        assert_history_holds([*log.stored, own[-1]], Chained())
    with pytest.raises(AssertionError, match="is not decided as recorded"):
        assert_history_holds([record for record in log.stored if record is not own[-1]], Chained())
    with pytest.raises(AssertionError):
        assert_history_holds([record for record in log.stored if record.seq != own[4].cause], Chained())
