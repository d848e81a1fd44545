"""Declares the options that several commands share, and how a refusal is told."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

EXIT_CHECKED_AND_WRONG = 1
EXIT_BAD_INPUT = 2

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of all state.", show_default="$BREAKOUT_HOME, else ~/.breakout"),
]
DeskOption = Annotated[str, typer.Option("--desk", help="Name of the desk.")]
NatsOption = Annotated[
    str | None,
    typer.Option("--nats", help="URL of the broker.", show_default="of the desk that runs here"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def refuse(message: str, code: int = EXIT_BAD_INPUT) -> NoReturn:
    """End with a clear line (or lines) on stderr."""
    sys.stderr.write(f"breakout: {message}\n")
    raise typer.Exit(code)
