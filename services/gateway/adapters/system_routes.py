"""Serves what a person or a machine asks first: is it there, is it well, what is it."""

import time
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway.adapters.follower import Follower
from services.gateway.adapters.responses import answer, problem
from shared.contracts.desk import DeskOpened
from shared.contracts.engine import EngineState

NOT_RUNNING = frozenset({EngineState.IDLE, EngineState.STOPPED, EngineState.EMERGENCY})


def system_routes(follower: Follower, opened: DeskOpened) -> APIRouter:
    """Return `/ready`, `/api/health` and `/api/`, specification 7.1."""
    router = APIRouter()
    began = time.monotonic()

    @router.get("/ready")
    async def ready() -> Response:
        if not follower.caught_up:
            return problem(503, "the gateway is still reading the log", seq=follower.views.seq)
        return answer({"status": "ready", "seq": follower.views.seq})

    @router.get("/api/health")
    async def health() -> Response:
        return answer(_health(follower, uptime_s=time.monotonic() - began))

    @router.get("/api/")
    async def about() -> Response:
        return answer(
            {
                "message": "Breakout",
                "version": _version(),
                "desk": opened.desk,
                "mode": opened.mode,
                "docs": "/api/openapi.json",
            }
        )

    return router


def _health(follower: Follower, *, uptime_s: float) -> dict[str, object]:
    views = follower.views
    issues = views.services.issues()
    if not follower.caught_up:
        issues.insert(0, "gateway: the log is not read to its end")
    if views.engine.state in {EngineState.ERROR, EngineState.EMERGENCY}:
        issues.insert(0, f"engine: {views.engine.state}: {views.engine.reason}")
    return {
        "status": "unhealthy" if not follower.caught_up else "degraded" if issues else "healthy",
        "engine_initialized": views.engine.preset is not None,
        "engine_running": views.engine.state not in NOT_RUNNING,
        "engine_state": views.engine.state,
        # Measured by nobody here.
        "resource_health": None,
        "api_connectivity": {
            "log": follower.caught_up,
            "exchange": views.services.venue_connected,
            "websocket": len(follower.hub),
        },
        "services": list(views.services.services.values()),
        "failures": views.services.failures,
        "issues": issues,
        "timestamp": time.time_ns() // 1_000_000,
        "desk_time": views.desk_time_ms,
        "uptime_seconds": uptime_s,
    }


def _version() -> str | None:
    try:
        return version("breakout")
    except PackageNotFoundError:
        return None
