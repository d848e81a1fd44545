"""Check what holds for every type on the wire, whichever fields it has."""

import json
from decimal import Decimal
from math import inf, nan
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from shared.contracts.base import Event, Value
from shared.contracts.codec import (
    EVENT_TYPES,
    RecordUnreadable,
    decode_event,
    decode_record,
    encode_body,
    encode_event,
)
from shared.contracts.desk import ClockTicked, Source
from shared.contracts.order import OrderSubmitted
from shared.contracts.record import Draft, digest
from shared.contracts.scan import Check
from tests.contracts.strategies import instances, numeric_fields, spoiled
from tests.contracts.test_golden_events import example

SEED = 20_261
NUMERIC = list(numeric_fields())
FLOATS = [(kind, field) for kind, field, hint in NUMERIC if hint in {float, float | None}]
FEW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_an_event_survives_the_wire_byte_for_byte(kind: type[Event]) -> None:
    @seed(SEED)
    @FEW
    @given(instances(kind))
    def check(event: Event) -> None:
        raw = encode_event(event)
        decoded = decode_event(raw)
        assert type(decoded) is kind
        assert decoded == event
        assert encode_event(decoded) == raw

    check()


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_an_event_accepts_fields_that_it_does_not_know(kind: type[Event]) -> None:
    @seed(SEED)
    @settings(FEW, max_examples=1)
    @given(instances(kind))
    def check(event: Event) -> None:
        later = json.loads(encode_event(event)) | {"added_later": {"by": ["somebody"]}}
        assert decode_event(json.dumps(later).encode()) == event

    check()


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_an_event_cannot_be_changed(kind: type[Event]) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.tag == kind.__name__
    assert kind.__doc__, "one sentence: what happened and who says so"


@pytest.mark.parametrize("poison", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(("kind", "field", "hint"), NUMERIC, ids=[f"{k.__name__}.{f}" for k, f, _ in NUMERIC])
def test_a_number_that_is_not_finite_is_refused_by_name(
    kind: type[Value], field: str, hint: Any, poison: str
) -> None:
    value = example(kind)
    fields = {name: getattr(value, name) for name in kind.__struct_fields__}
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{field}: a finite number is required"):
        kind(**fields | {field: spoiled(hint, poison)})


def test_numbers_inside_tuples_and_options_are_looked_at() -> None:
    class Nested(Value, frozen=True, kw_only=True):
        floats: tuple[float, ...] = ()
        decimals: tuple[tuple[str, Decimal], ...] = ()
        maybe: float | None = None

    assert Nested(floats=(1.0,), decimals=(("a", Decimal(1)),), maybe=None)
    for bad in (
        {"floats": (1.0, nan)},
        {"decimals": (("a", Decimal("sNaN")),)},
        {"decimals": (("a", Decimal("-Infinity")),)},
        {"maybe": -inf},
    ):
        with pytest.raises(ValueError, match=rf"Nested\.{next(iter(bad))}: a finite number"):
            Nested(**bad)


@pytest.mark.parametrize("integer", [3, 0, True])
@pytest.mark.parametrize(("kind", "field"), FLOATS, ids=[f"{k.__name__}.{f}" for k, f in FLOATS])
def test_an_integer_is_refused_where_a_float_is_declared(kind: type[Value], field: str, integer: int) -> None:
    value = example(kind)
    fields = {name: getattr(value, name) for name in kind.__struct_fields__}
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{field}: a float is required, got {integer!r}"):
        kind(**fields | {field: integer})


def test_integers_inside_tuples_of_floats_are_refused() -> None:
    class Series(Value, frozen=True, kw_only=True):
        floats: tuple[float, ...] = ()
        pairs: tuple[tuple[int, float], ...] | None = None

    assert Series(floats=(1.0, 2.0), pairs=((1, 2.0),))
    assert Series(pairs=None)
    with pytest.raises(ValueError, match=r"Series\.floats: a float is required"):
        Series(floats=(1.0, 2))
    with pytest.raises(ValueError, match=r"Series\.pairs: a float is required"):
        Series(pairs=((1, 2.0), (3, 4)))


def test_a_whole_number_of_the_wire_is_a_float_where_one_is_declared() -> None:
    check = msgspec.json.decode(b'{"name": "a", "passed": true, "value": 0}', type=Check)
    assert check.value.__class__ is float
    check = msgspec.convert({"name": "a", "passed": True, "value": 7}, type=Check)
    assert check.value.__class__ is float


def test_a_number_that_is_not_finite_is_refused_from_the_wire_too() -> None:
    submitted = json.loads(encode_event(example(OrderSubmitted)))
    raw = json.dumps(submitted | {"quantity": "NaN"}).encode()
    with pytest.raises(msgspec.ValidationError, match=r"OrderSubmitted\.quantity: a finite number"):
        decode_event(raw)


@seed(SEED)
@FEW
@given(st.lists(st.one_of(*(instances(kind) for kind in EVENT_TYPES)), min_size=1, max_size=4))
def test_a_record_survives_the_wire(events: list[Event]) -> None:
    draft = Draft(time_ns=5, cause=3, correlation="trade", events=tuple(events))
    body = encode_body(draft, source=Source.RISK, partition=2, prev="before")
    record = decode_record(body, seq=9)
    assert record.events == draft.events
    assert (record.seq, record.source, record.partition) == (9, Source.RISK, 2)
    assert (record.time_ns, record.cause, record.correlation, record.prev) == (5, 3, "trade", "before")
    assert record.digest == digest(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[]",
        encode_body(
            Draft(time_ns=1, events=(ClockTicked(number=1),)), source=Source.CLOCK, partition=0, prev=""
        ).replace(b"ClockTicked", b"ClockTacked"),
        encode_body(
            Draft(time_ns=1, events=(ClockTicked(number=1),)), source=Source.CLOCK, partition=0, prev=""
        )[:-1],
    ],
)
def test_a_message_that_is_no_record_is_named_by_its_seq(body: bytes) -> None:
    with pytest.raises(RecordUnreadable, match="record 17: "):
        decode_record(body, seq=17)


def test_a_record_says_something() -> None:
    with pytest.raises(AssertionError):
        encode_body(Draft(time_ns=1, events=()), source=Source.CLOCK, partition=0, prev="")
