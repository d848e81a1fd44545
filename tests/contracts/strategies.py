"""Builds any event or value from its type annotations alone, so that a type added later is covered too."""

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from shared.contracts.base import Value
from shared.contracts.codec import EVENT_TYPES
from shared.contracts.columns import pack
from shared.contracts.preset import Preset, load_preset, preset_names

PRESETS = tuple(load_preset(name) for name in preset_names())
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    bool: st.booleans(),
    int: st.integers(min_value=-(2**63), max_value=2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


def value_types() -> tuple[type[Value], ...]:
    """Return every event type and every value type inside one, the sections of a preset excepted."""
    found: dict[type[Value], None] = {}

    def visit(hint: Any) -> None:
        if isinstance(hint, type) and issubclass(hint, Value) and hint is not Preset and hint not in found:
            found[hint] = None
            for inner in get_type_hints(hint).values():
                visit(inner)
        for part in get_args(hint):
            visit(part)

    for kind in EVENT_TYPES:
        visit(kind)
    return tuple(found)


def instances(kind: type[Value]) -> st.SearchStrategy[Any]:
    """Return a strategy for one type; columns get the length that their symbols ask for."""
    if kind is Preset:
        return st.sampled_from(PRESETS)
    hints = get_type_hints(kind)
    if bytes in hints.values():
        return _columnar(kind, hints)
    return st.builds(kind, **{name: of_hint(hint) for name, hint in hints.items()})


def of_hint(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for an annotation.

    Raises:
        TypeError: when contracts begin to use a kind of type that is not known here.
    """
    if hint in LEAVES:
        return LEAVES[hint]
    if isinstance(hint, type) and issubclass(hint, Value):
        return instances(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    parts = get_args(hint)
    if get_origin(hint) is tuple and len(parts) == 2 and parts[1] is Ellipsis:
        return st.lists(of_hint(parts[0]), max_size=3).map(tuple)
    if parts and get_origin(hint) is not tuple:
        return st.one_of(*(of_hint(part) for part in parts))
    raise TypeError(f"no strategy for {hint}: add one, and a check that it refuses NaN")


@st.composite
def _columnar(draw: st.DrawFn, kind: type[Value], hints: dict[str, Any]) -> Any:
    fields = {name: draw(of_hint(hint)) for name, hint in hints.items() if hint is not bytes}
    if "rows" in fields:
        fields["rows"] = draw(st.integers(min_value=0, max_value=3))
    cells = len(fields["symbols"]) * fields.get("rows", 1)
    column = st.lists(st.floats(), min_size=cells, max_size=cells).map(pack)
    return kind(**fields, **{name: draw(column) for name, hint in hints.items() if hint is bytes})


def numeric_fields() -> Iterator[tuple[type[Value], str, Any]]:
    """Yield every field of every type that holds a float or a Decimal of its own."""
    for kind in value_types():
        for name, hint in get_type_hints(kind).items():
            if _holds_number(hint):
                yield kind, name, hint


def _holds_number(hint: Any) -> bool:
    return hint in {float, Decimal} or any(_holds_number(part) for part in get_args(hint))


def spoiled(hint: Any, poison: str) -> Any:
    """Return a value for the annotation that holds `poison` (nan, inf, -inf) where a number may stand."""
    if hint in {float, Decimal}:
        return hint(poison)
    inner = spoiled(next(part for part in get_args(hint) if _holds_number(part)), poison)
    return (inner,) if get_origin(hint) is tuple else inner
