"""Defines the two roots of everything on the wire: values and events.

Both refuse numbers that are not finite, because JSON has no NaN: msgspec would write `null` and
the record could never be read again.
"""

from decimal import Decimal
from functools import cache
from math import isfinite
from typing import Any, get_args, get_type_hints

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an event; equal when its fields are equal."""

    def __post_init__(self) -> None:
        """Refuse NaN and infinities.

        Raises:
            ValueError: naming the type and the field.
        """
        for name in _numeric_fields(type(self)):
            value = getattr(self, name)
            if not _finite(value):
                raise ValueError(f"{type(self).__name__}.{name}: a finite number is required, got {value}")


class Event(Value, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """A fact that somebody has seen or decided; its type's name is its tag on the wire."""


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, tuple):
        return all(_finite(item) for item in value)
    return True


def _mentions_number(hint: Any) -> bool:
    return hint in (float, Decimal) or any(_mentions_number(part) for part in get_args(hint))


@cache
def _numeric_fields(kind: type[Value]) -> tuple[str, ...]:
    hints = get_type_hints(kind)
    return tuple(name for name in kind.__struct_fields__ if _mentions_number(hints[name]))
