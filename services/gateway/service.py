"""Wires the gateway: stateless, so every replica works and none waits for a lease."""

import sys

from services.gateway.adapters.edge import GatewayEdge, PortInUseError
from services.gateway.settings import GatewaySettings, check
from shared.contracts.desk import DeskOpened
from shared.runtime.service import EXIT_SETTINGS, Parts, run_service
from shared.runtime.settings import SettingsInvalid


def main() -> None:
    """Run a gateway until told to stop."""
    run_service("gateway", GatewaySettings, build)


def build(settings: GatewaySettings, _: DeskOpened) -> Parts:
    """Return what the shell is to run; ends the process with a message when it cannot listen."""
    try:
        check(settings.gateway)
        edge = GatewayEdge(settings.gateway)
    except (SettingsInvalid, PortInUseError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_SETTINGS)
    return Parts(edges=(edge,), exclusive=False)
