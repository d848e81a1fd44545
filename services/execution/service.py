"""Wires the execution service: the decider, and the edge to its venue."""

from services.execution.adapters.venue_edge import VenueEdge
from services.execution.domain.processor import ExecutionProcessor
from services.execution.settings import ExecutionSettings
from shared.contracts.desk import DeskOpened
from shared.runtime.service import Parts, run_service


def build(settings: ExecutionSettings, _opened: DeskOpened) -> Parts:
    """Return what the execution service consists of."""
    return Parts(processor=ExecutionProcessor(), edges=(VenueEdge(settings),))


def main() -> None:
    """Run the service until a signal ends it."""
    run_service("execution", ExecutionSettings, build)
