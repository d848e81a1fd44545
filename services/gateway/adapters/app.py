"""Assembles the application: routes, the stream, and one form for every error."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from services.gateway.adapters.engine_routes import engine_routes
from services.gateway.adapters.follower import Follower
from services.gateway.adapters.guard import Access, Guard
from services.gateway.adapters.requesting import Commands
from services.gateway.adapters.responses import ProblemError, problem
from services.gateway.adapters.system_routes import system_routes
from services.gateway.adapters.trading_routes import trading_routes
from services.gateway.adapters.websocket import Stream
from shared.contracts.desk import DeskOpened


def make_app(follower: Follower, opened: DeskOpened, commands: Commands, access: Access) -> ASGIApp:
    """Return the guarded application."""
    app = FastAPI(
        title="Breakout",
        openapi_url="/api/openapi.json",
        # Their pages load scripts from elsewhere, which the content security policy forbids.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(system_routes(follower, opened))
    app.include_router(engine_routes(follower, commands))
    app.include_router(trading_routes(follower, opened.desk))

    async def stream(socket: WebSocket) -> None:
        await Stream(socket, follower).serve()

    for path in ("/ws", "/ws/"):
        app.add_api_websocket_route(path, stream)
    _make_errors_problems(app)
    return Guard(app, access)


def _make_errors_problems(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def known(_: Request, error: ProblemError) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        problems = [
            {"path": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()
        ]
        return problem(422, "; ".join(f"{p['path']}: {p['message']}" for p in problems), problems=problems)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, __: Exception) -> Response:
        # The error itself goes to the log; what it says may not be for everybody.
        return problem(500, "the gateway failed at this request")
