"""Shows and checks presets: the trading rules a desk can be started with."""

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from services.cli.options import EXIT_CHECKED_AND_WRONG, JsonOption, refuse
from shared.contracts.preset import (
    Preset,
    PresetError,
    PresetInvalid,
    Problem,
    encode_preset,
    load_preset,
    preset_digest,
    preset_names,
    preset_schema,
)

app = typer.Typer(help="Show and check trading rules.", no_args_is_help=True)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One preset of the catalogue; `problems` when its file cannot be used."""

    name: str
    description: str
    digest: str
    problems: tuple[str, ...] = ()


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """What checking one preset has found."""

    source: str
    valid: bool
    digest: str = ""
    problems: tuple[Problem, ...] = ()


@app.command("list")
def list_presets(*, as_json: JsonOption = False) -> None:
    """List the presets that can be named."""
    listed = [_listed(name) for name in preset_names()]
    if as_json:
        typer.echo(_json(listed))
        return
    width = max((len(each.name) for each in listed), default=0)
    for each in listed:
        typer.echo(f"{each.name:<{width}}  {'; '.join(each.problems) or each.description}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="A preset's name, or a file.")]) -> None:
    """Print a preset with every default written out, as JSON."""
    try:
        preset = _load(name)
    except PresetError as error:
        refuse(str(error))
    typer.echo(msgspec.json.format(encode_preset(preset), indent=2))


@app.command()
def validate(
    name: Annotated[str, typer.Argument(help="A preset's name, or a file.")], *, as_json: JsonOption = False
) -> None:
    """Check a preset and list every problem with the path of its field; exit 1 when there is one."""
    try:
        preset = _load(name)
    except PresetInvalid as error:
        found = Validated(source=error.source, valid=False, problems=error.problems)
        if not as_json:
            refuse(str(error), code=EXIT_CHECKED_AND_WRONG)
        typer.echo(_json(found))
        raise typer.Exit(EXIT_CHECKED_AND_WRONG) from error
    except PresetError as error:
        refuse(str(error))
    digest = preset_digest(preset)
    if as_json:
        typer.echo(_json(Validated(source=name, valid=True, digest=digest)))
    else:
        typer.echo(f"{name} is valid: {preset.name}, digest {digest[:16]}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a preset file."""
    typer.echo(json.dumps(preset_schema(), indent=2))


def _load(name: str) -> Preset:
    """Load by name, or from a file when what is given looks like a path or is one."""
    path = Path(name)
    is_file = path.suffix == ".json" or len(path.parts) > 1
    return load_preset(path if is_file else name)


def _listed(name: str) -> Listed:
    try:
        preset = load_preset(name)
    except PresetInvalid as error:
        return Listed(name=name, description="", digest="", problems=tuple(map(str, error.problems)))
    except PresetError as error:
        return Listed(name=name, description="", digest="", problems=(str(error),))
    return Listed(name=name, description=preset.description, digest=preset_digest(preset))


def _json(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
