"""Wires the signal service: one processor, no edges."""

from services.signals.domain.processor import SignalsProcessor
from services.signals.settings import SignalsSettings
from shared.contracts.desk import DeskOpened
from shared.runtime.service import Parts, run_service


def main() -> None:
    run_service("signals", SignalsSettings, build)


def build(settings: SignalsSettings, opened: DeskOpened) -> Parts:
    """Return the parts of the partition that the settings name."""
    partition = settings.signals.partition
    return Parts(processor=SignalsProcessor(partition, opened.partitions), partition=partition)
