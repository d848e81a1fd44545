"""Check that the published JSON Schema explains and bounds every field, and that the log carries presets."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from shared.contracts.codec import decode_event, encode_event
from shared.contracts.engine import PresetActivated
from shared.contracts.preset import load_preset, preset_digest, preset_names, preset_schema

SCHEMA = preset_schema()
SECTIONS = {name: section for name, section in SCHEMA["$defs"].items() if "properties" in section}


def _allows(branch: dict[str, Any]) -> bool:
    """Whether a branch admits a number of any size."""
    low = "minimum" in branch or "exclusiveMinimum" in branch
    high = "maximum" in branch or "exclusiveMaximum" in branch
    return branch.get("type") in {"number", "integer"} and not (low and high)


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_is_explained_and_every_number_is_bounded_on_both_sides(section: str) -> None:
    for name, field in SECTIONS[section]["properties"].items():
        assert field["description"].endswith("."), name
        for branch in (field, *field.get("anyOf", ())):
            assert not _allows(branch), f"{section}.{name} has no bounds"
            assert branch.get("type") not in {"number", "integer"} or branch["x-unit"], name


@pytest.mark.parametrize("section", SECTIONS)
def test_no_section_admits_unknown_fields(section: str) -> None:
    assert SECTIONS[section]["additionalProperties"] is False


def test_optional_fields_state_their_default() -> None:
    for section in SECTIONS.values():
        optional = section["properties"].keys() - set(section.get("required", ()))
        assert all("default" in section["properties"][name] for name in optional)


def test_a_preset_made_in_code_refuses_nan_and_cannot_be_changed() -> None:
    preset = load_preset("breakout_v1")
    with pytest.raises(ValueError, match=r"RiskLimits\.risk_per_trade: a finite number is required"):
        msgspec.structs.replace(preset.risk, risk_per_trade=float("nan"))
    with pytest.raises(AttributeError):
        preset.name = "other"  # type: ignore[misc]
    changed = msgspec.structs.replace(preset, name="integration_test")
    assert preset_digest(changed) != preset_digest(preset)


@pytest.mark.parametrize("name", preset_names())
def test_the_preset_in_force_survives_the_log(name: str) -> None:
    preset = load_preset(name)
    activated = PresetActivated(digest=preset_digest(preset), preset=preset)
    decoded = decode_event(encode_event(activated))
    assert decoded == activated
    assert isinstance(decoded, PresetActivated)
    assert preset_digest(decoded.preset) == activated.digest
