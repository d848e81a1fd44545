"""Starts a desk in the background: runs `breakout up` again without a terminal, and waits until it is ready."""

import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import typer

from services.cli.home import DeskHome
from services.cli.options import refuse
from services.cli.plan import DeskPlan
from services.cli.supervisor import last_words

DETACH_TIMEOUT_S = 180.0


def detached(plan: DeskPlan, desk_home: DeskHome, *, confirm_live: bool) -> None:
    """Start the desk in a session of its own; return when it is ready, or end with what it said."""
    log = desk_home.logs / "up.log"
    command = [
        sys.executable, "-m", "services.cli", "up", "--mode", plan.mode, "--preset", plan.preset,
        "--symbols", str(plan.symbols), "--seed", str(plan.seed), "--speed", str(plan.speed),
        "--desk", plan.desk, "--port", str(plan.port), "--home", str(plan.path.parent),
        "--partitions", str(plan.partitions),
    ]  # fmt: skip
    command += ["--data", str(plan.data)] if plan.data else []
    command += ["--confirm-live"] if confirm_live else []
    try:
        desk_home.logs.mkdir(parents=True, exist_ok=True)
        output = log.open("wb")
    except OSError as error:
        refuse_home(desk_home, error)
    with output:
        child = subprocess.Popen(  # noqa: S603  our own command line
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        headline = _await_ready(child, desk_home, log)
    except KeyboardInterrupt:
        # What was interrupted before it was ready is not left running unseen.
        child.terminate()
        child.wait()
        raise
    typer.echo(headline)


def _await_ready(child: "subprocess.Popen[bytes]", desk_home: DeskHome, log: Path) -> str:
    deadline = time.monotonic() + DETACH_TIMEOUT_S
    run = None
    while run is None or not run.ready:
        if child.poll() is not None:
            refuse(_message_in(log), code=child.returncode or 1)
        if time.monotonic() > deadline:
            child.terminate()
            refuse(f"not ready after {DETACH_TIMEOUT_S:g} s; see {desk_home.logs}", code=1)
        time.sleep(0.05)
        run = desk_home.running()
    return run.headline


def _message_in(log: Path) -> str:
    """Return what a detached `up` has said to its user, without the marks of `refuse`."""
    text = "\n" + log.read_text(encoding="utf-8", errors="replace")
    _, refused, message = text.rpartition("\nbreakout: ")
    return message.strip() if refused else last_words(log)


def refuse_home(desk_home: DeskHome, error: OSError) -> NoReturn:
    """End with the operating system's reason for which the state cannot be kept there."""
    refuse(f"--home {desk_home.path.parent}: {error.strerror}; choose a folder that can be written")
