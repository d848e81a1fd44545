import json
from pathlib import Path

from jsonschema import Draft202012Validator

from shared.contracts.preset import default_presets_dir, preset_names
from tests.cli.conftest import Run


def test_every_preset_of_the_catalogue_is_listed_with_what_it_is_after(run: Run) -> None:
    listed = json.loads(run("presets", "list", "--json").stdout)
    assert [each["name"] for each in listed] == list(preset_names())
    assert all(each["description"] and each["digest"] and not each["problems"] for each in listed)
    assert len(run("presets", "list").stdout.splitlines()) == len(listed)


def test_a_preset_is_shown_with_every_default_and_fits_the_schema(run: Run) -> None:
    shown = json.loads(run("presets", "show", "demo").stdout)
    schema = json.loads(run("presets", "schema").stdout)
    Draft202012Validator(schema).validate(shown)
    assert shown["name"] == "demo"


def test_a_valid_preset_passes_by_name_and_by_file(run: Run) -> None:
    by_name = run("presets", "validate", "demo")
    by_file = run("presets", "validate", default_presets_dir() / "demo.json", "--json")
    assert (by_name.exit_code, by_file.exit_code) == (0, 0)
    assert json.loads(by_file.stdout)["valid"]


def test_every_problem_of_a_preset_is_listed_with_its_path(run: Run, tmp_path: Path) -> None:
    rules = json.loads((default_presets_dir() / "demo.json").read_text())
    rules["risk"]["risk_per_trade"] = "a lot"
    rules["unheard_of"] = 1
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(rules))
    told = run("presets", "validate", file)
    assert told.exit_code == 1
    assert "risk.risk_per_trade" in told.stderr
    assert "unheard_of" in told.stderr
    found = json.loads(run("presets", "validate", file, "--json").stdout)
    assert not found["valid"]
    assert {problem["path"] for problem in found["problems"]} >= {"risk.risk_per_trade", "unheard_of"}


def test_an_unknown_preset_names_those_there_are(run: Run) -> None:
    for command in ("show", "validate"):
        result = run("presets", command, "nonesuch")
        assert result.exit_code == 2
        assert "demo" in result.stderr


def test_a_hostile_name_never_reaches_the_file_system(run: Run) -> None:
    result = run("presets", "show", "..")
    assert result.exit_code == 2
    assert "no preset name" in result.stderr
