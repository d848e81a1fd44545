"""Builds the account the risk tests play with: 100 000 USD, reconciled, the engine scanning.

Every test starts from a signal that is approved and changes one thing.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from services.risk.domain.processor import RiskProcessor
from services.risk.domain.state import RiskState
from shared.contracts.account import AccountReconciled
from shared.contracts.base import Event
from shared.contracts.columns import pack
from shared.contracts.desk import Source
from shared.contracts.engine import EngineState, EngineStateChanged, PresetActivated
from shared.contracts.market import BooksObserved, Instrument, InstrumentsListed, QuotesObserved
from shared.contracts.order import (
    Liquidity,
    OrderFilled,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import ExitReason, PositionClosed, PositionOpened
from shared.contracts.preset import Preset, load_preset, preset_digest
from shared.contracts.risk import DenialReason, SignalApproved, SignalDenied
from shared.contracts.scan import Level, LevelKind
from shared.contracts.signal import PositionSide, SignalRaised, Strategy, Target
from shared.contracts.venue import VenueConnected
from tests.deciding import Given

SYMBOLS = tuple(f"S{i}/USDT:USDT" for i in range(12))
SYMBOL = SYMBOLS[0]
EQUITY = Decimal(100_000)
# 2023-11-15, a quarter past noon UTC.
NOON_MS = 1_700_050_500_000
DAY_MS = 86_400_000


def instrument(symbol: str = SYMBOL, **changes: object) -> Instrument:
    base = Instrument(
        symbol=symbol,
        base="S",
        quote="USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.1"),
        quantity_min=Decimal("0.1"),
        notional_min_usd=Decimal(5),
    )
    return msgspec.structs.replace(base, **changes)


def quotes(price: float, symbols: Sequence[str] = SYMBOLS, spread: float = 0.0) -> QuotesObserved:
    count = len(symbols)
    return QuotesObserved(
        symbols=tuple(symbols),
        bid=pack([price - spread / 2] * count),
        ask=pack([price + spread / 2] * count),
        last=pack([price] * count),
    )


def books(bid_usd: float, ask_usd: float, symbols: Sequence[str] = SYMBOLS) -> BooksObserved:
    count = len(symbols)
    some = pack([1.0] * count)
    return BooksObserved(
        symbols=tuple(symbols),
        bid=some,
        ask=some,
        spread_bps=some,
        bid_depth_0_3pct_usd=pack([bid_usd] * count),
        ask_depth_0_3pct_usd=pack([ask_usd] * count),
        bid_depth_0_5pct_usd=some,
        ask_depth_0_5pct_usd=some,
        imbalance=some,
    )


def preset(**risk: object) -> Preset:
    """Return breakout_v1 with room for small trades, and the changes given."""
    base = load_preset("breakout_v1")
    limits = msgspec.structs.replace(base.risk, **{"risk_per_trade": 0.001, **risk})
    return msgspec.structs.replace(base, risk=limits)


def signal(name: str = "a", symbol: str = SYMBOL, **changes: object) -> SignalRaised:
    """Return a long at 100 with its stop at 98, or that with changes."""
    base = SignalRaised(
        signal_id=name,
        symbol=symbol,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        level=Level(
            symbol=symbol,
            kind=LevelKind.RESISTANCE,
            price=99.9,
            touches=3,
            strength=0.5,
            first_touch_ms=0,
            last_touch_ms=0,
        ),
        scan_id="s",
        bar_close_time_ms=NOON_MS,
        entry_px=Decimal("100.00"),
        stop_px=Decimal("98.00"),
        targets=(Target(price=Decimal("103.00"), reward_r=Decimal("1.5"), size_frac=Decimal("0.4")),),
        confidence=0.5,
        score=1.0,
        btc_correlation=0.1,
        checks=(),
        expires_at_ms=NOON_MS + 900_000,
    )
    return msgspec.structs.replace(base, **changes)


def short(name: str = "a", symbol: str = SYMBOL) -> SignalRaised:
    return signal(
        name,
        symbol,
        side=PositionSide.SHORT,
        stop_px=Decimal("102.00"),
        targets=(Target(price=Decimal("97.00"), reward_r=Decimal("1.5"), size_frac=Decimal("0.4")),),
    )


def reconciled(equity: Decimal = EQUITY, wallet: Decimal | None = None) -> AccountReconciled:
    return AccountReconciled(
        wallet_usd=equity if wallet is None else wallet, equity_usd=equity, available_usd=Decimal(1)
    )


def engine(state: EngineState, *, entries_allowed: bool = True) -> EngineStateChanged:
    return EngineStateChanged(
        from_state=EngineState.IDLE, to_state=state, trigger="test", entries_allowed=entries_allowed
    )


class Account:
    """A risk processor and the world around it."""

    def __init__(
        self, rules: Preset | None = None, *, start_ms: int = NOON_MS, equity: Decimal = EQUITY
    ) -> None:
        self.given: Given[RiskState] = Given(RiskProcessor())
        self.given.time_ms = start_ms
        rules = rules or preset()
        self.say(PresetActivated(digest=preset_digest(rules), preset=rules), source=Source.ORCHESTRATOR)
        self.say(engine(EngineState.SCANNING), source=Source.ORCHESTRATOR)
        self.say(InstrumentsListed(instruments=tuple(instrument(symbol) for symbol in SYMBOLS)))
        self.say(quotes(100.0))
        self.say(books(1e6, 1e6))
        self.say(VenueConnected(), source=Source.VENUE)
        self.say(reconciled(equity), source=Source.EXECUTION)

    @property
    def state(self) -> RiskState:
        return self.given.state

    def say(self, *events: Event, source: Source = Source.MARKET, time_ms: int | None = None) -> list[Event]:
        return self.given.when(*events, source=source, time_ms=time_ms)

    def ask(self, *signals: SignalRaised, time_ms: int | None = None) -> list[Event]:
        return self.say(*signals, source=Source.SIGNALS, time_ms=time_ms)

    def tell(self, *events: Event, time_ms: int | None = None) -> list[Event]:
        """Let execution speak."""
        return self.say(*events, source=Source.EXECUTION, time_ms=time_ms)

    def approve(self, asked: SignalRaised | None = None) -> SignalApproved:
        (approved,) = self.ask(asked or signal())
        assert isinstance(approved, SignalApproved), approved
        return approved

    def enter(self, approved: SignalApproved, price: str | None = None) -> None:
        """Submit and fill the whole entry of an approval in execution's own words."""
        self.tell(entry_order(approved))
        opened = PositionOpened(
            position_id=f"p-{approved.signal_id}",
            signal_id=approved.signal_id,
            symbol=approved.symbol,
            side=approved.side,
            strategy=approved.strategy,
            quantity=approved.quantity,
            entry_px=Decimal(price or approved.entry_px),
            stop_px=approved.stop_px,
            risk_per_unit=abs(approved.entry_px - approved.stop_px),
        )
        self.tell(fill(approved, price or str(approved.entry_px)), opened)

    def open(self, asked: SignalRaised | None = None) -> SignalApproved:
        approved = self.approve(asked)
        self.enter(approved)
        return approved

    def close(self, approved: SignalApproved, price: str, fee: str = "0") -> list[Event]:
        """Close a whole position at a price; one record, as execution writes it."""
        sign = 1 if approved.side is PositionSide.LONG else -1
        gross = sign * (Decimal(price) - approved.entry_px) * approved.quantity
        closed = PositionClosed(
            position_id=f"p-{approved.signal_id}",
            signal_id=approved.signal_id,
            symbol=approved.symbol,
            side=approved.side,
            strategy=approved.strategy,
            quantity=approved.quantity,
            entry_px=approved.entry_px,
            exit_px=Decimal(price),
            gross_pnl_usd=gross,
            fees_usd=Decimal(fee),
            funding_usd=Decimal(0),
            pnl_usd=gross - Decimal(fee),
            pnl_r=Decimal(0),
            exit_reason=ExitReason.STOP_LOSS,
            opened_at_ms=0,
            closed_at_ms=1,
        )
        return self.tell(fill(approved, price, purpose=OrderPurpose.STOP, fee=fee), closed)

    def lose(self, name: str, price: str = "98.00") -> list[Event]:
        """Open a trade, stop it out, and return what risk says to that."""
        return self.close(self.open(signal(name)), price)


def entry_order(approved: SignalApproved, name: str = "e") -> OrderSubmitted:
    return OrderSubmitted(
        client_order_id=f"{name}-{approved.signal_id}",
        symbol=approved.symbol,
        side=OrderSide.BUY if approved.side is PositionSide.LONG else OrderSide.SELL,
        order_type=OrderType.MARKET,
        quantity=approved.quantity,
        reduce_only=False,
        purpose=OrderPurpose.ENTRY,
        position_id=f"p-{approved.signal_id}",
        signal_id=approved.signal_id,
    )


def fill(
    approved: SignalApproved,
    price: str,
    *,
    purpose: OrderPurpose = OrderPurpose.ENTRY,
    quantity: Decimal | None = None,
    fee: str = "0",
) -> OrderFilled:
    quantity = approved.quantity if quantity is None else quantity
    entering = purpose is OrderPurpose.ENTRY
    buys = entering is (approved.side is PositionSide.LONG)
    leaves = approved.quantity - quantity
    return OrderFilled(
        client_order_id=f"{'e' if entering else 'x'}-{approved.signal_id}",
        venue_order_id="v",
        trade_id="t",
        symbol=approved.symbol,
        side=OrderSide.BUY if buys else OrderSide.SELL,
        last_qty=quantity,
        last_px=Decimal(price),
        cum_qty=quantity,
        leaves_qty=leaves,
        avg_px=Decimal(price),
        fee_usd=Decimal(fee),
        liquidity=Liquidity.TAKER,
        status=OrderStatus.PARTIALLY_FILLED if leaves else OrderStatus.FILLED,
        purpose=purpose,
        position_id=f"p-{approved.signal_id}",
    )


def approvals(events: Sequence[Event]) -> list[SignalApproved]:
    return [event for event in events if isinstance(event, SignalApproved)]


def reasons(events: Sequence[Event]) -> list[DenialReason]:
    """Return the reasons of the only denial; empty for an approval."""
    (verdict,) = [event for event in events if isinstance(event, SignalApproved | SignalDenied)]
    return [denial.reason for denial in verdict.reasons] if isinstance(verdict, SignalDenied) else []
