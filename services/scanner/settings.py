"""Says what a scanner process can be told; nothing here changes a decision."""

from shared.runtime.settings import Section, Settings


class ScannerSection(Section, frozen=True, kw_only=True):
    """Which part of the symbols this process decides about."""

    partition: int = 0


class ScannerSettings(Settings, frozen=True, kw_only=True):
    """The settings of one scanner process."""

    scanner: ScannerSection = ScannerSection()
