"""Check settings: every mistake is named by its variable, and all of them at once."""

from pathlib import Path

import pytest

from shared.contracts.desk import Mode
from shared.runtime.settings import Settings, SettingsInvalid, VenueSection, load_settings


class TradingSettings(Settings, frozen=True, kw_only=True):
    """Settings of a service that has a venue."""

    venue: VenueSection = VenueSection()


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(TradingSettings, {f"BREAKOUT__{key}": value for key, value in environ.items()})
    return str(refused.value).splitlines()


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings(TradingSettings, {"PATH": "/bin", "BREAKOUT_DATA": "/data"}) == TradingSettings()


def test_each_value_arrives_as_its_fields_type() -> None:
    loaded = load_settings(
        TradingSettings,
        {
            "BREAKOUT__DESK__MODE": "paper",
            "BREAKOUT__DESK__PARTITIONS": "4",
            "BREAKOUT__CLOCK__SPEED": "60",
            "BREAKOUT__VENUE__TESTNET": "true",
            "BREAKOUT__VENUE__API_KEY": "123",
        },
    )
    assert (loaded.desk.mode, loaded.desk.partitions, loaded.clock.speed) == (Mode.PAPER, 4, 60.0)
    assert (loaded.venue.testnet, loaded.venue.api_key) == (True, "123")


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("NATZ__URL", "x", "BREAKOUT__NATZ__*: no such section; did you mean NATS?"),
        ("NATS__ULR", "x", "BREAKOUT__NATS__ULR: no such setting; did you mean URL?"),
        (
            "CLOCK__ZZZ",
            "x",
            "BREAKOUT__CLOCK__ZZZ: no such setting; known: speed",
        ),
        ("NATS", "x", "BREAKOUT__NATS: expected BREAKOUT__<SECTION>__<KEY>"),
        ("NATS__", "x", "BREAKOUT__NATS__: expected BREAKOUT__<SECTION>__<KEY>"),
        ("DESK__PARTITIONS", "two", "BREAKOUT__DESK__PARTITIONS='two': Expected `int`, got `str`"),
        ("DESK__PARTITIONS", "0", "BREAKOUT__DESK__PARTITIONS='0': Expected `int` >= 1"),
        ("DESK__MODE", "life", "BREAKOUT__DESK__MODE='life': Invalid enum value 'life'"),
        ("CLOCK__SPEED", "0", "BREAKOUT__CLOCK__SPEED='0': Expected `float` > 0.0"),
        ("CLOCK__SPEED", "nan", "BREAKOUT__CLOCK__SPEED='nan': "),
        ("CLOCK__SPEED", "inf", "BREAKOUT__CLOCK__SPEED='inf': "),
        ("RUNTIME__LOG_LEVEL", "loud", "BREAKOUT__RUNTIME__LOG_LEVEL='loud': Invalid enum value 'loud'"),
        ("VENUE__TESTNET", "perhaps", "BREAKOUT__VENUE__TESTNET='perhaps': Expected `bool`, got `str`"),
    ],
)
def test_a_mistake_is_named_by_its_variable(variable: str, value: str, problem: str) -> None:
    (said,) = problems(**{variable: value})
    assert said.startswith(problem)


def test_every_mistake_is_listed_at_once() -> None:
    said = problems(
        NATS__ULR="x", CLOCK__SPEED="fast", NATZ__URL="x", DESK__MODE="life", DESK__PARTITIONS="4"
    )
    assert len(said) == 4


def test_a_section_of_another_service_is_no_mistake() -> None:
    assert load_settings(Settings, {"BREAKOUT__VENUE__ANYTHING": "x"}) == Settings()


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  s3cret\n", encoding="utf-8")
    loaded = load_settings(TradingSettings, {"BREAKOUT__VENUE__API_SECRET_FILE": str(file)})
    assert loaded.venue.api_secret == "s3cret"


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (said,) = problems(VENUE__API_SECRET_FILE=str(tmp_path / "absent"))
    assert said.startswith(f"BREAKOUT__VENUE__API_SECRET_FILE: cannot read {tmp_path / 'absent'}: ")
    (said,) = problems(VENUE__API_SECRET_FILE=str(tmp_path))
    assert said.startswith("BREAKOUT__VENUE__API_SECRET_FILE: cannot read")
    file = tmp_path / "binary"
    file.write_bytes(b"\xff\xfe\x00")
    (said,) = problems(VENUE__API_SECRET_FILE=str(file))
    assert said.startswith("BREAKOUT__VENUE__API_SECRET_FILE: cannot read")


def test_a_setting_that_names_a_file_is_its_path_and_not_its_text() -> None:
    loaded = load_settings(Settings, {"BREAKOUT__RUNTIME__HEARTBEAT_FILE": "/tmp/alive"})
    assert loaded.runtime.heartbeat_file == "/tmp/alive"


def test_secrets_of_other_services_are_not_looked_at() -> None:
    assert load_settings(Settings, {"BREAKOUT__VENUE__API_SECRET_FILE": "/absent"}) == Settings()


def test_a_value_given_twice_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file", encoding="utf-8")
    (said,) = problems(VENUE__API_SECRET="plain", VENUE__API_SECRET_FILE=str(file))
    assert said == ("BREAKOUT__VENUE__API_SECRET_FILE: given twice, BREAKOUT__VENUE__API_SECRET is set too")


def test_a_problem_never_repeats_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("canary", encoding="utf-8")
    said = problems(VENUE__API_KEY="canary", VENUE__API_SECRET_FILE=str(file), NATS__ULR="canary")
    assert "canary" not in "\n".join(said)
