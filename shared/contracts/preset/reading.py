"""Read a preset from JSON and collect every problem instead of stopping at the first.

msgspec converts each leaf; this module walks the sections by their declared fields, so a field
that is added to a section is read, bounded and explained without a line here.
"""

import difflib
import json
import types
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

from shared.contracts.preset.model import Preset
from shared.contracts.preset.problems import PresetInvalid, Problem
from shared.contracts.preset.relations import RELATIONS
from shared.contracts.preset.wording import expected, got

# The gateway refuses larger request bodies too (RELIABILITY section 4).
MAX_BYTES = 65_536

StructT = TypeVar("StructT", bound=Struct)


class _Object(dict[str, Any]):
    """A JSON object that remembers the keys it was given twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]


def parse_preset(content: bytes, *, source: str = "preset") -> Preset:
    """Return the preset that the JSON text defines; `source` names it in messages.

    Raises PresetInvalid with all problems: broken JSON, unknown, missing or repeated fields,
    wrong types, NaN and infinities, values out of bounds, rules between fields. SPEC section 9.
    """
    problems: list[Problem] = []
    preset = _read_struct(Preset, _decode(content, source), "", problems)
    if preset is None:
        raise PresetInvalid(source, tuple(problems))
    return preset


def _decode(content: bytes, source: str) -> object:
    if len(content) > MAX_BYTES:
        raise _broken(source, f"expected at most {MAX_BYTES} bytes, got {len(content)}")
    try:
        return json.loads(content.decode(), object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _broken(source, f"broken JSON at {place}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise _broken(
            source, f"expected UTF-8 text, got byte 0x{content[error.start]:02x} at {error.start}"
        ) from error
    except RecursionError as error:
        raise _broken(source, "broken JSON: nested too deeply") from error
    except ValueError as error:
        raise _broken(source, f"broken JSON: {error}") from error


def _broken(source: str, message: str) -> PresetInvalid:
    return PresetInvalid(source, (Problem(path="$", message=message),))


def _read_struct(kind: type[StructT], raw: object, path: str, problems: list[Problem]) -> StructT | None:
    """Return the struct, or None after adding at least one problem."""
    if not isinstance(raw, _Object):
        problems.append(Problem(path=path or "$", message=f"expected an object, got {got(raw)}"))
        return None
    found_before = len(problems)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems.extend(_key_problems(raw, tuple(fields), path))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in raw:
            known = len(problems)
            value = _read_value(field.type, raw[name], _join(path, name), problems)
            if len(problems) == known:
                values[name] = value
        elif field.default is NODEFAULT:
            problems.append(
                Problem(path=_join(path, name), message=f"missing, expected {expected(field.type)}")
            )
        else:
            values[name] = field.default
    problems.extend(_violations(kind, values, path))
    return kind(**values) if len(problems) == found_before else None


def _key_problems(raw: _Object, known: tuple[str, ...], path: str) -> list[Problem]:
    problems = [Problem(path=_join(path, key), message="given more than once") for key in raw.repeated]
    for key in raw:
        if key in known:
            continue
        near = difflib.get_close_matches(key[:100], known, n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        problems.append(Problem(path=_join(path, key), message=f"unknown field{hint}"))
    return problems


def _violations(kind: type[Struct], values: Mapping[str, Any], path: str) -> list[Problem]:
    problems = []
    for relation in RELATIONS.get(kind, ()):
        if not values.keys() >= set(relation.fields):
            continue
        message = relation.violation(*(values[name] for name in relation.fields))
        if message is not None:
            problems.append(Problem(path=_join(path, relation.fields[0]), message=message))
    return problems


def _read_value(annotation: Any, raw: object, path: str, problems: list[Problem]) -> Any:
    """Return the converted value; meaningless when a problem was added."""
    shape = _shape(annotation)
    if get_origin(shape) in {Union, types.UnionType}:
        if raw is None:
            return None
        (present,) = (option for option in get_args(shape) if option is not types.NoneType)
        shape = _shape(present)
    if get_origin(shape) is tuple and isinstance(raw, list):
        return _read_tuple(annotation, get_args(shape)[0], raw, path, problems)
    if isinstance(shape, type) and issubclass(shape, Struct):
        return _read_struct(shape, raw, path, problems)
    return _read_leaf(annotation, raw, path, problems)


def _read_tuple(annotation: Any, item: Any, raw: list[Any], path: str, problems: list[Problem]) -> Any:
    known = len(problems)
    values = tuple(_read_value(item, each, f"{path}[{index}]", problems) for index, each in enumerate(raw))
    return _read_leaf(annotation, values, path, problems) if len(problems) == known else values


def _read_leaf(annotation: Any, raw: object, path: str, problems: list[Problem]) -> Any:
    # JSON can spell lone surrogates, and msgspec takes them; written back they would crash.
    if _is_utf8(raw):
        with suppress(msgspec.ValidationError):
            return msgspec.convert(raw, annotation)
    shown = list(raw) if isinstance(raw, tuple) else raw
    problems.append(Problem(path=path, message=f"expected {expected(annotation)}, got {got(shown)}"))
    return None


def _is_utf8(value: object) -> bool:
    return not isinstance(value, str) or not any("\ud800" <= char <= "\udfff" for char in value)


def _shape(annotation: Any) -> Any:
    """Return the type without its metadata."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _join(path: str, key: str) -> str:
    if not key.isidentifier() or not key.isascii() or len(key) > 100:
        return f"{path}[{json.dumps(key[:100])}]"
    return f"{path}.{key}" if path else key
