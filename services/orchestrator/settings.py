"""Says what the orchestrator's process can be told; nothing here changes a decision."""

from shared.runtime.settings import Section, Settings


class OrchestratorSection(Section, frozen=True, kw_only=True):
    """How often the clock edge looks at who is alive."""

    seen_poll_s: float = 0.5


class OrchestratorSettings(Settings, frozen=True, kw_only=True):
    """The settings of one orchestrator process."""

    orchestrator: OrchestratorSection = OrchestratorSection()
