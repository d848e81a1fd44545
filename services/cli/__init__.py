"""Is the `breakout` command: starts, stops, asks and checks a desk.

It composes services as processes and reads the log; it decides nothing.
"""

from services.cli.app import app


def main() -> None:
    """Run the command line."""
    app()
