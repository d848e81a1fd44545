"""Decode one recorded example of every event type for ever: logs written today must be readable later.

A golden file is written once, when its type is added, and never again. Write those that are missing with

    python -m tests.contracts.test_golden_events

To change a type in a way that its golden file refuses is to make existing logs unreadable: add another type.
"""

import json
import sys
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from zlib import crc32

import pytest

from shared.contracts.base import Event, Value
from shared.contracts.codec import EVENT_TYPES, decode_event, encode_event
from shared.contracts.columns import pack
from shared.contracts.preset import Preset, load_preset

GOLDEN = Path(__file__).with_name("golden")
FILES = sorted(GOLDEN.glob("*.json"))


def example(kind: type[Value]) -> Any:
    """Return a value with every field set, each to something that no other field of the type has."""
    if kind is Preset:
        return load_preset("breakout_v1")
    fields = {name: _of_hint(name, hint) for name, hint in get_type_hints(kind).items()}
    cells = fields.get("rows", 1)
    for name, value in fields.items():
        if isinstance(value, bytes):
            fields[name] = value * cells
    return kind(**fields)


def _of_hint(name: str, hint: Any) -> Any:
    parts = [part for part in get_args(hint) if part not in {type(None), Ellipsis}]
    if parts:
        inner = _of_hint(name, parts[0])
        return (inner,) if get_origin(hint) is tuple else inner
    if issubclass(hint, Value):
        return example(hint)
    return list(hint)[-1] if issubclass(hint, Enum) else _leaf(name, hint)


def _leaf(name: str, hint: type) -> Any:
    number = crc32(name.encode()) % 9_000 + 1_000
    leaves: dict[type, Any] = {
        bool: True,
        int: 2 if name == "rows" else number,
        str: "BTC/USDT:USDT" if name in {"symbol", "symbols"} else f"{name}-{number}",
        float: number / 100,
        Decimal: Decimal(number).scaleb(-2),
        bytes: pack([number / 100]),
    }
    return leaves[hint]


def holds(present: Any, golden: Any) -> bool:
    """Whether everything in `golden` is in `present`; fields added later, with defaults, may be besides."""
    if isinstance(golden, dict):
        return isinstance(present, dict) and all(
            name in present and holds(present[name], value) for name, value in golden.items()
        )
    if isinstance(golden, list):
        same_length = isinstance(present, list) and len(present) == len(golden)
        return same_length and all(holds(one, other) for one, other in zip(present, golden, strict=True))
    return type(present) is type(golden) and bool(present == golden)


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_every_event_type_has_a_golden_file(kind: type[Event]) -> None:
    assert (GOLDEN / f"{kind.__name__}.json").exists(), "run python -m tests.contracts.test_golden_events"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_file_is_decoded_to_what_it_says(file: Path) -> None:
    raw = file.read_bytes()
    event = decode_event(raw)
    assert type(event).__name__ == file.stem
    assert holds(json.loads(encode_event(event)), json.loads(raw))


@pytest.mark.parametrize(
    ("present", "golden"),
    [
        ({"a": 1}, {"a": 1, "b": None}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}),
        ({"a": "1"}, {"a": 1}),
        ([1], {"a": 1}),
    ],
)
def test_the_comparison_with_a_golden_file_sees_every_difference(present: Any, golden: Any) -> None:
    assert not holds(present, golden)
    assert holds(golden, golden)


def test_the_comparison_with_a_golden_file_allows_an_added_field() -> None:
    assert holds({"a": 1, "b": {"c": [1], "d": 2}}, {"a": 1, "b": {"c": [1]}})


def write_missing() -> None:
    """Write the golden files of types that have none."""
    GOLDEN.mkdir(exist_ok=True)
    for kind in EVENT_TYPES:
        file = GOLDEN / f"{kind.__name__}.json"
        if not file.exists():
            pretty = json.dumps(json.loads(encode_event(example(kind))), indent=2)
            file.write_text(f"{pretty}\n", encoding="utf-8")
            sys.stdout.write(f"{file.name}\n")


if __name__ == "__main__":
    write_missing()
