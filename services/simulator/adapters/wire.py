"""Name the parts of Bybit v5's wire format that every route shares: envelope, errors, numbers.

Only this package knows Bybit's spellings; the matching core speaks FIX.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from shared.venue.events import Refused
from shared.venue.values import RefusalReason

Params = Mapping[str, Any]
Json = dict[str, Any]

BAD_KEY, BAD_SIGN, STALE_TIMESTAMP, BAD_PARAMETER, RATE_LIMIT = 10003, 10004, 10002, 10001, 10006
STOP_ORDER_LIMIT, INSUFFICIENT_BALANCE = 110009, 110007

REFUSAL_CODES: dict[RefusalReason, int] = {
    RefusalReason.PARAMETER: BAD_PARAMETER,
    RefusalReason.NOT_MODIFIED: BAD_PARAMETER,
    RefusalReason.ORDER_NOT_FOUND: 110001,
    RefusalReason.PRICE_OUT_OF_RANGE: 110003,
    RefusalReason.INSUFFICIENT_BALANCE: INSUFFICIENT_BALANCE,
    RefusalReason.LEVERAGE_OUT_OF_RANGE: 110013,
    RefusalReason.REDUCE_ONLY: 110017,
    RefusalReason.LEVERAGE_NOT_MODIFIED: 110043,
    RefusalReason.DUPLICATE_CLIENT_ORDER_ID: 110072,
    RefusalReason.TRIGGER_NOT_ABOVE_LAST: 110092,
    RefusalReason.TRIGGER_NOT_BELOW_LAST: 110093,
    RefusalReason.BELOW_MIN_NOTIONAL: 110094,
}


class WireError(Exception):
    """A request the exchange answers with a non-zero retCode."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def refusal(refused: Refused) -> WireError:
    """Return the wire error for a refusal of the matching core."""
    return WireError(REFUSAL_CODES[refused.reason], refused.detail)


def envelope(result: Json, now_ms: int, *, code: int = 0, message: str = "OK") -> bytes:
    """Return an encoded response; `time` is market time."""
    body = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms}
    return msgspec.json.encode(body)


def plain(value: Decimal) -> str:
    """Return a decimal without exponent and without trailing zeros after the point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: Decimal, places: int) -> str:
    """Return a derived figure (margin, average) with at most so many decimals."""
    return plain(round(value, places))


def required(params: Params, name: str) -> str:
    """Return a parameter's text, or refuse the request naming it."""
    value = params.get(name)
    if value is None or value == "":
        raise WireError(BAD_PARAMETER, f"params error: {name} is required")
    return str(value)


def optional_decimal(params: Params, name: str) -> Decimal | None:
    """Return a numeric parameter, None when absent or empty."""
    value = params.get(name)
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise WireError(BAD_PARAMETER, f"params error: {name} {value!r} is not a number") from error
    if not number.is_finite():
        raise WireError(BAD_PARAMETER, f"params error: {name} {value!r} is not finite")
    return number


def optional_int(params: Params, name: str, default: int) -> int:
    """Return an integer parameter or its default."""
    number = optional_decimal(params, name)
    return default if number is None else int(number)


def flag(params: Params, name: str) -> bool:
    """Return a boolean that clients send as JSON or as text."""
    return params.get(name) in (True, "true", "True", "1", 1)


def linear_only(params: Params) -> None:
    """Refuse categories this exchange does not list."""
    category = required(params, "category")
    if category != "linear":
        raise WireError(BAD_PARAMETER, f"params error: category {category!r} is not listed here")
