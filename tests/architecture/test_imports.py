"""Check who imports whom: the contracts of pyproject.toml, and the doors of the outside world."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, name_of, parsed, python_files

# Which part of ours may import a package of the outside world, each by the folders it may be in.
DOORS = {
    "nats": ("shared/log/",),
    "ccxt": ("services/market/adapters/", "services/execution/adapters/"),
}
# What deciders and pure numerics may not know: the wall clock, chance, the file system, the network.
IMPURE = frozenset(
    {
        "asyncio", "ccxt", "datetime", "httpx", "logging", "nats", "os", "pathlib", "random", "secrets",
        "socket", "structlog", "subprocess", "threading", "time", "urllib",
    }
)  # fmt: skip
PURE_SHARED = ("shared/contracts", "shared/market", "shared/venue")
# Files and tools around the contracts: presets are read from disk, schemas written to it.
IMPURE_BY_TRADE = frozenset({"shared/contracts/schema.py", "shared/contracts/preset/"})


def imported(file: Path) -> set[str]:
    """Return the top packages that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def tops(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(file)}


def test_the_import_contracts_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


@pytest.mark.parametrize("package", DOORS)
def test_the_outside_world_has_few_doors(package: str) -> None:
    entered = [
        name_of(file)
        for file in python_files("services", "shared", "research")
        if package in tops(file) and not name_of(file).startswith(DOORS[package])
    ]
    assert not entered, f"{package} is imported besides its doors"


def test_domains_know_neither_a_clock_nor_chance_nor_the_network() -> None:
    guilty = {
        name_of(file): sorted(tops(file) & IMPURE)
        for file in python_files("services", "shared")
        if (
            file.parent.name == "domain"
            or "/domain/" in name_of(file)
            or name_of(file).startswith(PURE_SHARED)
        )
        and not any(name_of(file).startswith(part) for part in IMPURE_BY_TRADE)
        and tops(file) & IMPURE
    }
    assert not guilty


def test_a_service_never_imports_another() -> None:
    guilty = []
    for file in python_files("services"):
        own = name_of(file).split("/")[1]
        others = {name.split(".")[1] for name in imported(file) if name.startswith("services.")} - {own}
        if others and own != "cli":
            guilty.append(f"{name_of(file)} imports {sorted(others)}")
    assert not guilty


def test_shared_imports_neither_services_nor_research() -> None:
    guilty = [
        name_of(file) for file in python_files("shared") if tops(file) & {"services", "research", "tests"}
    ]
    assert not guilty
