"""Serves the engine: its status, its history, and commands to it."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.adapters.follower import Follower
from services.gateway.adapters.requesting import Commands
from services.gateway.adapters.responses import answer
from services.gateway.domain.commands import allowed
from shared.contracts.engine import CommandName


def engine_routes(follower: Follower, commands: Commands) -> APIRouter:
    """Return `/api/engine`, specification 7.2; every command has a path of its own besides."""
    router = APIRouter(prefix="/api/engine")

    @router.get("/status")
    async def status() -> Response:
        return answer(follower.views.engine_status())

    @router.get("/transitions")
    async def transitions() -> Response:
        return answer(follower.views.engine.transitions[::-1])

    @router.get("/commands")
    async def listed() -> Response:
        engine = follower.views.engine
        body = {
            "commands": allowed(engine),
            "current_state": engine.state,
            "timestamp": follower.views.desk_time_ms,
        }
        return answer(body)

    @router.post("/command")
    async def command(request: Request) -> Response:
        return await commands.submit(request)

    for name in CommandName:
        router.add_api_route(
            "/" + name.replace("_", "-"), _serve(commands, name), methods=["POST"], name=name
        )
    return router


def _serve(commands: Commands, name: CommandName) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return await commands.submit(request, name)

    return serve
