"""Check that the committed schemas are fresh, and that no change which breaks readers goes unnoticed."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.contracts.codec import EVENT_TYPES, encode_body
from shared.contracts.desk import Source
from shared.contracts.preset import encode_preset, load_preset, preset_names
from shared.contracts.record import Draft
from shared.contracts.schema import SCHEMAS, Schema, breaches, main, schemas, stale
from tests.contracts.test_golden_events import example

PRESET = jsonschema.Draft202012Validator(schemas()["preset.schema.json"])
COMMITTED: Schema = {
    "$ref": "#/$defs/Order",
    "$defs": {
        "Order": {
            "type": "object",
            "properties": {
                "side": {"$ref": "#/$defs/Side"},
                "quantity": {"type": "string", "format": "decimal"},
                "price": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
                "depth": {"type": "integer", "minimum": 1, "maximum": 9},
                "name": {"type": "string", "pattern": "^a"},
            },
            "required": ["side", "quantity"],
        },
        "Side": {"enum": ["buy", "sell"]},
    },
}


def changed(path: str, value: Any) -> Schema:
    """Return the schema with one thing at `path` set to `value`, or removed when it is None."""
    schema: Any = deepcopy(COMMITTED["$defs"])
    *parents, last = path.split("/")
    node = schema
    for name in parents:
        node = node[name]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return COMMITTED | {"$defs": schema}


FIELD = "Order/properties"


@pytest.mark.parametrize(
    ("path", "value", "breach"),
    [
        ("Order", None, "Order: removed"),
        (f"{FIELD}/price", None, "Order.price: removed"),
        (f"{FIELD}/quantity", {"type": "number"}, "Order.quantity: string decimal is accepted no longer"),
        (f"{FIELD}/depth/type", "number", "Order.depth: integer is accepted no longer"),
        (f"{FIELD}/price", {"type": "number"}, "Order.price: null is accepted no longer"),
        (f"{FIELD}/tags/items/type", "integer", "Order.tags[]: string is accepted no longer"),
        ("Order/required", ["side", "quantity", "price"], "Order.price: has become required"),
        ("Order/required", ["side", "quantity", "added"], "Order.added: has become required"),
        ("Side/enum", ["buy"], "Side: the value 'sell' is removed"),
        (f"{FIELD}/depth/minimum", 2, "Order.depth: minimum is raised to 2"),
        (f"{FIELD}/depth/maximum", 8, "Order.depth: maximum is lowered to 8"),
        (f"{FIELD}/depth/exclusiveMinimum", 1, "Order.depth: exclusiveMinimum is raised to 1"),
        (f"{FIELD}/tags/maxItems", 4, "Order.tags: maxItems is lowered to 4"),
        (f"{FIELD}/name/pattern", "^b", "Order.name: another pattern, ^b"),
        ("Order/additionalProperties", False, "Order: unknown fields are refused"),
        (f"{FIELD}/side/$ref", "#/$defs/Other", "Order.side: #/$defs/Side is accepted no longer"),
    ],
)
def test_a_change_that_breaks_readers_is_named(path: str, value: Any, breach: str) -> None:
    assert breaches(COMMITTED, changed(path, value)) == (breach,)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{FIELD}/added", {"type": "string", "default": ""}),
        (f"{FIELD}/depth", {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}),
        (f"{FIELD}/depth/maximum", None),
        (f"{FIELD}/name/pattern", None),
        (f"{FIELD}/depth/description", "How deep."),
        ("Order/required", ["side"]),
        ("Side/enum", ["hold", "sell", "buy"]),
        ("Added", {"type": "object"}),
    ],
)
def test_a_change_that_readers_survive_is_allowed(path: str, value: Any) -> None:
    assert breaches(COMMITTED, changed(path, value)) == ()


def test_the_committed_schemas_are_what_the_code_says() -> None:
    assert stale() == (), "run python -m shared.contracts.schema"
    assert {file.name for file in SCHEMAS.glob("*.json")} == set(schemas())


def test_every_schema_is_compatible_with_itself() -> None:
    for schema in schemas().values():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert breaches(schema, schema) == ()


def test_the_record_schema_accepts_every_event() -> None:
    validator = jsonschema.Draft202012Validator(schemas()["record.schema.json"])
    draft = Draft(time_ns=1, events=tuple(example(kind) for kind in EVENT_TYPES))
    body = json.loads(encode_body(draft, source=Source.RISK, partition=0, prev=""))
    validator.validate(body)
    body["events"][0]["type"] = "Unheard"
    assert not validator.is_valid(body)


@pytest.mark.parametrize("name", preset_names())
def test_the_preset_schema_accepts_every_preset(name: str) -> None:
    preset = json.loads(encode_preset(load_preset(name)))
    PRESET.validate(preset)


def test_the_command_writes_checks_and_refuses_to_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(tmp_path / "schemas")]
    assert main([*folder, "--check"]) == 1
    assert main(folder) == 0
    assert main([*folder, "--check"]) == 0

    file = tmp_path / "schemas" / "record.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    schema["$defs"]["ClockTicked"]["properties"]["colour"] = {"type": "string"}
    file.write_text(json.dumps(schema), encoding="utf-8")
    capsys.readouterr()
    assert main([*folder, "--check"]) == 1
    assert main(folder) == 1
    assert "record.schema.json: ClockTicked.colour: removed" in capsys.readouterr().err
    assert main([*folder, "--allow-breaking"]) == 0
    assert main([*folder, "--check"]) == 0
