"""Tells certain answers of the venue from those that leave the outcome open.

Certain is only what the venue itself has said in a body that could be read. A cut, a time-out, a
5xx, an unreadable body or a venue's own time-out may hide an accepted order (RELIABILITY section 2).
"""

import re
from typing import Any

from shared.runtime.settings import SettingsInvalid

# Bybit: its gateway or backend gave up waiting, or does not know; the order may be there.
UNCERTAIN_CODES = frozenset({"10000", "10016", "10019", "170001", "170007", "170032", "170146", "170147"})
RATE_LIMIT_CODES = frozenset({"10006", "10018"})
DUPLICATE_CODES = frozenset({"110072", "170141"})
# The order is done or unknown there; its own report tells which.
GONE_CODES = frozenset({"110001", "110008", "110010", "170142", "170143"})
# Wrong key, signature or permission, or a clock that is off: no request will ever succeed.
UNUSABLE_CODES = frozenset({"10002", "10003", "10004", "10005", "10007", "10010", "33004"})
HTTP_UNAUTHORISED = re.compile(r"\b401\b")

_CODE = re.compile(r'"ret_?[cC]ode"\s*:\s*"?(-?\d+)')
_MESSAGE = re.compile(r'"ret_?[mM]sg"\s*:\s*"([^"]*)"')
MESSAGE_LENGTH_MAX = 300


class VenueTrouble(Exception):
    """Root of what a request to the venue can come back with.

    VenueTrouble
    |-- VenueRefused       a certain no, with the venue's code
    |   `-- VenueBusy      a certain "not now": too many requests
    |-- VenueUncertain     no certain answer; whether it was done is open
    `-- VenueUnusable      the account cannot be used: key, signature, permission or clock
    """


class VenueRefused(VenueTrouble):
    """The venue has answered no."""

    def __init__(self, code: str, message: str) -> None:
        """Remember the venue's code and words."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class VenueBusy(VenueRefused):
    """The venue has not even looked at it: too many requests."""


class VenueUncertain(VenueTrouble):
    """Nobody knows whether the venue did it."""


class VenueUnusable(VenueTrouble, SettingsInvalid):
    """The account cannot be used until a person changes the settings."""


def trouble(error: Exception) -> VenueTrouble:
    """Return what an exception of the client library means for the request that raised it."""
    text = str(error)
    code = _CODE.search(text)
    if code is None:
        return VenueUncertain(f"{type(error).__name__}: {text[:MESSAGE_LENGTH_MAX]}")
    message = _MESSAGE.search(text)
    return answered(code.group(1), message.group(1) if message else "")


def answered(code: str, message: str) -> VenueTrouble:
    """Return what a non-zero code of the venue means."""
    message = message[:MESSAGE_LENGTH_MAX]
    if code in UNCERTAIN_CODES:
        return VenueUncertain(f"{code}: {message}")
    return VenueBusy(code, message) if code in RATE_LIMIT_CODES else VenueRefused(code, message)


def result_of(answer: Any) -> dict[str, Any]:
    """Return the result of an answer's body.

    Raises:
        VenueUncertain: the body is no answer of the venue: cut off, or somebody else's.
        VenueTrouble: the venue's answer is not OK.
    """
    if not isinstance(answer, dict) or "retCode" not in answer:
        raise VenueUncertain(f"unreadable answer: {str(answer)[:80]!r}")
    code = str(answer["retCode"])
    if code != "0":
        raise answered(code, str(answer.get("retMsg", "")))
    result = answer.get("result")
    if not isinstance(result, dict):
        raise VenueUncertain("an answer without a result")
    return result
