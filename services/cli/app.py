"""Composes the `breakout` command from its parts, one file per command."""

import typer

from services.cli.down import down
from services.cli.engine import engine
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
