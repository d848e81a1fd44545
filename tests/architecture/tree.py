"""Lists the project's own files and reads its Python, for the tests that look at the source itself."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "shared", "research", "benchmarks", "tests")
LEFT_OUT = frozenset({".git", ".venv", "node_modules", "dist", "build", "test-artifacts", "__pycache__"})


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that git tracks; outside a clone, every file that is not a machine's."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [file for file in ROOT.rglob("*") if not LEFT_OUT.intersection(file.relative_to(ROOT).parts)]
    return tuple(sorted(file for file in found if file.is_file()))


def python_files(*folders: str) -> list[Path]:
    """Return the Python files of these top folders; of all of ours without any."""
    wanted = folders or PACKAGES
    return [f for f in tracked() if f.suffix == ".py" and f.relative_to(ROOT).parts[0] in wanted]


@cache
def parsed(file: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def name_of(file: Path) -> str:
    """Return a file's path below the project's root."""
    return file.relative_to(ROOT).as_posix()
