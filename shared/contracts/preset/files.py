"""Find preset files by name, and write presets back in one canonical form.

A name is checked before the file system is asked, so no name reaches outside the folder.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from shared.contracts.preset.model import Preset
from shared.contracts.preset.problems import (
    PresetInvalid,
    PresetNameRefused,
    PresetNotFound,
    PresetUnreadable,
    Problem,
)
from shared.contracts.preset.reading import MAX_BYTES, parse_preset

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def default_presets_dir() -> Path:
    """Return the `presets` folder beside the `shared` package, in a checkout or installed."""
    return Path(__file__).resolve().parents[3] / "presets"


def preset_names(directory: Path | None = None) -> tuple[str, ...]:
    """Return the names of the preset files in the folder, sorted; none if there is no folder."""
    folder = default_presets_dir() if directory is None else directory
    return tuple(sorted(file.stem for file in folder.glob("*.json") if _NAME.fullmatch(file.stem)))


def load_preset(name_or_path: str | Path, directory: Path | None = None) -> Preset:
    """Return the preset called `name_or_path` in `directory`, or the one in that file.

    A `str` is always a name and a `Path` always a file. Raises PresetNameRefused, PresetNotFound,
    PresetUnreadable or PresetInvalid; a preset asked for by name must carry that name.
    """
    if isinstance(name_or_path, Path):
        return parse_preset(_content(name_or_path), source=str(name_or_path))
    if not _NAME.fullmatch(name_or_path):
        raise PresetNameRefused(name_or_path)
    path = (default_presets_dir() if directory is None else directory) / f"{name_or_path}.json"
    preset = parse_preset(_content(path), source=str(path))
    if preset.name != name_or_path:
        message = f"expected {name_or_path} as the file is called, got {preset.name}"
        raise PresetInvalid(str(path), (Problem(path="name", message=message),))
    return preset


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed tells an oversized file without reading all of it.
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PresetNotFound(path, preset_names(path.parent)) from error
    except OSError as error:
        raise PresetUnreadable(path, error) from error


def encode_preset(preset: Preset) -> bytes:
    """Return the preset as canonical JSON: sorted keys, every default written out."""
    return msgspec.json.encode(preset, order="sorted")


def preset_digest(preset: Preset) -> str:
    """Return the SHA-256 of the canonical JSON, in hex: equal rules, equal digest."""
    return hashlib.sha256(encode_preset(preset)).hexdigest()


def preset_schema() -> dict[str, Any]:
    """Return the JSON Schema of a preset file: descriptions, units (`x-unit`), bounds, defaults."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Breakout preset",
        **msgspec.json.schema(Preset),
    }
    # Through JSON, so that default tuples and structs are the lists and objects of a schema.
    decoded: dict[str, Any] = json.loads(msgspec.json.encode(schema))
    return decoded
