"""What the gateway shows is what the log says, and unknown is null."""

from decimal import Decimal
from typing import Any

import pytest

from shared.contracts.columns import pack
from shared.contracts.desk import ClockTicked, ProcessorFailed, ServiceSeen, Source
from shared.contracts.engine import (
    EngineState,
    EngineStateChanged,
    PresetActivated,
    RankedMarket,
    ScanCompleted,
    ScanStarted,
)
from shared.contracts.market import BarsClosed, FeedChannel, FeedStale, QuotesObserved
from shared.contracts.order import (
    AmendSubmitted,
    CancelRejected,
    CancelSubmitted,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderPurpose,
    OrderRejected,
    OrderSide,
    OrderStatus,
)
from shared.contracts.position import FundingPaid, PositionChanged, StopMoved, StopMoveReason
from shared.contracts.risk import Denial, DenialReason, EntryRefused, SignalDenied
from shared.contracts.scan import Check, LevelsBuilt, MarketScore, MarketsScored
from shared.contracts.signal import PositionSide, SignalExpired, SignalSuppressed, Strategy
from shared.contracts.venue import VenueConnected, VenueDisconnected
from tests.services.gateway.conftest import NOW_NS, House
from tests.services.orchestrator.story import PRESET, approval, closing, entry, level, opening, signal

NOW_MS = NOW_NS // 1_000_000


def quotes(symbol: str, last: float) -> QuotesObserved:
    return QuotesObserved(
        symbols=("Z", symbol),
        bid=pack([float("nan")] * 2),
        ask=pack([float("nan")] * 2),
        last=pack([1, last]),
    )


def fill(order_id: str, position_id: str) -> OrderFilled:
    return OrderFilled(
        client_order_id=order_id,
        venue_order_id="v1",
        trade_id="t1",
        symbol="A",
        side=OrderSide.BUY,
        last_qty=Decimal(1),
        last_px=Decimal(101),
        cum_qty=Decimal(1),
        leaves_qty=Decimal(0),
        avg_px=Decimal(101),
        fee_usd=Decimal("0.05"),
        liquidity=Liquidity.TAKER,
        status=OrderStatus.FILLED,
        purpose=OrderPurpose.ENTRY,
        position_id=position_id,
    )


async def test_a_desk_without_a_past_shows_nulls_and_no_invented_figures(house: House) -> None:
    await house.open_gateway()
    status = await house.show("/api/engine/status")
    assert status["state"] == "idle"
    assert status["mode"] == "demo"
    for unknown in ("preset", "startedAt", "slots", "latencyMs", "killSwitch", "deskTime"):
        assert status[unknown] is None, unknown
    performance = await house.show("/api/performance/metrics")
    assert performance["totalTrades"] == 0
    for unknown in ("winRate", "avgR", "sharpeRatio", "maxDrawdownR", "profitFactor"):
        assert performance[unknown] is None, unknown
    scan = await house.show("/api/scanner/last")
    assert scan["candidates"] == []
    assert scan["totalScanned"] is None
    for path in ("positions", "orders", "signals", "trades", "trading/positions", "trading/orders"):
        assert await house.show(f"/api/{path}") == []


async def test_status_follows_the_engine(house: House) -> None:
    await house.open_gateway()
    await house.write(
        Source.ORCHESTRATOR,
        PresetActivated(digest="d", preset=PRESET),
        EngineStateChanged(
            from_state=EngineState.IDLE,
            to_state=EngineState.INITIALIZING,
            trigger="start",
            entries_allowed=False,
        ),
        EngineStateChanged(
            from_state=EngineState.INITIALIZING,
            to_state=EngineState.SCANNING,
            trigger="ready",
            reason="r",
            entries_allowed=True,
        ),
    )
    await house.write(Source.CLOCK, ClockTicked(number=1))
    status = await house.show("/api/engine/status")
    assert (status["state"], status["previousState"], status["reason"]) == ("scanning", "initializing", "r")
    assert status["preset"] == "demo"
    assert status["slots"] == PRESET.risk.max_concurrent_positions
    assert status["startedAt"] == status["deskTime"] == NOW_MS
    transitions = await house.show("/api/engine/transitions")
    assert [move["toState"] for move in transitions] == ["scanning", "initializing"]


async def test_an_open_position_is_marked_in_dollars_and_in_r(house: House) -> None:
    await house.open_gateway()
    await house.write(Source.RISK, approval("s1", 0))
    await house.write(Source.EXECUTION, opening("s1"))
    (position,) = await house.show("/api/trading/positions")
    assert position["mark"] is None
    assert position["unrealizedPnlUsd"] is None

    await house.write(Source.MARKET, quotes("A", 104.0))
    (position,) = await house.show("/api/trading/positions")
    assert position["mark"] == "104.0"
    assert position["unrealizedPnlUsd"] == "3.0"
    assert position["unrealizedPnlR"] == "1.5"

    await house.write(
        Source.EXECUTION,
        PositionChanged(
            position_id="position-s1",
            symbol="A",
            side=PositionSide.LONG,
            quantity=Decimal("0.5"),
            entry_px=Decimal(101),
            realized_pnl_usd=Decimal("1.5"),
            fees_usd=Decimal("0.2"),
        ),
        StopMoved(
            position_id="position-s1",
            symbol="A",
            old_stop_px=Decimal(99),
            new_stop_px=Decimal(101),
            reason=StopMoveReason.BREAK_EVEN,
        ),
        FundingPaid(trade_id="t", position_id="position-s1", symbol="A", amount_usd=Decimal("0.1")),
    )
    position = await house.show("/api/positions/position-s1")
    assert position["size"] == "0.5"
    assert position["sl"] == "101"
    assert position["initialSl"] == "99"
    assert Decimal(position["pnlUsd"]) == Decimal("1.2")
    assert Decimal(position["pnlR"]) == Decimal("0.6"), "of the largest quantity held"
    assert Decimal(position["unrealizedPnlUsd"]) == Decimal("1.5")


async def test_the_fee_of_the_first_fill_counts_at_once(house: House) -> None:
    await house.open_gateway()
    await house.write(Source.EXECUTION, fill("order-s1", "position-s1"), opening("s1"))
    position = await house.show("/api/positions/position-s1")
    assert (position["feesUsd"], position["pnlUsd"], position["pnlR"]) == ("0.05", "-0.05", "-0.025")


async def test_bars_mark_positions_with_their_last_close(house: House) -> None:
    await house.open_gateway()
    await house.write(Source.EXECUTION, opening("s1"))
    grid = pack([1, 2, 3, 105])
    await house.write(
        Source.MARKET,
        BarsClosed(
            timeframe_s=300,
            open_time_ms=0,
            rows=2,
            symbols=("Z", "A"),
            open=grid,
            high=grid,
            low=grid,
            close=grid,
            volume=grid,
        ),
    )
    assert (await house.show("/api/positions/position-s1"))["mark"] == "105.0"


async def test_a_closed_position_is_a_trade_with_executions_account(house: House) -> None:
    await house.open_gateway()
    await house.write(Source.EXECUTION, opening("s1"))
    await house.write(Source.EXECUTION, closing("s1"))
    await house.write(Source.MARKET, quotes("A", 104.0))
    assert await house.show("/api/positions") == []
    (closed,) = await house.show("/api/positions?status=closed")
    assert (closed["status"], closed["exitReason"], closed["pnlR"]) == ("closed", "stop_loss", "-1.05")
    assert closed["unrealizedPnlUsd"] is None
    (trade,) = await house.show("/api/trades")
    assert (trade["pnlUsd"], trade["feesUsd"], trade["qty"]) == ("-2.1", "0.1", "1")
    status = await house.show("/api/engine/status")
    assert status["consecutiveLosses"] == 1
    assert status["openPositions"] == 0


async def test_performance_recomputes_from_the_trades(house: House) -> None:
    await house.open_gateway()
    for number, r in enumerate(["2", "-1", "-1", "3"]):
        lost = closing(f"s{number}")
        await house.write(
            Source.EXECUTION,
            opening(f"s{number}"),
            type(lost)(
                **{f: getattr(lost, f) for f in lost.__struct_fields__}
                | {"pnl_r": Decimal(r), "pnl_usd": Decimal(r)}
            ),
        )
    metrics = await house.show("/api/performance/metrics")
    assert metrics["totalTrades"] == 4
    assert metrics["winRate"] == 50
    assert metrics["avgR"] == 0.75
    assert metrics["maxDrawdownR"] == 2
    assert metrics["profitFactor"] == 2.5
    assert metrics["sharpeRatio"] == pytest.approx(0.75 / 3.1875**0.5)
    assert (metrics["consecutiveWins"], metrics["consecutiveLosses"]) == (1, 2)
    assert metrics["totalR"] == "3"


async def test_orders_are_shown_through_their_life(house: House) -> None:
    await house.open_gateway()
    order_id = "order-s1"

    async def after(*events: Any) -> Any:
        await house.write(Source.EXECUTION, *events)
        (order,) = await house.show("/api/orders")
        return order

    assert (await after(entry("s1")))["status"] == "pending_new"
    assert (await after(OrderOutcomeUnknown(client_order_id=order_id, error="cut")))["outcomeUnknown"]
    accepted = await after(OrderAccepted(client_order_id=order_id, venue_order_id="v1"))
    assert (accepted["status"], accepted["outcomeUnknown"], accepted["venueOrderId"]) == ("new", False, "v1")
    amended = await after(
        AmendSubmitted(amend_id="a", client_order_id=order_id, symbol="A", trigger_price=Decimal(7)),
        OrderAmended(amend_id="a", client_order_id=order_id),
    )
    assert amended["triggerPrice"] == "7"
    assert (await after(CancelSubmitted(client_order_id=order_id, symbol="A", reason="r")))[
        "status"
    ] == "pending_cancel"
    assert (await after(CancelRejected(client_order_id=order_id, code="1", reason="r")))["status"] == "new"
    filled = await after(fill(order_id, "p"))
    assert (filled["status"], filled["filledQty"], filled["fees"], filled["filledAt"]) == (
        "filled", "1", "0.05", NOW_MS,
    )  # fmt: skip
    assert await house.show("/api/orders?status=rejected") == []


async def test_a_rejected_order_says_why(house: House) -> None:
    await house.open_gateway()
    await house.write(
        Source.EXECUTION, entry("s1"), OrderRejected(client_order_id="order-s1", code="1", reason="too small")
    )
    (order,) = await house.show("/api/trading/orders")
    assert (order["status"], order["reason"]) == ("rejected", "too small")


async def test_signals_show_what_became_of_them_the_refused_and_the_near_misses_too(house: House) -> None:
    await house.open_gateway()
    for signal_id in ("s1", "s2", "s3", "s4"):
        await house.write(Source.SIGNALS, signal(signal_id, NOW_MS))
    await house.write(Source.RISK, approval("s1", 0))
    reasons = (Denial(reason=DenialReason.CORRELATION, value=Decimal("0.9"), limit=Decimal("0.8")),)
    await house.write(Source.RISK, SignalDenied(signal_id="s2", symbol="A", reasons=reasons))
    await house.write(Source.SIGNALS, SignalExpired(signal_id="s3", symbol="A"))
    await house.write(Source.EXECUTION, opening("s1"))
    await house.write(Source.RISK, approval("s4", 0))
    rate = (Denial(reason=DenialReason.ORDER_RATE, value=Decimal(6), limit=Decimal(6)),)
    await house.write(Source.EXECUTION, EntryRefused(signal_id="s4", symbol="A", reasons=rate))
    failed = Check(name="volume", passed=False, value=0.5, minimum=1.1)
    await house.write(
        Source.SIGNALS,
        SignalSuppressed(
            symbol="B",
            side=PositionSide.SHORT,
            strategy=Strategy.RETEST,
            level=level("B"),
            scan_id="scan",
            checks=(failed,),
        ),
    )
    shown = await house.show("/api/signals")
    by_status = {each["status"]: each for each in shown}
    assert set(by_status) == {"executed", "denied", "refused", "expired", "suppressed"}
    assert by_status["denied"]["denials"] == [{"reason": "correlation", "value": "0.9", "limit": "0.8"}]
    assert by_status["refused"]["denials"] == [{"reason": "order_rate", "value": "6", "limit": "6"}]
    assert by_status["executed"]["riskUsd"] == "2"
    assert by_status["suppressed"]["checks"][0]["value"] == 0.5
    assert by_status["suppressed"]["entry"] is None
    (only,) = await house.show("/api/signals?status=denied&symbol=A")
    assert only["id"] == "s2"


async def test_the_last_scan_shows_every_verdict_and_replaces_the_one_before_only_when_complete(
    house: House,
) -> None:
    await house.open_gateway()

    def scored(symbol: str, *, passed: bool, score: float) -> MarketScore:
        check = Check(name="min_24h_volume", passed=passed, value=3.0, minimum=2.0)
        return MarketScore(
            symbol=symbol,
            score=score,
            passed=passed,
            price=1.0,
            btc_correlation=None,
            filters=(check,),
            components=(),
        )

    await house.write(Source.ORCHESTRATOR, ScanStarted(scan_id="one", number=1))
    await house.write(
        Source.SCANNER,
        MarketsScored(
            scan_id="one",
            partition=0,
            markets=(scored("A", passed=True, score=1.0), scored("B", passed=False, score=9.0)),
        ),
        LevelsBuilt(scan_id="one", partition=0, levels=(level("A"),)),
    )
    assert (await house.show("/api/scanner/last"))["candidates"] == []
    ranked = (RankedMarket(symbol="A", rank=1, score=1.0, passed=True),)
    await house.write(
        Source.ORCHESTRATOR,
        ScanCompleted(scan_id="one", number=1, scored=2, passed=1, with_levels=1, ranked=ranked),
        ScanStarted(scan_id="two", number=2),
        ScanStarted(scan_id="three", number=3),
    )
    last = await house.show("/api/scanner/last")
    assert (last["totalScanned"], last["passedFilters"]) == (2, 1)
    (candidate,) = last["candidates"]
    assert (candidate["symbol"], candidate["rank"], candidate["filters"]) == (
        "A",
        1,
        {"min_24h_volume": True},
    )
    assert candidate["metrics"] == {"min_24h_volume": 3.0}
    assert candidate["levels"][0]["kind"] == "resistance"
    assert last["rejected"][0]["filters"] == {"min_24h_volume": False}
    assert last["summary"]["abandoned_scans"] == 1


async def test_health_tells_what_is_wrong(house: House) -> None:
    await house.open_gateway()
    health = await house.show("/api/health")
    assert health["status"] == "healthy"
    assert health["engine_initialized"] is False
    assert health["api_connectivity"]["exchange"] is None

    await house.write(Source.VENUE, VenueConnected(), VenueDisconnected(error="cut"))
    await house.write(Source.CLOCK, ServiceSeen(service="risk", partition=0, alive=False, instance=""))
    await house.write(Source.MARKET, FeedStale(channel=FeedChannel.BOOKS, symbols=("A",), silent_ms=9))
    await house.write(
        Source.SHELL, ProcessorFailed(processor=Source.RISK, partition=0, poisonous_seq=3, error="boom")
    )
    health = await house.show("/api/health")
    assert health["status"] == "degraded"
    assert health["api_connectivity"]["exchange"] is False
    assert health["failures"][0]["error"] == "boom"
    assert {issue.split(":")[0] for issue in health["issues"]} == {"risk.0", "execution", "market"}
    assert health["uptime_seconds"] > 0


async def test_pages_are_bounded_and_newest_first(house: House) -> None:
    await house.open_gateway()
    for number in range(5):
        await house.write(Source.EXECUTION, opening(f"s{number}"), closing(f"s{number}"))
    page = await house.show("/api/trades?limit=2&offset=1")
    assert [trade["id"] for trade in page] == ["position-s3", "position-s2"]
    assert (await house.http.get("/api/trades?limit=501")).status_code == 422
