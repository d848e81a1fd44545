"""Reads a process's settings from the environment: `BREAKOUT__SECTION__KEY=value`.

Settings say where things are (hosts, ports, credentials) and never change a decision. A key that
nobody knows is refused, because a mistyped limit must not pass for a default.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from shared.contracts.desk import Mode

PREFIX = "BREAKOUT__"
# Every process of a desk may share one environment, so a section of another service is no mistake.
SECTIONS = frozenset(
    {
        "desk", "nats", "clock", "runtime", "venue", "market", "scanner", "signals", "risk",
        "execution", "orchestrator", "gateway", "simulator",
    }
)  # fmt: skip


AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
# The upper bound keeps out infinity; nothing here lasts a year.
Positive = Annotated[float, msgspec.Meta(gt=0, le=31_536_000)]


class SettingsInvalid(Exception):
    """The environment holds settings that cannot be used; the message lists every one of them."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of settings: `BREAKOUT__<SECTION>__<FIELD>`."""


class DeskSection(Section, frozen=True, kw_only=True):
    """Which log this process works on; `mode` and `partitions` count when the desk is created."""

    name: str = "main"
    mode: Mode = Mode.DEMO
    partitions: AtLeastOne = 1


class NatsSection(Section, frozen=True, kw_only=True):
    """Where the broker is. `password` may be given as `password_file`."""

    url: str = "nats://127.0.0.1:4222"
    user: str = ""
    password: str = ""
    connect_timeout_s: Positive = 10.0


class ClockSection(Section, frozen=True, kw_only=True):
    """How fast desk time runs against the wall; anything but 1 only with a simulated venue."""

    speed: Positive = 1.0


class RuntimeSection(Section, frozen=True, kw_only=True):
    """How the shell behaves. `instance` names this process in leases; empty: host and pid."""

    instance: str = ""
    lease_ttl_s: Positive = 2.0
    snapshot_every_records: AtLeastOne = 20_000
    drain_timeout_s: Positive = 5.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # Touched with every sign of life, for a container's health check; empty: none.
    heartbeat_file: str = ""


class VenueSection(Section, frozen=True, kw_only=True):
    """Which exchange, reached how. `base_url` replaces the exchange's own hosts (simulator)."""

    exchange: str = "bybit"
    base_url: str = ""
    api_key: str = ""
    api_secret: str = ""
    # The exchange's test network instead of its real one.
    testnet: bool = False


class Settings(Section, frozen=True, kw_only=True):
    """What every process has; a service's own settings type adds its section."""

    desk: DeskSection = DeskSection()
    nats: NatsSection = NatsSection()
    clock: ClockSection = ClockSection()
    runtime: RuntimeSection = RuntimeSection()


Kind = TypeVar("Kind", bound=Settings)


def load_settings(kind: type[Kind], environ: Mapping[str, str]) -> Kind:
    """Return the settings of type `kind` that the environment holds, defaults for the rest.

    `<KEY>_FILE` names a file whose text is the value, for secrets.

    Raises:
        SettingsInvalid: listing every unknown key and unusable value, by its variable's name.
    """
    problems: list[str] = []
    raw = _sections(environ, problems)
    sections = {field.name: field for field in msgspec.structs.fields(kind)}
    built: dict[str, Section] = {}
    for name, values in raw.items():
        if name not in SECTIONS:
            problems.append(f"{PREFIX}{name.upper()}__*: no such section{_hint(name, SECTIONS)}")
        elif name in sections:
            section = _build_section(sections[name].type, name, values, problems)
            if section is not None:
                built[name] = section
    if problems:
        raise SettingsInvalid("\n".join(problems))
    return kind(**built)  # type: ignore[arg-type]  # each section was built as its field's type


def _sections(environ: Mapping[str, str], problems: list[str]) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        if not separator or not key:
            problems.append(f"{variable}: expected {PREFIX}<SECTION>__<KEY>")
            continue
        sections.setdefault(section, {})[key] = environ[variable]
    return sections


def _build_section(
    kind: type[Section], name: str, values: Mapping[str, str], problems: list[str]
) -> Section | None:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    built: dict[str, object] = {}
    before = len(problems)
    for key, text in values.items():
        variable = f"{PREFIX}{name.upper()}__{key.upper()}"
        # A setting that is itself called a file names one; any other `_FILE` holds the setting's value.
        setting = key if key in fields else key.removesuffix("_file")
        if setting not in fields:
            problems.append(f"{variable}: no such setting{_hint(key, frozenset(fields))}")
        elif setting in built:
            problems.append(f"{variable}: given twice, {PREFIX}{name.upper()}__{setting.upper()} is set too")
        else:
            problem = _convert(setting, text, fields[setting].type, built, from_file=setting != key)
            if problem:
                problems.append(f"{variable}{problem}")
    return kind(**built) if len(problems) == before else None


def _convert(setting: str, text: str, kind: Any, built: dict[str, object], *, from_file: bool) -> str:
    """Put the value into `built`; return what is wrong with it, or nothing."""
    try:
        value = Path(text).read_text(encoding="utf-8").strip() if from_file else text
        built[setting] = msgspec.convert(value, kind, strict=False)
    except (OSError, UnicodeError) as error:
        return f": cannot read {text}: {error}"
    except msgspec.ValidationError as error:
        return f"={text!r}: {error}"
    return ""


def _hint(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0].upper()}?" if close else f"; known: {', '.join(sorted(known))}"
