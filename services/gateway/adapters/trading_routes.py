"""Serves what has been found, traded and earned."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.gateway.adapters.follower import Follower
from services.gateway.adapters.responses import ProblemError, answer
from services.gateway.domain.positions import Position
from services.gateway.domain.scans import Scan
from services.gateway.domain.signals import SignalStatus
from services.gateway.domain.views import Views
from shared.contracts.engine import TRADING_ACTIVE
from shared.contracts.order import OrderStatus

PAGE_MAX = 500
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Symbol = Annotated[str | None, Query(max_length=64)]


class PositionStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


def trading_routes(follower: Follower, desk: str) -> APIRouter:
    """Return positions, orders, signals, the last scan, trades and performance; newest first."""
    router = APIRouter(prefix="/api")

    @router.get("/positions")
    @router.get("/trading/positions")
    async def positions(
        status: PositionStatus = PositionStatus.OPEN,
        symbol: Symbol = None,
        limit: Limit = PAGE_MAX,
        offset: Offset = 0,
    ) -> Response:
        return answer(_page(_positions(follower.views, status), symbol, limit, offset))

    @router.get("/positions/{position_id}")
    @router.get("/trading/positions/{position_id}")
    async def position(position_id: str) -> Response:
        found = follower.views.positions.find(position_id)
        if found is None:
            raise ProblemError(404, "no such position")
        return answer(found)

    @router.get("/orders")
    @router.get("/trading/orders")
    async def orders(
        status: OrderStatus | None = None, symbol: Symbol = None, limit: Limit = 100, offset: Offset = 0
    ) -> Response:
        newest = reversed(follower.views.orders.orders.values())
        return answer(_page((o for o in newest if status in {None, o.status}), symbol, limit, offset))

    @router.get("/signals")
    async def signals(
        status: SignalStatus | None = None, symbol: Symbol = None, limit: Limit = 100, offset: Offset = 0
    ) -> Response:
        view = follower.views.signals
        everything = [*view.signals.values(), *view.suppressed.values()]
        newest = sorted(everything, key=lambda signal: signal.timestamp, reverse=True)
        return answer(_page((s for s in newest if status in {None, s.status}), symbol, limit, offset))

    @router.get("/scanner/last")
    async def last_scan(limit: Limit = PAGE_MAX) -> Response:
        return answer(_scan(follower.views, desk, limit))

    @router.get("/trades")
    async def trades(symbol: Symbol = None, limit: Limit = 100, offset: Offset = 0) -> Response:
        return answer(_page(reversed(follower.views.trades.trades), symbol, limit, offset))

    @router.get("/performance/metrics")
    async def performance() -> Response:
        return answer(follower.views.trades.performance())

    return router


def _positions(views: Views, status: PositionStatus) -> list[Position]:
    opened = list(views.positions.open.values()) if status is not PositionStatus.CLOSED else []
    closed = list(views.positions.closed.values()) if status is not PositionStatus.OPEN else []
    return [*reversed(opened), *reversed(closed)]


def _page(rows: Iterable[Any], symbol: str | None, limit: int, offset: int) -> list[Any]:
    matching = [row for row in rows if symbol in {None, row.symbol}]
    return matching[offset : offset + limit]


def _scan(views: Views, desk: str, limit: int) -> dict[str, Any]:
    """Return the last scan, specification 7.4; before the first one its figures are null."""
    scan: Scan | None = views.scans.last
    return {
        "scanId": scan.scan_id if scan else None,
        "timestamp": scan.timestamp if scan else None,
        "candidates": scan.candidates[:limit] if scan else [],
        "rejected": scan.rejected[:limit] if scan else [],
        "totalScanned": scan.total_scanned if scan else None,
        "passedFilters": scan.passed_filters if scan else None,
        "withLevels": scan.with_levels if scan else None,
        "summary": {
            "session_id": desk,
            "preset": views.engine.preset,
            "state": views.engine.state,
            "scanning_active": views.scans.running is not None and views.engine.state in TRADING_ACTIVE,
            "scan_number": scan.number if scan else None,
            "abandoned_scans": views.scans.abandoned,
        },
    }
