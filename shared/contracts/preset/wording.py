"""Word what a field expects and what it got, from its type annotation alone.

Values are quoted as JSON, escaped and shortened: they come from whoever wrote the file.
"""

import json
import math

from msgspec import inspect

_QUOTED_LENGTH = 60


def got(value: object) -> str:
    """Return a short, printable description of a decoded JSON value."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= _QUOTED_LENGTH else f"{text[:_QUOTED_LENGTH]}…"


def expected(annotation: object) -> str:
    """Return what a value of the annotated type looks like, with its bounds."""
    return _words(inspect.type_info(annotation))


def _words(kind: inspect.Type) -> str:  # noqa: PLR0911 (one answer per kind of type)
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            title = (extra or {}).get("title")
            return title if isinstance(title, str) else _words(inner)
        case inspect.FloatType():
            return f"a number{_interval(kind)}"
        case inspect.IntType():
            return f"a whole number{_interval(kind)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "null"
        case inspect.StrType():
            return _text(kind)
        case inspect.EnumType(cls=cls):
            return f"one of {', '.join(str(member.value) for member in cls)}"
        case inspect.UnionType(types=types):
            return " or ".join(_words(option) for option in types)
        case inspect.VarTupleType(max_length=most):
            return "a list" if most is None else f"a list of at most {most}"
        case _:
            return "an object"


def _text(kind: inspect.StrType) -> str:
    least = kind.min_length or 0
    return "text" if kind.max_length is None else f"text of {least} to {kind.max_length} characters"


def _interval(kind: inspect.FloatType | inspect.IntType) -> str:
    low = kind.ge if kind.gt is None else kind.gt
    high = kind.le if kind.lt is None else kind.lt
    if low is None and high is None:
        return ""
    left = "(" if kind.gt is not None or low is None else "["
    right = ")" if kind.lt is not None or high is None else "]"
    return f" in {left}{_bound(low, -math.inf)}, {_bound(high, math.inf)}{right}"


def _bound(bound: float | None, otherwise: float) -> str:
    return f"{otherwise if bound is None else bound:.15g}"
