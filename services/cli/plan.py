"""Says which processes a desk consists of and which settings each of them gets; starts nothing."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shared.contracts.desk import Mode

# Only these speak to the exchange; only the second ever sees its keys.
VENUE_SERVICES = frozenset({"market", "execution"})
PARTITIONED = ("scanner", "signals")
# What does not stand between a bar's close and the order steps back when processors are few.
NICENESS = {"gateway": 5, "orchestrator": 5, "scanner": 5}
KEY_PREFIX = "BREAKOUT__VENUE__API_"
SIMULATOR_KEY = "demo-key"
SIMULATOR_SECRET = "demo-secret"  # noqa: S105  the simulator's own, documented


class DeskPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has asked for, complete."""

    desk: str
    mode: Mode
    preset: str
    port: int
    path: Path
    symbols: int
    seed: int
    speed: float
    partitions: int
    data: Path | None = None


class ProcessPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One process: its name here, its module, and its environment."""

    name: str
    module: str
    environment: dict[str, str]
    niceness: int = 0

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments."""
        return (sys.executable, "-m", self.module)


def plan_simulator(plan: DeskPlan, environ: Mapping[str, str]) -> ProcessPlan:
    """Return the simulated exchange of a demo desk."""
    section = {
        "PORT": "0",
        "STATE": str(plan.path / "simulator"),
        "SEED": str(plan.seed),
        "SYMBOLS": str(plan.symbols),
        "SPEED": str(plan.speed),
    }
    if plan.data is not None:
        section["DATA"] = str(plan.data)
    own = {f"BREAKOUT__SIMULATOR__{key}": value for key, value in section.items()}
    return ProcessPlan(
        name="simulator", module="services.simulator", environment=_without_keys(environ) | own
    )


def plan_services(
    plan: DeskPlan, environ: Mapping[str, str], *, nats_url: str, simulator_url: str
) -> tuple[ProcessPlan, ...]:
    """Return the services of a desk, those first that others wait for."""
    places = [(name, 0) for name in ("orchestrator", "market", "execution", "risk", "gateway")]
    places += [(name, partition) for name in PARTITIONED for partition in range(plan.partitions)]
    return tuple(
        ProcessPlan(
            name=f"{name}-{partition}" if name in PARTITIONED and plan.partitions > 1 else name,
            module=f"services.{name}",
            niceness=NICENESS.get(name, 0),
            environment=(_without_keys(environ) if simulator_url or name != "execution" else dict(environ))
            | _desk_settings(plan, name, partition, nats_url)
            | _own_settings(plan, name, partition)
            | _venue_settings(name, simulator_url),
        )
        for name, partition in places
    )


def _desk_settings(plan: DeskPlan, name: str, partition: int, nats_url: str) -> dict[str, str]:
    return {
        "BREAKOUT__DESK__NAME": plan.desk,
        "BREAKOUT__DESK__MODE": plan.mode.value,
        "BREAKOUT__DESK__PARTITIONS": str(plan.partitions),
        "BREAKOUT__NATS__URL": nats_url,
        "BREAKOUT__CLOCK__SPEED": str(plan.speed),
        # The next process in this place is the same instance, and takes its lease over at once.
        "BREAKOUT__RUNTIME__INSTANCE": f"{os.uname().nodename}-{name}-{partition}",
    }


def _own_settings(plan: DeskPlan, name: str, partition: int) -> dict[str, str]:
    if name in PARTITIONED:
        return {f"BREAKOUT__{name.upper()}__PARTITION": str(partition)}
    if name == "gateway":
        return {"BREAKOUT__GATEWAY__PORT": str(plan.port)}
    if name == "market":
        return {"BREAKOUT__MARKET__SYMBOLS_MAX": str(plan.symbols)}
    return {}


def _venue_settings(name: str, simulator_url: str) -> dict[str, str]:
    if not simulator_url or name not in VENUE_SERVICES:
        return {}
    settings = {"BREAKOUT__VENUE__BASE_URL": simulator_url}
    if name == "execution":
        settings |= {f"{KEY_PREFIX}KEY": SIMULATOR_KEY, f"{KEY_PREFIX}SECRET": SIMULATOR_SECRET}
    return settings


def _without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environ.items() if not key.startswith(KEY_PREFIX)}
