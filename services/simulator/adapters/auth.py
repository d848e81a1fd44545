"""Check Bybit's HMAC signatures; timestamps are compared with the wall clock, not the market's.

The market may run sixty times as fast as the wall; a client's receive window does not.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from services.simulator.adapters.wire import BAD_KEY, BAD_SIGN, STALE_TIMESTAMP, WireError

_DEFAULT_WINDOW_MS = 5_000
# Bybit accepts a client clock that is at most this far ahead of its own.
_AHEAD_MS = 1_000


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The one key pair the exchange knows."""

    key: str
    secret: str


def sign(secret: str, payload: str) -> str:
    """Return the lower-case hex HMAC-SHA256 that Bybit expects."""
    return hmac.new(secret.encode(), payload.encode(), sha256).hexdigest()


def check_request(credentials: Credentials, headers: Mapping[str, str], payload: str, wall_ms: int) -> None:
    """Verify a signed request; `payload` is the raw query string of a GET, the raw body of a POST."""
    key = headers.get("x-bapi-api-key", "")
    if not hmac.compare_digest(key.encode(), credentials.key.encode()):
        raise WireError(BAD_KEY, "API key is invalid.")
    stamp, window = headers.get("x-bapi-timestamp", ""), headers.get("x-bapi-recv-window", "")
    window_ms = int(window) if window.isdigit() else _DEFAULT_WINDOW_MS
    if not stamp.isdigit() or not wall_ms - window_ms <= int(stamp) < wall_ms + _AHEAD_MS:
        raise WireError(
            STALE_TIMESTAMP,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{wall_ms}],recv_window[{window_ms}]",
        )
    expected = sign(credentials.secret, f"{stamp}{key}{window}{payload}")
    if not hmac.compare_digest(expected.encode(), headers.get("x-bapi-sign", "").encode()):
        raise WireError(BAD_SIGN, f"error sign! origin_string[{stamp}{key}{window}{payload}]")


def check_socket(credentials: Credentials, arguments: list[object], wall_ms: int) -> str | None:
    """Return why a WebSocket's auth operation fails, or None when it is right."""
    if len(arguments) != 3:
        return "Params Error"
    key, expires, signature = (str(argument) for argument in arguments)
    if not hmac.compare_digest(key.encode(), credentials.key.encode()):
        return "API key is invalid."
    if not expires.isdigit() or int(expires) <= wall_ms:
        return "Params Error: expires has passed"
    expected = sign(credentials.secret, f"GET/realtime{expires}")
    return None if hmac.compare_digest(expected.encode(), signature.encode()) else "error sign"
