"""Read the simulator's settings from the environment and the command line.

`BREAKOUT__SIMULATOR__PORT=9000` sets `port`; an unknown key under that prefix is refused by name,
because a mistyped setting must not pass silently.
"""

import argparse
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

PREFIX = "BREAKOUT__SIMULATOR__"
# 2026-01-05 00:00 UTC, a Monday: where the generated market's clock starts.
GENERATED_START_MS = 1_767_571_200_000


class SettingsError(Exception):
    """A setting has an unknown name or a value that cannot be read."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to run the simulator; see the fields' comments for units and defaults."""

    host: str = "127.0.0.1"
    port: int = 0  # 0 takes a free port, printed when listening
    state: str  # folder of the durable ledger
    seed: int = 7
    symbols: int = 100  # how many markets to list, at most; recorded sets may hold fewer
    speed: float = 1.0  # market seconds per wall second
    data: str = ""  # folder of recorded candles; empty: generated markets
    offset_hours: float = 48.0  # how far into the recorded data the session starts
    balance: Decimal = Decimal(100_000)  # USDT of a fresh account
    latency_ms: float = 5.0  # wait before an order request is processed
    requests_per_s: int = 200  # per private path, 0 for no limit
    # The simulator's own key pair; it opens nothing but this process.
    key: str = "demo-key"
    secret: str = "demo-secret"  # noqa: S105

    def __post_init__(self) -> None:
        checks = {
            "symbols": 1 <= self.symbols <= 1000,
            "speed": 0 < self.speed <= 10_000,
            "port": 0 <= self.port <= 65_535,
            "balance": self.balance.is_finite() and self.balance >= 0,
            "latency_ms": 0 <= self.latency_ms <= 60_000,
            "offset_hours": self.offset_hours >= 0,
            "requests_per_s": self.requests_per_s >= 0,
            "state": bool(self.state),
        }
        wrong = [f"{name}={getattr(self, name)!r}" for name, fine in checks.items() if not fine]
        if wrong:
            raise ValueError(f"out of range: {', '.join(wrong)}")


def load_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Return the settings; the command line wins over the environment."""
    known = {field.name for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for key, value in environment.items():
        if key.startswith(PREFIX):
            name = key.removeprefix(PREFIX).lower()
            if name not in known:
                raise SettingsError(f"unknown setting {key}")
            values[name] = value
    parser = argparse.ArgumentParser(prog="services.simulator", description=__doc__)
    for name in sorted(known):
        parser.add_argument(f"--{name.replace('_', '-')}", default=None)
    given = vars(parser.parse_args(arguments))
    values.update({name: value for name, value in given.items() if value is not None})
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
