"""Check the shape of the source: small files, siblings of one anatomy, words that say what is."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest

from tests.architecture.tree import ROOT, name_of, parsed, python_files, tracked

LINES_MAX = 400
MEDIAN_LINES_MAX = 150
DOCSTRING_LINES_MAX = 8
SOURCE = python_files("services", "shared", "research", "benchmarks")
SERVICES = sorted(
    folder
    for folder in (ROOT / "services").iterdir()
    if (folder / "__init__.py").exists() and folder.name != "cli"
)
# Split, so that this file does not accuse itself.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
HISTORY = re.compile(
    r"\b(used to be|previously|formerly|legacy|refactor(ed)?|improved|enhanced|optimi[sz]ed version)\b",
    re.IGNORECASE,
)
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|manager|enhanced|optimized|misc|common|v2)(_|$)")
# Hosts of package registries, and absolute paths of one person's machine.
FOREIGN = re.compile(
    r"files\.python" + r"hosted|registry\.npm" + r"js|proxy\.gol" + r"ang|"
    r"(?<![\w.:/-])/(?:work|home|Users)/\w|nexus|artifactory",
    re.IGNORECASE,
)
TEXT = frozenset({
    ".cfg", ".conf", ".css", ".dockerignore", ".gitignore", ".html", ".js", ".json", ".lock", ".md", ".py",
    ".sh", ".toml", ".ts", ".tsx", ".txt", ".yaml", ".yml", "",
})  # fmt: skip


def lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    long = {name_of(file): lines(file) for file in python_files() if lines(file) > LINES_MAX}
    assert not long


def test_files_are_small_as_a_rule() -> None:
    assert median(lines(file) for file in SOURCE) < MEDIAN_LINES_MAX


@pytest.mark.parametrize("service", SERVICES, ids=lambda folder: folder.name)
def test_every_service_has_the_anatomy_of_its_siblings(service: Path) -> None:
    for name in ("__init__.py", "__main__.py", "settings.py", "service.py"):
        assert (service / name).is_file(), f"{service.name} has no {name}"
    for folder in ("domain", "adapters"):
        assert not (service / folder).exists() or (service / folder / "__init__.py").is_file()
    assert (service / "domain").is_dir(), "what a service knows without touching the world is in its domain"
    assert {entry.name for entry in service.iterdir() if entry.is_dir()} <= {
        "domain",
        "adapters",
        "__pycache__",
    }


def test_there_are_eight_services() -> None:
    names = {folder.name for folder in SERVICES}
    assert names == {
        "execution", "gateway", "market", "orchestrator", "risk", "scanner", "signals", "simulator",
    }  # fmt: skip


def test_every_module_begins_by_saying_what_it_is_for() -> None:
    problems = []
    for file in SOURCE:
        said = ast.get_docstring(parsed(file))
        if not said:
            problems.append(f"{name_of(file)}: says nothing")
        elif len(said.splitlines()) > DOCSTRING_LINES_MAX and file.name != "service.py":
            problems.append(f"{name_of(file)}: {len(said.splitlines())} lines")
        elif not said.splitlines()[0].rstrip().endswith((".", ":", "?")):
            problems.append(f"{name_of(file)}: the first line is no sentence")
    assert not problems


def test_nothing_is_left_unfinished() -> None:
    found = [name_of(file) for file in python_files() if UNFINISHED.search(file.read_text(encoding="utf-8"))]
    assert not found


def test_docstrings_tell_the_present_and_not_the_history() -> None:
    found = []
    for file in SOURCE:
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                said = HISTORY.search(ast.get_docstring(node) or "")
                if said:
                    found.append(f"{name_of(file)}: {said.group()!r}")
    assert not found


def test_files_are_named_after_what_they_hold() -> None:
    assert not [name_of(file) for file in SOURCE if FORBIDDEN_NAMES.search(file.stem)]


def test_nothing_tracked_names_a_registry_or_a_persons_machine() -> None:
    found = []
    for file in tracked():
        if file.suffix not in TEXT or file == Path(__file__):
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [f"{name_of(file)}: {match.group()!r}" for match in FOREIGN.finditer(text)]
    assert not found


@pytest.mark.parametrize(
    "text",
    ["https://files.python" + "hosted.org/x", "see /wo" + "rk/main", "'/ho" + "me/me'", "/Use" + "rs/me"],
)
def test_a_foreign_address_is_recognised(text: str) -> None:
    assert FOREIGN.search(text)


@pytest.mark.parametrize("text", ["https://example.com/home/x", "$HOME/.cache", "a/home/b", "./home/"])
def test_a_relative_path_is_not_foreign(text: str) -> None:
    assert not FOREIGN.search(text)
