"""Composes the `breakout` command from its parts, one file per command."""

import typer

from services.cli import log, presets
from services.cli.books import books
from services.cli.down import down
from services.cli.engine import engine
from services.cli.explain import explain
from services.cli.replay import replay
from services.cli.status import status
from services.cli.up import up

app = typer.Typer(
    name="breakout",
    help="An event-sourced crypto breakout-trading system: one log, pure services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(engine)
app.command()(explain)
app.command()(books)
app.command()(replay)
app.add_typer(log.app, name="log")
app.add_typer(presets.app, name="presets")
