"""Wires the scanner: one processor, no edges."""

from services.scanner.domain.processor import ScannerProcessor
from services.scanner.settings import ScannerSettings
from shared.contracts.desk import DeskOpened
from shared.runtime.service import Parts, run_service


def main() -> None:
    """Run one partition of the scanner until told to stop."""
    run_service("scanner", ScannerSettings, build)


def build(settings: ScannerSettings, opened: DeskOpened) -> Parts:
    """Return the parts of the partition that the settings name."""
    partition = settings.scanner.partition
    return Parts(processor=ScannerProcessor(partition, opened.partitions), partition=partition)
