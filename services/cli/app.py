"""Composes the `breakout` command from its parts, one file per command."""

import typer

app = typer.Typer(
    name="breakout",
    help="An event-sourced crypto breakout-trading system: one log, pure services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
