"""Who is watched: the best of the scan, and everything at stake, without flapping."""

from decimal import Decimal

from services.market.domain.watchlist import Watchlist
from shared.contracts.engine import RankedMarket, ScanCompleted
from shared.contracts.position import ExitReason, PositionClosed, PositionOpened
from shared.contracts.risk import EntryRefused, SignalApproved, SignalDenied
from shared.contracts.scan import Level, LevelKind
from shared.contracts.signal import PositionSide, SignalExpired, SignalRaised, Strategy

LISTED = frozenset("ABCDEFGH")
ONE = Decimal(1)


def scan(symbols: str) -> ScanCompleted:
    ranked = tuple(
        RankedMarket(symbol=symbol, rank=rank, score=1.0, passed=True)
        for rank, symbol in enumerate(symbols, start=1)
    )
    return ScanCompleted(scan_id="s", number=1, scored=8, passed=1, with_levels=1, ranked=ranked)


def raised(symbol: str, expires_at_ms: int = 1000) -> SignalRaised:
    level = Level(
        symbol=symbol,
        kind=LevelKind.RESISTANCE,
        price=1.0,
        touches=3,
        strength=0.5,
        first_touch_ms=0,
        last_touch_ms=1,
    )
    return SignalRaised(
        signal_id=f"signal-{symbol}",
        symbol=symbol,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        level=level,
        scan_id="s",
        bar_close_time_ms=0,
        entry_px=ONE,
        stop_px=ONE,
        targets=(),
        confidence=0.5,
        score=1.0,
        btc_correlation=None,
        checks=(),
        expires_at_ms=expires_at_ms,
    )


def approved(symbol: str, expires_at_ms: int) -> SignalApproved:
    return SignalApproved(
        signal_id=f"signal-{symbol}",
        symbol=symbol,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=ONE,
        entry_px=ONE,
        stop_px=ONE,
        targets=(),
        equity_usd=ONE,
        risk_usd=ONE,
        notional_usd=ONE,
        caps=(),
        level_px=ONE,
        expires_at_ms=expires_at_ms,
    )


def opened(symbol: str) -> PositionOpened:
    return PositionOpened(
        position_id=f"position-{symbol}",
        signal_id=f"signal-{symbol}",
        symbol=symbol,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=ONE,
        entry_px=ONE,
        stop_px=ONE,
        risk_per_unit=ONE,
    )


def closed(symbol: str) -> PositionClosed:
    return PositionClosed(
        position_id=f"position-{symbol}",
        signal_id=f"signal-{symbol}",
        symbol=symbol,
        side=PositionSide.LONG,
        strategy=Strategy.MOMENTUM,
        quantity=ONE,
        entry_px=ONE,
        exit_px=ONE,
        gross_pnl_usd=ONE,
        fees_usd=ONE,
        funding_usd=ONE,
        pnl_usd=ONE,
        pnl_r=ONE,
        exit_reason=ExitReason.STOP_LOSS,
        opened_at_ms=0,
        closed_at_ms=1,
    )


def watched(watchlist: Watchlist, time_ms: int = 0) -> str:
    return "".join(watchlist.wanted(time_ms, LISTED))


def test_the_best_of_the_latest_scan_are_watched() -> None:
    watchlist = Watchlist(top=3)
    watchlist.fold(scan("DBACE"))
    assert watched(watchlist) == "DBA"


def test_a_symbol_leaves_after_several_scans_without_it() -> None:
    watchlist = Watchlist(top=2, scans_kept=3)
    watchlist.fold(scan("AB"))
    for _ in range(2):
        watchlist.fold(scan("CD"))
        assert watched(watchlist) == "CDAB"
    watchlist.fold(scan("CD"))
    assert watched(watchlist) == "CD"


def test_the_ranked_are_bounded_oldest_out_first() -> None:
    watchlist = Watchlist(top=3, scans_kept=3, ranked_max=4)
    watchlist.fold(scan("ABC"))
    watchlist.fold(scan("DEF"))
    assert watched(watchlist) == "DEFA"


def test_a_live_signal_is_watched_until_it_ends() -> None:
    watchlist = Watchlist()
    watchlist.fold(raised("H"))
    watchlist.fold(raised("G"))
    assert watched(watchlist) == "HG"
    watchlist.fold(SignalDenied(signal_id="signal-H", symbol="H", reasons=()))
    watchlist.fold(SignalExpired(signal_id="signal-G", symbol="G"))
    assert watched(watchlist) == ""


def test_an_approval_is_watched_until_it_expires() -> None:
    watchlist = Watchlist()
    watchlist.fold(raised("H", 1000))
    watchlist.fold(approved("H", 5000))
    assert watched(watchlist, 4000) == "H"
    assert watched(watchlist, 5001) == ""


def test_an_approval_refused_at_the_last_hop_is_watched_no_longer() -> None:
    watchlist = Watchlist()
    watchlist.fold(approved("H", 5000))
    watchlist.fold(EntryRefused(signal_id="signal-H", symbol="H", reasons=()))
    assert watched(watchlist) == ""


def test_an_open_position_is_watched_whatever_the_scan_says() -> None:
    watchlist = Watchlist(top=2, scans_kept=1)
    watchlist.fold(raised("H", 1000))
    watchlist.fold(opened("H"))
    for _ in range(5):
        watchlist.fold(scan("AB"))
    assert watched(watchlist, 10_000_000) == "HAB"
    watchlist.fold(closed("H"))
    assert watched(watchlist, 10_000_000) == "AB"


def test_a_symbol_that_is_not_listed_is_not_watched() -> None:
    watchlist = Watchlist()
    watchlist.fold(scan("AZ"))
    assert watched(watchlist) == "A"
