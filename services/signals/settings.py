"""Says what a signal process can be told; nothing here changes a decision."""

from shared.runtime.settings import Section, Settings


class SignalsSection(Section, frozen=True, kw_only=True):
    """Which part of the symbols this process decides about."""

    partition: int = 0


class SignalsSettings(Settings, frozen=True, kw_only=True):
    """The settings of one signal process."""

    signals: SignalsSection = SignalsSection()
