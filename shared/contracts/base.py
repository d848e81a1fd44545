"""Defines the two roots of everything on the wire: values and events.

Both refuse numbers that the wire would change: NaN and infinities, which JSON does not have (msgspec
would write `null` and the record could never be read again), and integers in float fields, which are
floats once they have been read, so that a leader's folded state would differ from a replica's.
"""

from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an event; equal when its fields are equal."""

    def __post_init__(self) -> None:
        """Refuse NaN and infinities, and integers where a float is declared.

        Raises:
            ValueError: naming the type and the field.
        """
        kind = self.__class__
        floats, decimals, nested = _NUMERIC.get(kind) or _look_at(kind)
        # A scan makes ten thousand values at once: what is plain is looked at without a call.
        for name in floats:
            value = getattr(self, name)
            if value is not None and (value.__class__ is not float or not isfinite(value)):
                _refuse_unsound(kind, name, value, float)
        for name in decimals:
            value = getattr(self, name)
            if value is not None and not _finite(value):
                _refuse_unsound(kind, name, value, Decimal)
        for name, hint in nested:
            _refuse_unsound(kind, name, getattr(self, name), hint)


class Event(Value, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """A fact that somebody has seen or decided; its type's name is its tag on the wire."""


class _Numeric(NamedTuple):
    """The fields of a type that hold numbers: plain or optional ones by kind, and those that hold several."""

    floats: tuple[str, ...]
    decimals: tuple[str, ...]
    nested: tuple[tuple[str, Any], ...]


_NUMERIC: dict[type[Value], _Numeric] = {}


def _look_at(kind: type[Value]) -> _Numeric:
    hints = get_type_hints(kind)
    names = [name for name in kind.__struct_fields__ if _mentions_number(hints[name])]
    plain = {name: _plain(hints[name]) for name in names}
    _NUMERIC[kind] = _Numeric(
        floats=tuple(name for name in names if plain[name] is float),
        decimals=tuple(name for name in names if plain[name] is Decimal),
        nested=tuple((name, hints[name]) for name in names if plain[name] is None),
    )
    return _NUMERIC[kind]


def _mentions_number(hint: Any) -> bool:
    return hint in (float, Decimal) or any(_mentions_number(part) for part in get_args(hint))


def _plain(hint: Any) -> Any:
    """Return float or Decimal for such a field, optional or not; None for any other."""
    parts = {part for part in get_args(hint) or (hint,) if part is not type(None)}
    only = parts.pop() if len(parts) == 1 and get_origin(hint) is not tuple else None
    return only if only in (float, Decimal) else None


def _refuse_unsound(kind: type[Value], name: str, value: Any, hint: Any) -> None:
    if not _finite(value):
        raise ValueError(f"{kind.__name__}.{name}: a finite number is required, got {value}")
    if _holds_integer(value, hint):
        raise ValueError(f"{kind.__name__}.{name}: a float is required, got {value!r}")


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, tuple):
        return all(_finite(item) for item in value)
    return True


def _holds_integer(value: Any, hint: Any) -> bool:
    """Tell whether anything but a float stands where the annotation has one; None is no number."""
    if hint is float:
        return value is not None and not isinstance(value, float)
    parts = get_args(hint)
    if get_origin(hint) is not tuple:
        return any(
            _holds_integer(value, part) for part in parts if get_origin(part) is tuple or part is float
        )
    if not isinstance(value, tuple):
        return False
    if parts[-1] is Ellipsis:
        parts = parts[:1] * len(value)
    return any(_holds_integer(item, part) for item, part in zip(value, parts, strict=True))
