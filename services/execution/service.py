"""Wires the execution service: the decider, and the edge to its venue."""

from services.execution.adapters.venue_edge import VenueEdge
from services.execution.domain.processor import ExecutionProcessor
from services.execution.settings import ExecutionSettings
from shared.contracts.desk import DeskOpened, Mode
from shared.runtime.service import Parts, run_service
from shared.runtime.settings import SettingsInvalid


def build(settings: ExecutionSettings, opened: DeskOpened) -> Parts:
    """Return what the execution service consists of.

    Raises:
        SettingsInvalid: the desk is one that must not send what this service would send.
    """
    if opened.mode is Mode.PAPER:
        # The one venue there is takes every order for a real one.
        raise SettingsInvalid(
            f"BREAKOUT__DESK__MODE: desk {opened.desk!r} is a paper desk, whose orders this version would send "
            "to the real exchange; use a demo desk, or a live one with small limits"
        )
    return Parts(processor=ExecutionProcessor(), edges=(VenueEdge(settings),))


def main() -> None:
    """Run the service until a signal ends it."""
    run_service("execution", ExecutionSettings, build)
