"""Encodes answers: JSON by msgspec, errors as RFC 9457 problems."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

_encoder = msgspec.json.Encoder(enc_hook=str)


def encode(body: Any) -> bytes:
    """Return the body as JSON; Decimals as strings."""
    return _encoder.encode(body)


def answer(body: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(encode(body), status_code=status, media_type="application/json")


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """Return an error in the form of RFC 9457; `members` are the problem's own fields."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(
        encode(body | members),
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers) if headers else None,
    )


class ProblemError(Exception):
    """A request that cannot be served; becomes a problem in the answer."""

    def __init__(self, status: int, detail: str, **members: Any) -> None:
        """Say what is wrong, with the problem's own fields."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members

    def response(self) -> Response:
        """Return the answer."""
        return problem(self.status, self.detail, **self.members)
