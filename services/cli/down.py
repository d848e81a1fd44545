"""Ends a detached desk: every process, in order; the log and the account stay."""

import os
import signal
import time

from services.cli.home import DeskHome, HomeInvalid, default_home, is_alive
from services.cli.options import DeskOption, HomeOption, refuse

TIMEOUT_S = 30.0


def down(*, desk: DeskOption = "main", home: HomeOption = None) -> None:
    """End a running desk. Open positions keep their stops at the exchange."""
    desk_home = DeskHome(home or default_home(), desk)
    try:
        run = desk_home.running()
    except HomeInvalid as error:
        refuse(str(error))
    if run is None:
        refuse(f"desk {desk!r} is not running")
    os.kill(run.supervisor_pid, signal.SIGTERM)
    deadline = time.monotonic() + TIMEOUT_S
    while is_alive(run.supervisor_pid):
        if time.monotonic() > deadline:
            refuse(f"pid {run.supervisor_pid} has not ended after {TIMEOUT_S:g} s", code=1)
        time.sleep(0.05)
