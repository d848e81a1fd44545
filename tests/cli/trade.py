"""Tells one trade event by event, with a denial, a refusal, a near miss and a failed filter beside it."""

from decimal import Decimal

from shared.contracts.account import AccountReconciled
from shared.contracts.desk import Source
from shared.contracts.engine import RankedMarket, ScanCompleted
from shared.contracts.market import InstrumentsListed
from shared.contracts.order import (
    Liquidity,
    OrderAccepted,
    OrderFilled,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from shared.contracts.position import (
    ExitReason,
    PositionClosed,
    PositionOpened,
    StopMoved,
    StopMoveReason,
)
from shared.contracts.risk import Denial, DenialReason, EntryRefused, SignalApproved, SignalDenied, SizeCap
from shared.contracts.scan import (
    Check,
    Level,
    LevelKind,
    LevelsBuilt,
    MarketScore,
    MarketsScored,
    ScoreComponent,
)
from shared.contracts.signal import PositionSide, SignalRaised, SignalSuppressed, Strategy, Target
from tests.cli.sessions import BAR_MS, BTC, ETH, SOL, START_MS, SYMBOLS, D, Entry, Recording, bars, instrument

SIGNAL_ID = "5161aaaa-0000-5000-8000-000000000001"
DENIED_ID = "5161bbbb-0000-5000-8000-000000000002"
REFUSED_ID = "5161cccc-0000-5000-8000-000000000006"
POSITION_ID = "b05aaaaa-0000-5000-8000-000000000003"
ENTRY_ID = "e417aaaa-0000-5000-8000-000000000004"
STOP_ID = "5709aaaa-0000-5000-8000-000000000005"


def traded_session() -> list[Entry]:
    """Return a session with a trade, a denial and a refusal in BTC, a near miss in ETH and a failed filter in SOL."""
    session = Recording()
    session.say(Source.MARKET, InstrumentsListed(instruments=tuple(instrument(s) for s in SYMBOLS)))
    scan = session.say(Source.ORCHESTRATOR, _completed_scan("scan-0", ()))
    scored = MarketsScored(
        scan_id="scan-1",
        partition=0,
        markets=(_score(BTC, 2.5), _score(ETH, 1.25), _score(SOL, 0.5, passed=False)),
    )
    levels = LevelsBuilt(scan_id="scan-1", partition=0, levels=(level(BTC, 99.5), level(ETH, 51.0)))
    scan = session.say(Source.SCANNER, scored, levels, cause=scan)
    ranked = tuple(
        RankedMarket(symbol=symbol, rank=rank, score=3.0 - rank, passed=rank < 3)
        for rank, symbol in enumerate(SYMBOLS, start=1)
    )
    session.say(Source.ORCHESTRATOR, _completed_scan("scan-1", ranked), cause=scan)
    session.time_ms += BAR_MS
    bar = session.say(Source.MARKET, bars([[99.0, 50.0, 20.0], [100.5, 50.5, 20.0]], 1, 2))
    raised = session.say(Source.SIGNALS, _signal(SIGNAL_ID), _near_miss(), cause=bar, correlation=SIGNAL_ID)
    approved = session.say(Source.RISK, _approval(), cause=raised, correlation=SIGNAL_ID)
    _trade(session, approved)
    bar = session.say(Source.MARKET, bars([[99.0, 50.0, 20.0], [100.5, 50.5, 20.0]], 1, 2))
    raised = session.say(Source.SIGNALS, _signal(DENIED_ID), cause=bar, correlation=DENIED_ID)
    reasons = (Denial(reason=DenialReason.POSITIONS_MAX, value=D(3), limit=D(3)),)
    denied = SignalDenied(signal_id=DENIED_ID, symbol=BTC, reasons=reasons)
    session.say(Source.RISK, denied, cause=raised, correlation=DENIED_ID)
    raised = session.say(Source.SIGNALS, _signal(REFUSED_ID), cause=bar, correlation=REFUSED_ID)
    approved = session.say(Source.RISK, _approval(REFUSED_ID), cause=raised, correlation=REFUSED_ID)
    rate = (Denial(reason=DenialReason.ORDER_RATE, value=D(6), limit=D(6)),)
    refused = EntryRefused(signal_id=REFUSED_ID, symbol=BTC, reasons=rate)
    session.say(Source.EXECUTION, refused, cause=approved, correlation=REFUSED_ID)
    return session.entries


def _trade(session: Recording, approved: int) -> None:
    reconciled = AccountReconciled(wallet_usd=D(1000), equity_usd=D(1000), available_usd=D(1000))
    session.say(Source.EXECUTION, reconciled)
    entry = session.say(Source.EXECUTION, _order(ENTRY_ID, OrderPurpose.ENTRY), cause=approved)
    accepted = OrderAccepted(client_order_id=ENTRY_ID, venue_order_id="v-1")
    session.say(Source.EXECUTION, accepted, cause=entry)
    opened = PositionOpened(
        position_id=POSITION_ID,
        signal_id=SIGNAL_ID,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=D(2),
        entry_px=D(101),
        stop_px=D(99),
        risk_per_unit=D(2),
    )
    stop = _order(STOP_ID, OrderPurpose.STOP)
    fill = session.say(Source.EXECUTION, _fill("t-1", ENTRY_ID, D(101)), opened, stop, cause=entry)
    moved = StopMoved(
        position_id=POSITION_ID,
        symbol=BTC,
        old_stop_px=D(99),
        new_stop_px=D(101),
        reason=StopMoveReason.BREAK_EVEN,
    )
    session.say(Source.EXECUTION, moved, cause=fill)
    session.time_ms += BAR_MS
    session.say(Source.EXECUTION, _fill("t-2", STOP_ID, D(104)), closed_position(), cause=fill)


def closed_position(pnl_usd: str = "5.5") -> PositionClosed:
    return PositionClosed(
        position_id=POSITION_ID,
        signal_id=SIGNAL_ID,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=D(2),
        entry_px=D(101),
        exit_px=D(104),
        gross_pnl_usd=D(6),
        fees_usd=D("0.5"),
        funding_usd=D(0),
        pnl_usd=D(pnl_usd),
        pnl_r=D("1.375"),
        exit_reason=ExitReason.TRAILING_STOP,
        opened_at_ms=START_MS,
        closed_at_ms=START_MS + BAR_MS,
    )


def _completed_scan(scan_id: str, ranked: tuple[RankedMarket, ...]) -> ScanCompleted:
    return ScanCompleted(
        scan_id=scan_id, number=1, scored=len(ranked), passed=2, with_levels=2, ranked=ranked
    )


def _score(symbol: str, score: float, *, passed: bool = True) -> MarketScore:
    spread = Check(name="max_spread", passed=passed, value=2.0 if passed else 12.5, maximum=5.0)
    return MarketScore(
        symbol=symbol,
        score=score,
        passed=passed,
        price=100.0,
        btc_correlation=0.5,
        filters=(Check(name="min_24h_volume", passed=True, value=5e8, minimum=1e6), spread),
        components=(ScoreComponent(name="vol_surge", value=score, weight=1.0),),
    )


def level(symbol: str, price: float) -> Level:
    return Level(
        symbol=symbol,
        kind=LevelKind.RESISTANCE,
        price=price,
        touches=4,
        strength=0.8,
        first_touch_ms=START_MS,
        last_touch_ms=START_MS,
    )


def _signal(signal_id: str) -> SignalRaised:
    return SignalRaised(
        signal_id=signal_id,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        level=level(BTC, 99.5),
        scan_id="scan-1",
        bar_close_time_ms=START_MS + BAR_MS,
        entry_px=D(101),
        stop_px=D(99),
        targets=(Target(price=D(104), reward_r=D("1.5"), size_frac=D("0.5")),),
        confidence=0.75,
        score=2.5,
        btc_correlation=0.5,
        checks=(Check(name="volume_surge", passed=True, value=2.5, minimum=1.5),),
        expires_at_ms=START_MS + 2 * BAR_MS,
    )


def _near_miss() -> SignalSuppressed:
    return SignalSuppressed(
        symbol=ETH,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        level=level(ETH, 51.0),
        scan_id="scan-1",
        checks=(
            Check(name="volume_surge", passed=False, value=0.9, minimum=1.5),
            Check(name="body_ratio", passed=True, value=0.8, minimum=0.5),
        ),
    )


def _approval(signal_id: str = SIGNAL_ID) -> SignalApproved:
    return SignalApproved(
        signal_id=signal_id,
        symbol=BTC,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=D(2),
        entry_px=D(101),
        stop_px=D(99),
        targets=(),
        equity_usd=D(1000),
        risk_usd=D(4),
        notional_usd=D(202),
        caps=(SizeCap.RISK, SizeCap.DEPTH),
        level_px=D("99.5"),
        expires_at_ms=START_MS + 2 * BAR_MS,
    )


def _order(client_order_id: str, purpose: OrderPurpose) -> OrderSubmitted:
    is_entry = purpose is OrderPurpose.ENTRY
    return OrderSubmitted(
        client_order_id=client_order_id,
        symbol=BTC,
        side=OrderSide.BUY if is_entry else OrderSide.SELL,
        order_type=OrderType.MARKET if is_entry else OrderType.STOP_MARKET,
        quantity=D(2),
        trigger_price=None if is_entry else D(99),
        reduce_only=not is_entry,
        purpose=purpose,
        position_id=POSITION_ID,
        signal_id=SIGNAL_ID,
    )


def _fill(trade_id: str, client_order_id: str, price: Decimal) -> OrderFilled:
    is_entry = client_order_id == ENTRY_ID
    return OrderFilled(
        client_order_id=client_order_id,
        venue_order_id="v-1",
        trade_id=trade_id,
        symbol=BTC,
        side=OrderSide.BUY if is_entry else OrderSide.SELL,
        last_qty=D(2),
        last_px=price,
        cum_qty=D(2),
        leaves_qty=D(0),
        avg_px=price,
        fee_usd=D("0.25"),
        liquidity=Liquidity.TAKER,
        status=OrderStatus.FILLED,
        purpose=OrderPurpose.ENTRY if is_entry else OrderPurpose.STOP,
        position_id=POSITION_ID,
    )
