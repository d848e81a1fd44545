"""Says what the execution service can be told: how often it looks at the account, how long it waits."""

from shared.runtime.settings import Section, Settings, VenueSection


class ExecutionSection(Section, frozen=True, kw_only=True):
    """How the account is reached. All times are wall time."""

    # The whole account is asked for this often, and more often while something is unsettled.
    account_every_s: float = 5.0
    account_urgent_every_s: float = 0.5
    # A request that the venue receives later than this is refused by it; an order not found after
    # that time does not exist.
    recv_window_ms: int = 3_000
    request_timeout_s: float = 3.0


class ExecutionSettings(Settings, frozen=True, kw_only=True):
    """The settings of the execution service."""

    venue: VenueSection = VenueSection()
    execution: ExecutionSection = ExecutionSection()
