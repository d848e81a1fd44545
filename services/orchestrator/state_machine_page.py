"""Writes `docs/state-machine.md`, so that the picture and the table in the code never differ."""

from pathlib import Path

from services.orchestrator.domain.transitions import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "state-machine.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
