"""Exports the JSON Schemas of a log's record and of a preset, and says which change would break readers.

The schemas are committed, so that a reader in another language has something to hold on to and a
review sees what a change does to the wire. `python -m shared.contracts.schema` writes them and refuses
a change that makes existing logs or presets unreadable; `--check` fails when they are stale.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from shared.contracts.codec import Body
from shared.contracts.preset import preset_schema

Schema = dict[str, Any]

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
TYPE_KEYS = ("$ref", "type", "format", "contentEncoding")
LEAST_KEYS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
MOST_KEYS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def schemas() -> dict[str, Schema]:
    """Return every schema by its file name: the record with all event types, and the preset."""
    record = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Breakout record",
        **msgspec.json.schema(Body),
    }
    # Through JSON, so that tuples and structs among the defaults are lists and objects.
    plain: Schema = json.loads(msgspec.json.encode(record))
    return {"record.schema.json": plain, "preset.schema.json": preset_schema()}


def written(schema: Schema) -> str:
    """Return a schema as its file's text; keys are sorted, so the order of fields makes no difference."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def stale(folder: Path = SCHEMAS) -> tuple[str, ...]:
    """Return the names of the files in `folder` that are missing or not what the code says."""
    return tuple(name for name, schema in schemas().items() if _text(folder / name) != written(schema))


def breaches(committed: Schema, proposed: Schema) -> tuple[str, ...]:
    """Return what in `proposed` would refuse or lose something that `committed` accepts; none if nothing.

    Removed types and fields, changed types, fields that have become required, removed enum values,
    narrower bounds, and unknown fields that are refused where they were accepted.
    """
    old, new = committed.get("$defs", {}), proposed.get("$defs", {})
    found: list[str] = []
    for name, definition in old.items():
        if name not in new:
            found.append(f"{name}: removed")
        else:
            found.extend(_differences(name, definition, new[name]))
    top = {key: value for key, value in committed.items() if key != "$defs"}
    found.extend(_differences("", top, proposed))
    return tuple(found)


def _differences(path: str, old: Schema, new: Schema) -> Iterator[str]:
    """Compare branch by branch: each alternative of the old type must be one of the new type."""
    alternatives = {_kind(branch): branch for branch in new.get("anyOf", [new])}
    for branch in old.get("anyOf", [old]):
        other = alternatives.get(_kind(branch))
        if other is None:
            yield f"{path}: {_word(branch)} is accepted no longer"
            continue
        yield from _narrowed(path, branch, other)
        yield from _object_differences(path, branch, other)
        if isinstance(branch.get("items"), dict):
            yield from _differences(f"{path}[]", branch["items"], other.get("items") or {})


def _narrowed(path: str, old: Schema, new: Schema) -> Iterator[str]:
    if "enum" in new:
        gone = [value for value in old.get("enum", ()) if value not in new["enum"]]
        yield from (f"{path}: the value {value!r} is removed" for value in gone)
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{path}: another pattern, {new['pattern']}"
    for key in LEAST_KEYS:
        if key in new and (key not in old or new[key] > old[key]):
            yield f"{path}: {key} is raised to {new[key]}"
    for key in MOST_KEYS:
        if key in new and (key not in old or new[key] < old[key]):
            yield f"{path}: {key} is lowered to {new[key]}"


def _object_differences(path: str, old: Schema, new: Schema) -> Iterator[str]:
    fields, others = old.get("properties", {}), new.get("properties", {})
    for name, field in fields.items():
        if name not in others:
            yield f"{path}.{name}: removed"
        else:
            yield from _differences(f"{path}.{name}", field, others[name])
    for name in new.get("required", ()):
        if name not in old.get("required", ()):
            yield f"{path}.{name}: has become required"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{path}: unknown fields are refused"


def _kind(branch: Schema) -> tuple[Any, ...]:
    return tuple(branch.get(key) for key in TYPE_KEYS)


def _word(branch: Schema) -> str:
    return " ".join(str(part) for part in _kind(branch) if part is not None) or "anything"


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _breaches_in(folder: Path) -> list[str]:
    found: list[str] = []
    for name, schema in schemas().items():
        text = _text(folder / name)
        if text:
            found.extend(f"{name}: {breach}" for breach in breaches(json.loads(text), schema))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Write, check or compare the schema files; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m shared.contracts.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.add_argument("--folder", type=Path, default=SCHEMAS, help="where the files are (docs/schemas)")
    parser.add_argument("--allow-breaking", action="store_true", help="write even what breaks readers")
    chosen = parser.parse_args(arguments)
    folder: Path = chosen.folder
    if chosen.check:
        problems = [f"{name}: stale; run python -m shared.contracts.schema" for name in stale(folder)]
    else:
        problems = [] if chosen.allow_breaking else _breaches_in(folder)
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 1
    if not chosen.check:
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in schemas().items():
            (folder / name).write_text(written(schema), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
