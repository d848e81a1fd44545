"""The program's command line, its settings and its refusals to start."""

import json
import signal
import socket
from pathlib import Path

import pytest

from services.simulator.settings import SettingsError, load_settings
from tests.services.simulator.process import WAIT_S, launch, run


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"BREAKOUT__SIMULATOR__SPEED": "60", "BREAKOUT__SIMULATOR__SEED": "3", "OTHER": "x"}
    settings = load_settings(["--state", "s", "--seed", "9", "--latency-ms", "2.5"], environment)
    assert (settings.speed, settings.seed, settings.latency_ms) == (60.0, 9, 2.5)


@pytest.mark.parametrize(
    ("arguments", "environment", "name"),
    [
        ([], {"BREAKOUT__SIMULATOR__SPED": "60"}, "BREAKOUT__SIMULATOR__SPED"),
        (["--speed", "fast"], {}, "speed"),
        (["--speed", "0"], {}, "speed"),
        (["--speed", "nan"], {}, "speed"),
        (["--symbols", "0"], {}, "symbols"),
        (["--balance", "NaN"], {}, "balance"),
        (["--port", "70000"], {}, "port"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(
    arguments: list[str], environment: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(["--state", "s", *arguments], environment)


def refusal(state: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    process = run(state, *arguments, **environment)
    _, errors = process.communicate(timeout=WAIT_S)
    return process.returncode, errors


def test_an_unknown_setting_ends_the_program_with_code_2(tmp_path: Path) -> None:
    code, errors = refusal(tmp_path / "s", BREAKOUT__SIMULATOR__COLOUR="red")
    assert (code, errors) == (2, "simulator: unknown setting BREAKOUT__SIMULATOR__COLOUR\n")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, errors = refusal(tmp_path / "s", "--port", str(port))
    assert code == 2
    assert f"127.0.0.1:{port}" in errors


def test_a_ledger_of_another_market_is_refused(tmp_path: Path) -> None:
    assert launch(tmp_path / "s", "--symbols", "2", "--seed", "1").stop() == 0
    code, errors = refusal(tmp_path / "s", "--symbols", "2", "--seed", "2")
    assert code == 2
    assert "seed 1" in errors


def test_a_broken_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"no database" * 100)
    code, errors = refusal(tmp_path)
    assert code == 2
    assert "ledger.sqlite" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_gracefully_and_silently(tmp_path: Path, number: signal.Signals) -> None:
    process = run(tmp_path / "s", "--symbols", "2")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "listening"
    process.send_signal(number)
    output, errors = process.communicate(timeout=3.0)
    assert (process.returncode, output, errors) == (0, "", "")
