import json
from pathlib import Path

import msgspec
import pytest

from shared.contracts.desk import Source
from shared.contracts.scan import MarketsScored
from tests.cli.conftest import Run
from tests.cli.sessions import Entry, write_home


def test_every_decision_of_a_recorded_session_is_derived_again(run: Run, decided_home: Path) -> None:
    result = run("replay", "--verify", "--json", "--home", decided_home)
    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.stdout
    assert found["holds"]
    assert found["differences"] == 0
    decisions = {each["source"]: each["decisions"] for each in found["verifications"]}
    assert decisions["orchestrator"] > 40
    assert decisions["scanner"] > 20
    assert found["decisions"] == sum(decisions.values())


def test_a_deliberately_changed_session_is_caught_with_its_first_difference(
    run: Run, decided: list[Entry], tmp_path: Path
) -> None:
    place, draft = next(
        (place, draft)
        for place, (source, _, draft) in enumerate(decided)
        if source is Source.SCANNER and place > len(decided) // 2
    )
    scored = draft.events[0]
    assert isinstance(scored, MarketsScored)
    market = msgspec.structs.replace(scored.markets[0], score=scored.markets[0].score + 0.001)
    forged = msgspec.structs.replace(scored, markets=(market, *scored.markets[1:]))
    changed = list(decided)
    changed[place] = (
        Source.SCANNER,
        0,
        msgspec.structs.replace(draft, events=(forged, *draft.events[1:])),
    )
    home = write_home(tmp_path, changed)
    result = run("replay", "--verify", "--home", home)
    assert result.exit_code == 1
    assert f"decision {place + 1} on record {draft.cause}" in result.stdout
    assert "events[0].markets[0].score: recorded" in result.stdout
    assert "the session does not come out again" in result.stdout
    # The chain of the forged session is whole: only deriving it again shows the change.
    assert run("log", "verify", "--home", home).exit_code == 0


def test_a_dropped_decision_is_caught(run: Run, decided: list[Entry], tmp_path: Path) -> None:
    answers = [place for place, (source, _, _) in enumerate(decided) if source is Source.SCANNER]
    dropped = answers[-3]
    kept = [
        (source, partition, msgspec.structs.replace(draft, cause=draft.cause - (draft.cause > dropped)))
        for place, (source, partition, draft) in enumerate(decided)
        if place != dropped
    ]
    result = run("replay", "--verify", "--json", "--home", write_home(tmp_path, kept))
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    scanner = next(each for each in found["verifications"] if each["source"] == "scanner")
    assert scanner["differences"][0]["kind"] == "dropped"


@pytest.mark.parametrize("words", [["replay"], ["books"]])
def test_a_command_that_checks_says_what_it_needs_to_be_told(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert "add --" in result.stderr
