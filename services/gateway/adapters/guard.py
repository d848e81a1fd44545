"""Stands before every request and every WebSocket: who may come in, and how much they may bring.

Without a token the gateway is for this machine alone, so a request must name a loopback host: a web
page that points its own name at 127.0.0.1 does not. Requests of other web origins are refused, be
it a form or a WebSocket, because browsers send those without asking.
"""

import hmac
from collections import deque
from hashlib import sha256
from time import monotonic
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.adapters.responses import ProblemError, problem
from services.gateway.settings import is_loopback

BODY_BYTES_MAX = 65_536
# What a load balancer or a container engine may ask without a token.
OPEN_PATHS = frozenset({"/ready", "/api/health"})
GUESSES_MAX = 20
GUESSES_WINDOW_S = 60.0

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the gateway answers. An empty digest: everybody on this machine."""

    token_digest: bytes = b""
    origins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, token: str, origins: str) -> "Access":
        """Return the access that the settings give; the token itself is not kept."""
        listed = frozenset(origin.strip() for origin in origins.split(",") if origin.strip())
        return cls(token_digest=_digest(token) if token else b"", origins=listed)


class Guard:
    """ASGI middleware in front of the application."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Guard the application."""
        self._app = app
        self._access = access
        # When wrong tokens came in; of all callers together, so no caller can have many names.
        self._wrong: deque[float] = deque(maxlen=GUESSES_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = _with_security_headers(scope, send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
        else:
            bounded = _bounded(receive) if scope["type"] == "http" else receive
            await self._app(scope, bounded, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._access.token_digest and not is_loopback(_host_name(headers.get("host", ""))):
            return problem(421, "this gateway answers to loopback names only")
        if not self._origin_allowed(headers):
            return problem(403, f"requests of the origin {headers['origin']} are not allowed")
        if self._access.token_digest and scope["path"] not in OPEN_PATHS:
            return self._without_token(headers)
        if _too_long(headers):
            return _too_large()
        return None

    def _origin_allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        return (
            origin is None or origin in self._access.origins or urlsplit(origin).netloc == headers.get("host")
        )

    def _without_token(self, headers: Headers) -> Response | None:
        now = monotonic()
        if len(self._wrong) == GUESSES_MAX and now - self._wrong[0] < GUESSES_WINDOW_S:
            return problem(429, "too many wrong tokens", headers={"Retry-After": str(int(GUESSES_WINDOW_S))})
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(_digest(token), self._access.token_digest):
            return _too_large() if _too_long(headers) else None
        if token:
            self._wrong.append(now)
        return problem(401, "a bearer token is required", headers={"WWW-Authenticate": "Bearer"})


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _host_name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _too_long(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    return not length.isdecimal() or int(length) > BODY_BYTES_MAX


def _too_large() -> Response:
    return problem(413, f"a body of at most {BODY_BYTES_MAX} bytes is allowed")


def _bounded(receive: Receive) -> Receive:
    """Return a `receive` that gives up on a body that is longer than it said or may be."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_BYTES_MAX:
            raise ProblemError(413, f"a body of at most {BODY_BYTES_MAX} bytes is allowed")
        return message

    return bounded


def _with_security_headers(scope: Scope, send: Send) -> Send:
    if scope["type"] != "http":
        return send

    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return secured
