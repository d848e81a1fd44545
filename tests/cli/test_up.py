"""What `breakout up` does with input it cannot use: a clear word, an exit code, and nothing left behind."""

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.home import DeskHome, RunningProcess
from services.cli.plan import ProcessPlan
from services.cli.supervisor import CRASH_LOOP_ENDS, Supervisor
from shared.contracts.preset import encode_preset, load_preset
from shared.log.server import PrivateServer

ROOT = Path(__file__).parents[2]
REFUSED_WITHIN_S = 15.0
FAILED_WITHIN_S = 45.0
READY_WITHIN_S = 60.0


def program(*words: object, **environment: str) -> subprocess.Popen[str]:
    """Run a module of ours in an environment without settings but these."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("BREAKOUT")}
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)],
        cwd=ROOT,
        env=own | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def up(home: Path, *words: object, **environment: str) -> tuple[int, str]:
    """Start a desk that cannot start; return the exit code and what it said."""
    process = start(home, *words, **environment)
    try:
        output, errors = process.communicate(timeout=FAILED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        raise
    assert not output
    assert "Traceback" not in errors
    assert not left_alive(home), errors
    assert not list(home.glob("*/run.json"))
    return process.returncode, errors


def start(home: Path, *words: object, **environment: str) -> subprocess.Popen[str]:
    # Every process inherits the variable, by which it is found.
    return program("services.cli", "up", "--port", "0", *words, BREAKOUT_HOME=str(home), **environment)


def left_alive(home: Path) -> list[int]:
    """Return the ids of the processes that work on this home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"BREAKOUT_HOME={home}".encode() in variables:
            found.append(int(process.name))
    return found


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "environment", "told"),
    [
        (["--preset", "nosuch"], {}, "--preset nosuch: no preset 'nosuch'"),
        (["--data", "/nowhere"], {}, "--data /nowhere: no such folder"),
        ([], {"BREAKOUT__GATEWAY__TOKEN": "short"}, "BREAKOUT__GATEWAY__TOKEN: at least"),
        (["--desk", "../x"], {}, "--desk '../x': letters, digits"),
        (["--mode", "paper"], {}, "use demo, or live"),
        (["--mode", "live"], {}, "BREAKOUT__VENUE__API_KEY and BREAKOUT__VENUE__API_SECRET"),
        (
            ["--mode", "live"],
            {"BREAKOUT__VENUE__API_KEY": "k", "BREAKOUT__VENUE__API_SECRET": "s"},
            "--confirm-live",
        ),
    ],
)
def test_bad_words_are_refused_before_anything_is_written(
    tmp_path: Path, words: list[str], environment: dict[str, str], told: str
) -> None:
    code, errors = up(tmp_path / "home", *words, **environment)
    assert (code, told in errors) == (2, True), errors
    assert not (tmp_path / "home").exists()


def test_every_error_of_a_preset_is_listed_with_its_path(tmp_path: Path) -> None:
    rules = json.loads(encode_preset(load_preset("demo")))
    rules["risk"]["risk_per_trade"] = float("nan")
    rules["risk"]["max_concurrent_positions"] = "three"
    rules["risk"]["daily_risk_limit"] = 7.0
    rules["colour"] = "red"
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(rules), encoding="utf-8")
    code, errors = up(tmp_path / "home", "--preset", file)
    assert code == 2
    assert f"{file} has 4 errors:" in errors
    for path in (
        "risk.risk_per_trade:",
        "risk.max_concurrent_positions:",
        "risk.daily_risk_limit:",
        "colour:",
    ):
        assert f"\n  {path}" in errors


def test_every_unknown_setting_is_named_before_anything_starts(tmp_path: Path) -> None:
    code, errors = up(
        tmp_path / "home",
        BREAKOUT__MARKTE__QUOTES="USDT",
        BREAKOUT__EXECUTION__RECV_WINDOW="1",
        BREAKOUT__RISK__MAX_POSITIONS="1",
        BREAKOUT__SIMULATOR__COLOUR="red",
    )
    assert code == 2
    named = (
        "MARKTE__*",
        "EXECUTION__RECV_WINDOW",
        "RISK__MAX_POSITIONS",
        "SIMULATOR__COLOUR",
    )
    for name in named:
        assert f"BREAKOUT__{name}" in errors
    assert not (tmp_path / "home").exists()


def test_a_folder_without_candles_is_refused(tmp_path: Path) -> None:
    code, errors = up(tmp_path / "home", "--data", tmp_path)
    assert (code, "holds no .parquet file" in errors) == (2, True), errors


def test_a_port_in_use_is_refused(tmp_path: Path, taken_port: int) -> None:
    code, errors = up(tmp_path / "home", "--port", taken_port)
    assert (code, f"--port {taken_port}: Address already in use" in errors) == (2, True), errors


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    code, errors = up(tmp_path / "home")
    assert (code, f"--home {tmp_path / 'home'}: " in errors) == (2, True), errors


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_a_broken_candle_file_is_told_in_the_exchanges_own_words(
    tmp_path: Path, detach: tuple[str, ...]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "BTCUSDT.parquet").write_bytes(b"PAR1 but not really")
    code, errors = up(tmp_path / "home", "--data", data, *detach)
    assert (code, f"{data / 'BTCUSDT.parquet'}: cannot be read as Parquet" in errors) == (2, True), errors
    assert errors.count("cannot be read") == 1


def test_a_wrong_key_ends_the_start_and_a_right_one_starts_the_same_desk(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, errors = up(home, BREAKOUT__SIMULATOR__KEY="another")
    assert (code, "10003: API key is invalid.); check venue.api_key" in errors) == (2, True), errors
    code, errors = up(home, BREAKOUT__SIMULATOR__SECRET="another")
    assert (code, "10004" in errors) == (2, True), errors

    # A demo desk needs no keys, and must not stumble over those of another desk.
    desk = start(home, BREAKOUT__VENUE__API_KEY_FILE="/none")
    try:
        line = first_line(desk, READY_WITHIN_S)
        assert line.startswith("ready http://"), line
        pids = {process.pid for process in running(home)}
        assert pids < set(left_alive(home))
        code, errors = up_beside(home)
        assert (code, f"is running (pid {desk.pid})" in errors) == (2, True), errors
    finally:
        desk.send_signal(signal.SIGINT)
        desk.communicate(timeout=READY_WITHIN_S)
    assert desk.returncode == 0
    assert not left_alive(home)


def first_line(process: subprocess.Popen[str], within_s: float) -> str:
    """Return the first line that a process prints."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], within_s)
    return process.stdout.readline() if readable else f"nothing within {within_s} s"


def running(home: Path) -> tuple[RunningProcess, ...]:
    run = DeskHome(home, "main").read_run()
    assert run is not None
    return run.processes


def up_beside(home: Path) -> tuple[int, str]:
    process = start(home)
    _, errors = process.communicate(timeout=REFUSED_WITHIN_S)
    return process.returncode, errors


@pytest.fixture
def silent_broker() -> str:
    """The address of a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"nats://127.0.0.1:{free.getsockname()[1]}"


def test_a_service_says_that_its_broker_is_out_of_reach(silent_broker: str) -> None:
    service = program(
        "services.risk", BREAKOUT__NATS__URL=silent_broker, BREAKOUT__NATS__CONNECT_TIMEOUT_S="1"
    )
    _, errors = service.communicate(timeout=REFUSED_WITHIN_S)
    (line,) = errors.splitlines()
    assert service.returncode == 75
    assert json.loads(line)["error"] == (
        f"no broker answers at {silent_broker} (waited 1 s): start it, or set BREAKOUT__NATS__URL"
    )


async def test_a_process_that_never_stands_is_reported_and_started_again_all_the_same(
    tmp_path: Path, silent_broker: str
) -> None:
    own = {key: value for key, value in os.environ.items() if not key.startswith("BREAKOUT")}
    settings = {"BREAKOUT__NATS__URL": silent_broker, "BREAKOUT__NATS__CONNECT_TIMEOUT_S": "0.01"}
    plan = ProcessPlan(name="risk", module="services.risk", environment=own | settings)
    restarted = asyncio.Event()

    def look() -> None:
        if any(process.restarts >= CRASH_LOOP_ENDS for process in supervisor.processes()):
            restarted.set()

    supervisor = Supervisor(tmp_path, look)
    try:
        await supervisor.start(plan)
        async with asyncio.timeout(FAILED_WITHIN_S):
            failure = await supervisor.failed
            assert str(failure).startswith(
                f"risk ended with code 75 {CRASH_LOOP_ENDS} times in a row: no broker answers at"
            )
            # What it needs may come back, so that it is never given up.
            await restarted.wait()
    finally:
        await supervisor.stop()
    assert failure.exit_code == 1
    assert supervisor.processes() == ()


async def test_the_execution_process_ends_on_a_paper_desk_before_it_sends(server: PrivateServer) -> None:
    service = program("services.execution", BREAKOUT__NATS__URL=server.url, BREAKOUT__DESK__MODE="paper")
    _, errors = await asyncio.to_thread(service.communicate, timeout=REFUSED_WITHIN_S)
    (line,) = errors.splitlines()
    assert (service.returncode, json.loads(line)["event"]) == (2, "settings_invalid")
