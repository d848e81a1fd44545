"""Whatever the order of signals, fills, marks and failures, no limit is exceeded (RELIABILITY R10)."""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from time import perf_counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.risk.domain.decimals import exact
from services.risk.domain.processor import RiskProcessor
from shared.contracts.base import Event
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.order import OrderCanceled, OrderOutcomeUnknown, OrderRejected
from shared.contracts.processor import NS_PER_MS, Context
from shared.contracts.risk import SignalApproved
from shared.contracts.signal import PositionSide
from shared.contracts.venue import VenueConnected
from shared.log.port import Tail
from shared.runtime.snapshot import Snapshot, decode_snapshot, encode_snapshot, fingerprint
from tests.deciding import DESK_ID
from tests.services.risk.scenario import (
    SYMBOLS,
    Account,
    approvals,
    books,
    entry_order,
    preset,
    quotes,
    reconciled,
    short,
    signal,
)

POSITIONS_MAX = 3
CAP_USD = Decimal(40_000)
RISK_FRAC = 0.01


class World:
    """An account that random things happen to, and a naive ledger of what it has bound."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        rules = preset(
            risk_per_trade=RISK_FRAC,
            max_position_size_usd=float(CAP_USD),
            max_concurrent_positions=POSITIONS_MAX,
            daily_risk_limit=0.5,
            kill_switch_loss_limit=0.9,
            max_consecutive_losses=20,
        )
        self.account = Account(rules)
        self.price, self.asked = 100.0, 0
        self.approved: dict[str, SignalApproved] = {}
        self.working: dict[str, SignalApproved] = {}
        self.open: dict[str, SignalApproved] = {}

    @property
    def bound(self) -> list[SignalApproved]:
        return [*self.approved.values(), *self.working.values(), *self.open.values()]

    def step(self) -> None:
        steps: list[Callable[[], None]] = [
            self.signals, self.signals, self.signals, self.mark, self.submit, self.submit, self.fill,
            self.fill, self.cancel, self.close, self.reconnect, self.unknown, self.expire,
        ]  # fmt: skip
        self.dice.choice(steps)()
        self.check()

    def check(self) -> None:
        assert len(self.bound) <= POSITIONS_MAX
        assert len({approved.symbol for approved in self.bound}) == len(self.bound)
        assert sum((a.notional_usd for a in self.bound), Decimal(0)) <= POSITIONS_MAX * CAP_USD

    def signals(self) -> None:
        now = self.account.given.time_ms
        asked = []
        for _ in range(self.dice.randint(1, 5)):
            make = self.dice.choice([signal, short])
            self.asked += 1
            asked.append(make(f"{self.asked}", self.dice.choice(SYMBOLS)))
        repeated = self.dice.random() < 0.2
        fresh = [msgspec.structs.replace(each, expires_at_ms=now + 900_000) for each in asked]
        decided = self.account.ask(*fresh, *(fresh[:1] if repeated else []))
        assert len(decided) == len(fresh)
        for approved in approvals(decided):
            distance = abs(approved.entry_px - approved.stop_px)
            assert approved.quantity * distance <= approved.equity_usd * exact(RISK_FRAC)
            assert approved.quantity * approved.entry_px <= CAP_USD
            self.approved[approved.signal_id] = approved
        assert self.account.ask(*fresh) == []

    def mark(self) -> None:
        self.price = max(98.5, min(101.5, self.price + self.dice.uniform(-0.8, 0.8)))
        self.account.say(quotes(round(self.price, 2)), books(1e6, 1e6))

    def submit(self) -> None:
        if self.approved:
            _, approved = self.approved.popitem()
            self.account.tell(entry_order(approved))
            self.working[approved.signal_id] = approved

    def fill(self) -> None:
        if self.working:
            _, approved = self.working.popitem()
            self.account.enter(approved, str(approved.entry_px))
            self.open[approved.signal_id] = approved

    def cancel(self) -> None:
        if self.working:
            _, approved = self.working.popitem()
            order_id = entry_order(approved).client_order_id
            over: list[Event] = [
                OrderCanceled(client_order_id=order_id, cum_qty=Decimal(0), reason="timeout"),
                OrderRejected(client_order_id=order_id, code="1", reason="no"),
            ]
            self.account.tell(self.dice.choice(over))

    def unknown(self) -> None:
        for approved in self.working.values():
            order_id = entry_order(approved).client_order_id
            self.account.tell(OrderOutcomeUnknown(client_order_id=order_id, error="cut"))

    def close(self) -> None:
        if self.open:
            _, approved = self.open.popitem()
            self.account.close(approved, f"{self.price:.2f}", fee="1.5")

    def reconnect(self) -> None:
        self.account.say(VenueConnected(), source=Source.VENUE)
        assert approvals(self.account.ask(signal(f"r{self.account.given.seq}"))) == []
        wallet = self.account.state.wallet_usd
        assert wallet is not None
        self.account.tell(reconciled(wallet))

    def expire(self) -> None:
        later = self.account.given.time_ms + 901_000
        self.account.say(ClockTicked(number=1), source=Source.CLOCK, time_ms=later)
        self.account.say(quotes(round(self.price, 2)), books(1e6, 1e6))
        self.approved.clear()


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40))
def test_no_interleaving_exceeds_a_limit(seed: int, steps: int) -> None:
    world = World(seed)
    for _ in range(steps):
        world.step()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_wallet_equals_the_sum_of_what_was_realised(seed: int) -> None:
    world, wallet = World(seed), Decimal(100_000)
    closing = world.account.close

    def close(approved: SignalApproved, price: str, fee: str = "0") -> list[Event]:
        nonlocal wallet
        sign = 1 if approved.side is PositionSide.LONG else -1
        wallet += sign * (Decimal(price) - approved.entry_px) * approved.quantity - Decimal(fee)
        return closing(approved, price, fee)

    world.account.close = close  # type: ignore[method-assign]
    for _ in range(40):
        world.step()
    assert world.account.state.wallet_usd == wallet


def test_a_snapshot_continues_with_the_same_decisions() -> None:
    world, other = World(5), World(5)
    for _ in range(30):
        world.step()
        other.step()
    kind = fingerprint(RiskProcessor.state_type)
    state = world.account.state
    raw = encode_snapshot(Snapshot(fingerprint=kind, position=0, tail=Tail(), state=state))
    restored = decode_snapshot(raw, RiskProcessor.state_type)
    assert restored is not None
    other.account.given.replica.state = restored.state
    for _ in range(30):
        world.step()
        other.step()
    assert [a.signal_id for a in world.bound] == [a.signal_id for a in other.bound]
    assert world.account.state == other.account.state


def test_deciding_changes_no_state() -> None:
    account = Account()
    account.open(signal("a", SYMBOLS[0]))
    processor, state = account.given.replica.processor, account.state
    asked = signal("b", SYMBOLS[1])
    ctx = context(account)
    processor.evolve(state, asked, ctx)
    before = encode_snapshot(Snapshot(fingerprint="", position=0, tail=Tail(), state=state))
    assert processor.decide(state, asked, ctx) == processor.decide(state, asked, ctx) != []
    assert encode_snapshot(Snapshot(fingerprint="", position=0, tail=Tail(), state=state)) == before


def test_a_signal_is_judged_within_a_millisecond() -> None:
    account = Account()
    account.open(signal("a", SYMBOLS[0]))
    account.open(signal("b", SYMBOLS[1]))
    processor, state, took = account.given.replica.processor, account.state, []
    for i in range(200):
        account.given.seq += 1
        asked, ctx = signal(f"n{i}", SYMBOLS[2]), context(account)
        started = perf_counter()
        processor.evolve(state, asked, ctx)
        decided = processor.decide(state, asked, ctx)
        took.append(perf_counter() - started)
        assert len(approvals(decided)) == 1
    best_ms, typical_ms = (sorted(took)[rank] * 1_000 for rank in (20, 100))
    print(f"evolve + decide of a signal: p50 {typical_ms:.3f} ms")
    # Of the better ones, so that others on the machine do not decide.
    assert best_ms < 1


def context(account: Account) -> Context:
    return Context(
        desk_id=DESK_ID,
        seq=account.given.seq,
        source=Source.SIGNALS,
        time_ns=account.given.time_ms * NS_PER_MS,
        ordinal=0,
        correlation="",
    )
