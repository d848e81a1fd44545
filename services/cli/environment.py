"""Reads every process's settings before the first one is started, so that all that is wrong is told at once.

Each process checks its own settings again: it may be started without this command.
"""

from collections.abc import Iterable

import msgspec

from services.cli.plan import ProcessPlan
from services.execution.settings import ExecutionSettings
from services.gateway.settings import GatewaySettings, check
from services.market.settings import MarketSettings
from services.orchestrator.settings import OrchestratorSettings
from services.risk.settings import RiskSettings
from services.scanner.settings import ScannerSettings
from services.signals.settings import SignalsSettings
from services.simulator.settings import SettingsError
from services.simulator.settings import load_settings as load_simulator_settings
from shared.runtime.settings import PREFIX, SECTIONS, Settings, SettingsInvalid, load_settings

KINDS: dict[str, type[Settings]] = {
    "services.execution": ExecutionSettings,
    "services.gateway": GatewaySettings,
    "services.market": MarketSettings,
    "services.orchestrator": OrchestratorSettings,
    "services.risk": RiskSettings,
    "services.scanner": ScannerSettings,
    "services.signals": SignalsSettings,
}
READ = {field.name for kind in KINDS.values() for field in msgspec.structs.fields(kind)} | {"simulator"}


def check_settings(plans: Iterable[ProcessPlan]) -> None:
    """Refuse settings that a process of the desk would refuse.

    Raises:
        SettingsInvalid: with a line for every unknown key and unusable value.
    """
    problems: list[str] = []
    for plan in plans:
        problems += _unread(plan)
        try:
            _check(plan)
        except (SettingsInvalid, SettingsError) as error:
            problems += str(error).splitlines()
    if problems:
        raise SettingsInvalid("\n".join(dict.fromkeys(problems)))


def _unread(plan: ProcessPlan) -> list[str]:
    """Return the variables of sections in which no service of ours reads anything."""
    prefixes = tuple(f"{PREFIX}{name.upper()}__" for name in SECTIONS - READ)
    return [
        f"{name}: no such setting; limits and other rules of trading are the preset's"
        for name in sorted(plan.environment)
        if name.startswith(prefixes)
    ]


def _check(plan: ProcessPlan) -> None:
    if plan.module == "services.simulator":
        load_simulator_settings([], plan.environment)
        return
    settings = load_settings(KINDS[plan.module], plan.environment)
    if isinstance(settings, GatewaySettings):
        check(settings.gateway)
