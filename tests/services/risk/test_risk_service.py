"""The risk process is its processor and nothing else."""

from services.risk.domain.processor import RiskProcessor
from services.risk.service import build
from services.risk.settings import RiskSettings
from shared.contracts.desk import DeskOpened, Mode
from shared.runtime.settings import load_settings


def test_the_settings_of_the_environment_build_the_processor() -> None:
    environ = {"BREAKOUT__SIGNALS__PARTITION": "1", "BREAKOUT__DESK__NAME": "d"}
    opened = DeskOpened(
        desk="d", desk_id="00000000-0000-5000-8000-000000000001", mode=Mode.DEMO, partitions=2
    )
    parts = build(load_settings(RiskSettings, environ), opened)
    assert isinstance(parts.processor, RiskProcessor)
    assert parts.edges == ()
