"""Wires the gateway: stateless, so every replica works and none waits for a lease."""

import os
import sys
from contextlib import suppress

from services.gateway.adapters.edge import GatewayEdge, PortInUseError
from services.gateway.settings import GatewaySettings, check
from shared.contracts.desk import DeskOpened
from shared.runtime.service import EXIT_SETTINGS, Parts, run_service
from shared.runtime.settings import SettingsInvalid, load_settings


def main() -> None:
    """Run a gateway until told to stop; what keeps it from listening shows before it connects."""
    edges: list[GatewayEdge] = []
    # Settings that cannot be read at all are the shell's to report, for every service alike.
    with suppress(SettingsInvalid):
        edges.append(_listening(load_settings(GatewaySettings, os.environ)))

    def build(_: GatewaySettings, __: DeskOpened) -> Parts:
        return Parts(edges=tuple(edges), exclusive=False)

    run_service("gateway", GatewaySettings, build)


def _listening(settings: GatewaySettings) -> GatewayEdge:
    """Return a gateway that holds its port, or end the process with a message."""
    try:
        check(settings.gateway)
        return GatewayEdge(settings.gateway)
    except (SettingsInvalid, PortInUseError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_SETTINGS)
