"""Start the simulator from a command line: `python -m services.simulator --state DIR`."""

import asyncio
import os
import socket
import sys

import uvicorn

from services.simulator.adapters.failures import DataError
from services.simulator.service import Simulator
from services.simulator.settings import Settings, SettingsError, load_settings


def main() -> int:
    """Run until stopped; 2 means that the settings, the data or the port cannot be used."""
    try:
        settings = load_settings(sys.argv[1:], os.environ)
        listener = bind(settings)
        simulator = Simulator(settings)
    except (SettingsError, DataError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    loop_factory = uvicorn.Config(simulator.application).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(simulator.run(listener))
    return 0


def bind(settings: Settings) -> socket.socket:
    """Return a socket bound to the settings' address, before anything else is opened."""
    # The protocol is named because asyncio switches Nagle's delay off only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    return listener


if __name__ == "__main__":
    sys.exit(main())
