"""Wires the risk service: one processor, no edges."""

from services.risk.domain.processor import RiskProcessor
from services.risk.settings import RiskSettings
from shared.contracts.desk import DeskOpened
from shared.runtime.service import Parts, run_service


def main() -> None:
    run_service("risk", RiskSettings, build)


def build(_settings: RiskSettings, _opened: DeskOpened) -> Parts:
    return Parts(processor=RiskProcessor())
