import asyncio
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from services.cli.home import DeskHome, RunFile, RunningProcess
from shared.contracts.desk import Mode
from shared.log.server import PrivateServer
from tests.cli.conftest import Run
from tests.cli.sessions import Entry
from tests.log.stores import flip_a_bit


def test_tail_shows_the_last_records_and_what_they_answer(run: Run, traded_home: Path) -> None:
    result = run("log", "tail", "-n", "3", "--home", traded_home)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert "EntryRefused" in lines[-1]
    assert "execution.0" in lines[-1]
    assert "<- " in lines[-1]


def test_tail_of_some_writers_looks_back_as_far_as_it_takes(run: Run, decided_home: Path) -> None:
    result = run("log", "tail", "-n", "2", "--source", "commands", "--json", "--home", decided_home)
    records = json.loads(result.stdout)
    assert [record["events"][0]["type"] for record in records] == ["CommandRequested"]


def test_show_prints_a_record_with_its_columns_as_numbers(run: Run, decided_home: Path) -> None:
    result = run("log", "show", "3", "--home", decided_home)
    assert result.exit_code == 0
    assert "600 values: " in result.stdout
    record = json.loads(run("log", "show", "3", "--json", "--home", decided_home).stdout)
    assert (record["seq"], record["events"][0]["type"]) == (3, "BarsClosed")


def test_showing_a_record_that_is_not_there_names_the_bounds(
    run: Run, decided: list[Entry], decided_home: Path
) -> None:
    result = run("log", "show", len(decided) + 7, "--home", decided_home)
    assert result.exit_code == 2
    assert f"which has 1 to {len(decided)}" in result.stderr


def test_an_untouched_log_passes_and_gets_a_checkpoint(run: Run, traded_home: Path) -> None:
    result = run("log", "verify", "--home", traded_home)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("ok: ")
    assert (traded_home / "main" / "checkpoint.json").exists()
    again = run("log", "verify", "--home", traded_home)
    assert "a checkpoint vouches for record" in again.stdout


def test_a_flipped_bit_in_a_copy_of_the_store_does_not_pass(
    run: Run, decided_home: Path, tmp_path: Path
) -> None:
    assert run("log", "verify", "--home", decided_home).exit_code == 0
    seed = int(os.environ.get("TEST_SEED", random.randrange(2**32)))
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    for number in range(3):
        home = tmp_path / str(number)
        shutil.copytree(decided_home, home)
        where = flip_a_bit(home / "main" / "nats", rng)
        result = run("log", "verify", "--home", home)
        assert result.exit_code == 1, f"TEST_SEED={seed}: not found: {where}: {result.output}"


def test_a_lost_tail_does_not_pass(run: Run, traded_home: Path, decided_home: Path, tmp_path: Path) -> None:
    assert run("log", "verify", "--home", decided_home).exit_code == 0
    shutil.copytree(traded_home, tmp_path / "home")
    shutil.copy(decided_home / "main" / "checkpoint.json", tmp_path / "home" / "main" / "checkpoint.json")
    result = run("log", "verify", "--json", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "checkpoint" in json.loads(result.stdout)["broken"]["reason"]


def test_reading_never_changes_the_store(run: Run, traded_home: Path) -> None:
    before = _contents(traded_home / "main" / "nats")
    run("log", "tail", "--home", traded_home)
    run("explain", "BTC", "--home", traded_home)
    assert _contents(traded_home / "main" / "nats") == before


async def test_a_running_desk_is_asked_at_its_broker(run: Run, traded_home: Path, tmp_path: Path) -> None:
    shutil.copytree(traded_home, tmp_path / "home")
    home = DeskHome(tmp_path / "home", "main")
    server = PrivateServer(home.nats)
    await server.start()
    home.write_run(
        RunFile(
            supervisor_pid=os.getpid(),
            desk="main",
            mode=Mode.DEMO,
            nats_url=server.url,
            gateway_url="",
            processes=(RunningProcess(name="nats", pid=server.pid),),
        )
    )
    by_home = await asyncio.to_thread(run, "log", "tail", "-n", "1", "--home", tmp_path / "home")
    by_url = await asyncio.to_thread(
        run, "log", "tail", "-n", "1", "--nats", server.url, "--home", tmp_path / "none"
    )
    await server.stop()
    assert by_home.exit_code == by_url.exit_code == 0
    assert by_home.stdout == by_url.stdout


@pytest.mark.parametrize(
    "words",
    [["log", "tail"], ["log", "show", "1"], ["log", "verify"], ["replay", "--verify"], ["explain", "BTC"]],
)
def test_a_home_without_a_desk_is_named_with_the_remedy(run: Run, tmp_path: Path, words: list[str]) -> None:
    result = run(*words, "--home", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "there is no desk 'main'" in result.stderr
    assert "breakout up" in result.stderr


def test_another_desks_name_is_not_found(run: Run, traded_home: Path) -> None:
    result = run("log", "tail", "--home", traded_home, "--desk", "other")
    assert result.exit_code == 2
    assert "there is no desk 'other'" in result.stderr


def test_a_broken_run_file_is_named_with_the_remedy(run: Run, traded_home: Path, tmp_path: Path) -> None:
    shutil.copytree(traded_home, tmp_path / "home")
    (tmp_path / "home" / "main" / "run.json").write_text("{")
    result = run("log", "tail", "--home", tmp_path / "home")
    assert result.exit_code == 2
    assert "run.json" in result.stderr
    assert "remove the file" in result.stderr


def test_a_broken_checkpoint_is_named_with_the_remedy(run: Run, traded_home: Path, tmp_path: Path) -> None:
    shutil.copytree(traded_home, tmp_path / "home")
    (tmp_path / "home" / "main" / "checkpoint.json").write_text("[]")
    result = run("log", "verify", "--home", tmp_path / "home")
    assert result.exit_code == 2
    assert "checkpoint.json" in result.stderr


def test_a_store_that_the_broker_does_not_recognise_is_broken(
    run: Run, traded_home: Path, tmp_path: Path
) -> None:
    shutil.copytree(traded_home, tmp_path / "home")
    for meta in (tmp_path / "home").rglob("meta.inf"):
        meta.write_bytes(meta.read_bytes()[:-5])
    result = run("log", "verify", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "damaged" in result.stderr


def test_a_broker_that_does_not_answer_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.reach.CONNECT_TIMEOUT_S", 0.3)
    result = run("log", "tail", "--nats", "nats://127.0.0.1:9", "--home", tmp_path)
    assert result.exit_code == 2
    assert "no broker answers at nats://127.0.0.1:9" in result.stderr


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
