"""Says what the risk process can be told; limits are the preset's, so there is nothing of its own."""

from shared.runtime.settings import Settings


class RiskSettings(Settings, frozen=True, kw_only=True):
    """The settings of one risk process."""
