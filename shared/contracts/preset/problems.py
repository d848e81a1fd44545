"""Say what is wrong with a preset: every problem with the path of its field, all at once.

PresetError
├── PresetNameRefused   the name is no name of a preset; the file system was not asked
├── PresetNotFound      no such file; names the folder and the presets in it
├── PresetUnreadable    the file is there and the operating system refuses it
└── PresetInvalid       the content is wrong; `problems` lists everything found
"""

from pathlib import Path

from msgspec import Struct


class Problem(Struct, frozen=True, kw_only=True):
    """One wrong value: where it stands and what was expected instead."""

    path: str
    message: str

    def __str__(self) -> str:
        """Return `path: message`; the whole document is `$`."""
        return f"{self.path}: {self.message}"


class PresetError(Exception):
    """A preset cannot be had; base of everything that reading one raises."""


class PresetNameRefused(PresetError):
    """A name that could be a path, or no name at all."""

    def __init__(self, name: object) -> None:
        """Quote the name, shortened and escaped, since it may be hostile."""
        super().__init__(
            f"{ascii(name)[:80]} is no preset name: expected 1 to 64 letters, digits, `_` and `-`, "
            "beginning with a letter or digit"
        )


class PresetNotFound(PresetError):
    """No file for the name."""

    def __init__(self, path: Path, available: tuple[str, ...]) -> None:
        """Name the folder and the presets that it does hold."""
        self.path = path
        self.available = available
        known = ", ".join(available) or "none"
        super().__init__(f"no preset {path.stem!r} in {path.parent}; available: {known}")


class PresetUnreadable(PresetError):
    """A file that exists and cannot be read."""

    def __init__(self, path: Path, cause: OSError) -> None:
        """Name the file and the operating system's reason."""
        super().__init__(f"cannot read preset file {path}: {cause.strerror or cause}")


class PresetInvalid(PresetError):
    """Content that breaks the contract; `problems` has at least one entry."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        """List every problem under the name of the source."""
        assert problems, "an invalid preset has a reason"
        self.source = source
        self.problems = problems
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{source} has {count}:\n{listed}")
