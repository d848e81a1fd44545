"""Wires the orchestrator: its processor and its clock."""

from services.orchestrator.adapters.clock import ClockEdge
from services.orchestrator.domain.health import required
from services.orchestrator.domain.processor import OrchestratorProcessor
from services.orchestrator.settings import OrchestratorSettings
from shared.contracts.desk import DeskOpened
from shared.runtime.service import Parts, run_service


def main() -> None:
    """Run the orchestrator until told to stop."""
    run_service("orchestrator", OrchestratorSettings, build)


def build(settings: OrchestratorSettings, opened: DeskOpened) -> Parts:
    """Return what the shell is to run."""
    expected = tuple(
        (service, int(n)) for service, n in (key.split(".") for key in required(opened.partitions))
    )
    return Parts(
        processor=OrchestratorProcessor(opened.partitions),
        edges=(ClockEdge(expected=expected, poll_s=settings.orchestrator.seen_poll_s),),
    )
