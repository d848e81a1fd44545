"""Mutate valid presets at random: every mutation is refused by path, and nothing else is raised."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.preset import (
    Preset,
    PresetInvalid,
    default_presets_dir,
    encode_preset,
    parse_preset,
    preset_digest,
    preset_names,
)

SOURCES = {name: (default_presets_dir() / f"{name}.json").read_text() for name in preset_names()}
# No deadline: a busy machine is no failure. The blob replays a failing example.
STEADY = settings(deadline=None, print_blob=True)
Path = tuple[str | int, ...]


def _nodes(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from _nodes(child, (*path, key))


def _written(path: Path) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "$"


def _at(raw: Any, path: Path) -> Any:
    for step in path:
        raw = raw[step]
    return raw


LEAVES = [
    (name, path, value)
    for name, text in SOURCES.items()
    for path, value in _nodes(json.loads(text))
    if not isinstance(value, dict | list)
]
OBJECTS = [
    (name, path)
    for name, text in SOURCES.items()
    for path, value in _nodes(json.loads(text))
    if isinstance(value, dict)
]


def _wrong_for(value: object) -> st.SearchStrategy[Any]:
    wrong: list[Any] = [[], {}, [value], float("nan"), float("inf"), float("-inf")]
    if isinstance(value, bool):
        wrong += [1, "true"]
    elif isinstance(value, str):
        wrong += [1, True, None, "\ud800"]
    else:
        wrong += [str(value), True, 1e300, -1e300, 10**300]
    return st.sampled_from(wrong)


def _parsed(raw: object) -> Preset:
    try:
        return parse_preset(json.dumps(raw).encode())
    except PresetInvalid as refusal:
        str(refusal).encode()
        raise


def _refusal(raw: object) -> set[str]:
    with pytest.raises(PresetInvalid) as caught:
        parse_preset(json.dumps(raw).encode())
    return {problem.path for problem in caught.value.problems}


@STEADY
@given(st.data())
def test_a_leaf_of_a_wrong_type_is_refused_by_its_path(data: st.DataObject) -> None:
    name, path, value = data.draw(st.sampled_from(LEAVES))
    raw = json.loads(SOURCES[name])
    _at(raw, path[:-1])[path[-1]] = data.draw(_wrong_for(value))
    assert _refusal(raw) == {_written(path)}


@STEADY
@given(st.sampled_from(OBJECTS), st.from_regex(r"\A[a-z_]{1,30}\Z"))
def test_an_unknown_field_is_refused_by_its_path(where: tuple[str, Path], key: str) -> None:
    name, path = where
    raw = json.loads(SOURCES[name])
    _at(raw, path)[f"x_{key}"] = 1
    assert _refusal(raw) == {_written((*path, f"x_{key}"))}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@STEADY
@given(st.data())
def test_any_json_anywhere_is_either_a_preset_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SOURCES)))
    raw = json.loads(SOURCES[name])
    path, _ = data.draw(st.sampled_from([node for node in _nodes(raw) if node[0]]))
    _at(raw, path[:-1])[path[-1]] = data.draw(_JSON)
    # Anything else that is raised, by the reader, the digest or the message, fails the test.
    with suppress(PresetInvalid):
        preset_digest(_parsed(raw))


@STEADY
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_and_crash_nothing(content: bytes) -> None:
    with pytest.raises(PresetInvalid):
        parse_preset(content)


def _shuffled(value: Any, data: st.DataObject) -> Any:
    if isinstance(value, dict):
        keys = data.draw(st.permutations(list(value)))
        return {key: _shuffled(value[key], data) for key in keys}
    return [_shuffled(item, data) for item in value] if isinstance(value, list) else value


@STEADY
@given(st.data())
def test_the_digest_does_not_depend_on_the_order_of_keys(data: st.DataObject) -> None:
    text = SOURCES[data.draw(st.sampled_from(sorted(SOURCES)))]
    shuffled = json.dumps(_shuffled(json.loads(text), data))
    assert preset_digest(parse_preset(shuffled.encode())) == preset_digest(parse_preset(text.encode()))


def test_the_digest_depends_on_rules_and_not_on_how_they_are_written() -> None:
    text = SOURCES["breakout_v1"]
    digest = preset_digest(parse_preset(text.encode()))
    same = text.replace('"tp2_r": 2.8', '"tp2_r": 2.80, "sl_r": 1.0')
    other = text.replace('"tp2_r": 2.8', '"tp2_r": 2.9')
    assert same != text
    assert preset_digest(parse_preset(same.encode())) == digest
    assert preset_digest(parse_preset(other.encode())) != digest


def test_the_canonical_form_has_sorted_keys_and_every_default() -> None:
    canonical = encode_preset(parse_preset(SOURCES["breakout_v1"].encode()))
    decoded = json.loads(canonical)
    assert decoded["risk"]["max_consecutive_losses"] == 5
    assert json.dumps(decoded, sort_keys=True, separators=(",", ":")) == canonical.decode()
