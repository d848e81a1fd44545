"""Serve the exchange over HTTP: find the route, check the signature, play the armed fault, answer.

An ASGI application of its own instead of a framework's, because faults must be able to cut the
connection under a request, and because an order's way in should be short.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from services.simulator.adapters.auth import Credentials, check_request
from services.simulator.adapters.control import ControlRoutes
from services.simulator.adapters.faults import AFTER_ACCEPT, Fault, FaultKind, Faults
from services.simulator.adapters.hub import Hub, Receive, Send
from services.simulator.adapters.limits import RateLimits
from services.simulator.adapters.trade_routes import is_stop
from services.simulator.adapters.wire import (
    BAD_PARAMETER,
    INSUFFICIENT_BALANCE,
    RATE_LIMIT,
    STOP_ORDER_LIMIT,
    Json,
    Params,
    WireError,
    envelope,
)

Route = Callable[[Params], Json]
Routes = dict[tuple[str, str], Route]
_BODY_LIMIT = 65_536
_JSON = [(b"content-type", b"application/json")]


class Reply(msgspec.Struct, frozen=True):
    """A finished answer; status 0 closes the connection without one."""

    status: int
    body: bytes


CUT = Reply(0, b"")


@dataclass(frozen=True, kw_only=True)
class Server:
    """The ASGI application: /v5 over HTTP and WebSocket, and the control routes under /sim."""

    public: Routes
    private: Routes
    control: ControlRoutes
    hub: Hub
    faults: Faults
    credentials: Credentials
    limits: RateLimits
    now: Callable[[], int]
    latency_s: float

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.hub.serve(scope, receive, send)
        elif scope["type"] == "http":
            reply = await self._respond(scope, await _read_body(receive))
            if reply.status == 0:
                _cut(send)
                return
            headers = [*_JSON, (b"content-length", str(len(reply.body)).encode())]
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.body})

    async def _respond(self, scope: dict[str, Any], body: bytes) -> Reply:
        key = (scope["method"], scope["path"])
        if key in self.control:
            return self._controlled(key, body)
        try:
            return await self._routed(key, scope, body)
        except WireError as error:
            return Reply(200, envelope({}, self.now(), code=error.code, message=error.message))

    def _controlled(self, key: tuple[str, str], body: bytes) -> Reply:
        try:
            return Reply(200, msgspec.json.encode(self.control[key](body)))
        except msgspec.MsgspecError as error:
            return Reply(400, msgspec.json.encode({"error": str(error)}))

    async def _routed(self, key: tuple[str, str], scope: dict[str, Any], body: bytes) -> Reply:
        route = self.public.get(key) or self.private.get(key)
        if route is None:
            return Reply(404, msgspec.json.encode({"error": f"no route {key[0]} {key[1]}"}))
        query = scope["query_string"].decode()
        params = _params(key[0], query, body)
        if key in self.private:
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            payload = body.decode() if key[0] == "POST" else query
            check_request(self.credentials, headers, payload, int(time.time() * 1000))
            self.limits.check(key[1])
        fault = self.faults.take(key[1], is_stop=is_stop(params)) if self.faults.armed else None
        if fault is not None and fault.kind not in AFTER_ACCEPT:
            early = await _before_accept(fault)
            if early is not None:
                return early
        if key[0] == "POST" and self.latency_s:
            await asyncio.sleep(self.latency_s)
        reply = Reply(200, envelope(route(params), self.now()))
        return await self._after_accept(fault, reply) if fault is not None else reply

    async def _after_accept(self, fault: Fault, reply: Reply) -> Reply:
        """Return what the client sees of a request that has been accepted."""
        if fault.kind is FaultKind.BAD_GATEWAY_AFTER_ACCEPT:
            return Reply(502, b"<html>502 Bad Gateway</html>")
        if fault.kind is FaultKind.BAD_JSON_AFTER_ACCEPT:
            return Reply(200, reply.body[: len(reply.body) // 2])
        if fault.kind is FaultKind.TIMEOUT_AFTER_ACCEPT:
            return Reply(200, envelope({}, self.now(), code=10000, message="Server Timeout"))
        if fault.kind is FaultKind.HANG_AFTER_ACCEPT:
            await asyncio.sleep(fault.delay_ms / 1000)
            return CUT
        return CUT if fault.kind is FaultKind.CUT_AFTER_ACCEPT else reply


async def _before_accept(fault: Fault) -> Reply | None:
    """Return the answer to a request that has no effect, or None when it is processed after all."""
    if fault.kind is FaultKind.SLOW:
        await asyncio.sleep(fault.delay_ms / 1000)
        return None
    if fault.kind is FaultKind.HANG_BEFORE_ACCEPT:
        await asyncio.sleep(fault.delay_ms / 1000)
        return CUT
    if fault.kind is FaultKind.RATE_LIMITED:
        raise WireError(RATE_LIMIT, "Too many visits!")
    if fault.kind is FaultKind.REFUSE_STOP:
        raise WireError(STOP_ORDER_LIMIT, "the number of stop orders exceeds the maximum allowed")
    if fault.kind is FaultKind.REFUSE_ORDER:
        raise WireError(INSUFFICIENT_BALANCE, "ab not enough for new order")
    replies = {
        FaultKind.BAD_GATEWAY_BEFORE_ACCEPT: Reply(502, b"<html>502 Bad Gateway</html>"),
        FaultKind.TOO_MANY_REQUESTS: Reply(429, b"Too Many Requests"),
        FaultKind.BAD_REQUEST: Reply(400, b"Bad Request"),
    }
    return replies.get(fault.kind, CUT)


def _params(method: str, query: str, body: bytes) -> Params:
    if method != "POST":
        return dict(parse_qsl(query, keep_blank_values=True))
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise WireError(BAD_PARAMETER, f"params error: body is not a JSON object: {error}") from error


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > _BODY_LIMIT:
            return bytes(body)


def _cut(send: Send) -> None:
    """Close the connection under the request; uvicorn's `send` is bound to the cycle that owns it."""
    send.__self__.transport.abort()  # type: ignore[attr-defined]
