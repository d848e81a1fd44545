"""Check how presets are found: by a name that cannot leave the folder, or by an explicit path."""

import json
from pathlib import Path

import pytest

from shared.contracts.preset import (
    PresetInvalid,
    PresetNameRefused,
    PresetNotFound,
    PresetUnreadable,
    default_presets_dir,
    load_preset,
    preset_names,
)

VALID = (default_presets_dir() / "breakout_v1.json").read_bytes()


def test_an_unknown_name_is_answered_with_the_folder_and_the_valid_names(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(VALID)
    with pytest.raises(PresetNotFound) as caught:
        load_preset("yours", tmp_path)
    assert str(caught.value) == f"no preset 'yours' in {tmp_path}; available: mine"
    assert caught.value.available == ("mine",)


def test_a_missing_folder_is_an_unknown_preset(tmp_path: Path) -> None:
    with pytest.raises(PresetNotFound, match="available: none"):
        load_preset("breakout_v1", tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../breakout_v1",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "breakout_v1\0",
        "breakout_v1\n",
        "breakout_v1.json",
        "-x",
        "a" * 65,
        "nаme",  # noqa: RUF001 (a Cyrillic letter is the point)
        "~root",
        "%2e%2e",
    ],
)
def test_a_hostile_name_never_reaches_the_file_system(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the file system was asked")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "glob", refuse)
    with pytest.raises(PresetNameRefused) as caught:
        load_preset(name)
    assert "\0" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_explicit_path_is_read_whatever_the_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / "my rules.json"
    path.write_bytes(VALID)
    assert load_preset(path).name == "breakout_v1"


def test_a_preset_asked_for_by_name_must_carry_it(tmp_path: Path) -> None:
    (tmp_path / "copy.json").write_bytes(VALID)
    with pytest.raises(PresetInvalid, match="name: expected copy as the file is called, got breakout_v1"):
        load_preset("copy", tmp_path)


def test_a_path_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(PresetUnreadable, match="Is a directory"):
        load_preset(tmp_path)


def test_an_invalid_file_is_named_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"name": "mine"}))
    with pytest.raises(PresetInvalid) as caught:
        load_preset("mine", tmp_path)
    assert str(caught.value).startswith(f"{path} has 9 errors:\n")


def test_only_files_with_a_legal_name_are_presets(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "c d.json", "e.txt"):
        (tmp_path / name).write_bytes(VALID)
    assert preset_names(tmp_path) == ("a", "b")
